"""Makes up to millions of appointments and messages: smsbot writes the first one, and the database copies it.

Every usager is called Sophie Dupont. The usager number n has the telephone `phone(n)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Table, func, select, text

from smsbot.appointments.intake import IncomingRecord, take_many
from smsbot.model import (
    DEFAULT_SOURCE,
    AppointmentRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
)
from smsbot.store import schema
from smsbot.store.database import Database
from smsbot.store.tables import appointments, incoming_messages, outgoing_messages, participations

SENDER = "+33937000000"
_PHONE = "'+336' || substr(CAST(100000000 + n AS TEXT), 2)"


def phone(number: int) -> str:
    return f"+336{number:08d}"


def fill(database_url: str, count: int, *, starts_in: timedelta = timedelta(days=3), messages: int = 0) -> None:
    """Make a new database with `count` coming appointments, each with one participation, and `messages` in and out.

    The messages are spread over the first of these telephones. They were handled and sent a day ago.
    """
    database = Database(database_url)
    try:
        schema.upgrade(database)
        now = datetime.now(UTC)
        database.write_now(partial(_fill, count=count, messages=messages, starts_at=now + starts_in, now=now))
        if not database.is_sqlite:
            database.write_now(_look_at_what_is_there)
    finally:
        database.close()


def _fill(connection: Connection, count: int, messages: int, starts_at: datetime, now: datetime) -> None:
    organisation = OrganisationRecord("1", "CCAS de Lyon", "04 72 00 00 00")
    person = PersonRecord("Sophie", "Dupont", phone=phone(0))
    part = ParticipationRecord.of("0", person, send_reminder_notification=True)
    first = AppointmentRecord("0", starts_at, organisation=organisation, participations=(part,))
    take_many(connection, source=DEFAULT_SOURCE, arrivals=[IncomingRecord(first)], now=now)
    _copy(connection, appointments, count - 1, {"external_id": "CAST(n AS TEXT)"})
    its_appointment = f"n + {_first_id(connection, appointments)}"
    others = {"external_id": "CAST(n AS TEXT)", "appointment_id": its_appointment, "phone": _PHONE}
    _copy(connection, participations, count - 1, others)
    if messages:
        _write_one_of_each(connection, now - timedelta(days=1))
        of_somebody = _PHONE.replace("+ n", f"+ n % {count}")
        _copy(
            connection,
            incoming_messages,
            messages - 1,
            {"gateway_message_id": "'SM' || CAST(n AS TEXT)", "from_number": of_somebody},
        )
        theirs = {"recipient": of_somebody, "in_reply_to": f"n + {_first_id(connection, incoming_messages)}"}
        _copy(connection, outgoing_messages, messages - 1, theirs)


def _write_one_of_each(connection: Connection, at: datetime) -> None:
    incoming = {
        "gateway": "twilio",
        "gateway_message_id": "SM0",
        "received_at": at,
        "from_number": phone(0),
        "to_number": SENDER,
        "body": "ANNULER",
        "outcome": "ask_letters",
        "for_agents": False,
    }
    connection.execute(incoming_messages.insert(), incoming)
    outgoing = {
        "channel": "sms",
        "kind": "reply",
        "recipient": phone(0),
        "sender": SENDER,
        "body": "Pour annuler votre RDV, répondez par les 3 premières lettres de votre nom de famille.",
        "segments": 1,
        "created_at": at,
        "state": "sent",
        "due_at": at,
        "gateway": "twilio",
        "gateway_message_id": "SM0",
        "sent_at": at,
        "finished_at": at,
    }
    connection.execute(outgoing_messages.insert(), outgoing)


def _copy(connection: Connection, table: Table, times: int, differing: Mapping[str, str]) -> None:
    """Copy the table's first row, with numbers n from 1. `differing` has SQL in n for the columns that differ."""
    first = _first_id(connection, table)
    sources = {"id": f"n + {first}", **differing}
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(sources.get(column.name, f'"{column.name}"') for column in table.columns)
    connection.execute(
        text(
            f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})"
            f" INSERT INTO {table.name} ({columns}) SELECT {values} FROM {table.name}, numbers"
            f" WHERE {table.name}.id = {first} AND n <= {times}"
        )
    )
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        connection.execute(select(func.setval(sequence, first + times)))


def _first_id(connection: Connection, table: Table) -> int:
    first: int = connection.execute(select(func.min(table.c.id))).scalar_one()
    return first


def _look_at_what_is_there(connection: Connection) -> None:
    """Make statistics for the planner now. PostgreSQL would do it by itself a minute later."""
    connection.execute(text("ANALYZE"))
