"""Erasing what is known of people: names, numbers, addresses, and the messages to and from them.

The rows themselves stay, without anybody in them: others refer to them, and the audit stays whole. A number that asked
for STOP stays on that list, which is what the person wished.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from smsbot.store.tables import appointments, conversations, incoming_messages, outgoing_messages, participations


def erase(connection: Connection, participation_ids: Sequence[int], *, now: datetime) -> None:
    """Erase the people of these participations everywhere, for good: no late record brings them back.

    Messages to and from a number go where nobody else is reached there. What still waits to be sent is not sent.
    """
    if not participation_ids:
        return
    these = participations.c.id.in_(participation_ids)
    reached = connection.execute(select(participations.c.phone, participations.c.email).where(these)).all()
    connection.execute(
        update(participations)
        .where(these)
        .values(
            usager_external_id=None,
            responsible_external_id=None,
            first_name=None,
            last_name=None,
            surnames=[],
            first_names=[],
            phone=None,
            email=None,
            own=None,
            erased_at=now,
        )
    )
    appointment_ids = select(participations.c.appointment_id).where(these)
    connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(changed_at=now))
    numbers = _reached_no_more(connection, participations.c.phone, (phone for phone, _ in reached))
    addresses = _reached_no_more(connection, participations.c.email, (email for _, email in reached))
    _erase_outgoing(
        connection,
        or_(
            and_(
                outgoing_messages.c.appointment_id.in_(appointment_ids),  # the index
                outgoing_messages.c.participation_id.in_(participation_ids),
            ),
            and_(outgoing_messages.c.channel == "sms", outgoing_messages.c.recipient.in_(numbers)),
            and_(outgoing_messages.c.channel == "email", outgoing_messages.c.recipient.in_(addresses)),
        ),
        now,
    )
    connection.execute(
        update(incoming_messages)
        .where(incoming_messages.c.from_number.in_(numbers))
        .values(from_number="", body="", for_agents=False)
    )
    connection.execute(delete(conversations).where(conversations.c.usager_number.in_(numbers)))


def _reached_no_more(
    connection: Connection, column: ColumnElement[str | None], values: Iterable[str | None]
) -> list[str]:
    asked = {value for value in values if value}
    still = set(connection.execute(select(column).where(column.in_(asked)).distinct()).scalars()) if asked else set()
    return sorted(asked - still)


def _erase_outgoing(connection: Connection, these: ColumnElement[bool], now: datetime) -> None:
    unfinished = outgoing_messages.c.state.in_(("waiting", "sending"))
    connection.execute(
        update(outgoing_messages)
        .where(these, unfinished)
        .values(state="refused", error="erased before it was sent", finished_at=now)
    )
    connection.execute(
        update(outgoing_messages).where(these).values(recipient="", subject=None, body="", html=None, calendar=None)
    )
