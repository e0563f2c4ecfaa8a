"""Decides when a message may be sent: the rate and the pauses of its sender, and the waits after a failure.

The rate and the pause of each sender are in the database, for all processes together.

After a failure, the wait before the next attempt is random, between zero and a ceiling that doubles each time
(exponential backoff with full jitter). So messages that failed together are not all tried again at the same moment. A
reply is tried for an hour, because the usager waits no longer, and so is a message to an agent. All other messages are
tried for a day. Then the message rests, where operators see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from smsbot.gateways.base import SendLater, SendRefused
from smsbot.outbox.messages import CLOCKS_DIFFER, Channel, ClaimedMessage, Kind
from smsbot.outbox.outcomes import Postponed, Refused, Resting
from smsbot.rules.rate_limit import Allowance, RateLimit
from smsbot.store.database import serialise
from smsbot.store.prepared import upserting
from smsbot.store.tables import sender_limits

FIRST_CEILING = timedelta(seconds=1)


def allowance(free_at: datetime | None, now: datetime, per_second: float) -> Allowance[datetime]:
    """What a sender may send `now`. `free_at` is the time that the database has for it, None if it has none yet.

    Several machines share the rate, so the machine whose clock is ahead sets the pace for all. But if the time is
    further ahead than clocks may differ, it comes from a wrong clock and is ignored.
    """
    limit = RateLimit.per_second(per_second)
    is_sane = free_at is not None and free_at <= now + limit.interval + CLOCKS_DIFFER
    return limit.allowance(free_at if is_sane else None, now)


def shared_allowance(
    connection: Connection, channel: Channel, sender: str, now: datetime, per_second: float
) -> Allowance[datetime]:
    """What a sender may send `now` at this rate (per second), in all processes together.

    Other processes that call this for the same sender wait until this transaction ends.
    """
    serialise(connection, f"rate:{channel}:{sender}")
    free_at = connection.execute(_FREE_AT, {"only": channel, "sender": sender}).scalar_one_or_none()
    return allowance(free_at, now, per_second)


def use_rate(connection: Connection, channel: Channel, sender: str, free_at: datetime) -> None:
    """Record that the sender has used its rate and may send its next message at `free_at`."""
    _USE_RATE.run(connection, {"channel": channel, "sender": sender, "free_at": free_at})


def pause(connection: Connection, channel: Channel, senders: Mapping[str, datetime], now: datetime) -> None:
    """Pause each of these senders until its time, in all processes.

    `now` is stored too: if it is in the future, the pause comes from a wrong clock and is ignored.
    """
    for sender, until in sorted(senders.items()):
        values = {"channel": channel, "sender": sender, "paused_until": until, "paused_at": now}
        _PAUSE.run(connection, values)


_limits = sender_limits.c
_FREE_AT = select(_limits.free_at).where(_limits.channel == bindparam("only"), _limits.sender == bindparam("sender"))
_USE_RATE = upserting(
    sender_limits,
    ("channel", "sender", "free_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["channel", "sender"], set_={"free_at": insert.excluded.free_at}
    ),
)
_PAUSE = upserting(
    sender_limits,
    ("channel", "sender", "paused_until", "paused_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["channel", "sender"],
        set_={"paused_until": insert.excluded.paused_until, "paused_at": insert.excluded.paused_at},
    ),
)


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

    `draw` returns a random number x with 0 <= x < 1.
    """
    if isinstance(error, SendRefused):
        return Refused(message.id, message.attempt, error.code, error.sentence)
    due_at = now + max(backoff(message, draw), timedelta(seconds=error.retry_after or 0.0))
    if due_at > message.created_at + patience_for(message.kind).for_this_long:
        return Resting(message.id, message.attempt, error.code, error.sentence)
    return Postponed(message.id, message.attempt, error.code, error.sentence, due_at)


def backoff(message: ClaimedMessage, draw: Callable[[], float]) -> timedelta:
    """The wait before the next attempt at a message."""
    doublings = min(message.attempt - 1, 20)  # by then the highest ceiling is reached
    return min(FIRST_CEILING * (1 << doublings), patience_for(message.kind).highest_ceiling) * draw()
