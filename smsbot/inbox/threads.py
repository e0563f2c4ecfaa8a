"""The inbox: messages that the bot could not handle, until an agent has answered them or is done with them.

What agents work on is a thread: what one phone wrote to one of our numbers about one organisation. Two of them never
answer the same thread unaware of each other, by two means:

- Who takes a thread holds it for a quarter of an hour, and everybody sees so. It is a courtesy, not a lock: another may
  take it over, and knows then what they do.
- Every form says what its agent has seen: the newest message, the newest answer. Where there is something newer by the
  time it arrives, nothing is done and it is shown instead. That holds whatever has become of the hold.

Plain synchronous code on a `Connection`. What is not within the agent's reach is not there: `OutOfReach`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, update

from smsbot.agents.accounts import Agent, within_reach
from smsbot.agents.permissions import OutOfReach, incoming_within_reach
from smsbot.appointments.audit import note
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Status, Via
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.store.database import serialise
from smsbot.store.tables import (
    agents,
    appointments,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)

HOLD = timedelta(minutes=15)
MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Thread:
    """What one phone wrote about one organisation, told by its newest message (`id`, `at`, `text`).

    `names` are those of the people reached at `phone`. `waiting` is how many of its messages nobody is done with;
    `handled_by` and `handled_at` are of the newest message. `held_by` is who is writing an answer, until `held_until`;
    `assigned_by` left it to `assigned_to`.
    """

    id: int
    phone: str
    our_number: str
    organisation_id: int
    organisation: str
    time_zone: str
    at: datetime
    text: str
    waiting: int
    names: tuple[str, ...]
    assigned_to: Agent | None
    assigned_by: Agent | None
    held_by: Agent | None
    held_until: datetime | None
    handled_by: Agent | None
    handled_at: datetime | None

    def holder(self, now: datetime) -> Agent | None:
        return self.held_by if self.held_until is not None and self.held_until > now else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What an agent had before their eyes: our ids of the newest message and of the newest answer, 0 for none."""

    message_id: int
    answer_id: int

    def written(self) -> str:
        return f"{self.message_id}.{self.answer_id}"

    @classmethod
    def read(cls, text: str) -> Seen | None:
        message, _, answer = text.partition(".")
        if not (text.isascii() and message.isdecimal() and answer.isdecimal()) or len(text) > 40:
            return None
        return cls(int(message), int(answer))


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody reached at the thread's phone: their coming appointment, else their last."""

    participation_id: int
    appointment_id: int
    starts_at: datetime
    time_zone: str
    name: str
    email: str | None
    status: Status


@dataclass(frozen=True, slots=True)
class OpenThread:
    """A thread with all that is needed to answer it. `emails` are where an answer goes if SMS are stopped."""

    thread: Thread
    seen: Seen
    opted_out: bool
    contacts: tuple[Contact, ...]

    @property
    def emails(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(contact.email for contact in self.contacts if contact.email))

    def about(self, now: datetime) -> Contact | None:
        """What an answer is most likely about: the soonest appointment to come, else the last that was."""
        coming = [contact for contact in self.contacts if contact.starts_at > now and not contact.status.is_cancelled]
        return min(coming, key=lambda contact: contact.starts_at) if coming else next(iter(self.contacts), None)


class Overtaken(Exception):
    """Something has happened that the agent had not seen: nothing was done. `by` is who did it, if it was an agent."""

    def __init__(self, by: Agent | None = None) -> None:
        super().__init__("something has happened in the meantime")
        self.by = by


class Stopped(Exception):
    """The number takes no SMS any more: nothing was done."""


# Looking --------------------------------------------------------------------------------------------------------------


def count_waiting(connection: Connection, agent: Agent) -> int:
    """How many threads wait, in all of the agent's organisations."""
    distinct = select(*_KEY).where(_WAITING, incoming_within_reach(agent)).distinct().subquery()
    return connection.execute(select(func.count()).select_from(distinct)).scalar_one()


