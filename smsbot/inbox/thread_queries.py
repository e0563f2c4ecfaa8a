"""Reads threads of the inbox from the database: many for the list, or one with what is needed to answer it.

Everything here is synchronous code on a `Connection`. What the agent may not see raises `OutOfReach`, as if it did not
exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, bindparam, exists, func, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import GivenAgent, OutOfReach, PreparedForAgents, incoming_within_reach, within_reach
from smsbot.inbox.threads import (
    HANDLED,
    IS_SOMEBODYS,
    THREAD_KEY,
    WAITING,
    OpenThread,
    ReachedParticipation,
    Seen,
    Thread,
    ThreadKey,
    in_thread_condition,
)
from smsbot.model import DEFAULT_TIME_ZONE, Status
from smsbot.store.many import is_one_of
from smsbot.store.prepared import RowValues
from smsbot.store.tables import (
    agents,
    appointments,
    inbox_notes,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)


def read_threads(connection: Connection, agent: Agent, keys: Sequence[ThreadKey], *, handled: bool) -> list[Thread]:
    """The threads with these keys, in this order, with only their waiting messages, or only the `handled` ones."""
    phones = list({phone for phone, _, _ in keys})
    messages = (_HANDLED if handled else _WAITING).rows(connection, agent, {"phones": phones})
    found = _threads(connection, agent, messages)
    return [found[key] for key in keys if key in found]


def read_thread(connection: Connection, agent: Agent, message_id: int) -> Thread:
    """The thread of this message (our id). Raises OutOfReach."""
    found = _threads(connection, agent, _IN_THREAD.rows(connection, agent, {"message_id": message_id}))
    if not found:
        raise OutOfReach("no such message")
    return next(iter(found.values()))


def open_thread(connection: Connection, agent: Agent, message_id: int) -> OpenThread:
    """The thread of this message (our id), with what is needed to answer it. Raises OutOfReach."""
    thread = read_thread(connection, agent, message_id)
    in_thread = in_thread_condition(thread)
    newest = select(func.max(incoming_messages.c.id)).where(in_thread)
    answers = select(func.max(outgoing_messages.c.id)).where(
        outgoing_messages.c.agent_id.is_not(None),
        outgoing_messages.c.in_reply_to.in_(select(incoming_messages.c.id).where(in_thread)),
    )
    stopped = select(opt_outs.c.number).where(opt_outs.c.number == thread.phone)
    now = connection.execute(
        select(
            newest.scalar_subquery().label("message_id"),
            answers.scalar_subquery().label("answer_id"),
            stopped.scalar_subquery().label("stopped"),
        )
    ).one()
    return OpenThread(
        thread=thread,
        seen=Seen(now.message_id or 0, now.answer_id or 0),
        opted_out=now.stopped is not None,
    )


# Helpers --------------------------------------------------------------------------------------------------------------

_PEOPLE = {name: agents.alias(name) for name in ("assigned_to", "assigned_by", "held_by", "put_off_by", "handled_by")}


class _Message(NamedTuple):
    """A row of `_messages`: a message, its organisation, whether it has notes, and the agents' addresses."""

    id: int
    from_number: str
    to_number: str
    organisation_id: int
    received_at: datetime
    body: str
    topic: str | None
    for_agents: bool
    handled_at: datetime | None
    held_until: datetime | None
    comes_back_at: datetime | None
    assigned_to: int | None
    assigned_by: int | None
    held_by: int | None
    put_off_by: int | None
    handled_by: int | None
    organisation: str | None
    external_id: str
    time_zone: str | None
    is_noted: bool
    assigned_to_email: str | None
    assigned_by_email: str | None
    held_by_email: str | None
    put_off_by_email: str | None
    handled_by_email: str | None


def _messages(agent: GivenAgent) -> Select[Any]:
    messages = incoming_messages.join(organisations)
    for column, table in _PEOPLE.items():
        messages = messages.outerjoin(table, table.c.id == incoming_messages.c[column])
    return (
        select(
            *(incoming_messages.c[name] for name in _Message._fields if name in incoming_messages.c),
            organisations.c.name,
            organisations.c.external_id,
            organisations.c.time_zone,
            exists().where(inbox_notes.c.message_id == incoming_messages.c.id),
            *(table.c.email for table in _PEOPLE.values()),
        )
        .select_from(messages)
        .where(incoming_within_reach(agent), IS_SOMEBODYS)
    )


def _of_phones(state: ColumnElement[bool], agent: GivenAgent) -> Select[Any]:
    newest_first = (incoming_messages.c.handled_at.desc(), incoming_messages.c.id.desc())
    return _messages(agent).where(state, is_one_of(incoming_messages.c.from_number, "phones")).order_by(*newest_first)


def _in_thread(agent: GivenAgent) -> Select[Any]:
    this, message_id = incoming_messages.alias("this"), bindparam("message_id", type_=BigInteger())
    in_thread = _messages(agent).join(this, and_(*(this.c[column.name] == column for column in THREAD_KEY)))
    counts = incoming_messages.c.for_agents | (incoming_messages.c.id == message_id)
    newest_first = (incoming_messages.c.handled_at.is_not(None), incoming_messages.c.id.desc())
    return in_thread.where(this.c.id == message_id, counts).order_by(*newest_first)


