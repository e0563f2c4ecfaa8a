"""Reads appointments again by their ids, where what is stored here may be out of date (`to_read_at`).

`to_read_at` is set when a sync does not find an appointment, and by the intake when two records contradict each other.
The result is stored like any other reading, and nobody is notified. An appointment that the source does not show in two
readings is removed here: it was destroyed there, or our account can no longer see it. It comes back as soon as the
source shows it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, select, update

from smsbot.appointments.intake import TO_READ_TOPIC, IncomingRecord, lose_sight, take_many
from smsbot.connected.client import RdvspApi
from smsbot.connected.source_api import Answered, SourceCallFailed
from smsbot.runtime import HasToWait, PeriodicWork, woken_by
from smsbot.store.database import Database
from smsbot.store.tables import appointments, organisations

EVERY = timedelta(seconds=30)
AT_ONCE = 100
LEASE = timedelta(minutes=2)
"""How long other processes leave the appointments alone that one process is reading."""
READ_AGAIN_AFTER = timedelta(minutes=1)
"""The time between the first and the second reading of an appointment that was not shown."""
READINGS_AGREE_WITHIN = timedelta(hours=1)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    external_id: str
    not_shown_at: datetime | None
    organisation: str | None  # its id at the source


@dataclass(frozen=True, slots=True)
class Rereading:
    """Reads appointments of one source again."""

    api: RdvspApi
    database: Database
    clock: Callable[[], datetime]

    async def once(self) -> int:
        """Read up to `AT_ONCE` appointments that are due, and return how many there were.

        Raises `SourceCallFailed`. The appointments are then due again after the lease.
        """
        source, until = self.api.connection.source, self.clock() + LEASE
        if not await self.database.read(lambda connection: _is_any_due(connection, source, self.clock())):
            return 0
        claimed = await self.database.write(lambda connection: _claim(connection, source, self.clock(), until))
        if not claimed:
            return 0
        answered = await self.api.read([each.external_id for each in claimed])
        missing = [each for each in claimed if not _is_shown(each.external_id, answered)]
        seen = {each.external_id for each in await self.api.organisations()} if missing else set()
        gone, asked_again, hidden = [], [], []
        for each in missing:
            if each.organisation is not None and each.organisation not in seen:
                hidden.append(each)
            elif each.not_shown_at is not None and self.clock() - each.not_shown_at <= READINGS_AGREE_WITHIN:
                gone.append(each)
            else:
                asked_again.append(each)
        if hidden:
            logger.error(
                "the account no longer sees an organisation: its appointments stay as they were last known",
                source=source,
                organisations=sorted({each.organisation or "" for each in hidden}),
                appointments=len(hidden),
            )
        now = self.clock()
        await self.database.write(
            lambda connection: _work_in(connection, source, claimed, answered, gone, asked_again, until, now)
        )
        return len(claimed)


def rereading(database: Database, api: RdvspApi, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of reading again, as soon as there is something to read."""
    reading = Rereading(api, database, clock)

    async def once() -> None:
        try:
            while await reading.once() == AT_ONCE:
                pass
        except SourceCallFailed as problem:
            raise HasToWait(problem.sentence) from problem

    return woken_by(database, TO_READ_TOPIC, f"rereading_{api.connection.source}", once, EVERY)


def _is_shown(external_id: str, answered: Answered) -> bool:
    return external_id in answered.unreadable or answered.of(external_id) is not None


def _is_any_due(connection: Connection, source: str, now: datetime) -> bool:
    due = select(appointments.c.id).where(appointments.c.source == source, appointments.c.to_read_at <= now)
    return connection.execute(due.limit(1)).first() is not None


def _claim(connection: Connection, source: str, now: datetime, until: datetime) -> list[_Claimed]:
    due = (
        select(
            appointments.c.id,
            appointments.c.external_id,
            appointments.c.not_shown_at,
            organisations.c.external_id.label("organisation"),
        )
        .select_from(appointments.outerjoin(organisations))
        .where(appointments.c.source == source, appointments.c.to_read_at <= now)
        .order_by(appointments.c.to_read_at, appointments.c.id)
        .limit(AT_ONCE)
        .with_for_update(of=appointments, skip_locked=True)
    )
    claimed = [_Claimed(*row) for row in connection.execute(due)]
    these = appointments.c.id.in_([each.id for each in claimed])
    connection.execute(update(appointments).where(these).values(to_read_at=until))
    return claimed


def _work_in(
    connection: Connection,
    source: str,
    claimed: Sequence[_Claimed],
    answered: Answered,
    gone: Sequence[_Claimed],
    asked_again: Sequence[_Claimed],
    until: datetime,
    now: datetime,
) -> None:
    arrivals = [IncomingRecord(record, answered.at, read_by_id=True) for record in answered.records]
    take_many(connection, source, arrivals, now=now, owned=True)
    lose_sight(connection, source, [each.external_id for each in gone], now=now)
    again = {each.id for each in asked_again}
    done = [each.id for each in claimed if each.id not in again]
    # If it was marked again while it was read, it stays marked, because our reading may be older than the new mark.
    still = appointments.c.to_read_at == until
    connection.execute(
        update(appointments).where(appointments.c.id.in_(done), still).values(to_read_at=None, not_shown_at=None)
    )
    later = {"to_read_at": now + READ_AGAIN_AFTER, "not_shown_at": now}
    connection.execute(update(appointments).where(appointments.c.id.in_(again), still).values(later))
