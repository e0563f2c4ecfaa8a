"""The list of appointments: from today on, or the past; searched and filtered; one page at a time.

A day is a day in each appointment's own time zone, which SQL does not know. So SQL selects the ids of a few more
appointments than wanted, in the order of time. The others are removed here before anything else of them is read.

A page ends with a whole day, however many appointments it has (up to a limit), because agents look at whole days. Only
the results of a search are cut into pages of equal length.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, islice

from sqlalchemy import ColumnElement, Connection, Select, exists, select, tuple_, union

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import sources_of, within_reach
from smsbot.agents.search import Name, appointment_ids
from smsbot.appointments.appointment import place_key
from smsbot.appointments.terms import TermsBook, told_zone
from smsbot.diary.diary_query import DiaryPosition, DiaryQuery, Only
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, read_entries
from smsbot.diary.matters import NO_APPOINTMENT, Matters, read_matters
from smsbot.messages.french_dates import local, span_of_day
from smsbot.model import CANCELLED_STATUSES, Status
from smsbot.outbox.delivery_status import has_failed, was_sent_again
from smsbot.store.tables import appointments, opt_outs, organisations, outgoing_messages, participations

IN_A_PAGE = 50
MOST_IN_A_PAGE = 1000
"""A day with more appointments continues on the next page. Agents with so many will filter by organisation."""

_AT_ONCE = 100

_OFFERED = timedelta(days=31)
"""If no day is asked for, the places and labels of the next days, up to this time, are offered as a choice."""
_REMEMBERED = timedelta(days=366)
"""How far back places and labels are searched in the list of the past."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """How many appointments a day has, and how many people in each state.

    `coming` are all people who are expected. Of these, `announced` have said that they come, `requested` have asked to
    cancel at a source that has not answered yet, `unanswered` have said nothing. `undelivered` are people whom a
    message did not reach.
    """

    appointments: int
    coming: int
    announced: int
    requested: int
    unanswered: int
    cancelled: int
    seen: int
    absent: int
    undelivered: int

    @classmethod
    def of(cls, entries: Sequence[AppointmentEntry]) -> DayTotals:
        people = [each for entry in entries for each in entry.participations]
        coming = [each for each in people if each.is_coming]
        return cls(
            appointments=len(entries),
            coming=len(coming),
            announced=sum(_has_announced(each) for each in coming),
            requested=sum(each.is_requested for each in coming),
            unanswered=sum(not _has_announced(each) and not each.is_requested for each in coming),
            cancelled=sum(each.status.is_cancelled for each in people),
            seen=sum(each.status is Status.SEEN for each in people),
            absent=sum(each.status is Status.NOSHOW for each in people),
            undelivered=len(
                {(entry.appointment.id, one.participation_id) for entry in entries for one in entry.undelivered}
            ),
        )


def _has_announced(participation: ParticipationEntry) -> bool:
    return participation.announced_at is not None and not participation.is_requested


@dataclass(frozen=True, slots=True)
class ListedDay:
    """The appointments of a day that a page shows. `totals` is None where the page may not show all of them."""

    day: date
    entries: Sequence[AppointmentEntry]
    totals: DayTotals | None


@dataclass(frozen=True, slots=True)
class DiaryPage:
    """Appointments in the order of time, or backwards for the past.

    `position` is where the next page begins; None at the end. `matters` are the places and labels to choose from.
    `cut` are the days that are partly on other pages.
    """

    entries: tuple[AppointmentEntry, ...]
    position: DiaryPosition | None
    matters: Matters
    cut: frozenset[date]

    @property
    def days(self) -> list[ListedDay]:
        grouped = [(day, list(entries)) for day, entries in groupby(self.entries, key=lambda entry: entry.day)]
        return [ListedDay(day, entries, None if day in self.cut else DayTotals.of(entries)) for day, entries in grouped]


def read_diary(
    connection: Connection, terms_book: TermsBook, agent: Agent, question: DiaryQuery, now: datetime
) -> DiaryPage:
    """One page of the appointments that the agent may see and that meet the question."""
    matters = read_matters(connection, terms_book, agent, *_offered(question, now))
    found: list[AppointmentEntry] = []
    position, cut = None, set[date]()
    with closing(_wanted(connection, terms_book, agent, question, matters, now)) as entries:
        for entry in entries:
            if found and _is_full(found, entry, question):
                last = found[-1]
                position = DiaryPosition(last.appointment.starts_at, last.appointment.id)
                cut |= {last.day} & {entry.day}
                break
            found.append(entry)
    if question.after is not None and found:
        first = found[0]
        cut |= {local(question.after.starts_at, first.terms.time_zone).date()} & {first.day}
    return DiaryPage(tuple(found), position, matters, frozenset(cut))


def read_whole_diary(
    connection: Connection, terms_book: TermsBook, agent: Agent, question: DiaryQuery, now: datetime, most: int
) -> list[AppointmentEntry]:
    """All appointments that meet the question, from its page on, but not more than `most`."""
    matters = read_matters(connection, terms_book, agent, *_offered(question, now))
    with closing(_wanted(connection, terms_book, agent, question, matters, now)) as entries:
        return list(islice(entries, most))


def offered_matters(connection: Connection, terms_book: TermsBook, agent: Agent, now: datetime) -> Matters:
    """The places and labels of the agent's appointments in the next weeks."""
    return read_matters(connection, terms_book, agent, *_offered(DiaryQuery(), now))


