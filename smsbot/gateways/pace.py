"""The rates of senders, as one process keeps them: pure arithmetic on one number for each sender.

It is the generic cell rate algorithm (ITU-T I.371 annex A), as in `smsbot.outbox.rates`, which keeps the rates of all
processes together, but only those of the senders that messages are written for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CREDIT_SECONDS = 0.1
"""A sender that was silent has this much to make up for, and no more."""


@dataclass(slots=True)
class Pace:
    """When each sender may send its next message, in seconds of any clock that does not go back."""

    free_at: dict[str, float] = field(default_factory=dict)

    def wait(self, sender: str, now: float) -> float:
        """For how many seconds it may not send; 0 where it may."""
        return max(self.free_at.get(sender, now) - now, 0.0)

    def note(self, sender: str, now: float, per_second: float) -> None:
        """It sends a message now."""
        earliest = now - CREDIT_SECONDS
        self.free_at[sender] = max(self.free_at.get(sender, earliest), earliest) + 1 / per_second
