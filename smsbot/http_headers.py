"""Headers of HTTP that several rooms read, whoever has answered: a date, and how long to wait (RFC 9110)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def http_date(written: str) -> datetime:
    """The moment in a date as in HTTP or mail (RFC 9110, 5.6.7; RFC 5322, 3.3), in UTC. Without a zone it is UTC.

    Raises `ValueError`.
    """
    try:
        read = parsedate_to_datetime(written)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("no such moment") from None


def told_wait(retry_after: str | None, now: datetime, longest: timedelta) -> timedelta | None:
    """How long the header `Retry-After` asks us to wait from `now` (aware): seconds or a date (RFC 9110, 10.2.3).

    At most `longest`; None where it is missing or says nothing that can be read.
    """
    given = (retry_after or "").strip()
    if given.isdecimal():
        return timedelta(seconds=min(float(given), longest.total_seconds()))
    try:
        wait = http_date(given) - now
    except ValueError:
        return None
    return min(max(wait, timedelta(0)), longest)
