"""Writes down that something has happened that other systems are told of. All rows of `events` are written here.

It is written in the transaction in which it happens, after the rows that it is about were changed. Only what belongs to
an organisation is written, because nobody is told of anything else. An event names what it is about by our ids;
`smsbot.subscriptions` puts events in their order and tells them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select
from sqlalchemy.sql.selectable import FromClause

from smsbot.model import Actor, Via
from smsbot.store.database import signal
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    UtcDateTime,
    appointments,
    events,
    incoming_messages,
    outgoing_messages,
    participations,
)

RECORDED = "event recorded"
"""The topic of `store.database.signal` that tells of new events."""


class EventType(StrEnum):
    """What has happened."""

    ANNOUNCED = "appointment.announced"  # the usager wrote that they come
    CANCELLED = "appointment.cancelled"
    CANCELLATION_TAKEN_BACK = "appointment.cancellation_taken_back"
    MESSAGE_FOR_AGENTS = "message.for_agents"
    MESSAGE_NOT_DELIVERED = "message.not_delivered"
    STOPPED = "usager.stopped"  # they wrote STOP
    RESUMED = "usager.resumed"  # they wrote START


def record_participations(
    connection: Connection, kind: EventType, by: Actor, via: Via, participation_ids: Collection[int], now: datetime
) -> None:
    """It has happened to each of these participations (our ids), which may be none. Their status is kept with it."""
    if participation_ids:
        values = {"kind": kind.value, "who": by.value, "how": via.value, "now": now, "ids": list(participation_ids)}
        _write(connection, _PARTICIPATIONS, values)


def record_message_for_agents(
    connection: Connection,
    incoming_message_id: int,
    appointment_id: int | None,
    participation_id: int | None,
    now: datetime,
) -> None:
    """A message of an usager waits for agents. The participation is what it is about, if anything."""
    about = {"appointment": appointment_id, "participation": participation_id}
    values = {"kind": EventType.MESSAGE_FOR_AGENTS.value, "this": incoming_message_id, "now": now, **about, **_USAGER}
    _write(connection, _MESSAGE_FOR_AGENTS, values)


def record_stop(connection: Connection, kind: EventType, incoming_message_id: int, phone: str, now: datetime) -> None:
    """Whoever is reached at `phone` (E.164) wrote STOP or START: one event for each organisation that knows them."""
    values = {"kind": kind.value, "this": incoming_message_id, "phone": phone, "now": now, **_USAGER}
    _write(connection, _STOP, values)


def record_not_delivered(connection: Connection, outgoing_message_ids: Collection[int], now: datetime) -> None:
    """These messages to usagers (our ids) have failed. Those that are not to usagers are passed over."""
    if outgoing_message_ids:
        values = {"kind": EventType.MESSAGE_NOT_DELIVERED.value, "ids": list(outgoing_message_ids), "now": now}
        _write(connection, _NOT_DELIVERED, values)


def _write(connection: Connection, statement: Prepared, values: dict[str, Any]) -> None:
    if statement.run(connection, values):
        signal(connection, RECORDED)


_USAGER = {"who": Actor.USAGER.value, "how": Via.SMS.value}


def _recording(selected: Select[Any], *, but: dict[str, Any]) -> Prepared:
    """An INSERT of what is selected. `but` has the columns beside the time and the type."""
    columns = {"at": bindparam("now", type_=UtcDateTime()), "type": bindparam("kind"), **but}
    return Prepared(events.insert().from_select(tuple(columns), selected.with_only_columns(*columns.values())))


def _of(rows: FromClause) -> Select[Any]:
    return select(func.count()).select_from(rows)


_by: dict[str, Any] = {"by": bindparam("who"), "way": bindparam("how")}

_PARTICIPATIONS = _recording(
    _of(participations.join(appointments))
    .where(is_one_of(participations.c.id, "ids"), appointments.c.organisation_id.is_not(None))
    .order_by(participations.c.id),
    but={
        "organisation_id": appointments.c.organisation_id,
        "appointment_id": participations.c.appointment_id,
        "participation_id": participations.c.id,
        "status": participations.c.status,
        **_by,
    },
)
_MESSAGE_FOR_AGENTS = _recording(
    _of(incoming_messages).where(
        incoming_messages.c.id == bindparam("this"), incoming_messages.c.organisation_id.is_not(None)
    ),
    but={
        "organisation_id": incoming_messages.c.organisation_id,
        "appointment_id": bindparam("appointment", type_=appointments.c.id.type),
        "participation_id": bindparam("participation", type_=participations.c.id.type),
        "incoming_message_id": incoming_messages.c.id,
        **_by,
    },
)
_STOP = _recording(
    _of(participations.join(appointments))
    .where(
        participations.c.phone == bindparam("phone"),
        participations.c.removed_at.is_(None),
        appointments.c.organisation_id.is_not(None),
    )
    .distinct(),
    but={
        "organisation_id": appointments.c.organisation_id,
        "incoming_message_id": bindparam("this", type_=incoming_messages.c.id.type),
        **_by,
    },
)
_organisation = func.coalesce(appointments.c.organisation_id, incoming_messages.c.organisation_id)
_NOT_DELIVERED = _recording(
    _of(
        outgoing_messages.outerjoin(appointments, appointments.c.id == outgoing_messages.c.appointment_id).outerjoin(
            incoming_messages, incoming_messages.c.id == outgoing_messages.c.in_reply_to
        )
    )
    .where(
        is_one_of(outgoing_messages.c.id, "ids"),
        outgoing_messages.c.kind != "agents",
        outgoing_messages.c.kind != "event",
        _organisation.is_not(None),
    )
    .order_by(outgoing_messages.c.id),
    but={
        "organisation_id": _organisation,
        "appointment_id": outgoing_messages.c.appointment_id,
        "participation_id": outgoing_messages.c.participation_id,
        "outgoing_message_id": outgoing_messages.c.id,
    },
)
