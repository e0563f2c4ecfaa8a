"""Counts the figures with four SQL statements, for any number of organisations and months, on both engines.

Months begin at different instants in different time zones, and SQLite knows no time zones. So the statements get the
bounds of each month in each zone that is used, and find the month of an instant with a CASE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Select,
    Subquery,
    and_,
    case,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from smsbot.appointments.appointment import place_key
from smsbot.figures.comprehension import Comprehension, comprehension_of, is_stop
from smsbot.figures.results import (
    ANSWERED_FROM,
    EARLY_ENOUGH,
    LEADS_FROM,
    PARIS,
    AnsweredWithin,
    CountedOrganisation,
    Figures,
    Lead,
    Month,
    PlaceFigures,
)
from smsbot.gateways.base import DeliveryStatus
from smsbot.model import DEFAULT_TIME_ZONE, Status, Via
from smsbot.outbox.delivery_status import has_failed
from smsbot.outbox.messages import SENT
from smsbot.store.many import is_one_of
from smsbot.store.tables import (
    APPOINTMENT_COUNTS,
    appointments,
    incoming_messages,
    organisations,
    outgoing_messages,
    participations,
)

_NOT_DELIVERED = (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED, DeliveryStatus.CANCELED)


def figures(
    connection: Connection,
    months: Iterable[Month],
    *,
    organisation_ids: Sequence[int] | None = None,
    early_enough: timedelta = EARLY_ENOUGH,
) -> list[Figures]:
    """The figures of these organisations in these months, sorted by month and then by organisation's name.

    `organisation_ids` are ours; None means all, and also data that belongs to no organisation. An organisation has no
    figures for a month in which nothing happened.
    """
    wanted = sorted(set(months))
    if not wanted:
        return []
    period = _Period.of(connection, wanted, organisation_ids)
    tallies: dict[tuple[int | None, str], _Tally] = {}
    for count, statement in (
        (_Tally.count_cancellations, _cancellations(period, early_enough)),
        (_Tally.count_received, _received(period)),
        (_Tally.count_sent, _sent(period)),
        (_Tally.count_place, _at_places(period)),
    ):
        for row in connection.execute(statement):
            count(tallies.setdefault((row.organisation_id, row.month), _Tally()), row)
    known = counted_organisations(connection)
    results = [
        tally.figures(known[organisation_id] if organisation_id is not None else None, Month.parse(month))
        for (organisation_id, month), tally in tallies.items()
    ]
    return by_month_and_name(results)


def by_month_and_name(results: Iterable[Figures]) -> list[Figures]:
    """Sorted by month, and then by the organisation's name."""
    return sorted(results, key=_order)


def _order(each: Figures) -> tuple[Month, bool, str, int]:
    organisation = each.organisation
    if organisation is None:
        return each.month, True, "", 0
    return each.month, False, (organisation.name or "").casefold(), organisation.id


def counted_organisations(connection: Connection) -> dict[int, CountedOrganisation]:
    """All organisations, by our id."""
    columns = (organisations.c.id, organisations.c.source, organisations.c.external_id, organisations.c.name)
    return {row.id: CountedOrganisation(*row) for row in connection.execute(select(*columns))}


# Adding up the rows --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    by_way: dict[Via, int] = field(default_factory=lambda: dict.fromkeys(Via, 0))
    by_lead: dict[Lead, int] = field(default_factory=lambda: dict.fromkeys(Lead, 0))
    freed_early: int = 0
    received: dict[Comprehension, int] = field(default_factory=lambda: dict.fromkeys(Comprehension, 0))
    stops: int = 0
    sent: dict[str, int] = field(default_factory=lambda: {"sms": 0, "email": 0})
    failed: dict[str, int] = field(default_factory=lambda: {"sms": 0, "email": 0})
    segments: int = 0
    tried: dict[str, int] = field(default_factory=lambda: {"sms": 0, "email": 0})
    reminders: int = 0
    answered: dict[AnsweredWithin, int] = field(default_factory=lambda: dict.fromkeys(AnsweredWithin, 0))
    appointments_at: dict[str, dict[str, int]] = field(default_factory=dict)
    segments_at: Counter[str] = field(default_factory=Counter)

    def count_cancellations(self, row: Any) -> None:
        self.by_way[Via(row.way)] += row.places
        self.by_lead[Lead(row.lead)] += row.places
        self.freed_early += row.places * row.freed_early

    def count_received(self, row: Any) -> None:
        self.received[comprehension_of(row.outcome, row.reason)] += row.messages
        self.stops += row.messages * is_stop(row.outcome, row.reason)
        if row.within is not None:
            self.answered[AnsweredWithin(row.within)] += row.messages

    def count_sent(self, row: Any) -> None:
        self.sent[row.channel] += row.sent
        self.failed[row.channel] += row.failed
        self.segments += row.segments
        self.segments_at[row.place] += int(row.segments)
        self.tried[row.channel] += row.tried
        self.reminders += row.reminders

    def count_place(self, row: Any) -> None:
        self.appointments_at[row.place] = {name: int(getattr(row, name)) for name in APPOINTMENT_COUNTS}

    def places(self) -> Iterator[PlaceFigures]:
        """The places with an appointment or a message, sorted by key."""
        nothing = dict.fromkeys(APPOINTMENT_COUNTS, 0)
        for place in sorted(self.appointments_at.keys() | +self.segments_at):
            counted = self.appointments_at.get(place, nothing)
            yield PlaceFigures(place, **counted, segments_at_place=self.segments_at[place])

    def figures(self, organisation: CountedOrganisation | None, month: Month) -> Figures:
        return Figures(
            organisation=organisation,
            month=month,
            cancellations_by_way=self.by_way,
            cancellations_by_lead=self.by_lead,
            freed_early=self.freed_early,
            understood=self.received[Comprehension.UNDERSTOOD],
            not_understood=self.received[Comprehension.NOT_UNDERSTOOD],
            not_read=self.received[Comprehension.NOT_READ],
            stops=self.stops,
            sms_sent=self.sent["sms"],
            segments=self.segments,
            sms_failed=self.failed["sms"],
            emails_sent=self.sent["email"],
            emails_failed=self.failed["email"],
            sms_tried=self.tried["sms"],
            emails_tried=self.tried["email"],
            reminders_sent=self.reminders,
            answered=self.answered,
            places=tuple(self.places()),
        )


