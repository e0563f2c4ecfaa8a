"""Requests of usagers to take their cancellation back at the connected source that owns the appointment.

They are stored like other requests (`requests`), with the status `unknown`. The participations that they concern have
`taking_back_requested_at`. The request to cancel may itself still be open; then it is in doubt whether it has reached
the source. No new attempt of it is begun, and it is withdrawn when the request to take it back is claimed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, Connection, and_, bindparam, exists, or_, select, text, update

from smsbot.appointments.appointment import Participation, note_change
from smsbot.appointments.audit import note_each
from smsbot.appointments.requests import (
    TAKES_BACK,
    TOPIC,
    CancellationRequest,
    RequestState,
    insert_request,
    note_registered,
    open_requests,
    unmark,
)
from smsbot.model import Actor, Canceller, Status
from smsbot.store.database import signal
from smsbot.store.tables import UtcDateTime, appointments, cancellation_requests, incoming_messages, participations


@dataclass(frozen=True, slots=True)
class CancellationBefore:
    """What is known of a cancellation that is taken back.

    `was_never_sent` says that it cannot have reached the source. `has_same_writer` says that the yes to it came by SMS
    from the telephone that now takes it back, so that the letters were given there.
    """

    was_never_sent: bool
    has_same_writer: bool


def record_taking_back(
    connection: Connection,
    meant: Participation,
    concerned: Sequence[Participation],
    canceller: Canceller,
    now: datetime,
) -> None:
    """Store the request that the source takes back the cancellation of `concerned`, locked in this transaction.

    `canceller` is the usager of `meant`, who takes it back. Its status is not used.
    """
    appointment = meant.appointment
    for each in open_requests(connection, appointment.id):
        if not each.takes_back and each.canceller.by is Actor.USAGER:
            note_registered(connection, each.id, now)  # from now on the usager only hears of the taking back
    insert_request(connection, appointment, meant, replace(canceller, status=Status.UNKNOWN), now)
    ids = [one.id for one in concerned]
    connection.execute(update(participations).where(participations.c.id.in_(ids)).values(taking_back_requested_at=now))
    note_change(connection, appointment.id, now)
    about = [(appointment.id, one.id) for one in concerned]
    note_each(connection, now, "taking_back_requested", canceller.by, canceller.via, about)
    signal(connection, TOPIC)


def cancellations_of_usagers(connection: Connection, participation_ids: Collection[int]) -> frozenset[int]:
    """Those of these participations (our ids) that an usager has asked to cancel, in a request that is still open."""
    if not participation_ids:
        return frozenset()
    return frozenset(connection.execute(_OF_USAGERS, {"participations": list(participation_ids)}).scalars())


def cancellation_before(connection: Connection, taking_back: CancellationRequest) -> CancellationBefore | None:
    """The cancellation that this request takes back; None where no usager has asked the source for one."""
    values = {
        "this": taking_back.id,
        "appointment": taking_back.appointment_id,
        "participation": taking_back.participation_id,
    }
    row = connection.execute(_BEFORE, values).first()
    if row is None:
        return None
    was_never_sent = row.state == RequestState.WITHDRAWN.value and row.attempts == 0
    is_own = row.participation_id == taking_back.participation_id and row.from_number is not None
    return CancellationBefore(was_never_sent, is_own and row.from_number == row.own_number)


def withdraw_taken_back(connection: Connection, taking_back: CancellationRequest, now: datetime) -> None:
    """Withdraw the open cancellations that this request takes back. No process may be carrying them out."""
    values = {
        "this": taking_back.id,
        "appointment": taking_back.appointment_id,
        "participation": taking_back.participation_id,
        "now": now,
    }
    if connection.execute(_WITHDRAW_TAKEN_BACK, values).rowcount:
        unmark(connection, taking_back.appointment_id, now)


def have_stood_again(connection: Connection, appointment_ids: Collection[int], since: datetime) -> frozenset[int]:
    """Those of these appointments whose cancellation was taken back at their source after `since` (UTC)."""
    if not appointment_ids:
        return frozenset()
    values = {"appointments": list(appointment_ids), "since": since}
    return frozenset(connection.execute(_STOOD_AGAIN, values).scalars())


_requests = cancellation_requests.c
_other = cancellation_requests.alias("other")
_IS_INDIVIDUAL = exists().where(appointments.c.id == _requests.appointment_id, ~appointments.c.collective)
_IS_INDIVIDUAL_OF_OTHER = exists().where(appointments.c.id == _other.c.appointment_id, ~appointments.c.collective)
_OF_USAGERS = (
    select(participations.c.id)
    .select_from(participations.join(_other, _other.c.appointment_id == participations.c.appointment_id))
    .where(
        participations.c.id.in_(bindparam("participations", expanding=True)),
        participations.c.cancellation_requested_at.is_not(None),
        _other.c.state == RequestState.WAITING.value,
        _other.c.by == Actor.USAGER.value,
        _other.c.status != Status.UNKNOWN.value,
        or_(_other.c.participation_id == participations.c.id, _IS_INDIVIDUAL_OF_OTHER),
    )
)
_IS_TAKEN_BACK = and_(
    _requests.appointment_id == bindparam("appointment"),
    _requests.id < bindparam("this"),
    _requests.by == Actor.USAGER.value,
    ~TAKES_BACK,
    or_(_requests.participation_id == bindparam("participation", type_=BigInteger()), _IS_INDIVIDUAL),
)
_own = cancellation_requests.alias("own")
_yes, _own_message = incoming_messages.alias("yes"), incoming_messages.alias("own_message")
_BEFORE = (
    select(
        _requests.state,
        _requests.attempts,
        _requests.participation_id,
        _yes.c.from_number,
        _own_message.c.from_number.label("own_number"),
    )
    .select_from(
        cancellation_requests.outerjoin(_yes, _yes.c.id == _requests.in_reply_to)
        .join(_own, _own.c.id == bindparam("this"))
        .outerjoin(_own_message, _own_message.c.id == _own.c.in_reply_to)
    )
    .where(_IS_TAKEN_BACK)
    .order_by(_requests.id.desc())
    .limit(1)
)
_WITHDRAW_TAKEN_BACK = (
    update(cancellation_requests)
    .where(text("cancellation_requests.state = 'waiting'"), _IS_TAKEN_BACK)
    .values(state=RequestState.WITHDRAWN.value, leased_until=None, finished_at=bindparam("now", type_=UtcDateTime()))
)
_STOOD_AGAIN = select(_requests.appointment_id).where(
    _requests.appointment_id.in_(bindparam("appointments", expanding=True)),
    TAKES_BACK,
    _requests.state == RequestState.DONE.value,
    _requests.finished_at > bindparam("since", type_=UtcDateTime()),
)
