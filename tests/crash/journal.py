"""A journal of what happened when, for the report of a failure."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.crash.summary import Figures


@dataclass
class Journal:
    """The disasters of one test, counted by kind, and their results.

    The same seed gives the same plan, but not the same moments.
    """

    seed: str
    disasters: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    figures: Figures | None = None
    begun: float = field(default_factory=time.monotonic)

    def note(self, what: str) -> None:
        self.lines.append(self.at(what))

    def strike(self, kind: str, what: str) -> None:
        """Note a disaster; `kind` is what it is counted as."""
        self.disasters[kind] += 1
        self.note(what)

    def at(self, what: str) -> str:
        """The line `what`, with the seconds since the test began in front."""
        return f"{time.monotonic() - self.begun:7.2f} s  {what}"

    def __str__(self) -> str:
        return "\n".join([f"SMSBOT_CRASH_SEED={self.seed}", *self.lines])
