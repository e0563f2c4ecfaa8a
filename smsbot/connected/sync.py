"""Reads all coming appointments of a source and repairs what was missed. Nobody is notified.

The source's lists have no order, and an appointment with two agents comes twice. So if a list has several pages, they
may repeat some appointments and leave out others. This is why time is read in windows that fit on one page, one after
the other without a gap. Each is written at once, so that a sync needs little memory and can be stopped.

An appointment that is known here in a window, but is not in the list, may be gone or moved. A list is no proof, so the
appointment is marked to be read by its id (`rereading`). Webhooks go on during a sync, and the newer reading counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, exists, select, update

from smsbot.appointments.intake import TO_READ_TOPIC, IncomingRecord, IntakeKind, take_many
from smsbot.connected.client import ListedAppointments, RdvspApi
from smsbot.connected.source_api import CallFailedForNow, SourceCallFailed
from smsbot.connected.source_state import claim_sync, go_on_with_sync, note_sync
from smsbot.model import Status
from smsbot.runtime import HasToWait, PeriodicWork
from smsbot.store.database import Database, signal
from smsbot.store.tables import appointments, participations

LOOKED_EVERY = timedelta(minutes=1)
FIRST_WINDOW = timedelta(hours=6)
LONGEST_WINDOW = timedelta(days=60)
WANTED_ON_A_PAGE = 70  # of a hundred: the next window may be fuller
_SECOND = timedelta(seconds=1)  # appointments begin at whole seconds, and both ends of a window belong to it
WRITTEN_TOGETHER = 35  # about half a page
_MOST_ROUNDS = 5
_TRIES = 8
FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between the tries

logger = structlog.get_logger(__name__)

Progress = Callable[["SyncReport"], None]


@dataclass(slots=True)
class SyncReport:
    """How far a sync is. `rows` of `all_rows` entries of the list are read; an appointment has an entry for each agent.

    `read` counts the appointments that were read. `to_confirm` counts those that are known here but were not shown.
    `trouble` is a sentence while the sync waits because of a temporary failure.
    """

    all_rows: int = 0
    rows: int = 0
    read: int = 0
    pages: int = 0
    unreadable: int = 0
    to_confirm: int = 0
    is_finished: bool = False
    trouble: str | None = None
    kinds: Counter[IntakeKind] = field(default_factory=Counter)

    def figures(self) -> dict[str, int]:
        """The results, for the log."""
        kinds = {kind.value: self.kinds[kind] for kind in IntakeKind}
        return {"read": self.read, **kinds, "unreadable": self.unreadable, "to_confirm": self.to_confirm}

    @property
    def share(self) -> float:
        """The progress, from 0 to 1. The list may grow while it is read, so 1 is only reached at the end."""
        if self.is_finished:
            return 1.0
        return min(self.rows / self.all_rows, 0.99) if self.all_rows else 0.0


@dataclass(frozen=True, slots=True)
class _Window:
    """From `after` until `before`, both included. None: without an end."""

    after: datetime
    before: datetime | None

    @property
    def length(self) -> timedelta | None:
        return None if self.before is None else self.before - self.after


@dataclass(frozen=True, slots=True)
class _Page:
    window: _Window
    listed: ListedAppointments


@dataclass
class Sync:
    """One sync of one source. `told` is called with the progress after each page."""

    api: RdvspApi
    database: Database
    clock: Callable[[], datetime]
    told: Progress = lambda _: None
    report: SyncReport = field(default_factory=SyncReport)

    async def run(self) -> SyncReport:
        """Read all coming appointments. Raises `SourceCallFailed`; what was read until then is stored."""
        after = self.clock().replace(microsecond=0)
        self.report.all_rows = (await self._fetch(_Window(after, None))).rows
        length = FIRST_WINDOW
        reading: asyncio.Task[_Page] | None = asyncio.create_task(self._read(after, length))
        try:
            while reading is not None:
                page = await reading
                reading = None
                if page.window.before is not None:
                    length = _next_length(page)
                    reading = asyncio.create_task(self._read(page.window.before + _SECOND, length))
                await self._write(page)
                self.report.is_finished = reading is None
                self.told(self.report)
        finally:
            if reading is not None:
                reading.cancel()
        source, now = self.api.connection.source, self.clock()
        await self.database.write(lambda connection: note_sync(connection, source, now))
        return self.report

    async def _read(self, after: datetime, length: timedelta) -> _Page:
        """The next window that fits on one page: `length` long or shorter, or without an end if all the rest fits."""
        window = _Window(after, after + length)
        while True:
            listed = await self._fetch(window)
            if listed.pages > 1 and window.length == timedelta(0):
                return _Page(window, await self._all_pages(window, listed))
            if listed.pages > 1:
                window = _shorter(window, listed.rows)
                continue
            if listed.rows == 0 and self._may_be_the_last(window):
                rest = await self._fetch(_Window(after, None))
                if rest.pages <= 1:
                    return _Page(_Window(after, None), rest)
            return _Page(window, listed)

    def _may_be_the_last(self, window: _Window) -> bool:
        """Whether this empty window may be the last, so that it is worth asking. Nights and weekends are empty too."""
        is_long = window.length is not None and window.length >= LONGEST_WINDOW / 2
        return is_long or self.report.rows >= self.report.all_rows * 0.9

    async def _all_pages(self, window: _Window, first: ListedAppointments) -> ListedAppointments:
        """All pages of a window of one second, read again until a round has nothing new, because they have no order."""
        records = {record.external_id: record for record in first.records}
        unreadable, at = set(first.unreadable), first.at
        for _ in range(_MOST_ROUNDS):
            before = len(records)
            for number in range(1, first.pages + 1):
                listed = await self._fetch(window, number)
                records |= {record.external_id: record for record in listed.records}
                unreadable |= listed.unreadable
            if len(records) == before:
                break
        return replace(first, records=tuple(records.values()), unreadable=frozenset(unreadable), at=at)

    async def _fetch(self, window: _Window, page: int = 1) -> ListedAppointments:
        """One page. After a temporary failure it is tried again."""
        pause = FIRST_PAUSE
        for attempt in range(_TRIES):
            try:
                listed = await self.api.starting_between(window.after, window.before, page)
            except CallFailedForNow as problem:
                if attempt == _TRIES - 1:
                    raise
                asked = problem.retry_after.total_seconds() if problem.retry_after is not None else 0.0
                wait = max(asked, pause)
                self.report.trouble = f"{problem.sentence} Trying again in {wait:.0f} s."
                self.told(self.report)
                await asyncio.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self.report.trouble = None
                self.report.pages += 1
                return listed
        raise AssertionError("the last attempt raises or returns")

    async def _write(self, page: _Page) -> None:
        """Write a page in pieces, because on SQLite nobody else can write during a transaction."""
        source, listed = self.api.connection.source, page.listed
        shown = {record.external_id for record in listed.records} | listed.unreadable
        pieces = [
            listed.records[start : start + WRITTEN_TOGETHER]
            for start in range(0, len(listed.records), WRITTEN_TOGETHER)
        ] or [()]
        for piece in pieces:
            arrivals = [IncomingRecord(record, listed.at) for record in piece]
            window = page.window if piece is pieces[-1] else None
            work = partial(_work_in, source=source, arrivals=arrivals, window=window, shown=shown, now=self.clock())
            kinds, to_confirm = await self.database.write(work)
            self.report.kinds.update(kinds)
            self.report.to_confirm += to_confirm
        self.report.rows += listed.rows
        self.report.read += len(listed.records)
        self.report.unreadable += len(listed.unreadable)


def syncing(database: Database, api: RdvspApi, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of renewing the sign-in, and of syncing as often as the connection says, in one process at a time."""
    source, every = api.connection.source, api.connection.sync_every

    async def once() -> None:
        try:
            await api.sign_in.headers()
            if every is None or not await database.write(
                lambda connection: claim_sync(connection, source, every, clock())
            ):
                return
            report = await Sync(api, database, clock).run()
        except SourceCallFailed as problem:
            logger.error("the source cannot be synced", source=source, sentence=problem.sentence)
            raise HasToWait(problem.sentence) from problem
        logger.info("source synced", source=source, **report.figures())

    return PeriodicWork(f"sync_{source}", once, LOOKED_EVERY)


