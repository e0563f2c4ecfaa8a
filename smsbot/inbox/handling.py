"""What agents do with a thread: hold it, answer it, close it, put it off, hand it over to a colleague, note something.

Two things prevent two agents from answering the same thread without knowing of each other:

- An agent who takes a thread holds it for a quarter of an hour, and everybody sees this. It is not a lock: another
agent may take it over, but has to say so.
- Every form says what its agent has seen: the newest message and the newest answer. If there is something newer when
the form arrives, nothing is done and the newer things are shown. This does not depend on who holds the thread.

Before a thread is changed, it has to be read with `lock_thread` or `lock_open_thread` in the same transaction.
`Overtaken` is raised before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, incoming_within_reach
from smsbot.appointments.audit import note
from smsbot.inbox.thread_queries import open_thread, read_thread
from smsbot.inbox.threads import IS_SOMEBODYS, WAITING, OpenThread, Seen, Thread, in_thread_condition
from smsbot.model import Actor, Via
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.problem import Problem
from smsbot.store.database import serialise
from smsbot.store.tables import agents, inbox_notes, incoming_messages, outgoing_messages

HOLD = timedelta(minutes=15)


class Overtaken(Problem):
    """Something happened that the agent had not seen, so nothing was done.

    `by` is the agent who did it; None if it was no agent.
    """

    def __init__(self, by: Agent | None = None) -> None:
        super().__init__("Something has happened in the meantime: nothing was done.")
        self.by = by


def lock_thread(connection: Connection, agent: Agent, message_id: int) -> Thread:
    """The thread of this message (our id). Nobody else, not even its usager, writes to it until the transaction ends.

    `agent` None sees all batches. Raises OutOfReach.
    """
    _lock(connection, agent, message_id)
    return read_thread(connection, agent, message_id)


def lock_open_thread(connection: Connection, agent: Agent, message_id: int) -> OpenThread:
    """Like `lock_thread`, with everything that is needed to answer the thread. Raises OutOfReach."""
    _lock(connection, agent, message_id)
    return open_thread(connection, agent, message_id)


def hold_thread(connection: Connection, thread: Thread, agent: Agent, now: datetime, *, over: bool = False) -> Thread:
    """Hold the thread for `HOLD` from now on, and return it with this change.

    If another agent holds it, `over` takes it over; without `over`, Overtaken is raised.
    """
    if not over:
        _unless_held_by_another(thread, agent, now)
    _write(connection, thread, held_by=agent.id, held_until=now + HOLD)
    return replace(thread, held_by=agent, held_until=now + HOLD)


def release(connection: Connection, thread: Thread, agent: Agent) -> None:
    """Stop holding the thread, if this agent holds it."""
    if thread.held_by == agent:
        _write(connection, thread, held_by=None, held_until=None)


def hand_over(connection: Connection, thread: Thread, agent: Agent, colleague: Agent) -> None:
    """Assign the thread to a colleague. It waits for them at once, even if it was put off.

    The caller must check that the colleague may act in its organisation. Raises Overtaken where no message of it waits.
    """
    _unless_handled(thread)
    _write(
        connection,
        thread,
        assigned_to=colleague.id,
        assigned_by=agent.id,
        held_by=None,
        held_until=None,
        comes_back_at=None,
        put_off_by=None,
    )


def hand_over_together(
    connection: Connection, agent: Agent, colleague: Agent, seen: Collection[int], now: datetime
) -> tuple[int, ...]:
    """Assign the threads of these messages (our ids) to a colleague. Returns the ids of those that were assigned.

    Threads that another agent holds stay as they are. So do those that are handled, and those out of the reach of the
    agent or of the colleague.
    """

    def assign(thread: Thread, _message_id: int) -> None:
        _unless_held_by_another(thread, agent, now)
        hand_over(connection, thread, agent, colleague)

    return _together(connection, agent, seen, assign, incoming_within_reach(colleague))


def put_off(
    connection: Connection,
    thread: Thread,
    agent: Agent,
    seen: Seen,
    until: datetime,
    now: datetime,
    known_until: datetime | None = None,
) -> None:
    """Put off the messages of the thread that the agent has seen, until `until` (UTC).

    When a newer message comes, or has come, all of them wait at once, even if the bot has answered the newer one.
    `known_until` is the time to which it was put off already, as the agent saw it. Raises Overtaken where another agent
    holds it, where no message of it waits, or where another agent has put it off in the meantime.
    """
    _unless_held_by_another(thread, agent, now)
    _unless_handled(thread)
    if thread.comes_back_at != known_until and thread.put_off_by != agent:
        raise Overtaken(thread.put_off_by)
    _write(
        connection,
        thread,
        incoming_messages.c.id <= seen.message_id,
        comes_back_at=until,
        put_off_by=agent.id,
        held_by=None,
        held_until=None,
    )


def bring_back(connection: Connection, thread: Thread) -> None:
    """Let the thread wait again at once."""
    _write(connection, thread, comes_back_at=None, put_off_by=None)


def bring_back_of(connection: Connection, phones: Collection[str]) -> None:
    """Let the threads of these telephones (E.164) that were put off wait again at once, because people have written."""
    these = (incoming_messages.c.from_number.in_(phones), WAITING, incoming_messages.c.comes_back_at.is_not(None))
    connection.execute(update(incoming_messages).where(*these).values(comes_back_at=None, put_off_by=None))


def close(connection: Connection, thread: Thread, agent: Agent, seen: Seen, now: datetime) -> None:
    """Mark the messages that the agent has seen as handled.

    What came later still waits. Raises Overtaken while another holds it.
    """
    _unless_held_by_another(thread, agent, now)
    _close(connection, thread, agent, seen, now)


def close_together(connection: Connection, agent: Agent, seen: Collection[int], now: datetime) -> bool:
    """Close the threads of these messages (our ids), each up to this message. Returns whether all were closed.

    Threads that another agent holds stay as they are, and so do those out of reach.
    """

    def close_it(thread: Thread, message_id: int) -> None:
        close(connection, thread, agent, Seen(message_id, 0), now)

    return len(_together(connection, agent, seen, close_it)) == len(seen)


def reopen(connection: Connection, agent: Agent, message_id: int) -> None:
    """Put one message back into the inbox. Raises OutOfReach."""
    this = (incoming_messages.c.id == message_id) & incoming_within_reach(agent) & IS_SOMEBODYS
    waits = {"for_agents": True, "handled_at": None, "handled_by": None, "comes_back_at": None, "put_off_by": None}
    back = update(incoming_messages).where(this).values(waits)
    if connection.execute(back).rowcount != 1:
        raise OutOfReach("no such message")


def put_into_inbox(connection: Connection, message_id: int) -> None:
    """Put a message into the inbox that was not for agents when it came. If its person was erased, nothing happens."""
    this = (incoming_messages.c.id == message_id) & IS_SOMEBODYS
    connection.execute(update(incoming_messages).where(this).values(for_agents=True))


def send_answer(
    connection: Connection,
    opened: OpenThread,
    agent: Agent,
    message: OutgoingMessage,
    seen: Seen,
    now: datetime,
    via: Via = Via.CONSOLE,
) -> None:
    """Send `message`, which names the agent, and mark the messages that the agent has seen as handled.

    If the same agent sends the same answer twice in a row, by a double click, it is sent once. Raises Overtaken.
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
        via,
        agent=agent.email,
        appointment_id=message.appointment_id,
        participation_id=message.participation_id,
    )
    _close(connection, opened.thread, agent, seen, now)


