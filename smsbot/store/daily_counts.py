"""Counts of what happens on each day. They are updated as it happens, so that reading needs no counting of rows.

The counts of a transaction are written by its last statement, so that another transaction with the same counts waits
only for its commit. On PostgreSQL each count is spread over several rows (slots), so that even this wait is rare.
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
"""Messages that delivery has finished with, by channel, kind and result."""
DELIVERIES = "deliveries"
"""The final reports of gateways on sent messages, by gateway, sender and "delivered" or "lost"."""
REPEATS = "repeats"
"""Messages that were perhaps sent twice, by channel."""

KEPT_FOR = timedelta(days=7)
_SLOTS = 8
_DAYS_BEGIN_IN = ZoneInfo(DEFAULT_TIME_ZONE)


def count(connection: Connection, what: str, *labels: str, now: datetime) -> None:
    """Add one to the count of `what` for the day (in Paris) of `now`. Each label is a single word."""
    counts: Counter[tuple[str, str, str]] = connection.info.setdefault("counts", Counter())
    counts[_day(now), what, " ".join(labels)] += 1


def take_counts(connection: Connection) -> Additions:
    """What was counted in this transaction since the last call."""
    counts: Additions = connection.info.pop("counts", {})
    return counts


def adding(connection: Connection, counts: Additions) -> list[StatementWithValues]:
    """The statements that add these counts to the rows of their days."""
    slot = 0 if connection.dialect.name == "sqlite" else random.randrange(_SLOTS)  # noqa: S311 - no secret
    rows = [
        {"day": day, "what": what, "labels": labels, "slot": slot, "number": number}
        for (day, what, labels), number in sorted(counts.items())
    ]
    return _ADD.statements(connection, rows)


def counted_on_day_of(connection: Connection, now: datetime, what: str) -> dict[tuple[str, ...], int]:
    """How many of `what` were counted on the day of `now`, by their labels."""
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
