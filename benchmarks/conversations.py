"""Whole conversations until the gateway has their last SMS, against the floor: `python -m benchmarks.conversations`.

Each telephone writes ANNULER, the letters and OUI, each after the answer to the one before, and its appointment is
cancelled. The service takes the messages and delivers the answers, in one process on SQLite and in two on PostgreSQL.
The floor gets the same webhooks and nothing else. All are measured in turn, in several rounds. A ratio is that of the
medians.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks import appointments, postgresql, servers
from benchmarks.load import Conversation, Conversations, Lane, Load, SmsRequests, Webhooks
from benchmarks.outside import outside
from benchmarks.report import Figure, table

LINES = ("ANNULER", "DUP", "OUI")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--together", type=int, default=64, help="conversations at a time")
    options.add_argument("--conversations", type=int, default=1200, help="of a round")
    chosen = options.parse_args()
    print(table(measure(chosen.rounds, chosen.together, chosen.conversations)))


def measure(rounds: int = 7, together: int = 64, conversations: int = 1200) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite, shared = f"sqlite:///{folder / 'smsbot.db'}", stack.enter_context(postgresql.database())
        appointments.fill(sqlite, rounds * conversations)
        appointments.fill(shared, rounds * conversations)
        bare = {
            "SQLite": stack.enter_context(servers.floor(folder)),
            "PostgreSQL": stack.enter_context(servers.floor(folder, shared)),
        }
        alone = stack.enter_context(servers.service(sqlite, gateway_url=around.gateway_url))
        web = stack.enter_context(servers.service(shared, "--no-delivery", gateway_url=around.gateway_url))
        delivery = stack.enter_context(servers.delivery(shared, public_url=web.url, gateway_url=around.gateway_url))
        measured = {"SQLite, one process": [alone], "PostgreSQL, web and delivery": [web, delivery]}
        floors: dict[str, list[Load]] = {engine: [] for engine in bare}
        loads: dict[str, list[Load]] = {name: [] for name in measured}
        sids = itertools.count()
        for of_round in range(rounds):
            phones = [appointments.phone(of_round * conversations + number) for number in range(conversations)]
            for engine, floor in bare.items():
                order = Webhooks(_lanes(floor.webhook, phones, together, sids))
                floors[engine].append(around.load(order, floor))
            for name, processes in measured.items():
                webhook = processes[0].webhook
                talk = Conversations(webhook, write(webhook, phones, sids), together)
                loads[name].append(around.load(talk, *processes))
    return [
        *(Figure.of_loads(f"floor: {engine}", some, some) for engine, some in floors.items()),
        *(
            Figure.of_loads(f"conversations: {name}", some, floors[name.partition(",")[0]])
            for name, some in loads.items()
        ),
    ]


def write(webhook: str, phones: list[str], sids: Iterator[int]) -> list[Conversation]:
    """The conversation of each telephone."""
    requests = SmsRequests(webhook, servers.AUTH_TOKEN)
    return [
        Conversation(phone, [requests.make(f"SM{next(sids):032x}", phone, line) for line in LINES]) for phone in phones
    ]


def _lanes(webhook: str, phones: list[str], together: int, sids: Iterator[int]) -> list[Lane]:
    lines = [list(one.lines) for one in write(webhook, phones, sids)]
    return [Lane(webhook, list(itertools.chain.from_iterable(lines[number::together]))) for number in range(together)]


if __name__ == "__main__":
    main()