# Notes for colleagues. They are never sent to anybody. --------------------------------------------------------------


MOST_CHARACTERS_OF_A_NOTE = 1000


@dataclass(frozen=True, slots=True)
class InboxNote:
    """What an agent wrote for their colleagues. It is never sent to anybody. `at` is in UTC.

    It belongs to the message that was the thread's newest when it was written, and is erased with it.
    """

    id: int
    by: Agent
    at: datetime
    text: str


def notes_of(connection: Connection, thread: Thread) -> Sequence[InboxNote]:
    """The notes of a thread, in the order in which they were written."""
    rows = connection.execute(
        select(inbox_notes, agents.c.email)
        .join_from(inbox_notes, incoming_messages)
        .join(agents, agents.c.id == inbox_notes.c.agent_id)
        .where(in_thread_condition(thread))
        .order_by(inbox_notes.c.id)
    )
    return [InboxNote(row.id, Agent(row.agent_id, row.email), row.written_at, row.text) for row in rows]


def add_note(connection: Connection, thread: Thread, agent: Agent, text: str, now: datetime) -> None:
    """Write a note. The thread must be locked. The same note twice in a row, by a double click, is written once."""
    notes = notes_of(connection, thread)
    if notes and (notes[-1].by, notes[-1].text) == (agent, text):
        return
    values = {"message_id": thread.id, "agent_id": agent.id, "written_at": now, "text": text}
    connection.execute(insert(inbox_notes).values(values))