def waiting_threads(connection: Connection, agent: Agent) -> list[Thread]:
    """What waits, the newest first: "je serai en retard" is of no use tomorrow."""
    newest_first = (incoming_messages.c.received_at.desc(), incoming_messages.c.id.desc())
    return _threads(connection, agent, _messages(agent).where(_WAITING).order_by(*newest_first))


def handled_threads(connection: Connection, agent: Agent) -> list[Thread]:
    """What is done, the last first."""
    is_done = incoming_messages.c.for_agents & incoming_messages.c.handled_at.is_not(None)
    last_first = (incoming_messages.c.handled_at.desc(), incoming_messages.c.id.desc())
    return _threads(connection, agent, _messages(agent).where(is_done).order_by(*last_first))


def open_thread(connection: Connection, agent: Agent, message_id: int) -> OpenThread:
    """The thread that this message is in. Raises OutOfReach."""
    this = connection.execute(_messages(agent).where(incoming_messages.c.id == message_id)).one_or_none()
    if this is None:
        raise OutOfReach("no such message")
    in_thread = _in_thread(this)
    for_agents = incoming_messages.c.for_agents | (incoming_messages.c.id == message_id)
    newest_first = (incoming_messages.c.handled_at.is_not(None), incoming_messages.c.id.desc())
    thread = _threads(connection, agent, _messages(agent).where(in_thread, for_agents).order_by(*newest_first))[0]
    stopped = select(opt_outs.c.number).where(opt_outs.c.number == this.from_number)
    return OpenThread(
        thread=thread,
        seen=_seen(connection, in_thread),
        opted_out=connection.execute(stopped).first() is not None,
        contacts=_contacts(connection, agent, this.from_number, this.organisation_id),
    )


# Doing ----------------------------------------------------------------------------------------------------------------


def take(connection: Connection, agent: Agent, message_id: int, now: datetime, *, over: bool = False) -> None:
    """Hold the thread for a while, from now on. Raises Overtaken where another holds it, unless it is taken `over`."""
    thread = _locked(connection, agent, message_id).thread
    holder = thread.holder(now)
    if holder is not None and holder != agent and not over:
        raise Overtaken(holder)
    _write(connection, thread, held_by=agent.id, held_until=now + HOLD)


def release(connection: Connection, agent: Agent, message_id: int) -> None:
    """Let go of it, where one holds it."""
    thread = _locked(connection, agent, message_id).thread
    if thread.held_by == agent:
        _write(connection, thread, held_by=None, held_until=None)


def hand_over(connection: Connection, agent: Agent, message_id: int, colleague: Agent) -> None:
    """Leave it to a colleague; whether they may act in its organisation is for the caller to see to."""
    thread = _locked(connection, agent, message_id).thread
    _write(connection, thread, assigned_to=colleague.id, assigned_by=agent.id, held_by=None, held_until=None)


def close(connection: Connection, agent: Agent, message_id: int, seen: Seen, now: datetime) -> None:
    """Be done with what was seen of it; what came later keeps waiting. Raises Overtaken while another holds it."""
    opened = _locked(connection, agent, message_id)
    _unless_held_by_another(opened.thread, agent, now)
    _close(connection, opened.thread, agent, seen, now)


def reopen(connection: Connection, agent: Agent, message_id: int) -> None:
    """Put one message back into the inbox."""
    _locked(connection, agent, message_id)
    this = incoming_messages.c.id == message_id
    connection.execute(update(incoming_messages).where(this).values(for_agents=True, handled_at=None, handled_by=None))


def answer(
    connection: Connection, agent: Agent, message_id: int, message: OutgoingMessage, seen: Seen, now: datetime
) -> None:
    """Send `message`, which names its agent, and be done with what was seen of the thread.

    The same answer sent twice in a row by the same agent, by a double click, is sent once. Raises Overtaken and
    Stopped, and then nothing is sent.
    """
    opened = _locked(connection, agent, message_id)
    last = _last_answer(connection, opened.seen)
    if opened.seen != seen:
        if last is not None and (last.agent_id, last.body) == (agent.id, message.body):
            return
        raise Overtaken(Agent(last.agent_id, last.email) if last is not None and last.id > seen.answer_id else None)
    _unless_held_by_another(opened.thread, agent, now)
    if message.channel == "sms" and opened.opted_out:
        raise Stopped
    enqueue(connection, message, now)
    note(
        connection,
        now,
        "answered",
        Actor.AGENT,
        Via.CONSOLE,
        agent=agent.email,
        appointment_id=message.appointment_id,
        participation_id=message.participation_id,
    )
    _close(connection, opened.thread, agent, seen, now)