# The statements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Period:
    """Limits a statement to the wanted months and organisations.

    `bounds` has, for each time zone, the months with their first instant and that of the next month, in UTC.
    """

    bounds: Mapping[str, Sequence[tuple[Month, datetime, datetime]]]
    organisation_ids: Sequence[int] | None

    @classmethod
    def of(cls, connection: Connection, months: Sequence[Month], organisation_ids: Sequence[int] | None) -> _Period:
        named = connection.execute(select(organisations.c.time_zone).distinct()).scalars()
        zones = {DEFAULT_TIME_ZONE, *(name for name in named if name)}
        bounds = {name: [(month, *month.bounds(_zone(name))) for month in months] for name in zones}
        return cls(bounds, organisation_ids)

    def rows(
        self, table: FromClause, organisation_id: ColumnElement[Any], at: ColumnElement[Any], *columns: Label[Any]
    ) -> Subquery:
        """These columns of the rows of `table` in this period, with their organisation and their `month`."""
        every = [each for zone in self.bounds.values() for each in zone]
        within = and_(at >= min(begins for _, begins, _ in every), at < max(ends for _, _, ends in every))
        ids = self.organisation_ids
        theirs = true() if ids is None else is_one_of(organisation_id, "organisations", ids)
        zone = func.coalesce(organisations.c.time_zone, DEFAULT_TIME_ZONE)
        month = case(
            *(
                (zone == name, case(*((and_(at >= begins, at < ends), str(month)) for month, begins, ends in bounds)))
                for name, bounds in self.bounds.items()
            )
        )
        return (
            select(organisation_id.label("organisation_id"), month.label("month"), *columns)
            .select_from(table.outerjoin(organisations, organisations.c.id == organisation_id))
            .where(within, theirs)
            .subquery("rows")
        )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a zone that this machine does not know
        return PARIS


def _cancellations(period: _Period, early_enough: timedelta) -> Select[Any]:
    before = seconds_from(participations.c.cancelled_at, appointments.c.starts_at)
    is_early = and_(participations.c.status == Status.EXCUSED.value, before >= int(early_enough.total_seconds()))
    is_counted = and_(
        participations.c.status.in_((Status.EXCUSED.value, Status.REVOKED.value)),
        participations.c.cancelled_way.in_([way.value for way in Via]),
    )
    rows = period.rows(
        participations.join(appointments, and_(appointments.c.id == participations.c.appointment_id, is_counted)),
        appointments.c.organisation_id,
        participations.c.cancelled_at,
        participations.c.cancelled_way.label("way"),
        case(*((before >= least, lead.value) for least, lead in LEADS_FROM), else_=Lead.BEGUN.value).label("lead"),
        case((is_early, 1), else_=0).label("freed_early"),
        # Counts an individual appointment once and a collective one once for each participation. The minus keeps the
        # two kinds of ids apart.
        case((appointments.c.collective, participations.c.id), else_=-appointments.c.id).label("place"),
    )
    return _grouped(
        (rows.c.organisation_id, rows.c.month, rows.c.way, rows.c.lead, rows.c.freed_early),
        func.count(rows.c.place.distinct()).label("places"),
    )


