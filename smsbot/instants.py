"""Points in time: the present one, and how one is written as a number or as a text. All of them are aware.

Times that others have written are read in `smsbot.sources.times` and `smsbot.http_headers`, and told to people by
`smsbot.messages.french_dates`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DIGITS = 18  # microseconds, until the year 9999


def utc_now() -> datetime:
    """The present moment, in UTC. It is the clock of whatever is not given another one."""
    return datetime.now(UTC)


def to_microseconds(moment: datetime) -> int:
    """The whole microseconds since 1970."""
    return (moment - EPOCH) // datetime.resolution


def from_microseconds(number: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC. Raises `OverflowError` after the year 9999."""
    return EPOCH + number * datetime.resolution


def read_microseconds(text: str) -> datetime | None:
    """The moment whose microseconds this text gives, as in an address or form; None for any other text."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return from_microseconds(int(text))
    except OverflowError:
        return None


def to_iso(moment: datetime, timespec: Literal["auto", "seconds"] = "auto") -> str:
    """The moment as ISO 8601 writes it in UTC: `2026-05-04T10:00:00Z`, with its microseconds if it has any.

    With "seconds" they are cut off.
    """
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
