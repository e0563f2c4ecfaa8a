"""Events in the form in which other systems get them, by webhook and through the API.

The people in an event are read when it is sent. So nothing is sent about somebody who was erased, even if an old event
is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import events_within_reach
from smsbot.agents.public_ids import PublicId
from smsbot.events import EventType
from smsbot.model import Actor, Status, Via
from smsbot.outbox.delivery_status import Fate, fate_of
from smsbot.store.tables import (
    appointments,
    events,
    incoming_messages,
    organisations,
    outgoing_messages,
    participations,
)
from smsbot.understanding.topics import Topic


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class ToldOrganisation(_Told):
    source: Annotated[str, Field(examples=["rdvsp"])]
    external_id: Annotated[str, Field(examples=["12"])]


class ToldAppointment(_Told):
    """The appointment with its ids, as it is now."""

    id: Annotated[str, Field(examples=["rdv-12"])]
    source: Annotated[str, Field(examples=["rdvsp"])]
    external_id: Annotated[str, Field(examples=["4711"])]
    starts_at: Annotated[datetime, Field(examples=["2027-05-06T12:30:00Z"])]


class ToldParticipation(_Told):
    id: Annotated[str, Field(examples=["part-34"])]
    external_id: Annotated[str, Field(examples=["p1"])]
    status: Annotated[
        Status | None,
        Field(description="Just after the event, if it is an event of an appointment.", examples=["excused"]),
    ]


class ToldMessage(_Told):
    """An SMS from an usager."""

    id: Annotated[str, Field(examples=["sms-56"])]
    received_at: Annotated[datetime, Field(examples=["2026-05-04T10:00:00Z"])]
    phone: Annotated[str, Field(description="The usager's number, in E.164.", examples=["+33612345678"])]
    text: Annotated[str, Field(examples=["Je serai en retard de 10 minutes"])]
    topic: Annotated[Topic | None, Field(description="What it is about.", examples=["late"])]


class ToldDelivery(_Told):
    """A message of ours, and what has become of it."""

    id: Annotated[str, Field(examples=["out-78"])]
    channel: Annotated[str, Field(description="sms or email.", examples=["sms"])]
    kind: Annotated[str, Field(description="reply, receipt, notification or reminder.", examples=["reminder"])]
    fate: Annotated[Fate, Field(description="As it is now.", examples=["lost"])]
    code: Annotated[str | None, Field(description="The gateway's or mail server's reason.", examples=["30005"])]


class EventData(_Told):
    """What an event is about. Every member is always there; it is null if it does not apply or was erased since."""

    organisation: ToldOrganisation
    appointment: ToldAppointment | None
    participation: ToldParticipation | None
    by: Annotated[Actor | None, Field(description="Who did it.", examples=["usager"])]
    way: Annotated[Via | None, Field(description="How it was done; `webhook`: its source told it.", examples=["sms"])]
    message: Annotated[
        ToldMessage | None, Field(description="What the usager wrote: a message for agents, STOP, START.")
    ]
    delivery: Annotated[ToldDelivery | None, Field(description="Our message that was not delivered.")]


class ToldEvent(_Told):
    """Something that has happened. The same event always has the same `id`, however often it is sent."""

    id: Annotated[str, Field(examples=["evt-90-1777888800"])]
    type: EventType
    timestamp: Annotated[datetime, Field(description="When it happened.", examples=["2026-05-04T10:00:00Z"])]
    data: EventData


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The conditions on the events of a list. The events come after the position `after`.

    None means no condition. `since` (included) and `until` (not included), both aware, are about when they happened.
    """

    after: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    types: Sequence[EventType] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [events.c.position.is_not(None)]
        if self.after is not None:
            conditions.append(events.c.position > self.after)
        if self.since is not None:
            conditions.append(events.c.at >= self.since)
        if self.until is not None:
            conditions.append(events.c.at < self.until)
        if self.types:
            conditions.append(events.c.type.in_([each.value for each in self.types]))
        return conditions


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events. The next page comes after the position `last`, which is None in an empty page.

    `is_end` is True if there were no more events when the page was read.
    """

    events: Sequence[ToldEvent]
    last: int | None
    is_end: bool


def find_events(connection: Connection, agent: Agent, wanted: EventFilter, limit: int) -> EventPage:
    """One page of the events of the agent's organisations, at most `limit`, in the order of their positions."""
    statement = _EVENTS.where(events_within_reach(agent), *wanted.conditions())
    rows = connection.execute(statement.order_by(events.c.position).limit(limit + 1)).mappings().all()
    page = rows[:limit]
    return EventPage([_told(row) for row in page], page[-1]["position"] if page else None, len(rows) <= limit)


