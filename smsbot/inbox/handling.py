"""What agents do about a thread: hold it, answer it, be done with it, leave it to a colleague.

Two of them never answer the same thread unaware of each other, by two means:

- Who takes a thread holds it for a quarter of an hour, and everybody sees so. It is a courtesy, not a lock: another may
  take it over, and knows then what they do.
- Every form says what its agent has seen: the newest message, the newest answer. Where there is something newer by the
  time it arrives, nothing is done and it is shown instead. That holds whatever has become of the hold.

Who changes a thread reads it with `lock_thread` or `lock_open_thread` first, in the same transaction. `Overtaken` is
raised before anything is written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, incoming_within_reach
from smsbot.appointments.audit import note
from smsbot.inbox.threads import WAITING, OpenThread, Seen, Thread, in_thread_condition, open_thread, read_thread
from smsbot.model import Actor, Via
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.problem import Problem
from smsbot.store.database import serialise
from smsbot.store.tables import agents, incoming_messages, outgoing_messages

HOLD = timedelta(minutes=15)


class Overtaken(Problem):
    """Something has happened that the agent had not seen: nothing was done. `by` is who did it, if it was an agent."""

    def __init__(self, by: Agent | None = None) -> None:
        super().__init__("Something has happened in the meantime: nothing was done.")
        self.by = by


def lock_thread(connection: Connection, agent: Agent, message_id: int) -> Thread:
    """The thread that this message is in. Nobody else writes to it until the transaction ends, its usager included.

    Raises OutOfReach.
    """
    _lock(connection, agent, message_id)
    return read_thread(connection, agent, message_id)


def lock_open_thread(connection: Connection, agent: Agent, message_id: int) -> OpenThread:
    """The same, with all that is needed to answer it. Raises OutOfReach."""
    _lock(connection, agent, message_id)
    return open_thread(connection, agent, message_id)


def take(connection: Connection, thread: Thread, agent: Agent, now: datetime, *, over: bool = False) -> Thread:
    """Hold the thread for a while, from now on; gives it as it is then.

    Raises Overtaken where another holds it, unless it is taken `over`.
    """
    if not over:
        _unless_held_by_another(thread, agent, now)
    _write(connection, thread, held_by=agent.id, held_until=now + HOLD)
    return replace(thread, held_by=agent, held_until=now + HOLD)


def release(connection: Connection, thread: Thread, agent: Agent) -> None:
    """Let go of it, where one holds it."""
    if thread.held_by == agent:
        _write(connection, thread, held_by=None, held_until=None)


def hand_over(connection: Connection, thread: Thread, agent: Agent, colleague: Agent) -> None:
    """Leave it to a colleague; whether they may act in its organisation is for the caller to see to."""
    _write(connection, thread, assigned_to=colleague.id, assigned_by=agent.id, held_by=None, held_until=None)


def close(connection: Connection, thread: Thread, agent: Agent, seen: Seen, now: datetime) -> None:
    """Be done with what was seen of it; what came later keeps waiting. Raises Overtaken while another holds it."""
    _unless_held_by_another(thread, agent, now)
    _close(connection, thread, agent, seen, now)


def reopen(connection: Connection, agent: Agent, message_id: int) -> None:
    """Put one message back into the inbox. Raises OutOfReach."""
    this = (incoming_messages.c.id == message_id) & incoming_within_reach(agent) & _IS_SOMEBODYS
    back = update(incoming_messages).where(this).values(for_agents=True, handled_at=None, handled_by=None)
    if connection.execute(back).rowcount != 1:
        raise OutOfReach("no such message")


def answer(
    connection: Connection, opened: OpenThread, agent: Agent, message: OutgoingMessage, seen: Seen, now: datetime
) -> None:
    """Send `message`, which names the agent, and be done with what was seen of the thread.

    The same answer sent twice in a row by the same agent, by a double click, is sent once. Raises Overtaken.
    """
    if opened.seen != seen:
        last = _last_answer(connection, opened.seen)
        if last is not None and (last.agent_id, last.body) == (agent.id, message.body):
            return
        raise Overtaken(Agent(last.agent_id, last.email) if last is not None and last.id > seen.answer_id else None)
    _unless_held_by_another(opened.thread, agent, now)
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

_IS_SOMEBODYS = incoming_messages.c.from_number != ""  # whose number was erased is nobody


def _lock(connection: Connection, agent: Agent, message_id: int) -> None:
    this = (incoming_messages.c.id == message_id) & incoming_within_reach(agent) & _IS_SOMEBODYS
    phone = connection.execute(select(incoming_messages.c.from_number).where(this)).scalar_one_or_none()
    if phone is None:
        raise OutOfReach("no such message")
    serialise(connection, f"phone:{phone}")


def _last_answer(connection: Connection, seen: Seen) -> Row[Any, Any, Any, Any] | None:
    statement = select(
        outgoing_messages.c.id, outgoing_messages.c.body, outgoing_messages.c.agent_id, agents.c.email
    ).join_from(outgoing_messages, agents)
    return connection.execute(statement.where(outgoing_messages.c.id == seen.answer_id)).one_or_none()


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
    these = (in_thread_condition(thread), WAITING, *conditions)
    connection.execute(update(incoming_messages).where(*these).values(**values))