def remove_note(connection: Connection, thread: Thread, agent: Agent, note_id: int) -> None:
    """Remove this agent's note (our id) from the thread. Does nothing if it is another agent's or is gone already."""
    of_thread = select(incoming_messages.c.id).where(in_thread_condition(thread))
    this = (inbox_notes.c.id == note_id) & (inbox_notes.c.agent_id == agent.id)
    connection.execute(delete(inbox_notes).where(this, inbox_notes.c.message_id.in_(of_thread)))


# Underneath -----------------------------------------------------------------------------------------------------------


def _lock(connection: Connection, agent: Agent, message_id: int) -> None:
    this = (incoming_messages.c.id == message_id) & incoming_within_reach(agent) & IS_SOMEBODYS
    phone = connection.execute(select(incoming_messages.c.from_number).where(this)).scalar_one_or_none()
    if phone is None:
        raise OutOfReach("no such message")
    serialise(connection, f"phone:{phone}")


def _together(
    connection: Connection,
    agent: Agent,
    seen: Collection[int],
    act: Callable[[Thread, int], None],
    *conditions: ColumnElement[bool],
) -> tuple[int, ...]:
    """Do `act` with the threads of these messages (our ids). Returns the messages for which it was done.

    Left out are messages out of the agent's reach, those that do not meet the conditions, and those for which `act`
    raises Overtaken.
    """
    these = incoming_messages.c.id.in_(seen) & incoming_within_reach(agent) & IS_SOMEBODYS
    # In the order of telephone numbers, so that two agents with several threads do not wait for each other for ever.
    numbered = select(incoming_messages.c.id).where(these, *conditions).order_by(incoming_messages.c.from_number)
    done = []
    for message_id in connection.execute(numbered).scalars().all():
        thread = lock_thread(connection, agent, message_id)
        with suppress(Overtaken):
            act(thread, message_id)
            done.append(message_id)
    return tuple(done)


def _last_answer(connection: Connection, seen: Seen) -> Row[Any, Any, Any, Any] | None:
    statement = select(
        outgoing_messages.c.id, outgoing_messages.c.body, outgoing_messages.c.agent_id, agents.c.email
    ).join_from(outgoing_messages, agents)
    return connection.execute(statement.where(outgoing_messages.c.id == seen.answer_id)).one_or_none()


def _unless_held_by_another(thread: Thread, agent: Agent, now: datetime) -> None:
    holder = thread.holder(now)
    if holder is not None and holder != agent:
        raise Overtaken(holder)


def _unless_handled(thread: Thread) -> None:
    if not thread.waiting:
        raise Overtaken(thread.handled_by)


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
    """Set these values in all waiting messages of the thread that meet the conditions."""
    these = (in_thread_condition(thread), WAITING, *conditions)
    connection.execute(update(incoming_messages).where(*these).values(**values))