def read_event(connection: Connection, position: int, agent: Agent) -> ToldEvent | None:
    """The event at this position; None if it was deleted or the agent may no longer see it."""
    statement = _EVENTS.where(events.c.position == position, events_within_reach(agent))
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _told(row)


def _told(row: RowMapping) -> ToldEvent:
    # After a database is restored from a backup, positions are used again. The time makes the ids different.
    return ToldEvent(
        id=f"evt-{row['position']}-{int(row['at'].timestamp())}",
        type=row["type"],
        timestamp=row["at"],
        data=EventData(
            organisation=ToldOrganisation(
                source=row["organisation_source"], external_id=row["organisation_external_id"]
            ),
            appointment=_appointment(row),
            participation=_participation(row),
            by=row["by"],
            way=row["way"],
            message=_message(row),
            delivery=_delivery(row),
        ),
    )


def _appointment(row: RowMapping) -> ToldAppointment | None:
    if row["starts_at"] is None:
        return None
    return ToldAppointment(
        id=PublicId.APPOINTMENT.of(row["appointment_id"]),
        source=row["appointment_source"],
        external_id=row["appointment_external_id"],
        starts_at=row["starts_at"],
    )


def _participation(row: RowMapping) -> ToldParticipation | None:
    if row["participation_external_id"] is None:
        return None
    return ToldParticipation(
        id=PublicId.PARTICIPATION.of(row["participation_id"]),
        external_id=row["participation_external_id"],
        status=row["status"],
    )


def _message(row: RowMapping) -> ToldMessage | None:
    if not row["from_number"]:  # there is no message, or it was erased
        return None
    return ToldMessage(
        id=PublicId.MESSAGE.of(row["incoming_message_id"]),
        received_at=row["received_at"],
        phone=row["from_number"],
        text=row["body"],
        topic=row["topic"],
    )


def _delivery(row: RowMapping) -> ToldDelivery | None:
    if row["channel"] is None:
        return None
    became = fate_of(row["state"], row["delivery_status"], row["error_code"])
    return ToldDelivery(
        id=PublicId.DELIVERY.of(row["outgoing_message_id"]),
        channel=row["channel"],
        kind=row["kind"],
        fate=became.fate,
        code=became.code,
    )


_EVENTS: Select[Any] = (
    select(
        events,
        organisations.c.source.label("organisation_source"),
        organisations.c.external_id.label("organisation_external_id"),
        appointments.c.source.label("appointment_source"),
        appointments.c.external_id.label("appointment_external_id"),
        appointments.c.starts_at,
        participations.c.external_id.label("participation_external_id"),
        incoming_messages.c.received_at,
        incoming_messages.c.from_number,
        incoming_messages.c.body,
        incoming_messages.c.topic,
        outgoing_messages.c.channel,
        outgoing_messages.c.kind,
        outgoing_messages.c.state,
        outgoing_messages.c.delivery_status,
        outgoing_messages.c.error_code,
    )
    .join(organisations, organisations.c.id == events.c.organisation_id)
    .outerjoin(appointments, appointments.c.id == events.c.appointment_id)
    .outerjoin(participations, participations.c.id == events.c.participation_id)
    .outerjoin(incoming_messages, incoming_messages.c.id == events.c.incoming_message_id)
    .outerjoin(outgoing_messages, outgoing_messages.c.id == events.c.outgoing_message_id)
)
