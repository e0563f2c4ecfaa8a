"""The console's heaviest pages while 100 messages a second go by: `python -m benchmarks.pages`.

The pages are a day with 400 appointments, an inbox in which 1,000 people wait, and the figures of 300 organisations.
They are asked for one after the other, `PAUSE_SECONDS` after each answer. Meanwhile conversations run at a steady rate
and their answers are delivered: on SQLite in the same process, on PostgreSQL in another. `smsbot serve` makes the pages
in a second process.

The benchmark reports how long each page takes until all of it has come, how much CPU it costs both processes when
nothing else is done, and how long messages wait with and without the pages.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select, text, update

from benchmarks import appointments as living
from benchmarks import postgresql, servers
from benchmarks.conversations import LINES, write
from benchmarks.gateway import Gateway
from benchmarks.load import Conversations, Load
from benchmarks.outside import Outside, outside
from benchmarks.report import Figure, table
from smsbot.agents.account_changes import add_agent
from smsbot.agents.tokens import open_session
from smsbot.figures.closing import keep
from smsbot.figures.results import CountedOrganisation, Figures, Lead, Month
from smsbot.model import DEFAULT_SOURCE, Via
from smsbot.store.database import Database
from smsbot.store.tables import appointments, incoming_messages, organisations
from smsbot.web.console.guard import COOKIE

PER_SECOND = 100.0
TOGETHER = 64
PAUSE_SECONDS = 0.1
ON_THE_DAY, WAITING, ORGANISATIONS = 400, 1000, 300
ALONE = 15
"""How often each page is asked for while nothing else is done."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=20)
    print(table(measure(options.parse_args().seconds)))


def measure(seconds: int = 20) -> list[Figure]:
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite, shared = f"sqlite:///{folder / 'smsbot.db'}", stack.enter_context(postgresql.database())
        conversations = int(seconds * PER_SECOND) // len(LINES)
        for engine, url in (("SQLite", sqlite), ("PostgreSQL", shared)):
            living.fill(url, 2 * conversations + ON_THE_DAY + WAITING, starts_in=timedelta(days=3))
            database = Database(url)
            token = database.write_now(lambda connection: _fill(connection, 2 * conversations))
            database.close()
            options = () if engine == "SQLite" else ("--no-delivery",)
            web = stack.enter_context(servers.service(url, *options, gateway_url=around.gateway_url))
            if engine == "PostgreSQL":
                stack.enter_context(servers.delivery(url, public_url=web.url, gateway_url=around.gateway_url))
            pages = _pages(web.url, token)
            figures += _measured(engine, around, web, pages, conversations)
    return figures


def _measured(
    engine: str, around: Outside, web: servers.Running, pages: Mapping[str, bytes], conversations: int
) -> list[Figure]:
    sids, phones = itertools.count(), map(living.phone, itertools.count())

    def talk() -> Conversations:
        theirs = list(itertools.islice(phones, conversations))
        return Conversations(web.webhook, write(web.webhook, theirs, sids), TOGETHER, PER_SECOND)

    while not web.has_process_for_pages():
        around.do(Pages(web.url, pages, times=1))
    cpu = {}
    for name, page in pages.items():
        around.do(Pages(web.url, {name: page}, times=2))  # so that templates and statements are compiled
        before = web.cpu_seconds()
        around.do(Pages(web.url, {name: page}, times=ALONE))
        cpu[name] = (web.cpu_seconds() - before) / ALONE * 1000
    without = around.do(talk())
    among = around.do(PagesMeanwhile(Pages(web.url, pages), talk()))
    figures = [
        Figure(
            f"{name}: {engine}",
            f"median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms of {len(times)}",
            f"{statistics.median(times) / 50:.2f} of 50 ms",
            cpu=f"{cpu[name] * 1000:.0f} µs",
        )
        for name, times in among.times.items()
    ]
    slower = " and ".join(f"{among.talk.quantile(share) / without.quantile(share):.2f}" for share in (0.5, 0.99))
    for what, load, ratio in (("without", without, "1"), ("with", among.talk, f"{slower} (p50, p99)")):
        measured = f"p50 {load.quantile(0.5):.1f} ms, p99 {load.quantile(0.99):.1f} ms"
        figures.append(Figure(f"webhook in to SMS out {what} the pages: {engine}", measured, ratio))
    print(*figures, sep="\n", flush=True)
    return figures


