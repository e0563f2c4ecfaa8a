"""Turns per second of one process against the floor, on SQLite at full durability: `python -m benchmarks.turns`.

A turn is everything until the webhook is answered: signature, parsing, claim, state, transition, outgoing message,
commit. Each connection plays one phone through ANNULER, the letters, NON, over and over; the floor gets the very same
requests. Both are measured in turn, several rounds, and the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks import load, servers
from smsbot.appointments.intake import Arrival, take_many
from smsbot.appointments.model import (
    DEFAULT_SOURCE,
    AppointmentRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
)
from smsbot.store import schema
from smsbot.store.database import Database

LINES = ("ANNULER", "DUP", "NON")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--messages", type=int, default=4000, help="of a round")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.rounds, chosen.connections, chosen.messages)


def measure(folder: Path, rounds: int, connections: int, messages: int) -> None:
    database_url = f"sqlite:///{folder / 'smsbot.db'}"
    phones = [f"+336{number:08d}" for number in range(connections * rounds * 40)]
    fill(database_url, phones)
    floors: list[load.Load] = []
    turns: list[load.Load] = []
    sids, spare = itertools.count(), iter(phones)
    with servers.floor(folder) as floor_url, servers.service(folder, database_url, "--no-delivery") as service_url:
        for _ in range(rounds):
            for url, results in ((floor_url, floors), (service_url, turns)):
                lanes = _lanes(f"{url}/webhooks/twilio/sms", connections, messages, sids, spare)
                results.append(load.run(url, lanes))
    _print("floor", floors)
    _print("turns", turns)
    ratio = statistics.median(one.per_second for one in turns) / statistics.median(one.per_second for one in floors)
    print(f"\nturns / floor: {ratio:.2f}")


def _lanes(url: str, connections: int, messages: int, sids: Iterator[int], spare: Iterator[str]) -> list[list[bytes]]:
    requests = load.SmsRequests(url, servers.AUTH_TOKEN)
    lanes = []
    for _ in range(connections):
        lane: list[bytes] = []
        while len(lane) < messages // connections:
            phone = next(spare)
            # A phone writes a few conversations, and stays well under the cap on replies an hour.
            lane += [requests.make(f"SM{next(sids):032x}", phone, line) for line in LINES * 3]
        lanes.append(lane)
    return lanes


def fill(database_url: str, phones: list[str]) -> None:
    """One coming appointment of a Sophie Dupont for each of `phones`."""
    database = Database(database_url)
    schema.upgrade(database)
    now = datetime.now(UTC)
    organisation = OrganisationRecord("1", "CCAS de Lyon", "04 72 00 00 00")
    numbered = enumerate(phones)
    while batch := list(itertools.islice(numbered, 500)):
        arrivals = [
            Arrival(
                AppointmentRecord(
                    external_id=str(number),
                    starts_at=now + timedelta(days=3, minutes=number % 1000),
                    organisation=organisation,
                    participations=(
                        ParticipationRecord.of(str(number), PersonRecord("Sophie", "Dupont", phone=phone)),
                    ),
                )
            )
            for number, phone in batch
        ]
        database.write_now(partial(take_many, source=DEFAULT_SOURCE, arrivals=arrivals, now=now))
    database.close()


def _print(name: str, results: list[load.Load]) -> None:
    rates = ", ".join(f"{one.per_second:.0f}" for one in results)
    p50 = statistics.median(one.quantile(0.5) for one in results)
    p99 = statistics.median(one.quantile(0.99) for one in results)
    refused = sum(one.refused for one in results)
    print(f"{name}: {rates} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms; {refused} not answered 200")


if __name__ == "__main__":
    main()
