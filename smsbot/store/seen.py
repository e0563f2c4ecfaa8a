"""Remembers ids of messages that change nothing if they come again and that are in no other table.

These are the pieces of long messages that were put together, and messages that a gateway lists at every poll. An id is
remembered for `SEEN_FOR` after it was last seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from smsbot.store.prepared import upserting
from smsbot.store.tables import seen_messages

SEEN_FOR = timedelta(days=30)
_SEEN_ANEW_AFTER = timedelta(days=1)
_LOOKED_UP_AT_ONCE = 500


def mark_seen(connection: Connection, gateway: str, ids: Sequence[str], now: datetime) -> None:
    """Remember these ids of `gateway` as seen at `now`."""
    for identifier in sorted(ids):  # always in the same order, so that two processes cannot wait for each other
        _MARK.run(connection, {"gateway": gateway, "gateway_message_id": identifier, "seen_at": now})


def seen_among(connection: Connection, gateway: str, ids: Sequence[str], now: datetime) -> tuple[set[str], set[str]]:
    """The ids among these that are remembered, and the part of them that must be marked again to stay remembered."""
    columns = seen_messages.c
    seen: set[str] = set()
    fading: set[str] = set()
    for start in range(0, len(ids), _LOOKED_UP_AT_ONCE):
        query = select(columns.gateway_message_id, columns.seen_at).where(
            columns.gateway == gateway, columns.gateway_message_id.in_(ids[start : start + _LOOKED_UP_AT_ONCE])
        )
        for identifier, seen_at in connection.execute(query):
            seen.add(identifier)
            if seen_at < now - _SEEN_ANEW_AFTER:
                fading.add(identifier)
    return seen, fading


def forget_seen(connection: Connection, before: datetime) -> int:
    """Forget the ids that were last seen before this time. Returns how many they were."""
    return connection.execute(delete(seen_messages).where(seen_messages.c.seen_at < before)).rowcount


_MARK = upserting(
    seen_messages,
    ("gateway", "gateway_message_id", "seen_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["gateway", "gateway_message_id"], set_={"seen_at": insert.excluded.seen_at}
    ),
)
