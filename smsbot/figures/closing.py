"""Closes months: their figures are counted once, and kept.

A month is closed some weeks after its end, when nothing of it changes any more: the last status callback has come, and
what was given back by a source has been given back. From then on its figures are read and not counted again, so that
they cost the same however many years there are, and rows that nobody needs may go (`thinning`).

Figures could also be added up with each message. Then all messages of an organisation would write to the same rows and
wait for each other, and each later change (a status, another start, a cancellation taken back) would have to be undone
in the month in which it was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from smsbot.figures.counting import by_month_and_name, counted_organisations, figures
from smsbot.figures.results import CountedOrganisation, Figures, Lead, Month
from smsbot.figures.thinning import thin
from smsbot.model import DEFAULT_TIME_ZONE, Via
from smsbot.runtime import PeriodicWork
from smsbot.store.daily_counts import forget_old_counts
from smsbot.store.database import Database, serialise
from smsbot.store.tables import (
    closed_months,
    incoming_messages,
    monthly_figures,
    outgoing_messages,
    participations,
)

EVERY = timedelta(hours=1)
CLOSED_AFTER = timedelta(days=35)
"""A month is closed so long after its end."""

logger = structlog.get_logger(__name__)


def kept_or_counted(
    connection: Connection, months: Iterable[Month], *, organisation_ids: Sequence[int] | None = None
) -> list[Figures]:
    """`counting.figures`; those of closed months as they were counted when the month was closed."""
    wanted = set(months)
    closed = closed_among(connection, wanted)
    open_ = figures(connection, wanted - closed, organisation_ids=organisation_ids)
    return by_month_and_name([*_kept(connection, closed, organisation_ids), *open_])


def closed_among(connection: Connection, months: Iterable[Month]) -> set[Month]:
    """Which of these months are closed."""
    its_month = closed_months.c.month
    rows = connection.execute(select(its_month).where(its_month.in_([str(month) for month in months])))
    return {Month.parse(month) for [month] in rows}


def countable_again(connection: Connection) -> list[Month]:
    """The closed months of which no row has been deleted, oldest first."""
    its_month = closed_months.c.month
    rows = connection.execute(select(its_month).where(closed_months.c.is_thinned.is_(False)).order_by(its_month))
    return [Month.parse(month) for [month] in rows]


def keep(connection: Connection, month: Month, counted: Sequence[Figures], now: datetime) -> None:
    """Close the month with these figures, or replace those that are kept of it."""
    serialise(connection, f"figures of {month}")
    connection.execute(delete(monthly_figures).where(monthly_figures.c.month == str(month)))
    if month not in closed_among(connection, [month]):
        connection.execute(insert(closed_months), {"month": str(month), "closed_at": now})
    rows = [
        {
            "month": str(month),
            "organisation_id": each.organisation.id if each.organisation else None,
            "counts": _counts(each),
        }
        for each in counted
    ]
    if rows:
        connection.execute(insert(monthly_figures), rows)


def closing(database: Database, retention: timedelta, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of closing months, and of letting go what is not needed any more then, once an hour.

    `retention` is how long after an appointment it is kept at least.
    """

    async def once() -> None:
        await database.write(partial(forget_old_counts, now=clock()))
        while (month := await database.read(partial(next_to_close, now=clock()))) is not None:
            counted = await database.read(partial(figures, months=[month]))
            await database.write(partial(keep, month=month, counted=counted, now=clock()))
            logger.info("figures counted for good", month=str(month), organisations=len(counted))
        await thin(database, clock() - retention)

    return PeriodicWork("figures", once, EVERY)


def next_to_close(connection: Connection, now: datetime) -> Month | None:
    """The oldest month that can be closed and is not; None where there is none, or where nothing has ever happened."""
    zone = ZoneInfo(DEFAULT_TIME_ZONE)
    last = connection.execute(select(func.max(closed_months.c.month))).scalar_one()
    if last is not None:
        month = Month.parse(last).plus(1)
    else:
        firsts = [connection.execute(select(func.min(at))).scalar_one() for at in _HAPPENED_AT]
        if not any(firsts):
            return None
        month = Month.of(min(first for first in firsts if first is not None), zone)
    _, ended_at = month.bounds(zone)
    return month if ended_at + CLOSED_AFTER <= now else None


_HAPPENED_AT = (incoming_messages.c.received_at, outgoing_messages.c.created_at, participations.c.cancelled_at)


def _kept(connection: Connection, months: Collection[Month], organisation_ids: Sequence[int] | None) -> list[Figures]:
    if not months:
        return []
    columns = monthly_figures.c
    statement = select(columns.month, columns.organisation_id, columns.counts).where(
        columns.month.in_([str(month) for month in months])
    )
    if organisation_ids is not None:
        statement = statement.where(columns.organisation_id.in_(organisation_ids))
    known = counted_organisations(connection)
    return [
        _figures(known.get(organisation_id), Month.parse(month), counts)
        for month, organisation_id, counts in connection.execute(statement)
    ]


def _counts(each: Figures) -> dict[str, Any]:
    counts = asdict(each)
    del counts["organisation"], counts["month"]
    return counts


def _figures(organisation: CountedOrganisation | None, month: Month, counts: dict[str, Any]) -> Figures:
    by_way, by_lead = counts["cancellations_by_way"], counts["cancellations_by_lead"]
    ways = {via: by_way.get(name, 0) for name, via in _WAYS}  # one that is new since then is 0
    leads = {lead: by_lead.get(name, 0) for name, lead in _LEADS}
    rest = counts | {"cancellations_by_way": ways, "cancellations_by_lead": leads}
    return Figures(organisation=organisation, month=month, **rest)


# An enumeration is slow to go through, and a year of 300 organisations does it thousands of times.
_WAYS = tuple((via.value, via) for via in Via)
_LEADS = tuple((lead.value, lead) for lead in Lead)
