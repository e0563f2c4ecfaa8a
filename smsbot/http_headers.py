"""Reads HTTP headers that several rooms need: dates, how long to wait, the media type and who asks (RFC 9110)."""

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

    At most `longest`. None where the header is missing or cannot be read.
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
    """The media type in the header `Content-Type`, in small letters and without parameters; "" where it is missing."""
    return (content_type or "").partition(";")[0].strip().lower()


def credentials_of(authorization: str, scheme: str) -> str | None:
    """What the header `Authorization` gives for this scheme, as `bearer`; None where it is of another one."""
    given, _, credentials = authorization.partition(" ")
    return credentials.strip() if given.lower() == scheme else None
