"""Finds the appointments of a batch, and what their people would get.

Only appointments that have not begun and that still have participants are chosen.
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
    """The choice has more appointments than a batch may have."""


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """What an agent asks for: the appointments of a `day`, or those with these `ids` (our own).

    They begin at `begins_from` or later, and before `begins_before`, in each appointment's own time zone.
    `organisation_id` is ours, `place` is what `place_key` gives. None means no condition.
    """

    day: date | None = None
    begins_from: time | None = None
    begins_before: time | None = None
    organisation_id: int | None = None
    place: str | None = None
    ids: tuple[int, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on `appointments`. Those on the day select too many, because SQL does not know local times."""
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
        """Whether the appointment begins on the day and in the hours of the choice."""
        begins = local(entry.appointment.starts_at, entry.terms.time_zone)
        return (
            (self.day is None or begins.date() == self.day)
            and (self.begins_from is None or begins.time() >= self.begins_from)
            and (self.begins_before is None or begins.time() < self.begins_before)
        )


def choose(
    connection: Connection, terms: TermsBook, choice: BatchChoice, reach: ColumnElement[bool], now: datetime
) -> list[AppointmentEntry]:
    """The chosen appointments, soonest first, among those that meet the condition `reach`. Raises TooMany."""
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
    """What the people of one appointment would get.

    `sms` are the texts of the SMS, each with its number of segments. `emails` counts the e-mails. `unreached` are those
    who would get nothing.
    """

    entry: AppointmentEntry
    people: tuple[ParticipationEntry, ...]
    sms: tuple[tuple[str, int], ...]
    emails: int
    unreached: tuple[ParticipationEntry, ...]


@dataclass(frozen=True, slots=True)
class BatchForetold:
    """The same for all appointments of a batch."""

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
    """What people would get if `canceller` cancelled these appointments now. None: if only `word` is sent to them."""
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
