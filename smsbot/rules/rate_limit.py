"""Limits a rate with the generic cell rate algorithm (ITU-T I.371, annex A), as pure arithmetic.

Only one moment is kept, `free_at`: when the next event may come. Each event moves it on by the limit's interval. A
`free_at` before `now - credit` counts as `now - credit`: so a few events may come at once after a silence, but not as
many as the whole silence would allow.

A moment is an aware datetime, or a timedelta on a clock that never goes back (such as `time.monotonic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Moment = TypeVar("Moment", datetime, timedelta)

SENDER_CREDIT = timedelta(seconds=0.1)
"""The credit of a sender of messages.

While there is much to send, two rounds of delivery are about this far apart. With this credit the full rate is used.
"""


@dataclass(frozen=True, slots=True)
class Allowance(Generic[Moment]):
    """How many events may come now. When `taken` of them have come, keep `free_at_after(taken)`."""

    number: int
    begins: Moment
    interval: timedelta

    def free_at_after(self, taken: int) -> Moment:
        """The moment to keep after `taken` events."""
        return self.begins + taken * self.interval


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One event for each `interval`. After a silence, the events of `credit` may come at once as well."""

    interval: timedelta
    credit: timedelta

    @classmethod
    def per_second(cls, number: float) -> RateLimit:
        """The limit of a sender: `number` messages a second."""
        return cls(timedelta(seconds=1 / number), SENDER_CREDIT)

    @classmethod
    def at_once(cls, number: int, interval: timedelta) -> RateLimit:
        """`number` events at once, and one more for every `interval` that passes."""
        return cls(interval, interval * (number - 1))

    def allowance(self, free_at: Moment | None, now: Moment) -> Allowance[Moment]:
        """How many events may come `now`. `free_at` is None where nothing was kept."""
        earliest = now - self.credit
        begins = earliest if free_at is None else max(free_at, earliest)
        number = (now - begins) // self.interval + 1 if begins <= now else 0
        return Allowance(number, begins, self.interval)
