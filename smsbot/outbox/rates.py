"""How many messages a sender may send at this moment, where its rate is limited and several machines share it."""

from __future__ import annotations

from datetime import datetime

from smsbot.outbox.messages import CLOCKS_DIFFER
from smsbot.rules.rate_limit import Allowance, RateLimit


def allowance(free_at: datetime | None, now: datetime, per_second: float) -> Allowance[datetime]:
    """What a sender may send `now`. `free_at` is what the database remembers of it.

    Of several machines, the one whose clock is ahead sets the pace for all: together they keep the rate. But a moment
    that is further ahead than clocks may differ comes from a clock that was wrong: nobody waits for it.
    """
    limit = RateLimit.per_second(per_second)
    is_sane = free_at is not None and free_at <= now + limit.interval + CLOCKS_DIFFER
    return limit.allowance(free_at if is_sane else None, now)
