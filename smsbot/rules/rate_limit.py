"""Limiting a rate: pure arithmetic, the generic cell rate algorithm (ITU-T I.371, annex A).

All there is to remember is one moment, `free_at`: when the next event may come. Each event moves it on by the limit's
interval. However old it is, it counts for no more than `credit` before now: after a silence some events may come at
once, but nobody makes up for a whole day.

A moment is an aware datetime, or a timedelta on any clock that does not go back (such as `time.monotonic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Moment = TypeVar("Moment", datetime, timedelta)

SENDER_CREDIT = timedelta(seconds=0.1)
"""What a sender of messages has to make up for after a silence. About this much time lies between two looks at the
outbox while there is much to do, so a sender's rate is kept up whatever the moments of the looks are."""


@dataclass(frozen=True, slots=True)
class Allowance(Generic[Moment]):
    """So many events may come now: `number`. What came of them is written down as `free_at_after(taken)`."""

    number: int
    begins: Moment
    interval: timedelta

    def free_at_after(self, taken: int) -> Moment:
        """The moment to remember, once `taken` events have come."""
        return self.begins + taken * self.interval


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One event for every `interval` that passes; after a silence, those of `credit` at once as well."""

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
        """What may come `now`. `free_at` is None where nothing is remembered."""
        earliest = now - self.credit
        begins = earliest if free_at is None else max(free_at, earliest)
        number = (now - begins) // self.interval + 1 if begins <= now else 0
        return Allowance(number, begins, self.interval)