@dataclass(frozen=True, slots=True)
class Pages:
    """The order: ask for each page in turn, `times` times or until it is cancelled.

    The result has the milliseconds of each page, by its name.
    """

    url: str
    pages: Mapping[str, bytes]
    times: int | None = None

    async def carry_out(self, _gateway: Gateway) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in self.pages}
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        rounds: Iterator[int] = itertools.count() if self.times is None else iter(range(self.times))
        try:
            for _ in rounds:
                for name, request in self.pages.items():
                    began = time.perf_counter()
                    writer.write(request)
                    await _whole_answer(reader)
                    found[name].append((time.perf_counter() - began) * 1000)
                    await asyncio.sleep(PAUSE_SECONDS if self.times is None else 0)
        except asyncio.CancelledError:  # enough of them
            return found
        finally:
            writer.close()
        return found


@dataclass(frozen=True, slots=True)
class TimesOfPages:
    talk: Load
    times: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class PagesMeanwhile:
    """The order: run conversations, and ask for the pages as long as these last."""

    pages: Pages
    conversations: Conversations

    async def carry_out(self, gateway: Gateway) -> TimesOfPages:
        asking = asyncio.create_task(self.pages.carry_out(gateway))
        talk = await self.conversations.carry_out(gateway)
        asking.cancel()
        return TimesOfPages(talk, await asking)


async def _whole_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"a page was not answered 200 but {head.splitlines()[0]!r}")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)


def _pages(url: str, token: str) -> dict[str, bytes]:
    day = (datetime.now(UTC) + timedelta(days=1)).date()
    paths = {
        f"a day with {ON_THE_DAY} appointments": f"/agents/rdv?jour={day}",
        f"an inbox of {WAITING:,}": "/agents/messages",
        f"figures of {ORGANISATIONS} organisations": "/agents/chiffres",
    }
    host = urlsplit(url).netloc
    head = "GET {} HTTP/1.1\r\nHost: {}\r\nCookie: {}={}\r\n\r\n"
    return {name: head.format(path, host, COOKIE, token).encode() for name, path in paths.items()}


def _fill(connection: Connection, talking: int) -> str:
    """Fill the database for the pages, and return the agent's session.

    The first `talking` appointments are left as they are, for the conversations.
    """
    now = datetime.now(UTC)
    first = connection.execute(text("SELECT min(id) FROM appointments")).scalar_one()
    on_the_day = range(first + talking, first + talking + ON_THE_DAY)
    begins = (now + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
    for number, this in enumerate(on_the_day):
        at = begins + timedelta(minutes=number * 600 // ON_THE_DAY)
        connection.execute(update(appointments).where(appointments.c.id == this).values(starts_at=at))
    [one] = connection.execute(select(organisations.c.id)).scalars()
    writing = range(talking + ON_THE_DAY, talking + ON_THE_DAY + WAITING)
    connection.execute(
        insert(incoming_messages),
        [
            {
                "gateway": "twilio",
                "gateway_message_id": f"waiting-{number}",
                "received_at": now - timedelta(minutes=number % 5000),
                "from_number": living.phone(number),
                "to_number": living.SENDER,
                "body": "Bonjour, puis-je venir avec mon fils ?",
                "outcome": "silence",
                "for_agents": True,
                "organisation_id": one,
            }
            for number in writing
        ],
    )
    others = [
        {"source": DEFAULT_SOURCE, "external_id": f"{n}", "name": f"CCAS {n}"} for n in range(2, ORGANISATIONS + 1)
    ]
    ids = [one, *connection.execute(insert(organisations).returning(organisations.c.id), others).scalars()]
    for month in Month(now.year, now.month).and_before(12)[:-2]:
        keep(connection, month, [_counted(this, month) for this in ids], now)
    agent = add_agent(connection, "a@example.fr", DEFAULT_SOURCE, [str(n) for n in range(1, ORGANISATIONS + 1)], now)
    return open_session(connection, agent, now)


def _counted(organisation_id: int, month: Month) -> Figures:
    return Figures(
        organisation=CountedOrganisation(organisation_id, DEFAULT_SOURCE, str(organisation_id), None),
        month=month,
        cancellations_by_way=dict.fromkeys(Via, 12),
        cancellations_by_lead=dict.fromkeys(Lead, 12),
        freed_early=40,
        understood=120,
        not_understood=7,
        not_read=5,
        stops=1,
        sms_sent=900,
        segments=950,
        sms_failed=9,
        emails_sent=500,
        emails_failed=3,
    )


if __name__ == "__main__":
    main()
