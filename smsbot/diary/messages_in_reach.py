"""The messages that the agents' API lists: what usagers wrote, what was sent about one appointment, and the STOP list.

What usagers wrote is listed in the order in which it came. Each message is about one organisation, the one that the
turn has found (`smsbot.incoming`). It may be about those of the organisation's appointments that are of people reached
at its number, and that had begun at most a day before or were still to come. So "je suis en retard" still belongs to an
appointment that has just begun.

A page ends with the position of its last message, and the next page begins after it. So no message is missed or shown
twice, even if others come in the meantime. Erased messages are not listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, false, not_, select, tuple_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import (
    OutOfReach,
    incoming_within_reach,
    lists_appointments_out_of_reach,
    outgoing_within_reach,
    within_reach,
)
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.inbox.threads import IS_SOMEBODYS, WAITING, is_due
from smsbot.store.tables import (
    agents,
    appointments,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)
from smsbot.understanding.topics import Topic

ABOUT_AFTER_START = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What the messages of a list must meet; None means no condition.

    They came at `since` (aware) or later. `waiting` is whether they are in the inbox, not handled yet and not put off.
    """

    topic: Topic | None = None
    since: datetime | None = None
    waiting: bool | None = None

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        columns = incoming_messages.c
        conditions: list[ColumnElement[bool]] = [IS_SOMEBODYS]
        if self.topic is not None:
            conditions.append(columns.topic == self.topic.value)
        if self.since is not None:
            conditions.append(columns.received_at >= self.since)
        if self.waiting is not None:
            waits = WAITING & is_due(now)
            conditions.append(waits if self.waiting else not_(waits))
        return conditions


