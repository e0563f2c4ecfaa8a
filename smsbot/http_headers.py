"""Reads HTTP headers for several rooms: dates, how long to wait, the media type, the credentials (RFC 9110)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def http_date(written: str) -> datetime:
    """The moment, in UTC, of a date in HTTP or mail format (RFC 9110, 5.6.7; RFC 5322, 3.3).

    A date without a zone is taken as UTC. Raises `ValueError`.
    """
    try:
        read = parsedate_to_datetime(written)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("no such moment") from None


def told_wait(retry_after: str | None, now: datetime, longest: timedelta) -> timedelta | None:
    """How long the header `Retry-After` asks us to wait from `now` (aware): seconds or a date (RFC 9110, 10.2.3).

    At most `longest`. None if the header is missing or cannot be read.
    """
    given = (retry_after or "").strip()
    if given.isdecimal():
        return timedelta(seconds=min(float(given), longest.total_seconds()))
    try:
        wait = http_date(given) - now
    except ValueError:
        return None
    return min(max(wait, timedelta(0)), longest)


def media_type(content_type: str | None) -> str:
    """The media type in the header `Content-Type`, in lower case and without parameters; "" if it is missing."""
    return (content_type or "").partition(";")[0].strip().lower()


def credentials_of(authorization: str, scheme: str) -> str | None:
    """The credentials in the header `Authorization`; None if they are not of this scheme, such as "bearer"."""
    given, _, credentials = authorization.partition(" ")
    return credentials.strip() if given.lower() == scheme else None
