"""Attempts to carry out the requests of `requests`: claimed with a lease, put off, and finished.

During an attempt, `leased_until` is the moment from which its process counts as dead. What the process writes counts
only while it has the lease. So there is only one attempt at a time for all requests of one appointment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, or_, update

from smsbot.appointments.audit import AuditedAct, note_each
from smsbot.appointments.requests import (
    TAKES_BACK,
    TOPIC,
    CancellationRequest,
    RequestState,
    request_from,
    unmark,
    waiting_requests,
)
from smsbot.appointments.taking_back_requests import withdraw_taken_back
from smsbot.model import Actor, Status, Via
from smsbot.store.database import serialise, signal
from smsbot.store.tables import UtcDateTime, appointments, cancellation_requests


def claim_requests(
    connection: Connection, now: datetime, lease: datetime, at_most: int, *, sources: Sequence[str]
) -> list[CancellationRequest]:
    """Claim the requests to `sources` that are due and that no other process is carrying out, the longest due first.

    This process has them until `lease`. Open cancellations that they take back are withdrawn.
    """
    serialise(connection, TOPIC)
    values = {"now": now, "far": now + _FAR, "at_most": at_most, "sources": list(sources)}
    claimed: dict[int, CancellationRequest] = {}
    for row in connection.execute(_DUE, values):
        request = request_from(row._mapping)
        claimed.setdefault(request.appointment_id, request)  # one for each appointment
    ids = [request.id for request in claimed.values()]
    if ids:
        connection.execute(_CLAIM, {"ids": ids, "lease": lease})
    for request in claimed.values():
        if request.takes_back:
            withdraw_taken_back(connection, request, now)
    return [replace(each, attempts=each.attempts + 1, leased_until=lease) for each in claimed.values()]


def is_any_due(connection: Connection, now: datetime, *, sources: Sequence[str]) -> bool:
    """Whether there is anything to claim."""
    values = {"now": now, "far": now + _FAR, "at_most": 1, "sources": list(sources)}
    return connection.execute(_DUE, values).first() is not None


def extend_lease(connection: Connection, request: CancellationRequest, lease: datetime) -> CancellationRequest | None:
    """The request with its lease extended to `lease`; None where this process has lost it."""
    extended = connection.execute(_EXTEND, {**_own(request), "lease": lease}).rowcount
    return replace(request, leased_until=lease) if extended else None


def postpone(
    connection: Connection, request: CancellationRequest, due_at: datetime, problem: str, *, counts: bool
) -> bool:
    """End an attempt without a result: the next one is due at `due_at`. False where the lease was lost.

    `problem` is one sentence without personal data. `counts` is False where the source was not asked at all; then it
    does not count as an attempt.
    """
    attempts = request.attempts if counts else request.attempts - 1
    values = {**_own(request), "due": due_at, "sentence": problem, "count": attempts}
    return connection.execute(_POSTPONE, values).rowcount == 1


def finish_request(
    connection: Connection, request: CancellationRequest, state: RequestState, problem: str | None, now: datetime
) -> bool:
    """End a request with its outcome. If the lease was lost, nothing changes and the result is False.

    Its participations are no longer marked, unless another open request concerns them.
    """
    values = {**_own(request), "outcome": state.value, "sentence": problem, "now": now}
    if connection.execute(_FINISH, values).rowcount == 0:
        return False
    freed = unmark(connection, request.appointment_id, now)
    if (act := (_ACTS_OF_TAKING_BACK if request.takes_back else _ACTS).get(state)) is not None:
        about = [(request.appointment_id, each) for each in sorted(freed)]
        note_each(connection, now, act, Actor.SOURCE, Via.WEBHOOK, about)
    signal(connection, TOPIC)  # another request of the same appointment may go on now
    return True


_ACTS: dict[RequestState, AuditedAct] = {
    RequestState.REFUSED: "cancellation_refused",
    RequestState.OVERTAKEN: "cancellation_overtaken",
    RequestState.GIVEN_UP: "cancellation_given_up",
}
"""The names of the outcomes in the audit. DONE is missing: `cancellation` notes it."""
_ACTS_OF_TAKING_BACK: dict[RequestState, AuditedAct] = {
    RequestState.REFUSED: "taking_back_refused",
    RequestState.OVERTAKEN: "taking_back_overtaken",
    RequestState.GIVEN_UP: "taking_back_given_up",
}

_requests = cancellation_requests.c
_other = cancellation_requests.alias("other")
_now = bindparam("now", type_=UtcDateTime())
_far = bindparam("far", type_=UtcDateTime())
_FAR = timedelta(hours=1)
"""No attempt and no lease is so far in the future. Such a moment was written by a clock that was wrong."""

_DUE = (
    waiting_requests(
        or_(_requests.due_at <= _now, _requests.due_at > _far),
        or_(_requests.leased_until.is_(None), _requests.leased_until <= _now, _requests.leased_until > _far),
        appointments.c.source.in_(bindparam("sources", expanding=True)),
        ~exists().where(
            _other.c.appointment_id == _requests.appointment_id,
            _other.c.state == RequestState.WAITING.value,
            _other.c.leased_until > _now,
            _other.c.leased_until <= _far,
        ),
        # Cancellations that their usager takes back are not begun any more.
        ~and_(
            ~TAKES_BACK,
            _requests.by == Actor.USAGER.value,
            exists().where(
                _other.c.appointment_id == _requests.appointment_id,
                _other.c.id > _requests.id,
                _other.c.state == RequestState.WAITING.value,
                _other.c.status == Status.UNKNOWN.value,
                or_(_other.c.participation_id == _requests.participation_id, ~appointments.c.collective),
            ),
        ),
    )
    .order_by(_requests.due_at, _requests.id)
    .limit(bindparam("at_most"))
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


def _own(request: CancellationRequest) -> dict[str, Any]:
    return {"this": request.id, "own_lease": request.leased_until}
