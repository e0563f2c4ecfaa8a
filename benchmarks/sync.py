"""A sync of 100,000 coming appointments of RDV Service Public's stand-in: `python -m benchmarks.sync`.

The stand-in runs in a process of its own. It lists appointments in no order, and one in ten twice. In the first sync
all appointments are new, in the second all are known. The benchmark reports the time that the stand-in took for its
pages, and the CPU time here; both pass at the same time. A page of the real RDV Service Public takes some 300 ms
(`--page-seconds`). Memory is that of this process, after a tenth of the sync, and the most since then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.report import Figure, table
from benchmarks.servers import SECRET_KEY, Running
from benchmarks.spawned import spawned
from smsbot.connected.client import RdvspApi, open_sources
from smsbot.connected.connections import EmailAndPassword, SourceConnection
from smsbot.connected.sync import Sync, SyncReport
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store import schema
from smsbot.store.database import Database

PASSWORD = "a-password-for-benchmarks"
DAYS = 120
OPEN_HOURS = 9
SLOTS = DAYS * OPEN_HOURS * 12  # every five minutes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--appointments", type=int, default=100_000)
    options.add_argument("--page-seconds", type=float, default=0.0, help="how long the stand-in thinks for each page")
    given = options.parse_args()
    print(table(measure(given.appointments, given.page_seconds)))


def measure(count: int = 100_000, page_seconds: float = 0.0) -> list[Figure]:
    figures = []
    with (
        tempfile.TemporaryDirectory() as folder,
        source(count, page_seconds) as there,
        closing(Database(f"sqlite:///{Path(folder) / 'smsbot.db'}")) as database,
    ):
        schema.upgrade(database)
        for what in ("that are new", "that are known"):
            watched = asyncio.run(_sync(database, there))
            figures += watched.figures(f"a sync of {count:,} appointments {what}")
    return figures


@dataclass
class _Watched:
    """One sync, and what this process held after each page."""

    megabytes: list[float] = field(default_factory=list)
    report: SyncReport = field(default_factory=SyncReport)
    seconds: float = 0.0
    there: float = 0.0
    here: float = 0.0
    late: list[float] = field(default_factory=list)

    def look(self, _report: SyncReport) -> None:
        self.megabytes.append(Running("", os.getpid()).resident_megabytes())

    def figures(self, what: str) -> list[Figure]:
        report, tenth = self.report, len(self.megabytes) // 10
        first, most = self.megabytes[tenth], max(self.megabytes[tenth:])
        page = self.there / report.pages
        return [
            Figure(what, f"{self.seconds:.0f} s, {report.read / self.seconds:.0f} a second", "1.00"),
            Figure(
                f"of it {report.pages:,} pages there",
                f"{self.there:.0f} s, {page * 1000:.0f} ms a page",
                f"{self.there / self.seconds:.2f}",
            ),
            Figure("and the processor here", f"{self.here:.0f} s", f"{self.here / self.seconds:.2f}"),
            Figure(
                "how late another task of the process gets its turn",
                f"p50 {_quantile(self.late, 0.5):.1f} ms, p99 {_quantile(self.late, 0.99):.1f} ms",
                "",
            ),
            Figure(
                "its memory after a tenth, and at most since",
                f"{first:.0f} MB, {most:.0f} MB",
                f"{most / first:.2f}",
            ),
        ]


@dataclass(frozen=True, slots=True)
class _Source:
    """The process of the stand-in."""

    url: str
    pipe: Connection[Any, Any]

    def seconds(self) -> float:
        """How long it took for all pages so far, in seconds."""
        self.pipe.send("seconds")
        return float(self.pipe.recv())


async def _sync(database: Database, source: _Source) -> _Watched:
    watched, there = _Watched(), source.seconds()
    async with api_to(database, source.url) as api:
        began, here = time.perf_counter(), time.process_time()
        waiting = asyncio.create_task(_take_turns(watched.late))
        watched.report = await Sync(api, database, _now, watched.look).run()
        waiting.cancel()
        watched.seconds, watched.here = time.perf_counter() - began, time.process_time() - here
    watched.there = source.seconds() - there
    return watched


async def _take_turns(late: list[float]) -> None:
    """Note again and again how long a turn or a webhook would have to wait, in milliseconds."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append((time.perf_counter() - began - 0.01) * 1000)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


@asynccontextmanager
async def api_to(database: Database, url: str) -> AsyncIterator[RdvspApi]:
    sign_in = EmailAndPassword("sms@example.fr", PASSWORD)
    connection = SourceConnection("rdvsp", url, sign_in, timedelta(seconds=8), None, notifies=True)
    public_url = "http://127.0.0.1:9"
    async with open_sources(
        {"rdvsp": connection}, database, secret_key=SECRET_KEY, public_url=public_url, clock=_now
    ) as opened:
        yield opened["rdvsp"]


@contextmanager
def source(count: int, page_seconds: float) -> Iterator[_Source]:
    """A stand-in with so many appointments."""
    with spawned(_live, count, page_seconds) as pipe:
        yield _Source(pipe.recv(), pipe)


def _live(pipe: Connection[Any, Any], count: int, page_seconds: float) -> None:
    with RdvspStandIn(password=PASSWORD, page_seconds=page_seconds) as source:
        first = (_now() + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
        for number in range(count):
            source.agenda.add(starts_at=first + _later(number * SLOTS // count), agents=_agents(number), quietly=True)
        pipe.send(source.url)
        with suppress(EOFError):
            while pipe.recv():
                pipe.send(sum(call.seconds for call in source.calls_of("rdvs")))


def _agents(number: int) -> tuple[int, ...]:
    return (1, 2) if number % 10 == 0 else (1,)


def _later(slot: int) -> timedelta:
    """When the appointment number `slot` begins: one every five minutes, nine hours a day."""
    day, within = divmod(slot, OPEN_HOURS * 12)
    return timedelta(days=day, minutes=5 * within)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
