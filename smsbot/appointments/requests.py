"""Cancellations of appointments that a connected source owns: asked for here, and carried out there.

A request is written in the transaction of the yes. `smsbot.connected.carrying` claims it, asks the source, and finishes
it with one of the outcomes of `RequestState`. A participation that an open request concerns has
`cancellation_requested_at`: it is not cancelled yet, and nobody may be told that it is.

A claim is a lease. While an attempt is made, `leased_until` is the moment from which the process that makes it counts
as dead, and what this process writes down counts only while the lease is its own. So one attempt is made at a time, and
only one for all requests of the same appointment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    text,
    update,
)

from smsbot.appointments.appointment import Appointment, Participation
from smsbot.appointments.audit import AuditedAct, note_each
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import serialise, signal
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, appointments, cancellation_requests, incoming_messages, participations

TOPIC = "cancellation requests"
"""The topic of `store.database.signal` that tells of a request that is due."""


class RequestState(StrEnum):
    """What has become of a request."""

    WAITING = "waiting"
    DONE = "done"  # it is cancelled at the source
    REFUSED = "refused"  # the source does not let us
    OVERTAKEN = "overtaken"  # somebody changed it there meanwhile: that stands
    GIVEN_UP = "given_up"  # it has begun
    WITHDRAWN = "withdrawn"  # an agent took it back before the source was asked


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """One request. Ids are ours, datetimes aware UTC.

    `participation_id` is the one that was meant; None where an agent ends the whole appointment. In an individual
    appointment all participations end with it. `starts_at` is when the appointment began as far as the canceller knew.
    `attempts` counts those that were begun, this one included. `registered_at` is when the usager was told that the
    request is registered, or would have been, had the yes come by SMS. `leased_until` is the end of this process's
    lease, None for a request that was only read.
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


# Asking ---------------------------------------------------------------------------------------------------------------


def record_request(
    connection: Connection,
    appointment: Appointment,
    meant: Participation | None,
    concerned: Sequence[Participation],
    canceller: Canceller,
    now: datetime,
) -> None:
    """Write down that `concerned`, held in this transaction, are to be cancelled at the source, and have it begun.

    `meant` is the participation that was asked for, None for the whole appointment. Where the canceller may take it
    back, it is begun only after that time.
    """
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
    join_request(connection, appointment, concerned, now)
    about = [(appointment.id, one.id) for one in concerned]
    note_each(connection, now, "cancellation_requested", canceller.by, canceller.via, about, agent=canceller.agent)
    signal(connection, TOPIC)


def join_request(
    connection: Connection, appointment: Appointment, concerned: Sequence[Participation], now: datetime
) -> None:
    """Mark these participations: an open request of their appointment ends them too."""
    ids = [one.id for one in concerned]
    connection.execute(update(participations).where(participations.c.id.in_(ids)).values(cancellation_requested_at=now))
    _changed(connection, appointment.id, now)


# Attempts -------------------------------------------------------------------------------------------------------------


def claim_requests(
    connection: Connection, now: datetime, lease: datetime, at_most: int, *, sources: Sequence[str]
) -> list[CancellationRequest]:
    """The requests to `sources` that are due and that no other process is carrying out, the longest due first.

    This process has them until `lease`.
    """
    serialise(connection, TOPIC)
    values = {"now": now, "far": now + _FAR, "at_most": at_most, "sources": list(sources)}
    claimed: dict[int, CancellationRequest] = {}
    for row in connection.execute(_DUE, values):
        request = _request(row._mapping)
        claimed.setdefault(request.appointment_id, request)  # one of each appointment
    ids = [request.id for request in claimed.values()]
    if ids:
        connection.execute(_CLAIM, {"ids": ids, "lease": lease})
    return [replace(each, attempts=each.attempts + 1, leased_until=lease) for each in claimed.values()]


def is_any_due(connection: Connection, now: datetime, *, sources: Sequence[str]) -> bool:
    """Whether there is anything to claim."""
    values = {"now": now, "far": now + _FAR, "at_most": 1, "sources": list(sources)}
    return connection.execute(_DUE, values).first() is not None


def extend_lease(connection: Connection, request: CancellationRequest, lease: datetime) -> CancellationRequest | None:
    """The request with a lease until `lease`; None where it is no longer this process's."""
    extended = connection.execute(_EXTEND, {**_own(request), "lease": lease}).rowcount
    return replace(request, leased_until=lease) if extended else None


