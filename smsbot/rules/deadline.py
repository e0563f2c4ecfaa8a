"""May an usager cancel this appointment by themselves, at this moment? The four-hour rule and its exceptions.

As RDV Service Public has it: while `starts_at > now + notice`, strictly; on the boundary it is too late. Conversation,
page, door, herald and reminders all ask here. Datetimes are aware.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto


class Refusal(Enum):
    """Why not. What may not be cancelled this way at all is never too late for it."""

    BARRED = auto()
    TOO_LATE = auto()


def is_in_time(starts_at: datetime, notice: timedelta, now: datetime) -> bool:
    return starts_at > now + notice


def refusal(starts_at: datetime, notice: timedelta, now: datetime, *, may_be_cancelled: bool) -> Refusal | None:
    """None where it may be cancelled. `may_be_cancelled` and `notice` are the appointment's (`smsbot.toml`)."""
    if not may_be_cancelled:
        return Refusal.BARRED
    return None if is_in_time(starts_at, notice, now) else Refusal.TOO_LATE
