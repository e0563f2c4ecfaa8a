"""Figures as the README's table has them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.load import Load


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what was measured, what came out, and how that compares with what was measured beside it."""

    what: str
    measured: str
    ratio: str

    @classmethod
    def of_loads(cls, what: str, loads: Sequence[Load], floor: float) -> Figure:
        """The medians of several rounds; `floor` is the messages a second that they are compared with.

        Raises `RuntimeError` where a message was refused: such a figure would mean nothing.
        """
        if refused := sum(load.refused for load in loads):
            raise RuntimeError(f"{what}: {refused} messages were not answered 200")
        per_second = statistics.median(load.per_second for load in loads)
        p50, p99 = (statistics.median(load.quantile(share) for load in loads) for share in (0.5, 0.99))
        rounds = ", ".join(f"{load.per_second:.0f}" for load in loads)
        print(f"{what}: {rounds} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        measured = f"{per_second:.0f} a second; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        return cls(what, measured, f"{per_second / floor:.2f}")


def table(figures: Iterable[Figure]) -> str:
    """In Markdown."""
    lines = ["| | measured | ratio |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {one.what} | {one.measured} | {one.ratio} |" for one in figures)])
