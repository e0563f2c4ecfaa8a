"""Records messages that arrived, each once: the transaction that inserts the gateway's id has claimed the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsbot.appointments.appointment import Participation
from smsbot.gateways.base import IncomingSms
from smsbot.made_often import made_often
from smsbot.store.daily_counts import INCOMING, count
from smsbot.store.many import Inserts
from smsbot.store.tables import incoming_messages
from smsbot.understanding import Keyword
from smsbot.understanding.topics import Topic


@made_often
@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that arrived `at` (aware UTC).

    `keyword` is a STOP, START or HELP that the gateway has answered itself. `written_long_ago` is True where the
    message arrived long after it was written.
    """

    message: IncomingSms
    at: datetime
    keyword: Keyword | None = None
    written_long_ago: bool = False

    @property
    def phone(self) -> str:
        """The number that wrote (E.164)."""
        return self.message.from_number

    @property
    def key(self) -> tuple[str, str]:
        """The gateway, and its id of the message."""
        return self.message.gateway, self.message.gateway_message_id


@made_often
@dataclass(frozen=True, slots=True)
class MessageClaim:
    """A message as it is recorded: with its outcome, and the participation that it is about."""

    arrived: Arrived
    outcome: str
    reason: str | None
    about: Participation | None
    for_agents: bool
    topic: Topic | None = None


def claim_incoming(connection: Connection, claims: Sequence[MessageClaim]) -> dict[tuple[str, str], int]:
    """Insert these messages. Returns our ids of those that were not claimed before, by `Arrived.key`."""
    rows = [
        {
            "gateway": one.arrived.message.gateway,
            "gateway_message_id": one.arrived.message.gateway_message_id,
            "received_at": one.arrived.at,
            "from_number": one.arrived.phone,
            "to_number": one.arrived.message.to_number,
            "body": one.arrived.message.body,
            "outcome": one.outcome,
            "reason": one.reason,
            "for_agents": one.for_agents,
            "topic": one.topic,
            "organisation_id": one.about.appointment.organisation.id
            if one.about and one.about.appointment.organisation
            else None,
        }
        for one in claims
    ]
    claimed = {(gateway, its_id): our_id for gateway, its_id, our_id in _CLAIM.rows(connection, rows)}
    for one in claims:
        if one.arrived.key in claimed:
            count(connection, INCOMING, one.outcome, now=one.arrived.at)
    return claimed


_CLAIM = Inserts(
    incoming_messages,
    "gateway",
    "gateway_message_id",
    "received_at",
    "from_number",
    "to_number",
    "body",
    "outcome",
    "reason",
    "for_agents",
    "topic",
    "organisation_id",
    conflict="ON CONFLICT (gateway, gateway_message_id) DO NOTHING",
    returning=("gateway", "gateway_message_id", "id"),
)
