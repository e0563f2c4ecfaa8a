"""Figures as the README's table has them."""

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
    """One line: what was measured, what came out, and how that compares with what was measured beside it."""

    what: str
    measured: str
    ratio: str
    swing: str = ""
    """How far the rounds lie from their median, the slowest and the fastest."""

    @classmethod
    def of_loads(cls, what: str, loads: Sequence[Load], floor: float) -> Figure:
        """The medians of several rounds; `floor` is the messages a second that they are compared with.

        Raises `RuntimeError` where a message was refused: such a figure would mean nothing.
        """
        if refused := sum(load.refused for load in loads):
            raise RuntimeError(f"{what}: {refused} messages were not answered 200")
        per_second = statistics.median(load.per_second for load in loads)
        p50, p99 = (statistics.median(load.quantile(share) for load in loads) for share in (0.5, 0.99))
        speeds = sorted(load.per_second for load in loads)
        print(f"{what}: {', '.join(f'{speed:.0f}' for speed in speeds)} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        measured = f"{per_second:.0f} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        swing = f"{speeds[0] / per_second - 1:+.0%} to {speeds[-1] / per_second - 1:+.0%}"
        return cls(what, measured, f"{per_second / floor:.2f}", swing)


def table(figures: Iterable[Figure]) -> str:
    """In Markdown, under a line that tells the machine."""
    lines = [machine(), "", "| | measured | ratio | rounds |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {one.what} | {one.measured} | {one.ratio} | {one.swing} |" for one in figures)])


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