def _shorter(window: _Window, rows: int) -> _Window:
    """A window that should fit on a page, at most half as long and at least one second."""
    assert window.before is not None
    length = window.before - window.after
    shorter = min(length * WANTED_ON_A_PAGE / max(rows, 1), length / 2)
    return _Window(window.after, window.after + timedelta(seconds=int(shorter.total_seconds())))


def _next_length(page: _Page) -> timedelta:
    assert page.window.length is not None
    factor = min(max(WANTED_ON_A_PAGE / max(page.listed.rows, 1), 0.25), 4.0)
    wanted = (page.window.length + _SECOND) * factor
    return min(max(timedelta(seconds=int(wanted.total_seconds())), _SECOND), LONGEST_WINDOW)


def _work_in(
    connection: Connection,
    source: str,
    arrivals: list[IncomingRecord],
    window: _Window | None,
    shown: set[str],
    now: datetime,
) -> tuple[list[IntakeKind], int]:
    """Take these records in.

    Returns the result for each, and how many appointments were marked to be read again: those that are known here in
    `window`, but are not among the `shown` ids. `window` is None until all its records have come.
    """
    kinds = [intake.kind for intake in take_many(connection, source, arrivals, now=now, owned=True)]
    if window is None:
        return kinds, 0
    go_on_with_sync(connection, source, now)
    return kinds, _mark_not_shown(connection, source, window, shown, now)


def _mark_not_shown(connection: Connection, source: str, window: _Window, shown: set[str], now: datetime) -> int:
    """Mark the appointments that are known here in this window and were not shown, to be read by their ids.

    Cancelled and removed ones are not marked.

    Returns how many there were.
    """
    is_open = exists(
        select(participations.c.id).where(
            participations.c.appointment_id == appointments.c.id,
            participations.c.removed_at.is_(None),
            participations.c.status == Status.UNKNOWN.value,
        )
    )
    begins = appointments.c.starts_at >= window.after
    if window.before is not None:
        begins &= appointments.c.starts_at <= window.before
    not_shown = update(appointments).where(
        appointments.c.source == source,
        begins,
        appointments.c.external_id.not_in(shown),
        appointments.c.destroyed_at.is_(None),
        appointments.c.to_read_at.is_(None),
        is_open,
    )
    marked = connection.execute(not_shown.values(to_read_at=now)).rowcount
    if marked:
        signal(connection, TO_READ_TOPIC)
    return marked
