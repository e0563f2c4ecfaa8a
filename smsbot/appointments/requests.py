"""Requests to cancel appointments that a connected source owns.

A request is stored in the transaction of the yes. `smsbot.connected.carrying` claims it (`request_attempts`), asks the
source, and finishes it with one of the outcomes of `RequestState`. A participation with an open request has
`cancellation_requested_at`: it is not cancelled yet, and nobody may be told that it is.

A second kind of request takes an usager's cancellation back (`taking_back_requests`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    insert,
    or_,
    select,
    text,
    update,
)

from smsbot.appointments.appointment import Appointment, Participation, note_change
from smsbot.appointments.audit import note_each
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import serialise, signal
from smsbot.store.tables import UtcDateTime, appointments, cancellation_requests, incoming_messages, participations

TOPIC = "cancellation requests"
"""The topic of `store.database.signal` when a request is due."""


class RequestState(StrEnum):
    """The state of a request, and in the end its outcome."""

    WAITING = "waiting"
    DONE = "done"  # it is cancelled at the source, or stands again there
    REFUSED = "refused"  # the source does not let us
    OVERTAKEN = "overtaken"  # somebody changed it there in the meantime, and their change counts
    GIVEN_UP = "given_up"  # the appointment has begun
    WITHDRAWN = "withdrawn"  # it was taken back before it was carried out


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """One request, to cancel or to take a cancellation back. Ids are ours, datetimes aware UTC.

    `participation_id` is the one that was meant; None where an agent ends the whole appointment. In an individual
    appointment all participations end with it. `starts_at` is the beginning of the appointment that the canceller knew.
    `attempts` counts the attempts that were begun, with the present one. `registered_at` is when the usager was told
    that the request is registered; for a yes that did not come by SMS, when they would have been told. `leased_until`
    is the end of this process's lease; None for a request that was only read.
    """

    id: int
    appointment_id: int
    participation_id: int | None
    canceller: Canceller
    requested_at: datetime
    starts_at: datetime
    attempts: int
    registered_at: datetime | None
    leased_until: datetime | None
    source: str
    appointment_external_id: str

    @property
    def takes_back(self) -> bool:
        """Whether it takes a cancellation back."""
        return self.canceller.status is Status.UNKNOWN


# Asking ---------------------------------------------------------------------------------------------------------------


def record_request(
    connection: Connection,
    appointment: Appointment,
    meant: Participation | None,
    concerned: Sequence[Participation],
    canceller: Canceller,
    now: datetime,
) -> None:
    """Store the request that the source cancels `concerned`, which are locked in this transaction.

    `meant` is the participation that was meant; None for the whole appointment. The request is begun at once, or after
    the time in which the canceller may take it back.
    """
    insert_request(connection, appointment, meant, canceller, now)
    join_request(connection, appointment, concerned, now)
    about = [(appointment.id, one.id) for one in concerned]
    note_each(connection, now, "cancellation_requested", canceller.by, canceller.via, about, agent=canceller.agent)
    signal(connection, TOPIC)


def insert_request(
    connection: Connection, appointment: Appointment, meant: Participation | None, canceller: Canceller, now: datetime
) -> None:
    """Insert the row of a new request."""
    values = {
        "appointment_id": appointment.id,
        "participation_id": meant.id if meant is not None else None,
        "status": canceller.status.value,
        "by": canceller.by.value,
        "way": canceller.via.value,
        "agent": canceller.agent,
        "word": canceller.word,
        "in_reply_to": canceller.in_reply_to,
        "requested_at": now,
        "starts_at": appointment.starts_at,
        "state": RequestState.WAITING.value,
        "due_at": now + canceller.hold,
    }
    connection.execute(insert(cancellation_requests).values(values))


def join_request(
    connection: Connection, appointment: Appointment, concerned: Sequence[Participation], now: datetime
) -> None:
    """Mark these participations, because an open request of their appointment ends them too."""
    ids = [one.id for one in concerned]
    connection.execute(update(participations).where(participations.c.id.in_(ids)).values(cancellation_requested_at=now))
    note_change(connection, appointment.id, now)


def hurry(connection: Connection, appointment_id: int, now: datetime) -> None:
    """Make the open requests of an appointment due now, because its source has told something new of it."""
    if connection.execute(_HURRY, {"appointment": appointment_id, "now": now}).rowcount:
        signal(connection, TOPIC)


# Taking back ----------------------------------------------------------------------------------------------------------


def withdraw_request(
    connection: Connection, appointment_id: int, participation_id: int | None, now: datetime
) -> list[int]:
    """Withdraw agents' requests for this appointment of which neither the source nor a person has heard.

    Returns our ids of the participations that are no longer marked; an empty list where there was nothing to withdraw.
    With `participation_id`, only requests that concern this participation are withdrawn.
    """
    serialise(connection, TOPIC)  # nobody may claim one of them during this
    values = {"appointment": appointment_id, "participation": participation_id, "now": now}
    if connection.execute(_WITHDRAW, values).rowcount == 0:
        return []
    return unmark(connection, appointment_id, now)


def insist(connection: Connection, appointment_ids: Collection[int], now: datetime) -> None:
    """Make the agents' requests for these appointments due now; they can no longer be withdrawn.

    For when an usager has asked for the same, and is told that the request is registered.
    """
    if appointment_ids and connection.execute(_INSIST, {"appointments": list(appointment_ids), "now": now}).rowcount:
        signal(connection, TOPIC)


# Patience -------------------------------------------------------------------------------------------------------------


def unregistered(connection: Connection, source: str, before: datetime) -> list[CancellationRequest]:
    """The open requests of usagers to `source`, made at or before `before`, for which `register` was not called yet."""
    rows = connection.execute(_UNREGISTERED, {"source": source, "before": before})
    return [request_from(row._mapping) for row in rows]


def note_registered(connection: Connection, request_id: int, now: datetime) -> bool:
    """Note that the usager is told that the request is registered. False where they know already, or it has ended."""
    return connection.execute(_REGISTER, {"this": request_id, "now": now}).rowcount == 1


def open_requests(connection: Connection, appointment_id: int) -> list[CancellationRequest]:
    """The requests of an appointment that have no outcome yet, the oldest first."""
    rows = connection.execute(_OPEN, {"appointment": appointment_id})
    return [request_from(row._mapping) for row in rows]


def failed_request_of(connection: Connection, participation_id: int) -> RequestState | None:
    """Why the usager's last request to cancel this participation was not carried out.

    None where it was carried out, is still open, or was taken back since.
    """
    state = connection.execute(_LAST_STATE, {"participation": participation_id}).scalar()
    failed = (RequestState.REFUSED, RequestState.OVERTAKEN, RequestState.GIVEN_UP)
    return next((each for each in failed if each.value == state), None)


def note_registered_for(connection: Connection, appointment_ids: Collection[int], phone: str, now: datetime) -> None:
    """Like `register`, for the open requests for these appointments that came from this telephone (E.164)."""
    if appointment_ids:
        connection.execute(_REGISTER_FOR, {"appointments": list(appointment_ids), "phone": phone, "now": now})


_requests = cancellation_requests.c
_other = cancellation_requests.alias("other")
_now = bindparam("now", type_=UtcDateTime())
TAKES_BACK = _requests.status == Status.UNKNOWN.value
"""A condition on `cancellation_requests`: a request that takes a cancellation back."""
# The value is written out, not bound. Otherwise the engines do not use the partial index.
_IS_WAITING = text("cancellation_requests.state = 'waiting'")

_COLUMNS = (
    *cancellation_requests.c,
    appointments.c.source.label("source"),
    appointments.c.external_id.label("appointment_external_id"),
)


def waiting_requests(*conditions: ColumnElement[bool]) -> Select[Any]:
    """A SELECT of the open requests that meet these conditions. Its rows are for `request_from`."""
    joined = cancellation_requests.join(appointments, appointments.c.id == _requests.appointment_id)
    return select(*_COLUMNS).select_from(joined).where(_IS_WAITING, *conditions)


_UNREGISTERED = waiting_requests(
    _requests.by == Actor.USAGER.value,
    _requests.registered_at.is_(None),
    _requests.requested_at <= bindparam("before", type_=UtcDateTime()),
    appointments.c.source == bindparam("source"),
).order_by(_requests.id)
MAY_BE_WITHDRAWN = and_(
    _requests.by == Actor.AGENT.value,
    _requests.attempts == 0,
    _requests.leased_until.is_(None),
    _requests.registered_at.is_(None),
)
"""A condition on `cancellation_requests`: an agent's request of which neither a person nor the source has heard."""

