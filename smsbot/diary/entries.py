"""Appointments as agents see them: who takes part, the status of each, and what could not be delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, within_reach
from smsbot.appointments.appointment import (
    APPOINTMENT_COLUMNS,
    PARTICIPATION_COLUMNS,
    Appointment,
    Participation,
    appointment_from,
    participation_fields,
)
from smsbot.appointments.requests import MAY_BE_WITHDRAWN, TAKES_BACK, RequestState
from smsbot.appointments.terms import Terms, TermsBook
from smsbot.inbox.threads import WAITING, is_due
from smsbot.made_often import made_often
from smsbot.messages.french_dates import local
from smsbot.model import Status
from smsbot.outbox.delivery_status import MessageFate, fate_of, has_failed, was_sent_again
from smsbot.rules.lock import is_locked
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, RowValues, in_one_journey
from smsbot.store.tables import (
    UtcDateTime,
    appointments,
    audit,
    cancellation_requests,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)


@made_often
@dataclass(frozen=True, slots=True)
class ParticipationEntry(Participation):
    """A participation with what agents see in addition.

    `cancelled_by_agent` is the e-mail address of the agent who cancelled, if one did. The fields `requested_…` say who
    has asked its source to cancel it, and how, while that request is open. `may_be_withdrawn` says that an agent did,
    and that the source has not been asked yet. `opted_out_at` is when the number sent STOP. `waiting_message` is our id
    of the newest message from the number that waits in the appointment's organisation and was not put off.
    """

    erased_at: datetime | None
    cancelled_by_agent: str | None
    requested_by: str | None
    requested_way: str | None
    requested_by_agent: str | None
    may_be_withdrawn: bool | None
    opted_out_at: datetime | None
    waiting_message: int | None

    @property
    def name(self) -> str:
        """First and last name; empty where neither is stored."""
        first, last = self.first_name, self.last_name
        return f"{first} {last}" if first and last else first or last or ""

    @property
    def is_coming(self) -> bool:
        return self.status is Status.UNKNOWN

    @property
    def is_requested(self) -> bool:
        """Whether its source has been asked to cancel it, and has not answered yet."""
        return self.is_coming and self.cancellation_requested_at is not None

    @property
    def is_cancellable(self) -> bool:
        """Whether an agent may still cancel it: it is neither cancelled nor requested to be."""
        return self.is_coming and not self.is_requested

    def may_be_taken_back(self, now: datetime) -> bool:
        """Whether an agent may still undo its cancellation, or the request for it, because nobody has heard of it."""
        is_held = self.held_until is not None and self.held_until > now
        return (self.status.is_cancelled and is_held) or (self.is_requested and bool(self.may_be_withdrawn))

    def is_locked(self, now: datetime) -> bool:
        return is_locked(self, now)

    def stands_out(self, now: datetime) -> bool:
        """Whether there is more to show than that the person is expected."""
        return (
            not self.is_coming
            or self.is_with_its_source
            or self.announced_at is not None
            or self.opted_out_at is not None
            or self.waiting_message is not None
            or self.is_locked(now)
        )


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that did not arrive and was not sent again."""

    participation_id: int | None
    channel: str
    delivery: MessageFate


@made_often
@dataclass(frozen=True, slots=True)
class AppointmentEntry:
    """One appointment with everything that the list shows of it.

    `participations` are those that the source still has.
    """

    appointment: Appointment
    terms: Terms
    participations: tuple[ParticipationEntry, ...]
    undelivered: tuple[Undelivered, ...]

    @property
    def day(self) -> date:
        """The day of its start, in its own time zone."""
        return local(self.appointment.starts_at, self.terms.time_zone).date()

    def participation(self, participation_id: int) -> ParticipationEntry:
        """Its participation with this id (our own). Raises OutOfReach where it has none."""
        for participation in self.participations:
            if participation.id == participation_id:
                return participation
        raise OutOfReach("no such participation")

    def concerned_by(self, participation: ParticipationEntry | None) -> Sequence[ParticipationEntry]:
        """Whose participation ends where this one is cancelled, or all are (None).

        An individual appointment is cancelled for all, whoever is meant.
        """
        if participation is not None and self.appointment.collective:
            return [participation]
        return self.cancellable_participations

    @property
    def coming_participations(self) -> tuple[ParticipationEntry, ...]:
        return tuple(participation for participation in self.participations if participation.is_coming)

    def may_be_taken_back(self, now: datetime) -> tuple[ParticipationEntry, ...]:
        """One participation of each cancellation that an agent may still take back."""
        acts: dict[datetime | None, ParticipationEntry] = {}
        for one in self.participations:
            if one.may_be_taken_back(now):
                acts.setdefault(one.cancelled_at or one.cancellation_requested_at, one)
        return tuple(acts.values())

    @property
    def cancellable_participations(self) -> tuple[ParticipationEntry, ...]:
        """The participations that an agent may still cancel."""
        return tuple(participation for participation in self.participations if participation.is_cancellable)

    @property
    def is_cancellable(self) -> bool:
        """Whether an agent may still cancel any of its participations."""
        return any(participation.is_cancellable for participation in self.participations)


