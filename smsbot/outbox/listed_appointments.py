"""Notes which appointments a message lists, where it is a list to choose from.

A telephone is often shared, and whoever writes from it is asked which appointment is meant. The list is one text, and
its appointments may belong to several organisations. An organisation may read it only where all of them are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists

from smsbot.store.prepared import Prepared
from smsbot.store.tables import appointments, listed_appointments, outgoing_messages


def note_listed(connection: Connection, outgoing_message_id: int, appointment_ids: Iterable[int]) -> None:
    """Note that this outgoing message lists these appointments (our ids)."""
    _INSERT.run_all(connection, [{"this": outgoing_message_id, "listed": each} for each in appointment_ids])


def lists_appointments_outside(organisation_ids: Sequence[int] | Select[Any]) -> ColumnElement[bool]:
    """A condition on `outgoing_messages`: the text lists an appointment of none of these organisations (our ids)."""
    is_outside = _listed.c.organisation_id.is_(None) | _listed.c.organisation_id.not_in(organisation_ids)
    return exists().where(
        listed_appointments.c.outgoing_message_id == outgoing_messages.c.id,
        _listed.c.id == listed_appointments.c.appointment_id,
        is_outside,
    )


_listed = appointments.alias("listed")
_INSERT = Prepared(
    listed_appointments.insert().values(outgoing_message_id=bindparam("this"), appointment_id=bindparam("listed"))
)
