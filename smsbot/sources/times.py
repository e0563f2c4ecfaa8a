"""Reads times and time zones as sources write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from smsbot.problem import Problem

EARLIEST_YEAR, LATEST_YEAR = 2000, 2100

_UTC_IN_WORDS = re.compile(r"\s*(?:UTC|GMT|Z)$")
_SPACE_BEFORE_OFFSET = re.compile(r"\s+(?=[+-][0-9:]+$)")
_LOCAL = re.compile(
    r"""
    (?: (?P<year>[0-9]{4}) [-/.] (?P<month>[0-9]{1,2}) [-/.] (?P<day>[0-9]{1,2})
      | (?P<day_first>[0-9]{1,2}) [-/.] (?P<month_second>[0-9]{1,2}) [-/.] (?P<year_last>[0-9]{4}|[0-9]{2}) )
    (?: \s* [T,] \s* | \s+ (?:à\s+)? )
    (?P<hour>[0-9]{1,2})
    (?: \s* [hH] (?: \s* (?P<minute_after_h>[0-9]{2}) )?
      | : (?P<minute>[0-9]{2}) (?: : (?P<second>[0-9]{2}) (?: [.,] [0-9]+ )? )? )
    """,
    re.VERBOSE,
)


class UnreadableTime(Problem, ValueError):
    """A text is not a time. The sentence does not quote it, and begins with the verb: its field's name comes before it.

    It is a ValueError too, so that pydantic accepts it from a validator.
    """


def instant(value: object) -> datetime:
    """The time in a text with a UTC offset, returned in UTC. The text is ISO 8601, or Ruby's `2025-01-15 10:00:00
    -0400`.

    RDV Service Public always gives the offset. A time without one raises UnreadableTime: if Paris was assumed, people
    overseas would be told a wrong time. A value that is not a text raises it too.
    """
    written = _UTC_IN_WORDS.sub("+00:00", value.strip()) if isinstance(value, str) else ""
    try:
        moment = datetime.fromisoformat(_SPACE_BEFORE_OFFSET.sub("", written))
    except ValueError:
        raise UnreadableTime("is not a date and time such as 2025-01-15T10:00:00+01:00") from None
    if moment.tzinfo is None:
        raise UnreadableTime("has no offset from UTC, as in 2025-01-15T10:00:00+01:00")
    return _within_range(moment)


def local_instant(text: str, zone: ZoneInfo) -> datetime:
    """The time that `text` gives on the clocks of `zone`, returned in UTC.

    Accepts `2026-05-12 14:30`, `12/05/2026 14:30`, `12/05/26 14h30`, `12.05.2026 à 14h` (day first, as in France), with
    or without seconds. If the text has a UTC offset, that counts and not `zone`. Raises UnreadableTime, also for an
    hour that the clocks skip in spring. An hour that occurs twice in autumn counts as the first one: it is better to
    come too early than too late.
    """
    match = _LOCAL.fullmatch(text.strip())
    if match is None:
        return _with_offset(text)
    part = match.groupdict()
    year = part["year"] or part["year_last"]
    try:
        local = datetime(
            int(year) + (EARLIEST_YEAR if len(year) == 2 else 0),
            int(part["month"] or part["month_second"]),
            int(part["day"] or part["day_first"]),
            int(part["hour"]),
            int(part["minute"] or part["minute_after_h"] or 0),
            int(part["second"] or 0),
            tzinfo=zone,
        )
    except ValueError:
        raise UnreadableTime(
            "is not a date and time of the calendar: write the day first, as in 12/05/2026 14h30"
        ) from None
    moment = _within_range(local)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise UnreadableTime(f"is an hour that the clocks skip in {zone.key}: give one that exists")
    return moment


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo | None:
    """The IANA time zone with this name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a possible name, or the name of a folder of zones
        return None


def _with_offset(text: str) -> datetime:
    try:
        return instant(text)
    except UnreadableTime:
        raise UnreadableTime("is not a date and time such as 2026-05-12 14:30 or 12/05/2026 14h30") from None


def _within_range(moment: datetime) -> datetime:
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise UnreadableTime(f"is not between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment.astimezone(UTC)