def postpone(
    connection: Connection, request: CancellationRequest, due_at: datetime, problem: str, *, counts: bool
) -> bool:
    """End an attempt that brought nothing: the next is made at `due_at`. False where the lease was lost.

    `problem` is one sentence without personal data. `counts` is False where it is certain that nothing was asked of the
    source.
    """
    attempts = request.attempts if counts else request.attempts - 1
    values = {**_own(request), "due": due_at, "sentence": problem, "count": attempts}
    return connection.execute(_POSTPONE, values).rowcount == 1


def finish_request(
    connection: Connection, request: CancellationRequest, state: RequestState, problem: str | None, now: datetime
) -> bool:
    """End a request with its outcome. False where the lease was lost: then nothing is changed.

    Its participations are no longer marked, except where another open request concerns them.
    """
    values = {**_own(request), "outcome": state.value, "sentence": problem, "now": now}
    if connection.execute(_FINISH, values).rowcount == 0:
        return False
    freed = connection.execute(_UNMARK, {"appointment": request.appointment_id}).scalars().all()
    _changed(connection, request.appointment_id, now)
    if (act := _ACTS.get(state)) is not None:
        about = [(request.appointment_id, each) for each in sorted(freed)]
        note_each(connection, now, act, Actor.SOURCE, Via.WEBHOOK, about)
    signal(connection, TOPIC)  # another request of the same appointment may go on now
    return True


def hurry(connection: Connection, appointment_id: int, now: datetime) -> None:
    """Have the open requests of an appointment looked at now: its source has told something new of it."""
    if connection.execute(_HURRY, {"appointment": appointment_id, "now": now}).rowcount:
        signal(connection, TOPIC)


# Taking back ----------------------------------------------------------------------------------------------------------


def withdraw_request(
    connection: Connection, appointment_id: int, participation_id: int | None, now: datetime
) -> list[int]:
    """Withdraw agents' requests for this appointment of which nothing was asked of the source and nobody was told.

    Returns our ids of the participations that are no longer marked; none where there was nothing to withdraw. With
    `participation_id`, only requests that concern this participation are withdrawn.
    """
    serialise(connection, TOPIC)  # none of them may be claimed meanwhile
    values = {"appointment": appointment_id, "participation": participation_id, "now": now}
    if connection.execute(_WITHDRAW, values).rowcount == 0:
        return []
    _changed(connection, appointment_id, now)
    return list(connection.execute(_UNMARK, {"appointment": appointment_id}).scalars())


def insist(connection: Connection, appointment_ids: Collection[int], now: datetime) -> None:
    """An usager has asked for the same as an agent, and is told that it is registered.

    So the agents' requests for these appointments can no longer be withdrawn, and are begun now.
    """
    if appointment_ids and connection.execute(_INSIST, {"appointments": list(appointment_ids), "now": now}).rowcount:
        signal(connection, TOPIC)


# Patience -------------------------------------------------------------------------------------------------------------


def unregistered(connection: Connection, source: str, before: datetime) -> list[CancellationRequest]:
    """The open requests to `source` made at or before `before`, whose usager has not been told that they are
    registered."""
    rows = connection.execute(_UNREGISTERED, {"source": source, "before": before})
    return [_request(row._mapping) for row in rows]


def register(connection: Connection, request_id: int, now: datetime) -> bool:
    """Note that the usager is told that the request is registered; False where they were before, or it has ended."""
    return connection.execute(_REGISTER, {"this": request_id, "now": now}).rowcount == 1


def open_requests(connection: Connection, appointment_id: int) -> list[CancellationRequest]:
    """The requests of an appointment that have no outcome yet, the first first."""
    rows = connection.execute(_OPEN, {"appointment": appointment_id})
    return [_request(row._mapping) for row in rows]


def failed_request_of(connection: Connection, participation_id: int) -> RequestState | None:
    """How the last request of this participation's usager ended, where it was not carried out; None for any other."""
    state = connection.execute(_LAST_STATE, {"participation": participation_id}).scalar()
    failed = (RequestState.REFUSED, RequestState.OVERTAKEN, RequestState.GIVEN_UP)
    return next((each for each in failed if each.value == state), None)


def register_for(connection: Connection, appointment_ids: Collection[int], phone: str, now: datetime) -> None:
    """The same for the open requests of these appointments that this telephone has made: it has just been told so."""
    if appointment_ids:
        connection.execute(_REGISTER_FOR, {"appointments": list(appointment_ids), "phone": phone, "now": now})