_OPEN = waiting_requests(_requests.appointment_id == bindparam("appointment")).order_by(_requests.id)

# Joined through the appointment, which has the index.
_LAST_STATE = (
    select(case((TAKES_BACK, None), else_=_requests.state))
    .select_from(
        participations.join(cancellation_requests, _requests.appointment_id == participations.c.appointment_id)
    )
    .where(
        participations.c.id == bindparam("participation"),
        _requests.participation_id == participations.c.id,
        _requests.by == Actor.USAGER.value,
    )
    .order_by(_requests.id.desc())
    .limit(1)
)
_HURRY = (
    update(cancellation_requests)
    .where(_IS_WAITING, _requests.appointment_id == bindparam("appointment"))
    .values(due_at=_now)
)
_WITHDRAW = (
    update(cancellation_requests)
    .where(
        _IS_WAITING,
        _requests.appointment_id == bindparam("appointment"),
        or_(
            bindparam("participation", type_=BigInteger()).is_(None),
            _requests.participation_id.is_(None),
            _requests.participation_id == bindparam("participation", type_=BigInteger()),
            exists().where(appointments.c.id == _requests.appointment_id, ~appointments.c.collective),
        ),
        MAY_BE_WITHDRAWN,
    )
    .values(state=RequestState.WITHDRAWN.value, finished_at=_now)
)
_INSIST = (
    update(cancellation_requests)
    .where(
        _IS_WAITING,
        _requests.appointment_id.in_(bindparam("appointments", expanding=True)),
        MAY_BE_WITHDRAWN,
    )
    .values(registered_at=_now, due_at=_now)
)
_REGISTER = (
    update(cancellation_requests)
    .where(_requests.id == bindparam("this"), _IS_WAITING, _requests.registered_at.is_(None))
    .values(registered_at=_now)
)
_REGISTER_FOR = (
    update(cancellation_requests)
    .where(
        _IS_WAITING,
        _requests.appointment_id.in_(bindparam("appointments", expanding=True)),
        _requests.registered_at.is_(None),
        exists().where(
            incoming_messages.c.id == _requests.in_reply_to, incoming_messages.c.from_number == bindparam("phone")
        ),
    )
    .values(registered_at=_now)
)
_OTHER_IS_INDIVIDUAL = exists().where(appointments.c.id == _other.c.appointment_id, ~appointments.c.collective)


