"""The state of each connected source: who is signed in, how the last calls ended, when it was last read.

It is stored in the database, so that every process shows the same (`smsbot rdvsp status`, `/health/ready`, `/metrics`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, bindparam, func, or_, select, text, update

from smsbot.connected.source_api import CallRefused, NotSignedIn, SourceCallFailed
from smsbot.store.database import Database, upsert
from smsbot.store.tables import UtcDateTime, appointments, cancellation_requests, connected_sources

LOOKED_AT_AGAIN_SECONDS = 60.0
"""How often, at most, a successful call checks for a problem that another process has noted, and removes it."""
SYNC_LEASE = timedelta(minutes=2)
"""A sync counts as running for this long after its last page. A page and its pauses take less."""

logger = structlog.get_logger(__name__)


@dataclass
class SourceNotes:
    """Notes the results of one process's calls to a source. Only changes are written."""

    source: str
    database: Database
    clock: Callable[[], datetime]
    _noted: str | None = None
    _well_until: float = float("-inf")

    async def failed(self, problem: SourceCallFailed) -> None:
        """Note a failed call. A temporary failure is only logged; a refusal is stored until a call succeeds."""
        if not isinstance(problem, (CallRefused, NotSignedIn)):
            logger.warning("source does not answer", source=self.source, sentence=problem.sentence)
            return
        logger.error("source refuses", source=self.source, sentence=problem.sentence)
        if self._noted != problem.sentence:
            await self.database.write(lambda connection: note_problem(connection, self.source, problem, self.clock()))
        self._noted, self._well_until = problem.sentence, float("-inf")

    async def succeeded(self) -> None:
        """Note a call that succeeded."""
        if self._noted is None and time.monotonic() < self._well_until:
            return
        await self.database.write(lambda connection: forget_problem(connection, self.source))
        self._noted, self._well_until = None, time.monotonic() + LOOKED_AT_AGAIN_SECONDS


def note_problem(connection: Connection, source: str, problem: SourceCallFailed, now: datetime) -> None:
    """Store that the last call was refused, or that nobody is signed in. `problem_at` is since when."""
    is_signed_out = isinstance(problem, NotSignedIn)
    noted = {"problem": problem.sentence, "signed_out": is_signed_out}
    statement = upsert(connection, connected_sources).values(source=source, version=0, problem_at=now, **noted)
    since = func.coalesce(connected_sources.c.problem_at, now)
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_={**noted, "problem_at": since}))


def forget_problem(connection: Connection, source: str) -> None:
    """Remove the stored problem, because a call has succeeded."""
    problem = update(connected_sources).where(
        connected_sources.c.source == source, connected_sources.c.problem.is_not(None)
    )
    connection.execute(problem.values(problem=None, problem_at=None, signed_out=False))


def claim_sync(connection: Connection, source: str, every: timedelta, now: datetime) -> bool:
    """Claim the sync of a source. True where it is due, and no other process is doing it."""
    statement = upsert(connection, connected_sources).values(source=source, version=0)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["source"]))
    columns = connected_sources.c
    due = update(connected_sources).where(
        columns.source == source,
        or_(columns.synced_at.is_(None), columns.synced_at <= now - every),
        or_(columns.syncing_until.is_(None), columns.syncing_until <= now),
    )
    return bool(connection.execute(due.values(syncing_until=now + SYNC_LEASE)).rowcount)


def go_on_with_sync(connection: Connection, source: str, now: datetime) -> None:
    """Note that a sync is still running, after each page."""
    this = update(connected_sources).where(connected_sources.c.source == source)
    connection.execute(this.values(syncing_until=now + SYNC_LEASE))


def note_sync(connection: Connection, source: str, now: datetime) -> None:
    """Note that a sync has read all coming appointments."""
    statement = upsert(connection, connected_sources).values(source=source, version=0, synced_at=now)
    ended = {"synced_at": now, "syncing_until": None}
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=ended))


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of one source. Times are in UTC.

    `account` names the account that is signed in, until `expires_at` if it is not renewed; None where nobody is.
    `problem` is why the last call failed, and `problem_at` since when calls fail; None where it succeeded. `waiting`
    counts the cancellations that wait to be made there, the oldest since `waiting_since`. `refused` counts those that
    the source refused in the last 24 hours, and `to_read` the appointments that have to be read again.
    """

    account: str | None = None
    expires_at: datetime | None = None
    is_signed_in: bool = False
    problem: str | None = None
    problem_at: datetime | None = None
    synced_at: datetime | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    refused: int = 0
    to_read: int = 0

    @property
    def is_well(self) -> bool:
        return self.is_signed_in and self.problem is None


def source_states(connection: Connection, sources: Iterable[str], now: datetime) -> dict[str, SourceState]:
    """The state of each of these sources."""
    rows = {row.source: row for row in connection.execute(select(connected_sources))}
    waiting = {row.source: row for row in connection.execute(_WAITING)}
    refused = {row.source: row.number for row in connection.execute(_REFUSED, {"since": now - timedelta(days=1)})}
    to_read = {row.source: row.number for row in connection.execute(_TO_READ)}
    states = {}
    for source in sources:
        row, waits = rows.get(source), waiting.get(source)
        states[source] = SourceState(
            account=row.account if row is not None else None,
            expires_at=row.expires_at if row is not None else None,
            is_signed_in=row is not None and row.tokens is not None and not row.signed_out,
            problem=row.problem if row is not None else None,
            problem_at=row.problem_at if row is not None else None,
            synced_at=row.synced_at if row is not None else None,
            waiting=waits.number if waits is not None else 0,
            waiting_since=waits.since if waits is not None else None,
            refused=refused.get(source, 0),
            to_read=to_read.get(source, 0),
        )
    return states


# The states are written as in the conditions of the indexes. Otherwise the engines do not use the indexes.
_of_appointment = cancellation_requests.join(appointments)
_WAITING = (
    select(
        appointments.c.source,
        func.count().label("number"),
        func.min(cancellation_requests.c.requested_at).label("since"),
    )
    .select_from(_of_appointment)
    .where(text("state = 'waiting'"))
    .group_by(appointments.c.source)
)
_REFUSED = (
    select(appointments.c.source, func.count().label("number"))
    .select_from(_of_appointment)
    .where(
        text("state = 'refused'"),
        cancellation_requests.c.finished_at >= bindparam("since", type_=UtcDateTime),
    )
    .group_by(appointments.c.source)
)
_TO_READ = (
    select(appointments.c.source, func.count().label("number"))
    .where(appointments.c.to_read_at.is_not(None))
    .group_by(appointments.c.source)
)
