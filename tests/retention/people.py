"""A small database with people in every table, and a search for what is left of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from smsbot.rules.letters import fold_all
from smsbot.store.database import Database
from smsbot.store.tables import (
    agents,
    appointments,
    audit,
    batch_appointments,
    batches,
    cancellation_requests,
    conversations,
    inbox_notes,
    incoming_messages,
    incoming_pieces,
    metadata,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RETENTION = timedelta(days=90)
BEFORE = NOW - RETENTION

OUR_NUMBER = "+33937000000"


def days(number: float) -> timedelta:
    return timedelta(days=number)


@dataclass
class World:
    """Rows as the service writes them, each with the columns that matter to a test."""

    database: Database
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def organisation(self, **values: Any) -> int:
        number = str(next(self.ids))
        return self._insert(organisations, {"source": "rdvsp", "external_id": number, "name": "CCAS", **values})

    def appointment(self, starts_at: datetime, organisation_id: int | None = None, **values: Any) -> int:
        number = str(next(self.ids))
        usual = {
            "source": "rdvsp",
            "external_id": number,
            "organisation_id": organisation_id,
            "uuid": f"uuid-{number}",
            "starts_at": starts_at,
            "status": "unknown",
            "collective": False,
            "location_type": "public_office",
            "bookable_by_everyone": False,
            "changed_at": starts_at - days(10),
        }
        return self._insert(appointments, {**usual, **values})

    def participation(self, appointment_id: int, name: str, phone: str | None, email: str | None, **values: Any) -> int:
        number = str(next(self.ids))
        usual = {
            "appointment_id": appointment_id,
            "source": "rdvsp",
            "external_id": number,
            "usager_external_id": f"usager-{number}",
            "status": "unknown",
            "first_name": f"prenom-{name}",
            "last_name": name,
            "surnames": [name],
            "first_names": [f"prenom-{name}"],
            "folded_names": fold_all([name, f"prenom-{name}"]),
            "phone": phone,
            "email": email,
            "notify_by_sms": True,
            "notify_by_email": True,
            "send_lifecycle_notifications": True,
            "send_reminder_notification": True,
        }
        return self._insert(participations, {**usual, **values})

    def received(self, phone: str, at: datetime, body: str = "ANNULER", **values: Any) -> int:
        usual = {
            "gateway": "twilio",
            "gateway_message_id": f"SM{next(self.ids)}",
            "received_at": at,
            "from_number": phone,
            "to_number": OUR_NUMBER,
            "body": body,
            "outcome": "ask_letters",
            "for_agents": False,
        }
        return self._insert(incoming_messages, {**usual, **values})

    def batch(self, at: datetime, appointment_id: int) -> int:
        """A batch: an agent's text to the people of several appointments, with this one."""
        values = {"act": "write", "way": "console", "word": "Fermé", "created_at": at, "begins_at": at, "state": "done"}
        batch_id = self._insert(batches, values)
        self.database.write_now(
            lambda c: c.execute(
                insert(batch_appointments).values(batch_id=batch_id, appointment_id=appointment_id, position=0)
            )
        )
        return batch_id

    def note(self, message_id: int, at: datetime) -> int:
        """An agent's note on this message."""
        agent_id = self._insert(agents, {"email": f"agent{next(self.ids)}@mairie.fr", "created_at": at})
        values = {"message_id": message_id, "agent_id": agent_id, "written_at": at, "text": "Rappelée"}
        return self._insert(inbox_notes, values)

    def sent(self, recipient: str, at: datetime, body: str = "Bonjour", **values: Any) -> int:
        usual = {
            "channel": "email" if "@" in recipient else "sms",
            "kind": "reply",
            "recipient": recipient,
            "sender": OUR_NUMBER,
            "body": body,
            "segments": None if "@" in recipient else 1,
            "created_at": at,
            "state": "sent",
            "due_at": at,
        }
        return self._insert(outgoing_messages, {**usual, **values})

    def piece(self, phone: str, at: datetime) -> int:
        """A piece of a message that still waits for the other."""
        numbers = {"from_number": phone, "to_number": "36105", "reference": "171", "number": 1, "total": 2}
        row = {"gateway": "agregat", "gateway_message_id": "x", "received_at": at, "body": "ANN"} | numbers
        return self._insert(incoming_pieces, row)

    def conversation(self, phone: str, at: datetime) -> int:
        row = {"usager_number": phone, "our_number": f"36{next(self.ids):03}", "memory": {}, "updated_at": at}
        return self._insert(conversations, row)

    def act(self, at: datetime, agent: str | None, **values: Any) -> int:
        return self._insert(
            audit, {"at": at, "act": "cancelled", "by": "agent", "way": "api", "agent": agent, **values}
        )

    def request(self, at: datetime, agent: str | None, word: str | None, **values: Any) -> int:
        usual = {
            "status": "excused",
            "by": "agent" if agent else "usager",
            "way": "api" if agent else "sms",
            "agent": agent,
            "word": word,
            "requested_at": at,
            "starts_at": at,
            "state": "done",
            "due_at": at,
        }
        return self._insert(cancellation_requests, {**usual, **values})

    def opt_out(self, phone: str, at: datetime, *, by_stranger: bool = False) -> None:
        row = {"number": phone, "opted_out_at": at, "by_stranger": by_stranger}
        self.database.write_now(lambda connection: connection.execute(insert(opt_outs).values(row)).close())

    def change(self, table: Table, this: int, **values: Any) -> None:
        changed = update(table).where(table.c.id == this).values(values)
        self.database.write_now(lambda connection: connection.execute(changed).close())

    def row(self, table: Table, this: int) -> Any:
        its = select(table).where(table.c.id == this)
        return self.database.read_now(lambda connection: connection.execute(its).one())

    def told(self, *tables: Table) -> str:
        """All values of these tables (or of all) as one text, to search for personal data in it."""

        def work(connection: Connection) -> str:
            return "\n".join(repr(row) for table in tables or _ALL for row in connection.execute(select(table)))

        return self.database.read_now(work)

    def _insert(self, table: Table, row: dict[str, Any]) -> int:
        statement = insert(table).values(row).returning(table.c.id)
        this: int = self.database.write_now(lambda connection: connection.execute(statement).scalar_one())
        return this


_ALL = tuple(metadata.tables.values())
