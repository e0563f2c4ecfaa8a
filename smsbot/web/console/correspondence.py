"""What was written to a person and by them, in the order of time, as on their phone: SMS both ways, and e-mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from smsbot.agents.accounts import Agent
from smsbot.store.tables import agents, incoming_messages, outgoing_messages
from smsbot.web.console.fates import Delivery, delivery_of
from smsbot.web.console.reach import incoming_within_reach, outgoing_within_reach
from smsbot.web.console.sending_again import Hindrance, columns, hindrance_of, joined


@dataclass(frozen=True, slots=True)
class Received:
    """An SMS from the usager. `is_waiting`: it is in the inbox, and nobody is done with it."""

    id: int
    at: datetime
    text: str
    is_waiting: bool

    @property
    def is_ours(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Written:
    """A message to the usager. `by_agent` is the address of who wrote it, or had it sent again; else it was the bot.

    `segments` is what an SMS cost, None for an e-mail. `hindrance` is why it is not sent again, None if it may be.
    """

    id: int
    at: datetime
    channel: str
    kind: str
    subject: str | None
    text: str
    segments: int | None
    delivery: Delivery
    by_agent: str | None
    participation_id: int | None
    was_sent_again: bool
    hindrance: Hindrance | None

    @property
    def is_ours(self) -> bool:
        return True


Line: TypeAlias = Received | Written


def correspondence_with(
    connection: Connection,
    agent: Agent,
    now: datetime,
    *,
    phone: str | None,
    appointment_id: int | None = None,
    participation_id: int | None = None,
) -> list[Line]:
    """The SMS from and to `phone`, and all that was written about this participation, as far as they are within reach.

    `phone` is where the person is reached now; None for nowhere.
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
    written = [_written(row, now) for row in connection.execute(_outgoing(agent, about)).mappings()]
    # Of an SMS and its answer, written in the same transaction, the answer comes second.
    return sorted([*received, *written], key=lambda line: (line.at, line.is_ours, line.id))


def _incoming(agent: Agent, phone: str) -> Select[Any]:
    return select(incoming_messages).where(incoming_messages.c.from_number == phone, incoming_within_reach(agent))


def _outgoing(agent: Agent, about: ColumnElement[bool]) -> Select[Any]:
    return (
        select(outgoing_messages, agents.c.email.label("by_agent"), *columns())
        .select_from(joined().outerjoin(agents, agents.c.id == outgoing_messages.c.agent_id))
        .where(about, outgoing_within_reach(agent))
    )


def _received(row: RowMapping) -> Received:
    is_waiting = row["for_agents"] and row["handled_at"] is None
    return Received(row["id"], row["received_at"], row["body"], is_waiting)


def _written(row: RowMapping, now: datetime) -> Written:
    return Written(
        id=row["id"],
        at=row["created_at"],
        channel=row["channel"],
        kind=row["kind"],
        subject=row["subject"],
        text=row["body"],
        segments=row["segments"],
        delivery=delivery_of(row["state"], row["delivery_status"], row["error_code"]),
        by_agent=row["by_agent"],
        participation_id=row["participation_id"],
        was_sent_again=row["was_sent_again"],
        hindrance=hindrance_of(row, now),
    )