def entry_within_reach(
    connection: Connection, terms_book: TermsBook, agent: Agent, appointment_id: int, now: datetime
) -> AppointmentEntry:
    """One appointment of the agent's organisations, by our id. Raises OutOfReach."""
    this = (appointments.c.id == appointment_id) & appointments.c.destroyed_at.is_(None) & within_reach(agent)
    row = connection.execute(_APPOINTMENTS.where(this)).one_or_none()
    if row is None:
        raise OutOfReach("no such appointment")
    those = {"ids": [appointment_id]}
    taking_part, undelivered = in_one_journey(
        connection, (_PARTICIPATIONS, those | {"now": now}), (_UNDELIVERED, those)
    )
    [entry] = _entries(terms_book, [appointment_id], [row], taking_part, undelivered)
    return entry


def read_entries(
    connection: Connection, terms_book: TermsBook, ids: Sequence[int], now: datetime
) -> list[AppointmentEntry]:
    """The appointments with these ids (our own), in their order, in three queries.

    The agent must be allowed to see them.
    """
    if not ids:
        return []
    those = {"ids": ids}
    rows = in_one_journey(
        connection, (_APPOINTMENTS_BY_IDS, those), (_PARTICIPATIONS, those | {"now": now}), (_UNDELIVERED, those)
    )
    return _entries(terms_book, ids, *rows)


def _entries(
    terms_book: TermsBook,
    ids: Sequence[int],
    appointments_there: Iterable[RowValues],
    participations_there: Iterable[RowValues],
    undelivered: Iterable[RowValues],
) -> list[AppointmentEntry]:
    """The entries of those of `ids` that are among `appointments_there`, from the rows of the three statements."""
    found = {appointment.id: appointment for appointment in map(appointment_from, appointments_there)}
    own, taking_part = len(PARTICIPATION_COLUMNS), dict[int, list[ParticipationEntry]]()
    for appointment_id, *columns in participations_there:
        fields = participation_fields(columns[:own], found[appointment_id])
        taking_part.setdefault(appointment_id, []).append(ParticipationEntry(*fields, *columns[own:]))
    failed: dict[int, list[Undelivered]] = {}
    for appointment_id, participation_id, channel, state, delivery_status, error_code in undelivered:
        message = Undelivered(participation_id, channel, fate_of(state, delivery_status, error_code))
        failed.setdefault(appointment_id, []).append(message)
    return [
        AppointmentEntry(
            appointment=found[each],
            terms=terms_book.of_appointment(found[each]),
            participations=tuple(taking_part.get(each, ())),
            undelivered=tuple(failed.get(each, ())),
        )
        for each in ids
        if each in found
    ]


_APPOINTMENTS = select(*APPOINTMENT_COLUMNS).select_from(appointments.outerjoin(organisations))
_APPOINTMENTS_BY_IDS = Prepared(_APPOINTMENTS.where(is_one_of(appointments.c.id, "ids")))
_cancelled_by_agent = (
    select(audit.c.agent)
    .where(
        audit.c.appointment_id == participations.c.appointment_id,
        audit.c.participation_id == participations.c.id,
        audit.c.act == "cancelled",
    )
    .order_by(audit.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


def _of_request(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """`column` of the oldest open request to cancel that concerns a participation, as a subquery."""
    theirs = (cancellation_requests.c.participation_id == participations.c.id) | ~appointments.c.collective
    of_all = cancellation_requests.c.participation_id.is_(None)
    found = (
        select(column)
        .where(
            cancellation_requests.c.appointment_id == participations.c.appointment_id,
            cancellation_requests.c.state == RequestState.WAITING.value,
            ~TAKES_BACK,
            theirs | of_all,
        )
        .order_by(cancellation_requests.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return case((participations.c.cancellation_requested_at.is_not(None), found))


_waiting_message = (
    select(func.max(incoming_messages.c.id))
    .where(
        incoming_messages.c.from_number == participations.c.phone,
        incoming_messages.c.organisation_id == appointments.c.organisation_id,
        WAITING,
        is_due(bindparam("now", type_=UtcDateTime())),
    )
    .scalar_subquery()
)
_PARTICIPATIONS = Prepared(
    select(
        participations.c.appointment_id,
        *PARTICIPATION_COLUMNS,
        participations.c.erased_at,
        _cancelled_by_agent,
        _of_request(cancellation_requests.c.by),
        _of_request(cancellation_requests.c.way),
        _of_request(cancellation_requests.c.agent),
        _of_request(MAY_BE_WITHDRAWN),
        opt_outs.c.opted_out_at,
        _waiting_message,
    )
    .select_from(participations.join(appointments).outerjoin(opt_outs, opt_outs.c.number == participations.c.phone))
    .where(is_one_of(participations.c.appointment_id, "ids"), participations.c.removed_at.is_(None))
    .order_by(participations.c.id)
)
_UNDELIVERED = Prepared(
    select(
        outgoing_messages.c.appointment_id,
        outgoing_messages.c.participation_id,
        outgoing_messages.c.channel,
        outgoing_messages.c.state,
        outgoing_messages.c.delivery_status,
        outgoing_messages.c.error_code,
    )
    .where(is_one_of(outgoing_messages.c.appointment_id, "ids"), has_failed(), ~was_sent_again())
    .order_by(outgoing_messages.c.id)
)