def _is_full(found: Sequence[AppointmentEntry], following: AppointmentEntry, question: DiaryQuery) -> bool:
    if len(found) < IN_A_PAGE or (question.asked_day is not None and not question.is_search):
        return len(found) >= MOST_IN_A_PAGE
    return question.is_search or following.day != found[-1].day or len(found) >= MOST_IN_A_PAGE


def _wanted(
    connection: Connection,
    terms_book: TermsBook,
    agent: Agent,
    question: DiaryQuery,
    matters: Matters,
    now: datetime,
) -> Generator[AppointmentEntry, None, None]:
    """The appointments that meet the question, in order. They are read only as far as they are asked for."""
    is_whole_day = question.asked_day is not None and not question.is_search
    at_once = MOST_IN_A_PAGE if is_whole_day else _AT_ONCE
    with closing(_ids(connection, terms_book, agent, question, matters, now, at_once)) as ids:
        while some := list(islice(ids, at_once)):
            yield from read_entries(connection, terms_book, some, now)


def _is_on_wanted_day(starts_at: datetime, zone: str, question: DiaryQuery, now: datetime) -> bool:
    day = local(starts_at, zone).date()
    if question.asked_day is not None:
        return day == question.asked_day
    return (day < local(now, zone).date()) is question.past


def _offered(question: DiaryQuery, now: datetime) -> tuple[datetime, datetime | None]:
    """The time in which places and labels are searched. If the question filters or searches, it is that of the list."""
    begins, ends = _time_of(question, now)
    if question.asked_day is not None:
        return begins or now, ends
    if question.past:
        return now - _REMEMBERED, ends
    return begins or now, None if question.is_search or question.is_filtered else now + _OFFERED


