"""Turns per second of one process against the floor, at full durability: `python -m benchmarks.turns`.

A turn is everything until the webhook is answered: signature, parsing, claim, state, transition, outgoing message,
commit. Each connection plays one phone that writes ANNULER, the letters, NON, again and again. The floor gets the same
requests, and each engine has a floor of its own. All are measured in turn, in several rounds. The ratio is that of the
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
from benchmarks.load import Lane, Load, SmsRequests, Webhooks
from benchmarks.outside import outside
from benchmarks.report import Figure, table

LINES = ("ANNULER", "DUP", "NON")
CONVERSATIONS_OF_A_PHONE = 3  # few enough that a phone stays below the limit of answers
MESSAGES_OF_A_PHONE = len(LINES) * CONVERSATIONS_OF_A_PHONE


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--messages", type=int, default=4000, help="of a round")
    chosen = options.parse_args()
    print(table(measure(chosen.rounds, chosen.connections, chosen.messages)))


def measure(rounds: int = 7, connections: int = 32, messages: int = 4000) -> list[Figure]:
    """On SQLite, on PostgreSQL, and on PostgreSQL with two processes that share the load."""
    phones_at_once = 1 + messages // (connections * MESSAGES_OF_A_PHONE)  # on each connection
    phones = rounds * connections * phones_at_once
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite, shared = f"sqlite:///{folder / 'smsbot.db'}", stack.enter_context(postgresql.database())
        appointments.fill(sqlite, phones)
        appointments.fill(shared, 2 * phones)
        floor = stack.enter_context(servers.floor(folder))
        shared_floor = stack.enter_context(servers.floor(folder, shared))
        alone, *both = (stack.enter_context(servers.service(url, "--no-delivery")) for url in (sqlite, shared, shared))
        on_sqlite, on_postgresql = map(appointments.phone, range(phones)), map(appointments.phone, range(2 * phones))
        measured = {
            "floor": ([floor], map(appointments.phone, range(phones))),
            "floor, PostgreSQL": ([shared_floor], map(appointments.phone, range(phones))),
            "SQLite, one process": ([alone], on_sqlite),
            "PostgreSQL, one process": (both[:1], on_postgresql),
            "PostgreSQL, two processes": (both, on_postgresql),
        }
        loads: dict[str, list[Load]] = {name: [] for name in measured}
        sids = itertools.count()
        for _ in range(rounds):
            for name, (processes, spare) in measured.items():
                order = Webhooks(lanes(processes, connections, phones_at_once, sids, spare))
                loads[name].append(around.load(order, *processes))
    return [
        Figure.of_loads(f"turns: {name}", some, loads["floor, PostgreSQL" if "PostgreSQL" in name else "floor"])
        for name, some in loads.items()
    ]


def lanes(
    processes: list[servers.Running], connections: int, phones: int, sids: Iterator[int], spare: Iterator[str]
) -> list[Lane]:
    """One lane for each connection. It has the conversations of so many `phones`, one after the other."""
    made = []
    for number in range(connections):
        url = processes[number % len(processes)].webhook
        requests = SmsRequests(url, servers.AUTH_TOKEN)
        written = [
            requests.make(f"SM{next(sids):032x}", phone, line)
            for phone in itertools.islice(spare, phones)
            for line in LINES * CONVERSATIONS_OF_A_PHONE
        ]
        made.append(Lane(url, written))
    return made


if __name__ == "__main__":
    main()