@dataclass(frozen=True, slots=True)
class MeantParticipation:
    """A participation (our id) that a message may be about, and its appointment."""

    id: int
    appointment_id: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of `incoming_messages` with its organisation's columns (`organisation_name`…).

    `about` are the participations that it may be about, the earliest appointment first.
    """

    message: RowMapping
    about: Sequence[MeantParticipation]


def find_messages(
    connection: Connection,
    agent: Agent,
    wanted: MessageFilter,
    after: ListPosition | None,
    limit: int,
    now: datetime,
    *,
    appointment_id: int | None = None,
) -> tuple[list[MessageRow], ListPosition | None]:
    """One page of the messages that the agent may read, and the position where the next page begins; None at the end.

    With `appointment_id`, only messages that may be about this appointment.
    """
    conditions = wanted.conditions(now)
    if appointment_id is not None:
        conditions.append(_about(connection, appointment_id))
    if after is not None:
        place = tuple_(incoming_messages.c.received_at, incoming_messages.c.id)
        # The first condition follows from the second, but the index can be used for it.
        conditions += [incoming_messages.c.received_at >= after.at, place > tuple_(after.at, after.row_id)]
    rows = (
        connection.execute(
            _MESSAGES.where(incoming_within_reach(agent), *conditions)
            .order_by(incoming_messages.c.received_at, incoming_messages.c.id)
            .limit(limit + 1)
        )
        .mappings()
        .all()
    )
    page = rows[:limit]
    meant = _meant(connection, agent, page)
    found = [MessageRow(row, _those_meant(row, meant.get(row["from_number"], ()))) for row in page]
    return found, None if len(rows) <= limit else ListPosition(page[-1]["id"], page[-1]["received_at"])


def find_message(connection: Connection, agent: Agent, message_id: int) -> MessageRow:
    """The message with this id (our own). Raises OutOfReach, also if it was erased."""
    this = _MESSAGES.where(incoming_messages.c.id == message_id, incoming_within_reach(agent), IS_SOMEBODYS)
    row = connection.execute(this).mappings().one_or_none()
    if row is None:
        raise OutOfReach("no such message")
    return MessageRow(row, _those_meant(row, _meant(connection, agent, [row]).get(row["from_number"], ())))


def _about(connection: Connection, appointment_id: int) -> ColumnElement[bool]:
    """A condition on `incoming_messages`: those that may be about this appointment."""
    this = select(appointments.c.organisation_id, appointments.c.starts_at).where(appointments.c.id == appointment_id)
    row = connection.execute(this).one_or_none()
    if row is None:
        return false()
    of_it = (participations.c.appointment_id == appointment_id) & participations.c.removed_at.is_(None)
    columns = incoming_messages.c
    return and_(
        columns.from_number.in_(select(participations.c.phone).where(of_it, participations.c.phone.is_not(None))),
        columns.organisation_id == row.organisation_id,
        columns.received_at < row.starts_at + ABOUT_AFTER_START,
    )


def _meant(connection: Connection, agent: Agent, page: Sequence[RowMapping]) -> dict[str, list[RowMapping]]:
    """The participations that any of these messages may be about, by telephone."""
    if not page:
        return {}
    first = min(row["received_at"] for row in page)
    rows = connection.execute(
        select(
            participations.c.id,
            participations.c.appointment_id,
            participations.c.phone,
            appointments.c.organisation_id,
            appointments.c.starts_at,
        )
        .join_from(participations, appointments)
        .where(
            participations.c.phone.in_({row["from_number"] for row in page}),
            participations.c.removed_at.is_(None),
            appointments.c.destroyed_at.is_(None),
            appointments.c.starts_at > first - ABOUT_AFTER_START,
            within_reach(agent),
        )
        .order_by(appointments.c.starts_at, participations.c.id)
    ).mappings()
    found: dict[str, list[RowMapping]] = {}
    for row in rows:
        found.setdefault(row["phone"], []).append(row)
    return found


def _those_meant(message: RowMapping, participations_there: Sequence[RowMapping]) -> list[MeantParticipation]:
    after = message["received_at"] - ABOUT_AFTER_START
    return [
        MeantParticipation(each["id"], each["appointment_id"])
        for each in participations_there
        if each["organisation_id"] == message["organisation_id"] and each["starts_at"] > after
    ]


_MESSAGES = select(
    incoming_messages,
    WAITING.label("is_open"),
    *(column.label(f"organisation_{column.name}") for column in organisations.c if column.name != "id"),
).join(organisations)


def find_deliveries(
    connection: Connection, agent: Agent, appointment_id: int, after: ListPosition | None, limit: int
) -> tuple[list[RowMapping], ListPosition | None]:
    """One page of the messages about this appointment (our id) in the order in which they were written.

    They are rows of `outgoing_messages` with two more columns. `by_agent` is the agent who wrote the message or had it
    sent again. `lists_others` says that its text also lists appointments of organisations that are not the agent's. The
    position is where the next page begins; None at the end.
    """
    conditions = [outgoing_messages.c.appointment_id == appointment_id, outgoing_within_reach(agent)]
    if after is not None:
        conditions.append(outgoing_messages.c.id > after.row_id)
    rows = (
        connection.execute(
            select(
                outgoing_messages,
                agents.c.email.label("by_agent"),
                lists_appointments_out_of_reach(agent).label("lists_others"),
            )
            .select_from(outgoing_messages.outerjoin(agents, agents.c.id == outgoing_messages.c.agent_id))
            .where(*conditions)
            .order_by(outgoing_messages.c.id)
            .limit(limit + 1)
        )
        .mappings()
        .all()
    )
    page = list(rows[:limit])
    return page, None if len(rows) <= limit else ListPosition(page[-1]["id"], None)


@dataclass(frozen=True, slots=True)
class StoppedNumber:
    """A number (E.164) that takes no SMS since `stopped_at` (UTC)."""

    phone: str
    stopped_at: datetime


def find_stops(
    connection: Connection,
    agent: Agent,
    after: ListPosition | None,
    limit: int,
    *,
    phone: str | None = None,
    since: datetime | None = None,
) -> tuple[list[StoppedNumber], ListPosition | None]:
    """One page of the numbers in the order in which their STOPs came, and where the next begins; None at the end.

    A STOP is valid for the whole service. But an agent only sees the numbers at which people of their organisations are
    reached. With `phone` (E.164), only this number. With `since` (UTC), only STOPs that came then or later.
    """
    reached = (participations.c.phone == opt_outs.c.number) & participations.c.removed_at.is_(None)
    known = exists().where(reached, participations.c.appointment_id == appointments.c.id, within_reach(agent))
    statement = select(opt_outs.c.number, opt_outs.c.opted_out_at).where(known)
    if phone is not None:
        statement = statement.where(opt_outs.c.number == phone)
    if since is not None:
        statement = statement.where(opt_outs.c.opted_out_at >= since)
    place = tuple_(opt_outs.c.opted_out_at, opt_outs.c.number)
    if after is not None:
        statement = statement.where(place > tuple_(after.at, f"+{after.row_id}"))
    rows = connection.execute(statement.order_by(opt_outs.c.opted_out_at, opt_outs.c.number).limit(limit + 1)).all()
    page = rows[:limit]
    found = [StoppedNumber(row.number, row.opted_out_at) for row in page]
    if len(rows) <= limit:
        return found, None
    return found, ListPosition(int(page[-1].number.removeprefix("+")), page[-1].opted_out_at)
