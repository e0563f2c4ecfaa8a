"""One appointment as its page shows it: who takes part, the messages of one person, and what was done to it.

The messages to and from a person are in the order of time, as on their telephone: SMS both ways, and e-mails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import (
    incoming_within_reach,
    lists_appointments_out_of_reach,
    outgoing_within_reach,
)
from smsbot.appointments.terms import TermsBook
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach
from smsbot.diary.sending_again import Hindrance, columns, hindrance_of, joined
from smsbot.outbox.delivery_status import MessageFate, fate_of
from smsbot.store.tables import agents, audit, incoming_messages, outgoing_messages


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """An SMS from the usager. `is_waiting` says that it is in the inbox and not handled yet. `topic` is what it is
    about (`smsbot.understanding.topics`).
    """

    id: int
    at: datetime
    text: str
    topic: str | None
    is_waiting: bool

    @property
    def is_ours(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message to the usager.

    `by_agent` is the e-mail address of the agent who wrote it; None for the bot. `again_by` is that of the agent who
    had it sent again. `text` is None where it also lists appointments of organisations that are not the agent's.
    `segments` is how many segments an SMS has; None for an e-mail. `hindrance` is why it cannot be sent again; None if
    it can.
    """

    id: int
    at: datetime
    channel: str
    kind: str
    subject: str | None
    text: str | None
    segments: int | None
    delivery: MessageFate
    by_agent: str | None
    again_by: str | None
    participation_id: int | None
    was_sent_again: bool
    hindrance: Hindrance | None

    @property
    def is_ours(self) -> bool:
        return True


Line: TypeAlias = ReceivedMessage | WrittenMessage


def correspondence_with(
    connection: Connection,
    agent: Agent,
    now: datetime,
    *,
    phone: str | None,
    appointment_id: int | None = None,
    participation_id: int | None = None,
) -> list[Line]:
    """The SMS from and to `phone`, and all messages about this participation, that the agent may read.

    `phone` (E.164) is where the person is reached now; None where they have no number.
    """
    about: ColumnElement[bool] = (outgoing_messages.c.appointment_id == appointment_id) & (
        outgoing_messages.c.participation_id == participation_id
    )
    received: list[Line] = []
    if phone is not None:
        received = [_received(row) for row in connection.execute(_incoming(agent, phone)).mappings()]
        by_sms = (outgoing_messages.c.recipient == phone) & (outgoing_messages.c.channel == "sms")
        answered = select(incoming_messages.c.id).where(incoming_messages.c.from_number == phone)
        by_agents = outgoing_messages.c.agent_id.is_not(None) & outgoing_messages.c.in_reply_to.in_(answered)
        about = about | by_sms | by_agents
    written = _all_written(connection.execute(_outgoing(agent, about)).mappings(), now)
    # An SMS and its answer have the same time, because they are written in one transaction. The answer comes second.
    return sorted([*received, *written], key=lambda line: (line.at, line.is_ours, line.id))


def _incoming(agent: Agent, phone: str) -> Select[Any]:
    return select(incoming_messages).where(incoming_messages.c.from_number == phone, incoming_within_reach(agent))


def _outgoing(agent: Agent, about: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            outgoing_messages,
            agents.c.email.label("by_agent"),
            lists_appointments_out_of_reach(agent).label("lists_others"),
            *columns(),
        )
        .select_from(joined().outerjoin(agents, agents.c.id == outgoing_messages.c.agent_id))
        .where(about, outgoing_within_reach(agent))
        .order_by(outgoing_messages.c.id)
    )


def _received(row: RowMapping) -> ReceivedMessage:
    is_waiting = row["for_agents"] and row["handled_at"] is None
    return ReceivedMessage(row["id"], row["received_at"], row["body"], row["topic"], is_waiting)


def _all_written(rows: Iterable[RowMapping], now: datetime) -> Iterator[WrittenMessage]:
    """The messages, in the order in which they were written.

    A message that was sent again has in `agent_id` the agent who sent it again. An agent's own message is always a
    reply, and the bot's replies are never sent again, so the kind tells the two apart.
    """
    authors: dict[tuple[object, ...], str | None] = {}
    for row in rows:
        delivery, by_agent, again_by = _delivery(row), row["by_agent"], None
        if by_agent is not None:
            text = tuple(row[name] for name in ("channel", "kind", "participation_id", "in_reply_to", "body"))
            if row["kind"] != "reply":
                by_agent, again_by = None, by_agent
            elif text in authors:
                by_agent, again_by = authors[text], by_agent
            if delivery.fate.is_failure:
                authors[text] = by_agent
        yield _written(row, delivery, by_agent, again_by, now)


def _delivery(row: RowMapping) -> MessageFate:
    return fate_of(row["state"], row["delivery_status"], row["error_code"])


def _written(
    row: RowMapping, delivery: MessageFate, by_agent: str | None, again_by: str | None, now: datetime
) -> WrittenMessage:
    return WrittenMessage(
        id=row["id"],
        at=row["created_at"],
        channel=row["channel"],
        kind=row["kind"],
        subject=row["subject"],
        text=None if row["lists_others"] else row["body"],
        segments=row["segments"],
        delivery=delivery,
        by_agent=by_agent,
        again_by=again_by,
        participation_id=row["participation_id"],
        was_sent_again=row["was_sent_again"],
        hindrance=hindrance_of(row, now),
    )


@dataclass(frozen=True, slots=True)
class Act:
    """A row of the audit about an appointment. `agent` is an e-mail address."""

    at: datetime
    act: str
    by: str
    way: str
    agent: str | None
    participation_id: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """An appointment with its messages and acts.

    `participation` is the one whose messages are shown; None where there are several and none was chosen. `acts` are in
    the order of time.
    """

    entry: AppointmentEntry
    participation: ParticipationEntry | None
    lines: Sequence[Line]
    acts: Sequence[Act]

    @property
    def segments(self) -> int:
        """How many segments the SMS shown have cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_sent)

    @property
    def segments_under_way(self) -> int:
        """How many segments the SMS that have not left yet will cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_under_way)

    @property
    def waiting_message(self) -> int | None:
        """Our id of a message that waits in the inbox; None where there is none."""
        return next((line.id for line in self.lines if isinstance(line, ReceivedMessage) and line.is_waiting), None)

    @property
    def _written(self) -> Iterator[WrittenMessage]:
        return (line for line in self.lines if isinstance(line, WrittenMessage))


def read_dossier(
    connection: Connection,
    terms_book: TermsBook,
    agent: Agent,
    appointment_id: int,
    participation_id: int | None,
    now: datetime,
) -> Dossier:
    """The dossier of this appointment, with the messages of this participation. Ids are ours. Raises OutOfReach.

    With None, the messages are those of the appointment's only participation.
    """
    entry = entry_within_reach(connection, terms_book, agent, appointment_id, now)
    participation = None
    if participation_id is not None:
        participation = entry.participation(participation_id)
    elif len(entry.participations) == 1:
        [participation] = entry.participations
    lines: Sequence[Line] = ()
    if participation is not None:
        lines = correspondence_with(
            connection,
            agent,
            now,
            phone=participation.phone,
            appointment_id=appointment_id,
            participation_id=participation.id,
        )
    return Dossier(entry, participation, lines, _acts(connection, appointment_id))


def _acts(connection: Connection, appointment_id: int) -> Sequence[Act]:
    columns = (audit.c[field.name] for field in fields(Act))
    rows = connection.execute(select(*columns).where(audit.c.appointment_id == appointment_id).order_by(audit.c.id))
    return [Act(*row) for row in rows]