def _time_of(question: DiaryQuery, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The limits of the list: appointments start at the first time or later, and before the second. None: no limit."""
    if question.asked_day is not None:
        return span_of_day(question.asked_day)
    return (None, now) if question.past else (now - timedelta(days=1), None)


def _ids(
    connection: Connection,
    terms_book: TermsBook,
    agent: Agent,
    question: DiaryQuery,
    matters: Matters,
    now: datetime,
    at_once: int,
) -> Generator[int, None, None]:
    """Our ids of the appointments that meet the question, in order. They are read only as far as the page needs."""
    backwards = question.past and question.asked_day is None
    order = [appointments.c.starts_at, appointments.c.id]
    conditions = [within_reach(agent), *_conditions(question, matters, now)]
    if question.after is not None:
        place, position = tuple_(*order), tuple_(question.after.starts_at, question.after.id)
        conditions.append(place < position if backwards else place > position)
    if question.is_search:
        parts = list(_found(agent, question, matters, now))
        found = union(*parts).cte("found").prefix_with("MATERIALIZED") if parts else None
        conditions.append(NO_APPOINTMENT if found is None else appointments.c.id.in_(select(found)))
    statement = select(*_ID_AND_ZONE).join_from(appointments, organisations).where(*conditions)
    statement = statement.order_by(*([column.desc() for column in order] if backwards else order))
    with closing(connection.execute(statement.execution_options(yield_per=at_once))) as rows:
        for found, starts_at, own_zone, its_zone, source, organisation, service, motif, verticale in rows:
            rules = terms_book.policy.rules_for(
                source, organisation=organisation, service=service, motif=motif, verticale=verticale
            )
            if _is_on_wanted_day(starts_at, told_zone(own_zone, rules, its_zone), question, now):
                yield found


_ID_AND_ZONE = (
    appointments.c.id,
    appointments.c.starts_at,
    appointments.c.time_zone,
    organisations.c.time_zone,
    appointments.c.source,
    organisations.c.external_id,
    appointments.c.service_external_id,
    appointments.c.motif_external_id,
    organisations.c.verticale,
)
"""Our id of an appointment, and the columns that decide on which day it is."""


def _found(agent: Agent, question: DiaryQuery, matters: Matters, now: datetime) -> Iterator[Select[int]]:
    """Selects the appointments that the words may mean: by person, by their id at the source, by place and label.

    The last is limited to the agent's organisations and to the time of the list. Otherwise it would find too many.
    """
    if question.sought is not None:
        yield appointment_ids(question.sought)
    if (number := question.agenda_number) is not None:
        spellings = sorted({number, number.upper(), number.lower()})
        yield select(appointments.c.id).where(
            appointments.c.source.in_(sources_of(agent)), appointments.c.external_id.in_(spellings)
        )
    if isinstance(question.sought, Name) and (mentioned := matters.mentions(question.sought.parts)) is not None:
        yield select(appointments.c.id).where(within_reach(agent), *_within(_time_of(question, now)), mentioned)


def _within(limits: tuple[datetime | None, datetime | None]) -> Iterator[ColumnElement[bool]]:
    begins, ends = limits
    if begins is not None:
        yield appointments.c.starts_at >= begins
    if ends is not None:
        yield appointments.c.starts_at < ends


def _conditions(question: DiaryQuery, matters: Matters, now: datetime) -> Iterator[ColumnElement[bool]]:
    yield appointments.c.destroyed_at.is_(None)
    yield from _within(_time_of(question, now))
    if question.only is not None:
        yield _ONLY[question.only]
    if question.organisation_id is not None:
        yield appointments.c.organisation_id == question.organisation_id
    if question.place:
        yield place_key() == question.place
    if question.label:
        yield matters.has_label(question.label)


def _somebody(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    takes_part = participations.c.appointment_id == appointments.c.id
    return exists().where(takes_part, participations.c.removed_at.is_(None), *conditions)


_IS_COMING = participations.c.status == Status.UNKNOWN.value
_IS_REQUESTED = participations.c.cancellation_requested_at.is_not(None)
_ONLY = {
    Only.COMING: _somebody(_IS_COMING),
    Only.ANNOUNCED: _somebody(_IS_COMING, participations.c.announced_at.is_not(None), ~_IS_REQUESTED),
    Only.UNANSWERED: _somebody(_IS_COMING, participations.c.announced_at.is_(None), ~_IS_REQUESTED),
    Only.CANCELLED: _somebody(participations.c.status.in_(CANCELLED_STATUSES)),
    Only.STOPPED: _somebody(participations.c.phone.in_(select(opt_outs.c.number))),
    Only.UNDELIVERED: exists().where(
        outgoing_messages.c.appointment_id == appointments.c.id, has_failed(), ~was_sent_again()
    ),
}
