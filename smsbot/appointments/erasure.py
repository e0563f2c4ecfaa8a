"""Erases what is known of people: names, numbers, addresses, and the messages to and from them.

The rows stay, without personal data, because other rows refer to them and figures count them. They are deleted when
their month is closed (`smsbot.figures.thinning`). A number that asked for STOP stays on the STOP list, because that is
what the person wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, text, update

from smsbot.store.tables import (
    appointments,
    cancellation_requests,
    conversations,
    inbox_notes,
    incoming_messages,
    incoming_pieces,
    outgoing_messages,
    participations,
)

ERASED = "erased"
"""The `error_code` of a message that was withdrawn because its person was erased. This is no failure."""


def erase(connection: Connection, participation_ids: Sequence[int], *, now: datetime) -> None:
    """Erase the people of these participations everywhere and for good: no late record brings them back.

    Messages to and from a number or address are erased unless other people are reached at it. Messages that still wait
    are not sent.
    """
    if not participation_ids:
        return
    these = participations.c.id.in_(participation_ids)
    columns = (participations.c.phone, participations.c.email, participations.c.appointment_id)
    reached = connection.execute(select(*columns).where(these)).all()
    erase_people(connection, these, now)
    appointment_ids = {row.appointment_id for row in reached}
    connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(changed_at=now))
    erase_addresses(connection, and_(appointments.c.id.in_(appointment_ids), ~_has_people()))
    numbers = _reached_no_more(connection, participations.c.phone, (row.phone for row in reached))
    addresses = _reached_no_more(
        connection, func.lower(participations.c.email), (row.email.lower() for row in reached if row.email)
    )
    erase_outgoing(
        connection,
        or_(
            and_(
                outgoing_messages.c.appointment_id.in_(appointment_ids),  # so that the index is used
                outgoing_messages.c.participation_id.in_(participation_ids),
            ),
            and_(outgoing_messages.c.channel == "sms", outgoing_messages.c.recipient.in_(numbers)),
            to_addresses(addresses),
        ),
        now,
    )
    erase_incoming(connection, incoming_messages.c.from_number.in_(numbers))
    erase_requests(
        connection,
        and_(
            cancellation_requests.c.appointment_id.in_(appointment_ids),  # so that the index is used
            cancellation_requests.c.participation_id.in_(participation_ids),
        ),
    )
    forget_conversations(connection, conversations.c.usager_number.in_(numbers))
    forget_pieces(connection, incoming_pieces.c.from_number.in_(numbers))


# The parts. Each works on the rows of its table that meet a condition, and returns how many there were. ---------------


def erase_people(connection: Connection, these: ColumnElement[bool], now: datetime) -> int:
    """Erase names, numbers and addresses. The condition is on `participations`."""
    return connection.execute(
        update(participations)
        .where(these)
        .values(
            usager_external_id=None,
            responsible_external_id=None,
            first_name=None,
            last_name=None,
            surnames=[],
            first_names=[],
            folded_names="",
            phone=None,
            email=None,
            own=None,
            erased_at=now,
        )
    ).rowcount


def erase_addresses(connection: Connection, these: ColumnElement[bool]) -> int:
    """Erase the addresses of appointments that have no `lieu`: most of these are at somebody's home."""
    return connection.execute(update(appointments).where(these).values(address=None)).rowcount


def erase_outgoing(connection: Connection, these: ColumnElement[bool], now: datetime) -> int:
    """Erase recipient and content of messages to people. What still waits to be sent is withdrawn."""
    unfinished = outgoing_messages.c.state.in_(("waiting", "sending"))
    connection.execute(
        update(outgoing_messages)
        .where(these, unfinished)
        .values(state="refused", error_code=ERASED, error="erased before it was sent", finished_at=now)
    )
    return connection.execute(
        update(outgoing_messages).where(these).values(recipient="", subject=None, body="", html=None, calendar=None)
    ).rowcount


def erase_incoming(connection: Connection, these: ColumnElement[bool]) -> int:
    """Erase number and text of messages from people, and the agents' notes on them. They leave the inbox."""
    noted = inbox_notes.c.message_id.in_(select(incoming_messages.c.id).where(these))
    connection.execute(delete(inbox_notes).where(noted))
    return connection.execute(
        update(incoming_messages).where(these).values(from_number="", body="", for_agents=False, topic=None)
    ).rowcount


def to_addresses(addresses: Iterable[str]) -> ColumnElement[bool]:
    """A condition on `outgoing_messages`: e-mails to these addresses, which are in lower case."""
    # The channel is written out, not bound. Otherwise the engines do not use the index.
    return and_(text("outgoing_messages.channel = 'email'"), func.lower(outgoing_messages.c.recipient).in_(addresses))


def erase_requests(connection: Connection, these: ColumnElement[bool]) -> int:
    """Erase the agent of a request to cancel, the agent's text, and the link to the message that said yes."""
    emptied = update(cancellation_requests).where(these).values(agent=None, word=None, in_reply_to=None)
    return connection.execute(emptied).rowcount


def forget_conversations(connection: Connection, these: ColumnElement[bool]) -> int:
    """Delete the state of conversations. The next message begins a new one."""
    return connection.execute(delete(conversations).where(these)).rowcount


def forget_pieces(connection: Connection, these: ColumnElement[bool]) -> int:
    """Delete the pieces of messages that still wait for the other pieces."""
    return connection.execute(delete(incoming_pieces).where(these)).rowcount


def _has_people() -> ColumnElement[bool]:
    return exists().where(participations.c.appointment_id == appointments.c.id, participations.c.erased_at.is_(None))


def _reached_no_more(
    connection: Connection, column: ColumnElement[str | None], values: Iterable[str | None]
) -> list[str]:
    asked = {value for value in values if value}
    still = set(connection.execute(select(column).where(column.in_(asked)).distinct()).scalars()) if asked else set()
    return sorted(asked - still)
