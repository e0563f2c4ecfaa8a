"""The rates of senders, as one process keeps them in its memory.

`smsbot.outbox.rates` keeps the rates of all processes together, but only those of the senders that messages are written
for. The rates of senders that stand in for others are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from smsbot.rules.rate_limit import RateLimit


@dataclass(slots=True)
class Pace:
    """When each sender may send its next message, on a clock of seconds that does not go back."""

    free_at: dict[str, timedelta] = field(default_factory=dict)

    def wait(self, sender: str, now: float) -> float:
        """For how many seconds the sender may not send; 0 where it may."""
        moment = timedelta(seconds=now)
        return max((self.free_at.get(sender, moment) - moment).total_seconds(), 0.0)

    def note(self, sender: str, now: float, per_second: float) -> None:
        """The sender sends a message now."""
        allowed = RateLimit.per_second(per_second).allowance(self.free_at.get(sender), timedelta(seconds=now))
        self.free_at[sender] = allowed.free_at_after(1)
