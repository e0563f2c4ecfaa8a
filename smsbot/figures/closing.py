"""Closes months: counts their figures once and for all, and stores them.

A month is closed some weeks after its end, when nothing in it changes any more: the last status callbacks have come,
and sources have reopened what they reopen. From then on its figures are read and not counted again. So they cost the
same however many years there are, and rows that nobody needs can be deleted (`thinning`).

The figures of open months are counted again every hour and stored, because pages about hundreds of organisations cannot
count them each time they are opened.

Figures could also be added up with each message. But then all messages of an organisation would write to the same rows
and wait for each other. And each later change (a status, another start, a cancellation taken back) would have to be
undone in the month in which it was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, RowMapping, Select, Table, bindparam, delete, func, insert, select, true

from smsbot.figures.counting import by_month_and_name, counted_organisations, figures
from smsbot.figures.results import AnsweredWithin, CountedOrganisation, Figures, Lead, Month, PlaceFigures, columns_of
from smsbot.figures.thinning import thin
from smsbot.model import Via
from smsbot.runtime import PeriodicWork
from smsbot.store.daily_counts import forget_old_counts
from smsbot.store.database import Database, serialise
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, in_one_journey
from smsbot.store.tables import (
    MONTHLY_COUNTS,
    PLACE_COUNTS,
    UtcDateTime,
    appointments,
    closed_months,
    incoming_messages,
    monthly_figures,
    monthly_places,
    open_months,
    outgoing_messages,
    participations,
)

EVERY = timedelta(hours=1)
CLOSED_AFTER = timedelta(days=35)
"""How long after its end a month is closed."""
LATELY = timedelta(hours=2)
"""Older figures of open months are not shown, because the work that counts them must have stopped."""

logger = structlog.get_logger(__name__)


def kept_or_counted(
    connection: Connection,
    months: Iterable[Month],
    *,
    organisation_ids: Sequence[int] | None = None,
    counted_lately: datetime | None = None,
) -> list[Figures]:
    """Like `counting.figures`, but closed months have the figures that were stored when the month was closed.

    With `counted_lately` (the present time), figures of open months may be up to `LATELY` old.
    """
    wanted = set(months)
    kept = kept_among(connection, wanted, counted_lately)
    counted = figures(connection, wanted - kept, organisation_ids=organisation_ids)
    return by_month_and_name([*_kept(connection, kept, organisation_ids), *counted])


def kept_among(connection: Connection, months: Iterable[Month], counted_lately: datetime | None = None) -> set[Month]:
    """Those of these months that need not be counted: closed ones, and those before the first closed one, in which
    nothing happened. With `counted_lately` (the present time), also open ones that were counted within `LATELY`.
    """
    wanted = set(months)
    [[first]], closed, counted = in_one_journey(
        connection,
        (_FIRST_CLOSED, {}),
        (_CLOSED, {"months": [str(month) for month in wanted]}),
        (_COUNTED, {"after": _NEVER if counted_lately is None else counted_lately - LATELY}),
    )
    before = {month for month in wanted if first and month < Month.parse(first)}
    return before | (wanted & {Month.parse(month) for [month] in (*closed, *counted)})


def closed_among(connection: Connection, months: Iterable[Month]) -> set[Month]:
    """Those of these months that are closed."""
    return {Month.parse(month) for [month] in _CLOSED.rows(connection, {"months": [str(month) for month in months]})}


_NEVER = datetime.max.replace(tzinfo=UTC)
_FIRST_CLOSED = Prepared(select(func.min(closed_months.c.month)))
_CLOSED = Prepared(select(closed_months.c.month).where(is_one_of(closed_months.c.month, "months")))
_COUNTED = Prepared(
    select(open_months.c.month).where(open_months.c.counted_at > bindparam("after", type_=UtcDateTime()))
)


def countable_again(connection: Connection) -> list[Month]:
    """The closed months of which no row has been deleted, oldest first."""
    its_month = closed_months.c.month
    rows = connection.execute(select(its_month).where(closed_months.c.is_thinned.is_(False)).order_by(its_month))
    return [Month.parse(month) for [month] in rows]


def keep(connection: Connection, month: Month, counted: Sequence[Figures], now: datetime) -> None:
    """Close the month with these figures, or replace its stored figures."""
    _write(connection, month, counted)
    connection.execute(delete(open_months).where(open_months.c.month == str(month)))
    if month not in closed_among(connection, [month]):
        connection.execute(insert(closed_months), {"month": str(month), "closed_at": now})


def keep_for_now(connection: Connection, month: Month, counted: Sequence[Figures], now: datetime) -> None:
    """Store these figures of an open month until it is counted again. If it has been closed, nothing happens."""
    if month not in closed_among(connection, [month]):
        _write(connection, month, counted)
        connection.execute(delete(open_months).where(open_months.c.month == str(month)))
        connection.execute(insert(open_months), {"month": str(month), "counted_at": now})


def _write(connection: Connection, month: Month, counted: Sequence[Figures]) -> None:
    serialise(connection, f"figures of {month}")
    for table in (monthly_figures, monthly_places):
        connection.execute(delete(table).where(table.c.month == str(month)))
    rows, places = [], []
    for each in counted:
        whose = {"month": str(month), "organisation_id": each.organisation.id if each.organisation else None}
        columns = columns_of(each)
        rows.append(whose | {name: columns[name] for name in MONTHLY_COUNTS})
        places += [whose | asdict(place) for place in each.places]
    if rows:
        connection.execute(insert(monthly_figures), rows)
    if places:
        connection.execute(insert(monthly_places), places)


def closing_months(database: Database, retention: timedelta, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of closing months, counting open ones, and deleting rows that are no longer needed, once an hour.

    `retention` is how long an appointment is kept at least after it took place.
    """

    async def once() -> None:
        await database.write(partial(forget_old_counts, now=clock()))
        while (month := await database.read(partial(next_to_close, now=clock()))) is not None:
            counted = await database.read(partial(figures, months=[month]))
            await database.write(partial(keep, month=month, counted=counted, now=clock()))
            logger.info("figures counted for good", month=str(month), organisations=len(counted))
        for month in await database.read(partial(still_open, now=clock())):
            now = clock()
            counted = await database.read(partial(figures, months=[month]))
            await database.write(partial(keep_for_now, month=month, counted=counted, now=now))
        await thin(database, clock() - retention)

    return PeriodicWork("figures", once, EVERY)


