"""Notes that agents write about a thread for their colleagues. They are never sent to anybody.

A note belongs to the message that was the thread's newest when it was written, and is erased with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from smsbot.agents.accounts import Agent
from smsbot.inbox.threads import Thread, in_thread_condition
from smsbot.store.tables import agents, inbox_notes, incoming_messages

MOST_CHARACTERS_OF_A_NOTE = 1000


@dataclass(frozen=True, slots=True)
class InboxNote:
    """What an agent wrote for their colleagues. `at` is in UTC."""

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
