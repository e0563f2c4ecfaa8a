"""What ten years cost: the same work in a database of one year and in one of ten: `python -m benchmarks.decade`.

There are 200,000 appointments a month, or a `--share` of that. One in ten is cancelled by SMS, and two messages are
sent for each. Data older than the retention period is erased, its months are closed, and then its rows are deleted, as
the service does it by itself. The benchmark reports how many rows are left. It works on both databases in turn, in this
process, and reports the medians and how ten years compare with one.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select, text, update

from benchmarks import appointments as living
from benchmarks import postgresql, servers
from benchmarks.report import Figure, table
from smsbot import runtime
from smsbot.agents.account_changes import add_agent
from smsbot.agents.accounts import Agent
from smsbot.app import Service
from smsbot.diary.day_list import read_diary
from smsbot.diary.diary_query import DiaryQuery
from smsbot.figures.closing import closing_months, kept_or_counted
from smsbot.figures.present import at_present
from smsbot.figures.results import Month
from smsbot.gateways.base import IncomingSms
from smsbot.incoming.message_claims import Arrived
from smsbot.model import DEFAULT_SOURCE
from smsbot.retention.purging import purge
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, incoming_messages, outgoing_messages, participations

_GROWING = (appointments, participations, incoming_messages, outgoing_messages, audit)
A_MONTH = 200_000
RETENTION = timedelta(days=90)
YEAR = timedelta(days=365)
ROUNDS = 25


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--share", type=float, default=0.1)
    options.add_argument("--years", type=int, default=10)
    chosen = options.parse_args()
    print(table(measure(chosen.share, chosen.years)))


def measure(share: float = 0.1, years: int = 10) -> list[Figure]:
    runtime.PAUSE_BETWEEN_PIECES = 0.0  # nobody else waits here
    for name, value in servers.settings("sqlite:///unused", "http://127.0.0.1", servers.SOMEWHERE).items():
        os.environ[name] = value
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {
            "SQLite": [f"sqlite:///{folder / f'{each}.db'}" for each in (1, years)],
            "PostgreSQL": [stack.enter_context(postgresql.database()) for _ in (1, years)],
        }
        for engine, (one_url, all_url) in urls.items():
            one, all_years = _Town.built(one_url, share, 1), _Town.built(all_url, share, years)
            left = " and ".join(f"{town.rows():,}" for town in (one, all_years))
            ratio = f"{all_years.rows() / one.rows():.2f}"
            figures.append(Figure(f"rows after one year and after {years}: {engine}", left, ratio))
            for what in one.works():
                times: dict[int, list[float]] = {1: [], years: []}
                for _ in range(ROUNDS):
                    for number, town in ((1, one), (years, all_years)):
                        began = time.perf_counter()
                        town.works()[what]()
                        times[number].append((time.perf_counter() - began) * 1000)
                first, last = (statistics.median(some) for some in times.values())
                measured = f"{first:.2f} ms in the first year, {last:.2f} ms after {years}"
                figures.append(Figure(f"{what}: {engine}", measured, f"{last / first:.2f}"))
                print(figures[-1], flush=True)
            one.database.close()
            all_years.database.close()
    return figures


@dataclass
class _Town:
    """A database with its years, and what is done in it."""

    database: Database
    service: Service
    agent: Agent
    now: datetime
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def built(cls, url: str, share: float, years: int) -> _Town:
        a_month = int(A_MONTH * share)
        alive = a_month * 5  # booked for the next two months, and the three that are kept
        living.fill(url, alive, starts_in=timedelta(days=2), messages=2 * alive)
        database = Database(url)
        service = Service(ServiceSettings.load(), database)
        now = datetime.now(UTC)
        database.write_now(lambda c: _spread(c, alive, now))
        database.write_now(lambda c: _erased(c, 12 * a_month * years, now, YEAR * years))
        agent = database.write_now(lambda c: add_agent(c, "a@example.fr", DEFAULT_SOURCE, ["1"], now))
        asyncio.run(closing_months(database, RETENTION, lambda: now).once())
        if not database.is_sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))  # as the server does it by itself
        return cls(database, service, agent, now)

    def rows(self) -> int:
        """How many rows the tables that grow have together."""

        def work(connection: Connection) -> int:
            return sum(connection.execute(select(func.count()).select_from(each)).scalar_one() for each in _GROWING)

        return self.database.read_now(work)

    def works(self) -> dict[str, Callable[[], object]]:
        return {
            "sixteen turns": lambda: self.database.write_now(self._turns),
            "a day's appointments": lambda: self.database.read_now(
                lambda c: read_diary(c, self.service.terms, self.agent, DiaryQuery(), self.now)
            ),
            "/metrics": lambda: self.database.read_now(lambda c: at_present(c, self.now)),
            "figures of twelve months": lambda: self.database.read_now(self._figures),
            "a look for due reminders": lambda: self.database.read_now(
                lambda c: self.service.reminders.due(c, self.now)
            ),
            "a purge that finds nothing": lambda: asyncio.run(
                purge(self.database, self.now - RETENTION - timedelta(days=1), self.now)
            ),
        }

    def _turns(self, connection: Connection) -> None:
        messages = [
            IncomingSms("twilio", f"decade-{number}", living.phone(number), living.SENDER, "ANNULER")
            for number in itertools.islice(self.numbers, 16)
        ]
        self.service.turn.take_together(connection, [Arrived(message, self.now) for message in messages])

    def _figures(self, connection: Connection) -> object:
        return kept_or_counted(connection, Month(self.now.year, self.now.month).and_before(12))


def _spread(connection: Connection, alive: int, now: datetime) -> None:
    """Spread the appointments that are kept over their months, and the messages over the last three months."""
    whole = (RETENTION + timedelta(days=60)).total_seconds()
    starts = _after(connection, "appointments.id", whole / alive)
    first = {"first": _told(connection, now - RETENTION)}
    connection.execute(text(f"UPDATE appointments SET starts_at = {starts}"), first)
    written = _after(connection, "id", RETENTION.total_seconds() / (2 * alive))
    connection.execute(text(f"UPDATE incoming_messages SET received_at = {written}"), first)
    connection.execute(text(f"UPDATE outgoing_messages SET created_at = {written}"), first)
    connection.execute(update(participations).values(reminded_at=now))


def _erased(connection: Connection, number: int, now: datetime, before: timedelta) -> None:
    """Add `number` erased appointments with their messages, evenly over the time `before` the retention period."""
    begin = now - RETENTION - before
    step = before.total_seconds() / number
    first = {each: _next_id(connection, each) for each in (appointments, participations, incoming_messages)}
    organisation = connection.execute(text("SELECT min(id) FROM organisations")).scalar_one()
    gone = {"source": "rdvsp", "external_id": "'old' || CAST(n AS TEXT)"}
    starts = _after(connection, "n", step)
    ids = f"n + {first[appointments]}"
    _rows(
        connection,
        appointments,
        number,
        begin,
        {
            "id": ids,
            "source": "'rdvsp'",
            "external_id": gone["external_id"],
            "organisation_id": str(organisation),
            "uuid": "CAST(n AS TEXT)",
            "starts_at": starts,
            "status": "CASE WHEN n % 10 = 0 THEN 'excused' ELSE 'unknown' END",
            "collective": "false",
            "location_type": "'public_office'",
            "bookable_by_everyone": "false",
            "changed_at": starts,
        },
    )
    _rows(
        connection,
        participations,
        number,
        begin,
        {
            "id": f"n + {first[participations]}",
            "appointment_id": ids,
            "source": "'rdvsp'",
            "external_id": gone["external_id"],
            "status": "CASE WHEN n % 10 = 0 THEN 'excused' ELSE 'unknown' END",
            "cancelled_at": f"CASE WHEN n % 10 = 0 THEN {starts} END",
            "cancelled_by": "CASE WHEN n % 10 = 0 THEN 'usager' END",
            "cancelled_way": "CASE WHEN n % 10 = 0 THEN 'sms' END",
            "surnames": "'[]'",
            "first_names": "'[]'",
            "notify_by_sms": "true",
            "notify_by_email": "true",
            "send_lifecycle_notifications": "true",
            "send_reminder_notification": "true",
            "erased_at": starts,
            "reminded_at": starts,
        },
    )
    _rows(
        connection,
        incoming_messages,
        number * 3 // 10,
        begin,
        {
            "gateway": "'twilio'",
            "gateway_message_id": "'old' || CAST(n AS TEXT)",
            "received_at": _after(connection, "n", step * 10 / 3),
            "from_number": "''",
            "to_number": f"'{living.SENDER}'",
            "body": "''",
            "outcome": "'confirm'",
            "for_agents": "false",
            "organisation_id": str(organisation),
        },
    )
    _rows(
        connection,
        outgoing_messages,
        number * 23 // 10,
        begin,
        {
            "channel": "'sms'",
            "kind": "CASE WHEN n % 23 < 3 THEN 'reply' ELSE 'notification' END",
            "recipient": "''",
            "sender": f"'{living.SENDER}'",
            "gateway": "'twilio'",
            "gateway_message_id": "'old' || CAST(n AS TEXT)",
            "body": "''",
            "segments": "1",
            "appointment_id": f"n * 10 / 23 + {first[appointments]}",
            "created_at": _after(connection, "n", step * 10 / 23),
            "state": "'sent'",
            "due_at": _after(connection, "n", step * 10 / 23),
            "delivery_status": "'delivered'",
        },
    )
    _rows(
        connection,
        audit,
        number // 10,
        begin,
        {
            "at": _after(connection, "n", step * 10),
            "act": "'cancelled'",
            "by": "'usager'",
            "way": "'sms'",
            "appointment_id": f"n * 10 + {first[appointments]}",
        },
    )


def _rows(connection: Connection, into: Table, number: int, begin: datetime, columns: dict[str, str]) -> None:
    """Insert `number` rows, numbered n from 0. `columns` has SQL in n for each column, in which `:first` is `begin`."""
    values = ", ".join(columns.values())
    names = ", ".join(f'"{name}"' for name in columns)
    connection.execute(
        text(
            f"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {number - 1})"
            f" INSERT INTO {into.name} ({names}) SELECT {values} FROM numbers"
        ),
        {"first": _told(connection, begin)},
    )


def _after(connection: Connection, number: str, seconds: float) -> str:
    """SQL for the moment that is `number` times `seconds` after `:first`."""
    if connection.dialect.name == "sqlite":
        later = f"'+' || CAST(({number}) * {seconds} AS INTEGER) || ' seconds'"
        return f"strftime('%Y-%m-%d %H:%M:%S', :first, {later}) || '.000000'"
    return f"CAST(:first AS timestamptz) + ({number}) * interval '{seconds} seconds'"


def _told(connection: Connection, moment: datetime) -> Any:
    """The moment in the form in which the engine stores it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f") if connection.dialect.name == "sqlite" else moment


def _next_id(connection: Connection, of: Table) -> int:
    highest = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {of.name}")).scalar_one()
    return int(highest) + 1


if __name__ == "__main__":
    main()
