"""All benchmarks, one after the other: `python -m benchmarks`."""

from benchmarks import pages, turns

print("Turns per second against the floor (benchmarks.turns)\n")
turns.main()
print("\nThe usager's pages (benchmarks.pages)\n")
pages.main()
