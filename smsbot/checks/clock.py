"""Compares this machine's clock with that of a gateway, by the `Date` of an answer (RFC 9110, 6.6.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from smsbot.checks.findings import CheckFinding, well, wrong

CLOCKS_MAY_DIFFER = timedelta(seconds=30)


def look_at_clock(date: str | None, whose: str) -> CheckFinding | None:
    """A finding about the clock; None where the answer bears no time."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if theirs.tzinfo is None:
        return None
    apart = abs(datetime.now(UTC) - theirs)
    if apart > CLOCKS_MAY_DIFFER:
        return wrong(
            "clock",
            f"this machine's clock is {apart.total_seconds():.0f} seconds off {whose}'s: let it be set by NTP "
            "(timedatectl)",
        )
    return well("clock", f"as {whose}'s")
