"""Notes in the database when background work last succeeded, so that every process can tell it of the others.

`smsbot deliver` has no port to ask, and `serve --no-delivery` must notice when nobody delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from smsbot.runtime.supervisor import PeriodicWork, Supervisor
from smsbot.store.database import Database
from smsbot.store.prepared import upserting
from smsbot.store.tables import heartbeats

EVERY = timedelta(seconds=15)


def note_successes(connection: Connection, moments: Mapping[str, datetime]) -> None:
    """Note when each piece of work, by name, last succeeded (UTC)."""
    for name in sorted(moments):  # always in the same order, so that two processes do not wait for each other
        _BEAT.run(connection, {"name": name, "at": moments[name]})


def last_successes(connection: Connection) -> dict[str, datetime]:
    """When each piece of work last succeeded in any process (UTC), by name. Those that never did are not in it."""
    return {row.name: row.at for row in connection.execute(select(heartbeats))}


def noting_successes(database: Database, supervisor: Supervisor, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of noting when the other work of this process last succeeded."""

    async def once() -> None:
        now = clock()
        since = supervisor.seconds_since_success()
        moments = {name: now - timedelta(seconds=seconds) for name, seconds in since.items()}
        await database.write(lambda connection: note_successes(connection, moments))

    return PeriodicWork("heartbeat", once, EVERY)


_BEAT = upserting(
    heartbeats,
    ("name", "at"),
    lambda insert: insert.on_conflict_do_update(index_elements=["name"], set_={"at": insert.excluded.at}),
)
