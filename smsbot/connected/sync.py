"""Reads all coming appointments of a source and repairs what was missed. Nobody is notified.

The source's lists have no order, and an appointment with two agents comes twice. Where a list has several pages, each
may therefore repeat what another shows, and leave out what is there. So time is read in windows that fit on one page,
one after the other without a gap. Each is written at once, so that a sync needs little memory and can be stopped.

What is known here in a window and not shown there may be gone or moved. It is not concluded from a list: it is marked
to be read by its id (`rereading`). Webhooks are taken meanwhile, and of two readings the newer counts.
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
_LONGEST_PAUSE = 60.0

logger = structlog.get_logger(__name__)

Progress = Callable[["SyncReport"], None]


@dataclass(slots=True)
class SyncReport:
    """How far a sync is. `rows` of `all_rows` entries of the list are read; both count an appointment for each agent.

    `read` is how many appointments those are. `to_confirm` are known here and were not shown. `trouble` is a sentence
    while something is waited for that passes by itself.
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
        """What it has done, for a log."""
        kinds = {kind.value: self.kinds[kind] for kind in IntakeKind}
        return {"read": self.read, **kinds, "unreadable": self.unreadable, "to_confirm": self.to_confirm}

    @property
    def share(self) -> float:
        """From 0 to 1. The list may grow while it is read, so that 1 is reached at the end alone."""
        if self.is_finished:
            return 1.0
        return min(self.rows / self.all_rows, 0.99) if self.all_rows else 0.0


@dataclass(frozen=True, slots=True)
class _Window:
    """From `after` until `before`, both included; without an end where `before` is None."""

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
    """One sync of one source. `told` hears of the progress after each page."""

    api: RdvspApi
    database: Database
    clock: Callable[[], datetime]
    told: Progress = lambda _: None
    report: SyncReport = field(default_factory=SyncReport)

    async def run(self) -> SyncReport:
        """Read everything that is to come. Raises `SourceCallFailed`; what was read until then is written."""
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
        """The next window that fits on one page, `length` long or shorter; or all the rest, where that fits on one."""
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
        """Whether to ask if anything comes after this empty window. Nights and weekends are empty too."""
        is_long = window.length is not None and window.length >= LONGEST_WINDOW / 2
        return is_long or self.report.rows >= self.report.all_rows * 0.9

    async def _all_pages(self, window: _Window, first: ListedAppointments) -> ListedAppointments:
        """More than a page begins in one second: read its pages again and again, until a round brings nothing new."""
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
        """One page. What passes by itself is waited for."""
        pause = 1.0
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
        """Write a page in pieces, because on SQLite nobody else writes meanwhile."""
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
    """The work of keeping the sign-in fresh, and of syncing as often as the connection says, one process at a time."""
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
    shorter = min(length * WANTED_ON_A_PAGE / rows, length / 2)
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
    """Work these arrivals in.

    Returns what became of each, and how many appointments that are known in `window` are not among the `shown` ids, and
    are marked to be read again. `window` is None as long as more of it follows.
    """
    kinds = [intake.kind for intake in take_many(connection, source, arrivals, now=now, owned=True)]
    if window is None:
        return kinds, 0
    go_on_with_sync(connection, source, now)
    return kinds, _mark_not_shown(connection, source, window, shown, now)


def _mark_not_shown(connection: Connection, source: str, window: _Window, shown: set[str], now: datetime) -> int:
    """Mark the appointments that are known here in this window and were not shown, to be read by their ids.

    Cancelled and removed ones are left alone.

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