_ACTS: dict[RequestState, AuditedAct] = {
    RequestState.REFUSED: "cancellation_refused",
    RequestState.OVERTAKEN: "cancellation_overtaken",
    RequestState.GIVEN_UP: "cancellation_given_up",
}
"""What the audit calls the outcomes. What is done is noted where it ends (`cancellation`)."""

_requests = cancellation_requests.c
_other = cancellation_requests.alias("other")
_now = bindparam("now", type_=UtcDateTime())
_far = bindparam("far", type_=UtcDateTime())
_FAR = timedelta(hours=1)
"""No attempt and no lease is so far away: such a moment was written by a clock that was wrong."""

# Written out, not bound: otherwise the engines do not use the partial index.
_IS_WAITING = text("cancellation_requests.state = 'waiting'")

_COLUMNS = (
    *cancellation_requests.c,
    appointments.c.source.label("source"),
    appointments.c.external_id.label("appointment_external_id"),
)


def _reading(*conditions: ColumnElement[bool]) -> Any:
    joined = cancellation_requests.join(appointments, appointments.c.id == _requests.appointment_id)
    return select(*_COLUMNS).select_from(joined).where(_IS_WAITING, *conditions)


_DUE = (
    _reading(
        or_(_requests.due_at <= _now, _requests.due_at > _far),
        or_(_requests.leased_until.is_(None), _requests.leased_until <= _now, _requests.leased_until > _far),
        appointments.c.source.in_(bindparam("sources", expanding=True)),
        ~exists().where(
            _other.c.appointment_id == _requests.appointment_id,
            _other.c.state == RequestState.WAITING.value,
            _other.c.leased_until > _now,
            _other.c.leased_until <= _far,
        ),
    )
    .order_by(_requests.due_at, _requests.id)
    .limit(bindparam("at_most"))
)
_UNREGISTERED = _reading(
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
"""A condition on `cancellation_requests`: an agent's, of which nobody has heard, the source neither."""

_OPEN = _reading(_requests.appointment_id == bindparam("appointment")).order_by(_requests.id)

# By way of the appointment, which has the index.
_LAST_STATE = (
    select(_requests.state)
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
_CLAIM = (
    update(cancellation_requests)
    .where(_requests.id.in_(bindparam("ids", expanding=True)))
    .values(leased_until=bindparam("lease", type_=UtcDateTime()), attempts=_requests.attempts + 1)
)
_IS_OURS = and_(
    _requests.id == bindparam("this"),
    _requests.state == RequestState.WAITING.value,
    _requests.leased_until == bindparam("own_lease", type_=UtcDateTime()),
)
_EXTEND = update(cancellation_requests).where(_IS_OURS).values(leased_until=bindparam("lease", type_=UtcDateTime()))
_POSTPONE = (
    update(cancellation_requests)
    .where(_IS_OURS)
    .values(
        leased_until=None,
        due_at=bindparam("due", type_=UtcDateTime()),
        problem=bindparam("sentence"),
        attempts=bindparam("count"),
    )
)
_FINISH = (
    update(cancellation_requests)
    .where(_IS_OURS)
    .values(state=bindparam("outcome"), leased_until=None, finished_at=_now, problem=bindparam("sentence"))
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
# An open request concerns its own participation. It concerns all of an individual appointment, and all where an agent
# ends the whole.
_UNMARK = (
    update(participations)
    .where(
        participations.c.appointment_id == bindparam("appointment"),
        participations.c.cancellation_requested_at.is_not(None),
        ~exists().where(
            _other.c.appointment_id == participations.c.appointment_id,
            _other.c.state == RequestState.WAITING.value,
            or_(
                _other.c.participation_id.is_(None),
                _other.c.participation_id == participations.c.id,
                exists().where(appointments.c.id == _other.c.appointment_id, ~appointments.c.collective),
            ),
        ),
    )
    .values(cancellation_requested_at=None)
    .returning(participations.c.id)
)
_CHANGED = Prepared(
    update(appointments).where(appointments.c.id == bindparam("this")).values(changed_at=bindparam("now"))
)


def _changed(connection: Connection, appointment_id: int, now: datetime) -> None:
    _CHANGED.run(connection, {"this": appointment_id, "now": now})


def _own(request: CancellationRequest) -> dict[str, Any]:
    return {"this": request.id, "own_lease": request.leased_until}


def _request(row: RowMapping) -> CancellationRequest:
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