def _received(period: _Period) -> Select[Any]:
    waited = seconds_from(incoming_messages.c.received_at, incoming_messages.c.handled_at)
    rows = period.rows(
        incoming_messages,
        incoming_messages.c.organisation_id,
        incoming_messages.c.received_at,
        incoming_messages.c.outcome.label("outcome"),
        incoming_messages.c.reason.label("reason"),
        case(
            (incoming_messages.c.handled_at.is_(None), None),
            *((waited >= least, within.value) for least, within in ANSWERED_FROM),
            else_=AnsweredWithin.HOUR.value,
        ).label("within"),
    )
    keys = (rows.c.organisation_id, rows.c.month, rows.c.outcome, rows.c.reason, rows.c.within)
    return _grouped(keys, func.count().label("messages"))


def _sent(period: _Period) -> Select[Any]:
    is_sent = outgoing_messages.c.state == SENT
    rows = period.rows(
        outgoing_messages.outerjoin(appointments),
        appointments.c.organisation_id,
        outgoing_messages.c.created_at,
        outgoing_messages.c.channel.label("channel"),
        func.coalesce(place_key(), "").label("place"),
        case((is_sent, 1), else_=0).label("sent"),
        case((has_failed(), 1), else_=0).label("failed"),
        case((is_sent, func.coalesce(outgoing_messages.c.segments, 0)), else_=0).label("segments"),
        case((or_(is_sent, has_failed()), 1), else_=0).label("tried"),
        case((and_(is_sent, outgoing_messages.c.kind == "reminder"), 1), else_=0).label("reminders"),
    )
    counted = (rows.c.sent, rows.c.failed, rows.c.segments, rows.c.tried, rows.c.reminders)
    sums = (func.sum(each).label(each.name) for each in counted)
    return _grouped((rows.c.organisation_id, rows.c.month, rows.c.channel, rows.c.place), *sums).where(
        rows.c.channel != "webhook"  # messages to other systems cost nothing and reach no usager
    )


def _at_places(period: _Period) -> Select[Any]:
    """The outcomes of the appointments that began in the period: first for each place that somebody could have taken,
    then added up. An individual appointment is one such place, which all its participants cancel or miss together.
    """
    status = participations.c.status
    is_cancelled = status.in_((Status.EXCUSED.value, Status.REVOKED.value))
    before = seconds_from(participations.c.cancelled_at, appointments.c.starts_at)
    is_early = and_(status == Status.EXCUSED.value, before >= int(EARLY_ENOUGH.total_seconds()))
    is_there = and_(participations.c.removed_at.is_(None), appointments.c.destroyed_at.is_(None))
    conditions: dict[str, tuple[Callable[..., ColumnElement[int]], ColumnElement[bool]]] = {
        "appointments_cancelled": (func.min, is_cancelled),
        "appointments_freed_early": (func.min, is_early),
        "appointments_announced": (func.max, and_(~is_cancelled, participations.c.announced_at.is_not(None))),
        "appointments_seen": (func.max, status == Status.SEEN.value),
        "appointments_missed": (func.min, status == Status.NOSHOW.value),
    }
    rows = period.rows(
        appointments.join(participations, and_(participations.c.appointment_id == appointments.c.id, is_there)),
        appointments.c.organisation_id,
        appointments.c.starts_at,
        place_key().label("place"),
        case((appointments.c.collective, participations.c.id), else_=-appointments.c.id).label("taken"),
        *(case((condition, 1), else_=0).label(name) for name, (_, condition) in conditions.items()),
    )
    keys = (rows.c.organisation_id, rows.c.month, rows.c.place)
    each = _grouped(
        (*keys, rows.c.taken), *(of_all(rows.c[name]).label(name) for name, (of_all, _) in conditions.items())
    ).subquery("each")
    return _grouped(
        (each.c.organisation_id, each.c.month, each.c.place),
        func.count().label("appointments"),
        *(func.sum(each.c[name]).label(name) for name in conditions),
    )


def _grouped(keys: Sequence[ColumnElement[Any]], *numbers: Label[Any]) -> Select[Any]:
    """Groups by the subquery's columns, because PostgreSQL treats the expressions behind them as different."""
    month = keys[1]
    return select(*keys, *numbers).where(month.is_not(None)).group_by(*keys)


class seconds_from(FunctionElement[int]):  # noqa: N801 - it is written like any SQL function
    """`seconds_from(earlier, later)` in SQL: whole seconds between two times, negative where `later` is earlier.

    Both are first cut to whole seconds. The SQL is different for the two engines.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(seconds_from, "postgresql")
def _in_postgresql(element: seconds_from, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(floor(extract(epoch FROM {later})) - floor(extract(epoch FROM {earlier})) AS bigint)"


@compiles(seconds_from, "sqlite")
def _in_sqlite(element: seconds_from, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(each, **options) for each in element.clauses)
    return f"(CAST(strftime('%s', {later}) AS INTEGER) - CAST(strftime('%s', {earlier}) AS INTEGER))"
