"""Points in time: the current one, and how to write one as a number or as text. All have a time zone.

`smsbot.sources.times` and `smsbot.http_headers` read times from other systems. `smsbot.messages.french_dates` writes
times for people.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DIGITS = 18  # microseconds, until the year 9999


def utc_now() -> datetime:
    """The current time, in UTC. It is the default clock."""
    return datetime.now(UTC)


def to_microseconds(moment: datetime) -> int:
    """The microseconds since 1970-01-01 00:00 UTC."""
    return (moment - EPOCH) // datetime.resolution


def from_microseconds(number: int) -> datetime:
    """The moment in UTC, from the microseconds since 1970-01-01. Raises `OverflowError` after the year 9999."""
    return EPOCH + number * datetime.resolution


def read_microseconds(text: str) -> datetime | None:
    """The moment (UTC) from its microseconds as text, for example in a URL or a form; None for any other text."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return from_microseconds(int(text))
    except OverflowError:
        return None


def to_iso(moment: datetime, timespec: Literal["auto", "seconds"] = "auto") -> str:
    """The moment in ISO 8601 and UTC: `2026-05-04T10:00:00Z`, with its microseconds if it has any.

    With "seconds" they are cut off.
    """
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
