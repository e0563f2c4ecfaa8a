"""When a failed message is tried again, and for how long.

The wait before each attempt is random, between zero and a ceiling that doubles each time (exponential backoff with full
jitter), so that messages that failed together do not come back together. A reply is tried for an hour, as long as the
usager still waits for it, and a link for an agent as well. Everything else is tried for a day. Then the message rests,
where operators see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from smsbot.gateways.base import SendLater, SendRefused
from smsbot.outbox.messages import ClaimedMessage, Kind
from smsbot.outbox.outcomes import Postponed, Refused, Resting

FIRST_CEILING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a message is tried, counted from when it was written, and the highest ceiling of the waits between
    attempts.
    """

    for_this_long: timedelta
    highest_ceiling: timedelta


_A_REPLYS = Patience(timedelta(hours=1), timedelta(minutes=2))
_OTHERS = Patience(timedelta(hours=24), timedelta(minutes=20))


def patience_for(kind: Kind) -> Patience:
    return _A_REPLYS if kind in ("reply", "agents") else _OTHERS


def after_failure(
    message: ClaimedMessage, error: SendRefused | SendLater, now: datetime, draw: Callable[[], float]
) -> Refused | Postponed | Resting:
    """What becomes of a message that was certainly not taken.

    `draw` gives a random number from 0 up to 1, without 1.
    """
    if isinstance(error, SendRefused):
        return Refused(message.id, message.attempt, error.code, error.sentence)
    due_at = now + max(backoff(message, draw), timedelta(seconds=error.retry_after or 0.0))
    if due_at > message.created_at + patience_for(message.kind).for_this_long:
        return Resting(message.id, message.attempt, error.code, error.sentence)
    return Postponed(message.id, message.attempt, error.code, error.sentence, due_at)


def backoff(message: ClaimedMessage, draw: Callable[[], float]) -> timedelta:
    """The wait before the next attempt at a message."""
    doublings = min(message.attempt - 1, 20)  # every ceiling is reached by then; this keeps the product small
    return min(FIRST_CEILING * (1 << doublings), patience_for(message.kind).highest_ceiling) * draw()
