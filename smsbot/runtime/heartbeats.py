"""When background work last went well, in the database: what one process does, every other can tell.

`smsbot deliver` has no port to be asked at, and a `serve --no-delivery` has to notice when nobody delivers.
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


def beat(connection: Connection, moments: Mapping[str, datetime]) -> None:
    """Note when each piece of work, by its name, last went well."""
    for name in sorted(moments):  # in one order: two processes at once must not wait for each other
        _BEAT.run(connection, {"name": name, "at": moments[name]})


def heard(connection: Connection) -> dict[str, datetime]:
    """When each last went well, in any process; nothing of those that never did."""
    return {row.name: row.at for row in connection.execute(select(heartbeats))}


def beating(database: Database, supervisor: Supervisor, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of noting what the work of this process has come to."""

    async def once() -> None:
        now = clock()
        since = supervisor.seconds_since_success()
        moments = {name: now - timedelta(seconds=seconds) for name, seconds in since.items()}
        await database.write(lambda connection: beat(connection, moments))

    return PeriodicWork("heartbeat", once, EVERY)


_BEAT = upserting(
    heartbeats,
    ("name", "at"),
    lambda insert: insert.on_conflict_do_update(index_elements=["name"], set_={"at": insert.excluded.at}),
)