# Underneath -----------------------------------------------------------------------------------------------------------

_KEY = (incoming_messages.c.from_number, incoming_messages.c.to_number, incoming_messages.c.organisation_id)
_WAITING = incoming_messages.c.for_agents & incoming_messages.c.handled_at.is_(None)
_PEOPLE = {name: agents.alias(name) for name in ("assigned_to", "assigned_by", "held_by", "handled_by")}


def _messages(agent: Agent) -> Select[Any]:
    messages = incoming_messages.join(organisations)
    for column, table in _PEOPLE.items():
        messages = messages.outerjoin(table, table.c.id == incoming_messages.c[column])
    return (
        select(
            incoming_messages,
            organisations.c.name.label("organisation"),
            organisations.c.external_id,
            organisations.c.time_zone,
            *(table.c.email.label(f"{column}_email") for column, table in _PEOPLE.items()),
        )
        .select_from(messages)
        .where(incoming_within_reach(agent), incoming_messages.c.from_number != "")  # whose number was erased is nobody
    )


def _threads(connection: Connection, agent: Agent, messages: Select[Any]) -> list[Thread]:
    """The threads of these messages, in the order in which they first come up."""
    grouped: dict[tuple[str, str, int], list[Row[Any]]] = {}
    for row in connection.execute(messages.limit(MOST_LISTED)):
        grouped.setdefault((row.from_number, row.to_number, row.organisation_id), []).append(row)
    names = _names(connection, agent, {phone for phone, _, _ in grouped})
    return [
        _thread(rows, names.get((phone, organisation_id), ())) for (phone, _, organisation_id), rows in grouped.items()
    ]


def _thread(rows: Sequence[Row[Any]], names: tuple[str, ...]) -> Thread:
    newest, waiting = rows[0], [row for row in rows if row.for_agents and row.handled_at is None]
    # What has arrived since it was taken, or handed over, belongs to it.
    assigned = next((row for row in waiting if row.assigned_to is not None), newest)
    held = max((row for row in waiting if row.held_until is not None), key=lambda row: row.held_until, default=newest)
    return Thread(
        id=newest.id,
        phone=newest.from_number,
        our_number=newest.to_number,
        organisation_id=newest.organisation_id,
        organisation=newest.organisation or newest.external_id,
        time_zone=newest.time_zone or DEFAULT_TIME_ZONE,
        at=newest.received_at,
        text=newest.body,
        waiting=len(waiting),
        names=names,
        assigned_to=_agent(assigned.assigned_to, assigned.assigned_to_email),
        assigned_by=_agent(assigned.assigned_by, assigned.assigned_by_email),
        held_by=_agent(held.held_by, held.held_by_email),
        held_until=held.held_until,
        handled_by=_agent(newest.handled_by, newest.handled_by_email),
        handled_at=newest.handled_at,
    )


def _agent(agent_id: int | None, email: str | None) -> Agent | None:
    return Agent(agent_id, email) if agent_id is not None and email is not None else None


def _names(connection: Connection, agent: Agent, phones: set[str]) -> dict[tuple[str, int], tuple[str, ...]]:
    """Actor phone and organisation, who is reached there."""
    found: dict[tuple[str, int], dict[str, None]] = {}
    rows = connection.execute(
        select(
            participations.c.phone,
            appointments.c.organisation_id,
            participations.c.first_name,
            participations.c.last_name,
        )
        .join_from(participations, appointments)
        .where(participations.c.phone.in_(phones), participations.c.removed_at.is_(None), within_reach(agent))
        .order_by(appointments.c.starts_at.desc())
    )
    for row in rows:
        if name := _full_name(row.first_name, row.last_name):
            found.setdefault((row.phone, row.organisation_id), {})[name] = None
    return {key: tuple(names) for key, names in found.items()}


