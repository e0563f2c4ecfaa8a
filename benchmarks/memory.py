"""Memory of a process through a million turns: `python -m benchmarks.memory`.

Conversations of ANNULER, the letters and NON, on SQLite, with delivery switched off. Compared is what the process holds
after the first tenth with the most that it held since.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import appointments, servers
from benchmarks.load import Webhooks
from benchmarks.outside import outside
from benchmarks.report import Figure, table
from benchmarks.turns import MESSAGES_OF_A_PHONE, lanes

CONNECTIONS = 32
PHONES_AT_ONCE = 64  # of each connection
AT_ONCE = CONNECTIONS * PHONES_AT_ONCE * MESSAGES_OF_A_PHONE


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=1_000_000)
    print(table(measure(options.parse_args().turns)))


def measure(turns: int = 1_000_000) -> list[Figure]:
    times = -(-turns // AT_ONCE)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite = f"sqlite:///{folder / 'smsbot.db'}"
        appointments.fill(sqlite, times * CONNECTIONS * PHONES_AT_ONCE)
        service = stack.enter_context(servers.service(sqlite, "--no-delivery"))
        at_start = service.resident_megabytes()
        sids, spare = itertools.count(), map(appointments.phone, itertools.count())
        held = []
        for number in range(1, times + 1):
            load = around.do(Webhooks(lanes([service], CONNECTIONS, PHONES_AT_ONCE, sids, spare)))
            if load.refused:
                raise RuntimeError(f"{load.refused} messages were not answered 200")
            held.append(service.resident_megabytes())
            print(f"{number * AT_ONCE:,} turns: {held[-1]:.1f} MB, {load.per_second:.0f} a second", flush=True)
    first, most = held[len(held) // 10], max(held[len(held) // 10 :])
    what = f"memory of a process after a tenth of {times * AT_ONCE:,} turns, and at most since"
    return [
        Figure("memory of a process when it is ready", f"{at_start:.0f} MB", f"{at_start / first:.2f}"),
        Figure(what, f"{first:.0f} MB, {most:.0f} MB", f"{most / first:.2f}"),
    ]


if __name__ == "__main__":
    main()
