"""What the database keeps of each sender, for all processes together: its rate, and the pause that it asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from smsbot.outbox.messages import CLOCKS_DIFFER, Channel
from smsbot.rules.rate_limit import Allowance, RateLimit
from smsbot.store.database import serialise
from smsbot.store.prepared import upserting
from smsbot.store.tables import sender_limits


def allowance(free_at: datetime | None, now: datetime, per_second: float) -> Allowance[datetime]:
    """What a sender may send `now`. `free_at` is the moment that the database keeps for it, None for none yet.

    Several machines share the rate, so the machine whose clock is ahead sets the pace for all. But a moment that is
    further ahead than clocks may differ comes from a clock that was wrong, and is ignored.
    """
    limit = RateLimit.per_second(per_second)
    is_sane = free_at is not None and free_at <= now + limit.interval + CLOCKS_DIFFER
    return limit.allowance(free_at if is_sane else None, now)


def shared_allowance(
    connection: Connection, channel: Channel, sender: str, now: datetime, per_second: float
) -> Allowance[datetime]:
    """What a sender may send `now` at this rate, in all processes together.

    Other processes that ask for the same sender wait until the transaction ends.
    """
    serialise(connection, f"rate:{channel}:{sender}")
    free_at = connection.execute(_FREE_AT, {"only": channel, "sender": sender}).scalar_one_or_none()
    return allowance(free_at, now, per_second)


def use_rate(connection: Connection, channel: Channel, sender: str, free_at: datetime) -> None:
    """Note that the sender has used its rate, and may send its next message at `free_at`."""
    _USE_RATE.run(connection, {"channel": channel, "sender": sender, "free_at": free_at})


def pause(connection: Connection, channel: Channel, senders: Mapping[str, datetime], now: datetime) -> None:
    """Stop these senders, in all processes, each until the moment given for it.

    `now` is kept beside it: a pause whose `now` lies in the future comes from a clock that was wrong, and is ignored.
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
