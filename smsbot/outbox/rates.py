"""How many messages a sender may send at this moment, where its rate is limited: pure arithmetic on one instant.

All there is to remember of a sender is `free_at`, when its rate lets the next message go (the generic cell rate
algorithm, ITU-T I.371 annex A). Each message moves it on by `1 / per_second`; it is never worth more than `CREDIT` in
the past, so that a sender that was silent does not make up for it all at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from smsbot.outbox.messages import CLOCKS_DIFFER

CREDIT = timedelta(seconds=0.1)
"""About what lies between two looks at the outbox while there is much to do: a rate is kept up, whatever they are."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`messages` may go now. What is taken of them is written down as `free_at_after(taken)`."""

    messages: int
    begins: datetime
    interval: timedelta

    def free_at_after(self, taken: int) -> datetime:
        """When the next message may go, once so many of these have gone."""
        return self.begins + taken * self.interval


def allowance(free_at: datetime | None, now: datetime, per_second: float) -> Allowance:
    """What a sender may send `now`. An instant further ahead than clocks may differ is none to wait for.

    Of several machines, the one whose clock is ahead sets the pace for all: together they keep the rate.
    """
    interval = timedelta(seconds=1 / per_second)
    earliest = now - CREDIT
    is_sane = free_at is not None and free_at <= now + interval + CLOCKS_DIFFER
    begins = max(free_at, earliest) if free_at is not None and is_sane else earliest
    return Allowance((now - begins) // interval + 1 if begins <= now else 0, begins, interval)
