"""What happened when, for whoever reads of a failure."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Journal:
    """The disasters of one test; the seed repeats their plan, though not what they meet."""

    seed: str
    lines: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def note(self, what: str) -> None:
        self.lines.append(self.at(what))

    def at(self, what: str) -> str:
        """The same with the moment before it, in seconds since the test began."""
        return f"{time.monotonic() - self.begun:7.2f} s  {what}"

    def __str__(self) -> str:
        return "\n".join([f"SMSBOT_CRASH_SEED={self.seed}", *self.lines])
