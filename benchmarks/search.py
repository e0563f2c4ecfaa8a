"""How long an agent's search takes among many appointments: `python -m benchmarks.search`.

The database holds many appointments of two organisations, from a month ago to half a year ahead. The agent may see one
of the organisations. Each search is done many times, in turn with the same page without a search. The ratio is that of
the medians. Then the searches of ten agents run at once.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from benchmarks import postgresql
from smsbot.agents.account_changes import add_agent
from smsbot.agents.accounts import Agent
from smsbot.appointments.intake.people import People
from smsbot.appointments.terms import TermsBook
from smsbot.diary.day_list import read_diary
from smsbot.diary.diary_query import DiaryQuery
from smsbot.model import PersonRecord
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.store.database import Database
from smsbot.store.schema import open_ready
from smsbot.store.tables import appointments, organisations, participations

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
SEARCHES = {
    "a rare surname": "zwyntsôl",
    "a frequent surname": "balan",
    "the middle of a name": "lan ôri",
    "two letters": "ba",
    "a whole number": "06 00 04 17 20",
    "digits of a number": "4172",
}
AT_ONCE = 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--appointments", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=10)
    chosen = options.parse_args()
    run(chosen.appointments, chosen.rounds)


def run(number: int, rounds: int = 10) -> None:
    """Measure on SQLite and on PostgreSQL, with `number` appointments."""
    with tempfile.TemporaryDirectory() as folder, postgresql.database() as shared:
        for url in (f"sqlite:///{Path(folder) / 'smsbot.db'}", shared):
            measure(url, number, rounds)


def measure(url: str, number: int, rounds: int) -> None:
    with closing(open_ready(url, migrate=True)) as database:
        agent = fill(database, number)
        look = partial(_look, database, agent)
        look("")
        print(f"\n{database.url.get_backend_name()}, {number} appointments\n")
        print(f"{'search':<24}{'found':>7}{'median ms':>11}{'/ page':>8}")
        for name, words in SEARCHES.items():
            pages, times = [], []
            for _ in range(rounds):
                pages.append(_timed(partial(look, ""))[0])
                taken, found = _timed(partial(look, words))
                times.append(taken)
            ratio = statistics.median(times) / statistics.median(pages)
            print(f"{name:<24}{found:>7}{1000 * statistics.median(times):>11.1f}{ratio:>8.1f}")
        before = _peak()
        taken, _ = _timed(partial(asyncio.run, _at_once(database, agent)))
        print(f"{AT_ONCE} at once: {1000 * taken:.0f} ms, {_peak() - before:.0f} MB more")


def _look(database: Database, agent: Agent, words: str) -> int:
    return database.read_now(partial(_page, agent=agent, words=words))


def _page(connection: Connection, agent: Agent, words: str) -> int:
    terms = TermsBook(Policy(PolicyFile()), timedelta(hours=4))
    return len(read_diary(connection, terms, agent, DiaryQuery.read({"q": words}, NOW.date()), NOW).entries)


async def _at_once(database: Database, agent: Agent) -> None:
    await asyncio.gather(*(database.read(partial(_page, agent=agent, words="balan")) for _ in range(AT_ONCE)))


def _timed(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(database: Database, number: int) -> Agent:
    """Fill the database with `number` appointments. Returns the agent who searches."""

    def work(connection: Connection) -> Agent:
        for external_id in ("1", "2"):
            row = {"source": "rdvsp", "external_id": external_id, "name": f"CCAS {external_id}"}
            connection.execute(insert(organisations).values(row))
        rows = list(_people(number))
        for start in range(0, number, 5000):
            connection.execute(
                insert(appointments), [_appointment(n, number) for n in range(start, min(start + 5000, number))]
            )
            connection.execute(insert(participations), rows[start : start + 5000])
        return add_agent(connection, "agent@mairie.fr", "rdvsp", ["1"], NOW)

    agent = database.write_now(work)
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("VACUUM ANALYZE"))
    return agent


def _appointment(number: int, of: int) -> dict[str, Any]:
    return {
        "id": number + 1,
        "source": "rdvsp",
        "external_id": str(number),
        "organisation_id": 1 + number % 2,
        "uuid": str(number),
        "starts_at": NOW - timedelta(days=30) + timedelta(days=210) * number / of,
        "status": "unknown",
        "collective": False,
        "location_type": "public_office",
        "bookable_by_everyone": False,
        "changed_at": NOW,
    }


def _people(number: int) -> Iterator[dict[str, Any]]:
    """Surnames of three syllables, some far more frequent than others; one in four is written with an accent."""
    drawn = random.Random(1)
    syllables = [f"{first}{vowel}{last}" for first in "bdlmrt" for vowel in "aeio" for last in ("n", "r", "")]
    weights = [1 / (place + 1) for place in range(len(syllables))]
    for each in range(number):
        surname = "".join(drawn.choices(syllables, weights, k=3)).capitalize()
        first_name = "".join(drawn.choices(syllables, k=2)).capitalize()
        if each % 4 == 0:
            surname, first_name = f"{surname}ê", f"É{first_name}"
        if each == number - 2:
            surname = "Zwyntsôl"
        person = PersonRecord(first_name, surname, None, f"+336{each:08}", f"u{each}@exemple.fr")
        yield {
            **People(external_id=str(each), person=person).columns(),
            "appointment_id": each + 1,
            "source": "rdvsp",
            "external_id": str(each),
            "status": "unknown",
            "send_lifecycle_notifications": True,
            "send_reminder_notification": True,
        }


if __name__ == "__main__":
    main()
