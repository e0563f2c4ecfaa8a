"""The list of appointments: today and later, or the past; by name, number or date; one page at a time.

A day is a day on the clocks of each appointment's own zone, which SQL cannot tell. So SQL gives a few more appointments
than wanted, by time and id, and the rest is sorted out here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby, islice

from sqlalchemy import ColumnElement, Connection, exists, select, tuple_

from smsbot.agents.accounts import Agent, within_reach
from smsbot.agents.permissions import read_id
from smsbot.agents.search import Name, NoSuchDay, Number, Sought, appointment_ids, read_day, read_words
from smsbot.appointments.terms import TermsBook
from smsbot.diary.entries import AppointmentEntry, read_entries
from smsbot.messages.french_dates import local
from smsbot.model import Status
from smsbot.outbox.delivery_status import has_failed, was_sent_again
from smsbot.store.tables import appointments, opt_outs, outgoing_messages, participations

IN_A_PAGE = 50
_AT_ONCE = 100
_FURTHEST_ZONE = timedelta(hours=14)  # from UTC, east or west: no clock differs more
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta.resolution


class Only(StrEnum):
    """Which appointments to show, as a word in the address."""

    CANCELLED = "annules"
    UNDELIVERED = "non-remis"
    STOPPED = "stop"


@dataclass(frozen=True, slots=True)
class DiaryPosition:
    """Where a page ends; the next one begins after it."""

    starts_at: datetime
    id: int

    def written(self) -> str:
        return f"{(self.starts_at - _EPOCH) // timedelta.resolution}.{self.id}"

    @classmethod
    def read(cls, text: str) -> DiaryPosition | None:
        """The position that `written` wrote; None for any other text."""
        moment, _, number = text.partition(".")
        microseconds, row = read_id(moment), read_id(number)
        if microseconds is None or row is None or microseconds > _LATEST:
            return None
        return cls(_EPOCH + microseconds * timedelta.resolution, row)


@dataclass(frozen=True, slots=True)
class DiaryQuery:
    """What the agent asks for. `words` and `day` are as typed; `sought` and `asked_day` are what was understood of
    them.

    The day has a field of its own, and may also stand among the words.
    """

    words: str = ""
    day: str = ""
    sought: Sought | None = None
    asked_day: date | None = None
    are_words_understood: bool = True
    is_day_understood: bool = True
    only: Only | None = None
    past: bool = False
    after: DiaryPosition | None = None

    @property
    def is_understood(self) -> bool:
        return self.are_words_understood and self.is_day_understood

    @classmethod
    def read(cls, query: dict[str, str], today: date) -> DiaryQuery:
        """Reads the parameters of the page's address. What cannot be read counts as not given."""
        words, day = query.get("q", "").strip(), query.get("jour", "").strip()
        found, on_day = read_words(words, today), _read_day(day, today)
        return cls(
            words=words,
            day=on_day.isoformat() if on_day else day,
            sought=found if isinstance(found, Name | Number) else None,
            asked_day=found if isinstance(found, date) else on_day,
            are_words_understood=not words or found is not None,
            is_day_understood=not day or on_day is not None,
            only=next((only for only in Only if only == query.get("voir")), None),
            past=query.get("quand") == "passes",
            after=DiaryPosition.read(query.get("apres", "")),
        )


def _read_day(text: str, today: date) -> date | None:
    try:
        return read_day(text, today)
    except NoSuchDay:
        return None


@dataclass(frozen=True, slots=True)
class DiaryPage:
    """Appointments in the order of time, or backwards for the past.

    `position` is where the next page begins; None at the end.
    """

    entries: tuple[AppointmentEntry, ...]
    position: DiaryPosition | None

    @property
    def days(self) -> list[tuple[date, list[AppointmentEntry]]]:
        return [(day, list(entries)) for day, entries in groupby(self.entries, key=lambda entry: entry.day)]


def read_diary(
    connection: Connection, terms_book: TermsBook, agent: Agent, question: DiaryQuery, now: datetime
) -> DiaryPage:
    """One page of the appointments that the agent may see and that meet the question."""
    found: list[AppointmentEntry] = []
    with closing(_ids(connection, agent, question, now)) as ids:
        while some := list(islice(ids, _AT_ONCE)):
            entries = read_entries(connection, terms_book, some)
            found += [entry for entry in entries if _is_on_wanted_day(entry, question, now)]
            if len(found) > IN_A_PAGE:
                last = found[IN_A_PAGE - 1].appointment
                return DiaryPage(tuple(found[:IN_A_PAGE]), DiaryPosition(last.starts_at, last.id))
    return DiaryPage(tuple(found), None)


def _is_on_wanted_day(entry: AppointmentEntry, question: DiaryQuery, now: datetime) -> bool:
    if question.asked_day is not None:
        return entry.day == question.asked_day
    return (entry.day < local(now, entry.terms.time_zone).date()) is question.past


def _ids(connection: Connection, agent: Agent, question: DiaryQuery, now: datetime) -> Generator[int, None, None]:
    """Our ids of appointments that may meet the question, in order. They are read only as far as the page needs."""
    sought, backwards = question.sought, question.past and question.asked_day is None
    order = [appointments.c.starts_at, appointments.c.id]
    conditions = [within_reach(agent), appointments.c.destroyed_at.is_(None), *_conditions(question, now)]
    if question.after is not None:
        place, position = tuple_(*order), tuple_(question.after.starts_at, question.after.id)
        conditions.append(place < position if backwards else place > position)
    if sought is not None:
        conditions.append(
            appointments.c.id.in_(select(appointment_ids(sought).cte("found").prefix_with("MATERIALIZED")))
        )
    statement = select(appointments.c.id).where(*conditions)
    statement = statement.order_by(*([column.desc() for column in order] if backwards else order))
    with closing(connection.execute(statement.execution_options(yield_per=_AT_ONCE))) as rows:
        for row in rows:
            yield row.id


def _conditions(question: DiaryQuery, now: datetime) -> Iterator[ColumnElement[bool]]:
    starts_at = appointments.c.starts_at
    day = question.asked_day
    if day is not None:
        midnight = datetime.combine(day, time(), UTC)
        yield starts_at >= midnight - _FURTHEST_ZONE
        yield starts_at < midnight + timedelta(days=1) + _FURTHEST_ZONE
    elif question.past:
        yield starts_at < now
    else:
        yield starts_at >= now - timedelta(days=1)
    if question.only is not None:
        yield _ONLY[question.only]


def _somebody(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    takes_part = participations.c.appointment_id == appointments.c.id
    return exists().where(takes_part, participations.c.removed_at.is_(None), *conditions)


_CANCELLED = tuple(status.value for status in Status if status.is_cancelled)
_ONLY = {
    Only.CANCELLED: _somebody(participations.c.status.in_(_CANCELLED)),
    Only.STOPPED: _somebody(participations.c.phone.in_(select(opt_outs.c.number))),
    Only.UNDELIVERED: exists().where(
        outgoing_messages.c.appointment_id == appointments.c.id, has_failed(), ~was_sent_again()
    ),
}
