"""When a message that an agent puts off comes back: in an hour, this afternoon, tomorrow morning, on another day.

All hours are in the organisation's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from smsbot.messages.french_dates import local

AFTERNOON = time(14)
MORNING = time(9)
MOST_DAYS_AHEAD = 60


class Later(StrEnum):
    """What an agent chooses, as a word in the form."""

    HOUR = "heure"
    AFTERNOON = "apres-midi"
    TOMORROW = "demain"
    DAY = "jour"


def choices(now: datetime, time_zone: str) -> Sequence[Later]:
    """What may be chosen now. "This afternoon" is not offered once the afternoon has begun."""
    afternoon = local(now, time_zone).time() < AFTERNOON
    return [each for each in Later if each is not Later.AFTERNOON or afternoon]


def may_come_back(until: datetime, now: datetime) -> bool:
    """Whether a message may be put off until this moment: it is in the future, and not too far away."""
    return now < until <= now + timedelta(days=MOST_DAYS_AHEAD)


def comes_back_at(later: Later, day: date | None, now: datetime, time_zone: str) -> datetime | None:
    """When it comes back, in UTC; None where this is not in the future, or more than `MOST_DAYS_AHEAD` days away.

    `day` is only used for `Later.DAY`; None where no day was chosen. `time_zone` is an IANA name.
    """
    today = local(now, time_zone).date()
    match later:
        case Later.HOUR:
            return now + timedelta(hours=1)
        case Later.AFTERNOON:
            at = datetime.combine(today, AFTERNOON)
        case Later.TOMORROW:
            at = datetime.combine(today + timedelta(days=1), MORNING)
        case Later.DAY:
            if day is None or not today < day <= today + timedelta(days=MOST_DAYS_AHEAD):
                return None
            at = datetime.combine(day, MORNING)
    back = at.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    return back if back > now else None
