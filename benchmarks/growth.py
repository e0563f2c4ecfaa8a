"""A turn with 1,000 and with 1,000,000 appointments and messages in the database: `python -m benchmarks.growth`.

Both services run all the time and are measured in turn. Each conversation has a telephone of its own. The telephones
are spread over all that are in the database.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import appointments, postgresql, servers
from benchmarks.load import Load, Webhooks
from benchmarks.outside import outside
from benchmarks.report import Figure, table
from benchmarks.turns import lanes

FEW, CONNECTIONS = 1_000, 16


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--many", type=int, default=1_000_000)
    print(table(measure(options.parse_args().many)))


def measure(many: int = 1_000_000, rounds: int = 5) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        few_here, many_here = f"sqlite:///{folder / 'few.db'}", f"sqlite:///{folder / 'many.db'}"
        few_there = stack.enter_context(postgresql.database())
        many_there = stack.enter_context(postgresql.database())
        for engine, few_url, many_url in (("SQLite", few_here, many_here), ("PostgreSQL", few_there, many_there)):
            loads: dict[int, list[Load]] = {FEW: [], many: []}
            with ExitStack() as pair:
                running = {}
                for count, url in ((FEW, few_url), (many, many_url)):
                    appointments.fill(url, count, messages=count)
                    running[count] = pair.enter_context(servers.service(url, "--no-delivery"))
                phones = {count: random.Random(1).sample(range(count), FEW) for count in loads}
                spare = {count: map(appointments.phone, numbers) for count, numbers in phones.items()}
                sids = itertools.count(10 * many)
                for _ in range(rounds):
                    for count, process in running.items():
                        of_round = lanes([process], CONNECTIONS, FEW // rounds // CONNECTIONS, sids, spare[count])
                        loads[count].append(around.load(Webhooks(of_round), process))
            figures += [
                Figure.of_loads(f"turns with {count:,} appointments and messages: {engine}", some, loads[FEW])
                for count, some in loads.items()
            ]
    return figures


if __name__ == "__main__":
    main()