def _unmarking(mark: Column[datetime], is_of_kind: ColumnElement[bool]) -> Update:
    """An UPDATE that removes `mark` from participations that no open request of that kind concerns.

    An open request concerns its own participation. In an individual appointment, and where an agent ends the whole
    appointment, it concerns all participations.
    """
    is_concerned = exists().where(
        _other.c.appointment_id == participations.c.appointment_id,
        _other.c.state == RequestState.WAITING.value,
        is_of_kind,
        or_(
            _other.c.participation_id.is_(None),
            _other.c.participation_id == participations.c.id,
            _OTHER_IS_INDIVIDUAL,
        ),
    )
    marked = participations.c.appointment_id == bindparam("appointment")
    return update(participations).where(marked, mark.is_not(None), ~is_concerned).values({mark: None})


_UNMARKING = (
    _unmarking(participations.c.cancellation_requested_at, _other.c.status != Status.UNKNOWN.value),
    _unmarking(participations.c.taking_back_requested_at, _other.c.status == Status.UNKNOWN.value),
)


def unmark(connection: Connection, appointment_id: int, now: datetime) -> list[int]:
    """Remove the marks from participations of this appointment that no open request concerns any more.

    Returns our ids of these participations.
    """
    note_change(connection, appointment_id, now)
    this = {"appointment": appointment_id}
    unmarked = (connection.execute(each.returning(participations.c.id), this).scalars() for each in _UNMARKING)
    return sorted({each for ids in unmarked for each in ids})


def request_from(row: RowMapping) -> CancellationRequest:
    """The request in a row of `waiting_requests`."""
    return CancellationRequest(
        id=row["id"],
        appointment_id=row["appointment_id"],
        participation_id=row["participation_id"],
        canceller=Canceller(
            Actor(row["by"]), Via(row["way"]), Status(row["status"]), row["agent"], row["word"], row["in_reply_to"]
        ),
        requested_at=row["requested_at"],
        starts_at=row["starts_at"],
        attempts=row["attempts"],
        registered_at=row["registered_at"],
        leased_until=row["leased_until"],
        source=row["source"],
        appointment_external_id=row["appointment_external_id"],
    )