_WAITING, _HANDLED = (PreparedForAgents(partial(_of_phones, state)) for state in (WAITING, HANDLED))


_IN_THREAD = PreparedForAgents(_in_thread)


def _threads(connection: Connection, agent: Agent, messages: Iterable[RowValues]) -> dict[ThreadKey, Thread]:
    """The threads of these messages, in the order in which they first appear."""
    grouped: dict[ThreadKey, list[_Message]] = {}
    for row in messages:
        message = _Message(*row)
        grouped.setdefault((message.from_number, message.to_number, message.organisation_id), []).append(message)
    reached = _reached(connection, agent, {phone for phone, _, _ in grouped})
    return {key: _thread(rows, reached.get((key[0], key[2]), ())) for key, rows in grouped.items()}


def _thread(rows: Sequence[_Message], reached: Sequence[_Reached]) -> Thread:
    """The thread of these messages, of which the newest is first. `reached` are the participations at its phone."""
    newest, waiting = rows[0], [row for row in rows if row.for_agents and row.handled_at is None]
    # Messages that arrived after the thread was taken or handed over belong to it too.
    assigned = next((row for row in waiting if row.assigned_to is not None), newest)
    held = max(
        (row for row in waiting if row.held_until is not None),
        key=lambda row: row.held_until or row.received_at,
        default=newest,
    )
    is_put_off = bool(waiting) and all(row.comes_back_at is not None for row in waiting)
    first_back = min(waiting, key=lambda row: row.comes_back_at or row.received_at) if is_put_off else None
    return Thread(
        id=newest.id,
        phone=newest.from_number,
        our_number=newest.to_number,
        organisation_id=newest.organisation_id,
        organisation=newest.organisation or newest.external_id,
        time_zone=newest.time_zone or DEFAULT_TIME_ZONE,
        at=newest.received_at,
        text=newest.body,
        topics=tuple(dict.fromkeys(row.topic for row in waiting or rows if row.topic is not None)),
        waiting=len(waiting),
        since=min(row.received_at for row in waiting or rows),
        names=tuple(dict.fromkeys(name for row in reached if (name := _full_name(row)))),
        participations=tuple(_participation(row) for row in reached if row.destroyed_at is None),
        assigned_to=_agent(assigned.assigned_to, assigned.assigned_to_email),
        assigned_by=_agent(assigned.assigned_by, assigned.assigned_by_email),
        held_by=_agent(held.held_by, held.held_by_email),
        held_until=held.held_until,
        put_off_by=_agent(first_back.put_off_by, first_back.put_off_by_email) if first_back else None,
        comes_back_at=first_back.comes_back_at if first_back else None,
        is_noted=any(row.is_noted for row in rows),
        handled_by=_agent(newest.handled_by, newest.handled_by_email),
        handled_at=newest.handled_at,
    )


def _agent(agent_id: int | None, email: str | None) -> Agent | None:
    return Agent(agent_id, email) if agent_id is not None and email is not None else None


class _Reached(NamedTuple):
    """A participation of somebody who is reached at a phone: a row of `_of_those_reached`."""

    id: int
    appointment_id: int
    phone: str
    first_name: str | None
    last_name: str | None
    email: str | None
    status: str
    cancellation_requested_at: datetime | None
    organisation_id: int
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str | None
    location_type: str
    place_name: str | None
    destroyed_at: datetime | None
    organisation_zone: str | None


def _of_those_reached(agent: GivenAgent) -> Select[Any]:
    return (
        select(
            participations.c.id,
            participations.c.appointment_id,
            participations.c.phone,
            participations.c.first_name,
            participations.c.last_name,
            participations.c.email,
            participations.c.status,
            participations.c.cancellation_requested_at,
            appointments.c.organisation_id,
            appointments.c.starts_at,
            appointments.c.ends_at,
            appointments.c.time_zone,
            appointments.c.location_type,
            appointments.c.place_name,
            appointments.c.destroyed_at,
            organisations.c.time_zone,
        )
        .select_from(participations.join(appointments).join(organisations))
        .where(is_one_of(participations.c.phone, "phones"), participations.c.removed_at.is_(None), within_reach(agent))
        .order_by(appointments.c.starts_at.desc(), participations.c.id)
    )


_REACHED = PreparedForAgents(_of_those_reached)


def _reached(connection: Connection, agent: Agent, phones: set[str]) -> dict[tuple[str, int], list[_Reached]]:
    """The participations of the people who are reached at each phone, by phone and organisation."""
    found: dict[tuple[str, int], list[_Reached]] = {}
    for row in _REACHED.rows(connection, agent, {"phones": list(phones)}) if phones else ():
        reached = _Reached(*row)
        found.setdefault((reached.phone, reached.organisation_id), []).append(reached)
    return found


def _participation(row: _Reached) -> ReachedParticipation:
    return ReachedParticipation(
        id=row.id,
        appointment_id=row.appointment_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone or row.organisation_zone or DEFAULT_TIME_ZONE,
        location_type=row.location_type,
        place_name=row.place_name,
        name=_full_name(row),
        email=row.email,
        status=Status(row.status),
        is_requested=row.status == Status.UNKNOWN.value and row.cancellation_requested_at is not None,
    )


def _full_name(row: _Reached) -> str:
    return " ".join(name for name in (row.first_name, row.last_name) if name)
