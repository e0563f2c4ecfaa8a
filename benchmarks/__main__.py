"""All benchmarks, and the table of the README: `python -m benchmarks`, or a tenth of each with `--short`.

The whole takes about an hour on two cores, most of it for the million turns.
"""

from __future__ import annotations

import argparse

from benchmarks import (
    connected,
    conversations,
    decade,
    flood,
    growth,
    latency,
    memory,
    notification,
    pages,
    reading,
    search,
    segments,
    sync,
    turns,
    usager_pages,
)
from benchmarks.report import Figure, table

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--short", action="store_true", help="a tenth of everything, to see that it runs")
part = 10 if options.parse_args().short else 1

figures: list[Figure] = [
    *turns.measure(rounds=max(7 // part, 1)),
    *conversations.measure(rounds=max(7 // part, 1)),
    *latency.measure(seconds=30 // part),
    *notification.measure(100_000 // part),
    *flood.measure(50_000 // part),
    *pages.measure(seconds=20 // part),
    *growth.measure(1_000_000 // part),
    *decade.measure(0.1 / part),
    *memory.measure(1_000_000 // part, 100_000 // part),
    *reading.measure(400 // part),
    *connected.measure(seconds=max(20 // part, 5)),
    *sync.measure(100_000 // part),
]
print("\nThe usager's pages (benchmarks.usager_pages)\n")
usager_pages.main()
print("\nSegments of reminders (benchmarks.segments)")
segments.main()

print("\nThe agents' search (benchmarks.search)")
search.run(100_000 // part)
print(f"\n{table(figures)}")
