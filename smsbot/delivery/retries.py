"""When a message is tried again, and for how long it is worth it.

The wait before each new attempt is drawn between nothing and a ceiling that doubles (exponential backoff with full
jitter), so that what failed together does not come back together. A reply is of use while the usager still waits for
it: an hour, like the conversation; everything else is tried for a day. Then it rests, in sight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from smsbot.delivery.outbox import ClaimedMessage, Kind, Outcome, Postponed, Refused, Resting
from smsbot.gateways.base import SendError, SendInDoubt, SendLater, SendRefused

FIRST_CEILING = timedelta(seconds=1)

CALLBACK_TIME = timedelta(seconds=15)
"""How long a status callback may take to settle a doubt before the message is sent again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a message is tried, counted from its writing, and the highest ceiling of the waits between."""

    for_this_long: timedelta
    highest_ceiling: timedelta


_A_REPLYS = Patience(timedelta(hours=1), timedelta(minutes=2))
_OTHERS = Patience(timedelta(hours=24), timedelta(minutes=20))


def patience_with(kind: Kind) -> Patience:
    return _A_REPLYS if kind == "reply" else _OTHERS


def after_failure(message: ClaimedMessage, error: SendError, now: datetime, draw: Callable[[], float]) -> Outcome:
    """What becomes of a message whose attempt ended in `error`. `draw` gives numbers from 0 up to 1."""
    if isinstance(error, SendRefused):
        return Refused(message.id, message.attempt, error.code, error.sentence)
    patience = patience_with(message.kind)
    due_at = now + max(_backoff(message.attempt, patience, draw), _least_wait(error))
    if due_at > message.created_at + patience.for_this_long:
        return Resting(message.id, message.attempt, error.code, error.sentence)
    in_doubt = isinstance(error, SendInDoubt)
    return Postponed(message.id, message.attempt, error.code, error.sentence, due_at, in_doubt)


def _backoff(attempt: int, patience: Patience, draw: Callable[[], float]) -> timedelta:
    doublings = min(attempt - 1, 20)  # by then any ceiling is reached, and the product stays small
    return min(FIRST_CEILING * (1 << doublings), patience.highest_ceiling) * draw()


def _least_wait(error: SendError) -> timedelta:
    if isinstance(error, SendLater) and error.retry_after is not None:
        return timedelta(seconds=error.retry_after)
    if isinstance(error, SendInDoubt) and not error.answered:
        return CALLBACK_TIME
    return timedelta(0)
