"""Whether an usager may cancel an appointment at this moment: the four-hour rule and its exceptions.

As in RDV Service Public, the condition is `starts_at > now + notice`; exactly on the boundary it is too late.
All datetimes are aware.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto


class Refusal(Enum):
    """Why an usager may not cancel. What they may never cancel is BARRED, even when it is too late as well."""

    BARRED = auto()
    TOO_LATE = auto()


def is_in_time(starts_at: datetime, notice: timedelta, now: datetime) -> bool:
    return starts_at > now + notice


def refusal(starts_at: datetime, notice: timedelta, now: datetime, *, may_be_cancelled: bool) -> Refusal | None:
    """Why it may not be cancelled; None where it may. `may_be_cancelled` and `notice` come from `smsbot.toml`."""
    if not may_be_cancelled:
        return Refusal.BARRED
    return None if is_in_time(starts_at, notice, now) else Refusal.TOO_LATE