def _contacts(connection: Connection, agent: Agent, phone: str, organisation_id: int) -> tuple[Contact, ...]:
    rows = connection.execute(
        select(
            participations.c.id,
            participations.c.appointment_id,
            participations.c.first_name,
            participations.c.last_name,
            participations.c.email,
            participations.c.status,
            appointments.c.starts_at,
            appointments.c.time_zone,
            organisations.c.time_zone.label("organisation_zone"),
        )
        .select_from(participations.join(appointments).join(organisations))
        .where(
            participations.c.phone == phone,
            participations.c.removed_at.is_(None),
            appointments.c.organisation_id == organisation_id,
            appointments.c.destroyed_at.is_(None),
            within_reach(agent),
        )
        .order_by(appointments.c.starts_at.desc(), participations.c.id)
    )
    return tuple(
        Contact(
            participation_id=row.id,
            appointment_id=row.appointment_id,
            starts_at=row.starts_at,
            time_zone=row.time_zone or row.organisation_zone or DEFAULT_TIME_ZONE,
            name=_full_name(row.first_name, row.last_name),
            email=row.email,
            status=Status(row.status),
        )
        for row in rows
    )


def _full_name(first_name: str | None, last_name: str | None) -> str:
    return " ".join(name for name in (first_name, last_name) if name)


def _in_thread(message: Row[Any]) -> ColumnElement[bool]:
    columns = ("from_number", "to_number", "organisation_id")
    return and_(*(incoming_messages.c[name] == getattr(message, name) for name in columns))


def _seen(connection: Connection, in_thread: ColumnElement[bool]) -> Seen:
    messages = select(func.max(incoming_messages.c.id)).where(in_thread)
    answers = select(func.max(outgoing_messages.c.id)).where(
        outgoing_messages.c.agent_id.is_not(None),
        outgoing_messages.c.in_reply_to.in_(select(incoming_messages.c.id).where(in_thread)),
    )
    return Seen(
        connection.execute(messages).scalar_one() or 0,
        connection.execute(answers).scalar_one() or 0,
    )


def _last_answer(connection: Connection, seen: Seen) -> Row[Any, Any, Any, Any] | None:
    statement = select(
        outgoing_messages.c.id, outgoing_messages.c.body, outgoing_messages.c.agent_id, agents.c.email
    ).join_from(outgoing_messages, agents)
    return connection.execute(statement.where(outgoing_messages.c.id == seen.answer_id)).one_or_none()


def _locked(connection: Connection, agent: Agent, message_id: int) -> OpenThread:
    """The thread, with nobody else writing to it, its usager included, until the transaction ends."""
    serialise(connection, f"phone:{open_thread(connection, agent, message_id).thread.phone}")
    return open_thread(connection, agent, message_id)


def _unless_held_by_another(thread: Thread, agent: Agent, now: datetime) -> None:
    holder = thread.holder(now)
    if holder is not None and holder != agent:
        raise Overtaken(holder)


def _close(connection: Connection, thread: Thread, agent: Agent, seen: Seen, now: datetime) -> None:
    _write(
        connection,
        thread,
        incoming_messages.c.id <= seen.message_id,
        handled_by=agent.id,
        handled_at=now,
        held_by=None,
        held_until=None,
    )


def _write(connection: Connection, thread: Thread, *conditions: ColumnElement[bool], **values: Any) -> None:
    """To all messages of the thread that wait."""
    in_thread = (
        incoming_messages.c.from_number == thread.phone,
        incoming_messages.c.to_number == thread.our_number,
        incoming_messages.c.organisation_id == thread.organisation_id,
    )
    connection.execute(update(incoming_messages).where(*in_thread, _WAITING, *conditions).values(**values))
