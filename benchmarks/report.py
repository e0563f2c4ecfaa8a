"""Figures, and the table of them in the README."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import statistics
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Load


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, the result, and its ratio to what was measured beside it."""

    what: str
    measured: str
    ratio: str
    swing: str = ""
    """How far the slowest and the fastest round are from the median."""
    cpu: str = ""
    """The CPU of a message, and its ratio to the floor's. Other work on the machine changes it little."""

    @classmethod
    def of_loads(cls, what: str, loads: Sequence[Load], floor: Sequence[Load]) -> Figure:
        """The medians of several rounds, compared with those of `floor`.

        Raises `RuntimeError` if a message was refused, because such a figure would mean nothing.
        """
        if refused := sum(load.refused for load in loads):
            raise RuntimeError(f"{what}: {refused} messages were not answered 200")
        per_second, of_floor = (statistics.median(load.per_second for load in some) for some in (loads, floor))
        cpu, cpu_of_floor = (statistics.median(load.cpu_microseconds for load in some) for some in (loads, floor))
        p50, p99 = (statistics.median(load.quantile(share) for load in loads) for share in (0.5, 0.99))
        speeds = sorted(load.per_second for load in loads)
        told = f"{cpu:.0f} µs ({cpu_of_floor / cpu:.2f})" if cpu else ""
        print(f"{what}: {', '.join(f'{speed:.0f}' for speed in speeds)} a second; {told}")
        measured = f"{per_second:.0f} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        swing = f"{speeds[0] / per_second - 1:+.0%} to {speeds[-1] / per_second - 1:+.0%}"
        return cls(what, measured, f"{per_second / of_floor:.2f}", swing, told)


def table(figures: Iterable[Figure]) -> str:
    """The figures as a table in Markdown, below a line that describes the machine."""
    lines = [
        machine(),
        "",
        "| | measured | ratio | rounds | CPU of each (ratio) |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = (f"| {one.what} | {one.measured} | {one.ratio} | {one.swing} | {one.cpu} |" for one in figures)
    return "\n".join([*lines, *rows])


def machine() -> str:
    """The processor, how many of its cores may be used, what else was running, and the versions that matter."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        told = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        name = told[1] if told else name
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[2]
    return (
        f"{name}, {cores} cores, load {load:.1f} in the last 15 minutes; Linux {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
