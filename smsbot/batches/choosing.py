"""Which appointments a batch is about, and what its people would get.

Only appointments that have not begun and that somebody still takes part in are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from smsbot.appointments.appointment import place_key
from smsbot.appointments.terms import TermsBook
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, read_entries
from smsbot.messages.french_dates import local, span_of_day
from smsbot.model import Canceller, Status
from smsbot.notifications.herald import Herald
from smsbot.problem import Problem
from smsbot.store.tables import appointments, participations

MOST_TOGETHER = 1000
"""The most appointments in a batch."""


class TooMany(Problem):
    """The choice is wider than a batch may be."""


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """What an agent asks for: the appointments of a `day`, or those with these `ids` of ours.

    They begin at `begins_from` or later, and before `begins_before`, on the clocks of each appointment's own zone.
    `organisation_id` is ours, `place` as `place_key` gives it. None is no condition.
    """

    day: date | None = None
    begins_from: time | None = None
    begins_before: time | None = None
    organisation_id: int | None = None
    place: str | None = None
    ids: tuple[int, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on `appointments`. Those on day and hour let too much through: SQL cannot tell local times."""
        starts_at = appointments.c.starts_at
        conditions: list[ColumnElement[bool]] = []
        if self.ids is not None:
            conditions.append(appointments.c.id.in_(self.ids))
        if self.day is not None:
            begins, ends = span_of_day(self.day)
            conditions += [starts_at >= begins, starts_at < ends]
        if self.organisation_id is not None:
            conditions.append(appointments.c.organisation_id == self.organisation_id)
        if self.place is not None:
            conditions.append(place_key() == self.place)
        return conditions

    def meets(self, entry: AppointmentEntry) -> bool:
        """Whether it begins on the day and in the hours that are asked for."""
        begins = local(entry.appointment.starts_at, entry.terms.time_zone)
        return (
            (self.day is None or begins.date() == self.day)
            and (self.begins_from is None or begins.time() >= self.begins_from)
            and (self.begins_before is None or begins.time() < self.begins_before)
        )


def choose(
    connection: Connection, terms: TermsBook, choice: BatchChoice, reach: ColumnElement[bool], now: datetime
) -> list[AppointmentEntry]:
    """The appointments that the choice means, soonest first, of those that meet `reach`. Raises TooMany."""
    somebody = exists().where(
        participations.c.appointment_id == appointments.c.id,
        participations.c.removed_at.is_(None),
        participations.c.status == Status.UNKNOWN.value,
        participations.c.cancellation_requested_at.is_(None),
    )
    there = and_(appointments.c.destroyed_at.is_(None), appointments.c.starts_at > now)
    statement = (
        select(appointments.c.id)
        .where(there, reach, somebody, *choice.conditions())
        .order_by(appointments.c.starts_at, appointments.c.id)
        .limit(2 * MOST_TOGETHER)
    )
    ids = connection.execute(statement).scalars().all()
    found = [entry for entry in read_entries(connection, terms, ids, now) if choice.meets(entry)]
    if len(found) > MOST_TOGETHER or len(ids) == 2 * MOST_TOGETHER:
        raise TooMany(f"These are more than {MOST_TOGETHER} appointments: choose fewer hours, or one place.")
    return found


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the people of one appointment would get: the texts of the SMS with their segments, the number of e-mails,
    and who gets nothing."""

    entry: AppointmentEntry
    people: tuple[ParticipationEntry, ...]
    sms: tuple[tuple[str, int], ...]
    emails: int
    unreached: tuple[ParticipationEntry, ...]


@dataclass(frozen=True, slots=True)
class BatchForetold:
    """The same for all of a batch."""

    each: Sequence[Foretold]

    @property
    def people(self) -> int:
        return sum(len(one.people) for one in self.each)

    @property
    def sms(self) -> int:
        return sum(len(one.sms) for one in self.each)

    @property
    def segments(self) -> int:
        return sum(segments for one in self.each for _, segments in one.sms)

    @property
    def emails(self) -> int:
        return sum(one.emails for one in self.each)

    @property
    def unreached(self) -> int:
        return sum(len(one.unreached) for one in self.each)

    @property
    def example(self) -> str | None:
        """The first of the SMS; None where there is none."""
        return next((body for one in self.each for body, _ in one.sms), None)


def foretell(
    connection: Connection,
    herald: Herald,
    entries: Sequence[AppointmentEntry],
    canceller: Canceller | None,
    word: str | None,
    now: datetime,
) -> BatchForetold:
    """What people would get if `canceller` cancelled these appointments now, or only wrote `word` where it is None."""
    each = []
    for entry in entries:
        people = entry.cancellable_participations
        if canceller is not None:
            ways = herald.foretell_ways(connection, people, canceller, now)
        else:
            ways = herald.foretell_word(connection, people, word or "", now)
        unreached = tuple(one for one in people if one.id not in ways.reached)
        sms = tuple((message.body, message.segments or 1) for message in ways.sms)
        each.append(Foretold(entry, people, sms, ways.emails, unreached))
    return BatchForetold(each)