def still_open(connection: Connection, now: datetime) -> list[Month]:
    """The months up to the present one that are not closed, oldest first. Empty where nothing has ever happened."""
    this = Month.of(now)
    month = _first_not_closed(connection)
    found = []
    while month is not None and month <= this:
        found.append(month)
        month = month.plus(1)
    return found


def next_to_close(connection: Connection, now: datetime) -> Month | None:
    """The oldest month that can be closed now; None where there is none, or where nothing has ever happened."""
    month = _first_not_closed(connection)
    if month is None:
        return None
    _, ended_at = month.bounds()
    return month if ended_at + CLOSED_AFTER <= now else None


def _first_not_closed(connection: Connection) -> Month | None:
    last = connection.execute(select(func.max(closed_months.c.month))).scalar_one()
    if last is not None:
        return Month.parse(last).plus(1)
    firsts = [connection.execute(select(func.min(at))).scalar_one() for at in _HAPPENED_AT]
    there = [first for first in firsts if first is not None]
    return Month.of(min(there)) if there else None


_HAPPENED_AT = (
    incoming_messages.c.received_at,
    outgoing_messages.c.created_at,
    participations.c.cancelled_at,
    appointments.c.starts_at,
)


def _kept(connection: Connection, months: Collection[Month], organisation_ids: Sequence[int] | None) -> list[Figures]:
    if not months:
        return []
    places: dict[tuple[str, int | None], list[PlaceFigures]] = {}
    for row in connection.execute(_of(monthly_places, months, organisation_ids)).mappings():
        own = PlaceFigures(row["place"], *(row[name] for name in PLACE_COUNTS))
        places.setdefault((row["month"], row["organisation_id"]), []).append(own)
    known = counted_organisations(connection)
    return [
        _figures(known.get(row["organisation_id"]), row, places.get((row["month"], row["organisation_id"]), []))
        for row in connection.execute(_of(monthly_figures, months, organisation_ids)).mappings()
    ]


def _of(table: Table, months: Iterable[Month], organisation_ids: Sequence[int] | None) -> Select[Any]:
    of_months = table.c.month.in_([str(month) for month in months])
    theirs = (
        true() if organisation_ids is None else is_one_of(table.c.organisation_id, "organisations", organisation_ids)
    )
    return select(table).where(of_months, theirs)


def _figures(organisation: CountedOrganisation | None, row: RowMapping, places: Sequence[PlaceFigures]) -> Figures:
    return Figures(
        organisation=organisation,
        month=Month.parse(row["month"]),
        cancellations_by_way={via: row[name] for name, via in _WAYS},
        cancellations_by_lead={lead: row[name] for name, lead in _LEADS},
        freed_early=row["places_freed_early"],
        understood=row["messages_understood"],
        not_understood=row["messages_not_understood"],
        not_read=row["messages_not_read"],
        stops=row["stops"],
        sms_sent=row["sms_sent"],
        segments=row["sms_segments"],
        sms_failed=row["sms_failed"],
        emails_sent=row["emails_sent"],
        emails_failed=row["emails_failed"],
        sms_tried=row["sms_tried"],
        emails_tried=row["emails_tried"],
        reminders_sent=row["reminders_sent"],
        answered={within: row[name] for name, within in _ANSWERED},
        places=tuple(sorted(places, key=lambda each: each.place)),
    )


# Prepared once, because iterating over an enumeration is slow, and a year of 300 organisations needs it thousands of
# times.
_WAYS = tuple((f"cancelled_by_{via.value}", via) for via in Via)
_LEADS = tuple((f"cancelled_{lead.value}", lead) for lead in Lead)
_ANSWERED = tuple((f"answered_{within.value}", within) for within in AnsweredWithin)
