"""Dates and times as French SMS and e-mails write them: "lundi 12 mai à 14h30".

The functions take an aware datetime and write it in the IANA `time_zone` of the appointment.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale

YEAR_TOLD_FROM = timedelta(days=300)
"""If a date is about ten months away or more, the year is added: "lundi 12 mai" could be understood as this year's."""

_FURTHEST_ZONE = timedelta(hours=14)  # no time zone is further from UTC, east or west

_FIRST_DAY, _LAST_DAY = date.min + timedelta(days=2), date.max - timedelta(days=2)

_FRENCH = Locale("fr")
_WEEKDAYS = tuple(_FRENCH.days["format"]["wide"][day] for day in range(7))
_SHORT_WEEKDAYS = tuple(_FRENCH.days["format"]["abbreviated"][day].rstrip(".") for day in range(7))
_MONTHS = ("", *(_FRENCH.months["format"]["wide"][month] for month in range(1, 13)))

_zone = lru_cache(maxsize=64)(ZoneInfo)


def local(moment: datetime, time_zone: str) -> datetime:
    """`moment` in local time. Raises `zoneinfo.ZoneInfoNotFoundError` for a zone that does not exist."""
    return moment.astimezone(_zone(time_zone))


def span_of_day(day: date) -> tuple[datetime, datetime]:
    """The span (begin and end, in UTC) in which it is this day in at least one time zone.

    For the first and the last days that Python's dates have, it is the span of the nearest day that has a whole one.
    """
    midnight = datetime.combine(min(max(day, _FIRST_DAY), _LAST_DAY), time(), UTC)
    return midnight - _FURTHEST_ZONE, midnight + timedelta(days=1) + _FURTHEST_ZONE


def long_date(moment: datetime, time_zone: str, *, now: datetime, approximate: bool = False) -> str:
    """ "lundi 12 mai à 14h30"; "mardi 1er juin 2027 à 9h00" when far from `now`; "vers 14h30" when `approximate`."""
    there = local(moment, time_zone)
    day = "1er" if there.day == 1 else str(there.day)
    year = f" {there.year}" if _is_far(moment, now) else ""
    preposition = "vers" if approximate else "à"
    return (
        f"{_WEEKDAYS[there.weekday()]} {day} {_MONTHS[there.month]}{year} {preposition} {there.hour}h{there.minute:02}"
    )


def short_date(moment: datetime, time_zone: str, *, now: datetime, approximate: bool = False) -> str:
    """ "lun 12/05 14h30"; "01/06/27 9h00" when far from `now`; "lun 12/05 vers 14h30" when `approximate`.

    The year replaces the weekday, so a date has at most 20 characters: a list of four must fit one SMS.
    """
    there = local(moment, time_zone)
    day = f"{there.day:02}/{there.month:02}"
    day = f"{day}/{there.year % 100:02}" if _is_far(moment, now) else f"{_SHORT_WEEKDAYS[there.weekday()]} {day}"
    preposition = "vers " if approximate else ""
    return f"{day} {preposition}{there.hour}h{there.minute:02}"


def _is_far(moment: datetime, now: datetime) -> bool:
    return abs(moment - now) > YEAR_TOLD_FROM
