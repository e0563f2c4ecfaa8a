"""Counts of what happens, per day: added up in the transaction in which it happens, and read without counting rows.

The counts of a transaction are written as its last statement, so that others who count the same wait only for its
commit. On PostgreSQL each count has some rows to choose from, so that they seldom wait for that either.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, select

from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.store.many import Inserts
from smsbot.store.prepared import StatementWithValues
from smsbot.store.tables import daily_counts

Additions: TypeAlias = Mapping[tuple[str, str, str], int]
"""Numbers by day, by what is counted, and by its labels."""

INCOMING = "incoming"
"""Messages received, by outcome."""
OUTGOING = "outgoing"
"""Messages that delivery has finished, by channel, kind and what became of them."""
DELIVERIES = "deliveries"
"""What gateways reported of sent messages at last, by gateway, sender and "delivered" or "lost"."""
REPEATS = "repeats"
"""Sends that may have been one too many, by channel."""

KEPT_FOR = timedelta(days=7)
_SLOTS = 8
_DAYS_BEGIN_IN = ZoneInfo(DEFAULT_TIME_ZONE)


def count(connection: Connection, what: str, *labels: str, now: datetime) -> None:
    """Count one more of `what` on the day of `now`. Labels are single words."""
    counts: Counter[tuple[str, str, str]] = connection.info.setdefault("counts", Counter())
    counts[_day(now), what, " ".join(labels)] += 1


def take_counts(connection: Connection) -> Additions:
    """What was counted in this transaction since the last time."""
    counts: Additions = connection.info.pop("counts", {})
    return counts


def adding(connection: Connection, counts: Additions) -> list[StatementWithValues]:
    """The statements that add these counts to those of the day."""
    slot = 0 if connection.dialect.name == "sqlite" else random.randrange(_SLOTS)  # noqa: S311 - no secret
    rows = [
        {"day": day, "what": what, "labels": labels, "slot": slot, "number": number}
        for (day, what, labels), number in sorted(counts.items())
    ]
    return _ADD.statements(connection, rows)


def counted_on_day_of(connection: Connection, now: datetime, what: str) -> dict[tuple[str, ...], int]:
    """How many of `what` were counted by now on this day, by their labels."""
    columns = daily_counts.c
    numbers = select(columns.labels, func.sum(columns.number)).where(columns.day == _day(now), columns.what == what)
    return {
        tuple(labels.split(" ")): int(number) for labels, number in connection.execute(numbers.group_by(columns.labels))
    }


def forget_old_counts(connection: Connection, now: datetime) -> None:
    connection.execute(delete(daily_counts).where(daily_counts.c.day < _day(now - KEPT_FOR)))


def _day(now: datetime) -> str:
    return now.astimezone(_DAYS_BEGIN_IN).date().isoformat()


_ADD = Inserts(
    daily_counts,
    "day",
    "what",
    "labels",
    "slot",
    "number",
    conflict="ON CONFLICT (day, what, labels, slot) DO UPDATE SET number = daily_counts.number + excluded.number",
)
