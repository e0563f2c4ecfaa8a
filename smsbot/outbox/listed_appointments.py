"""Which appointments a message lists, where it is a list: they may be those of several organisations.

A telephone is often shared, and who writes from it is asked which of its appointments is meant. The list is one text:
an organisation may read it only where all of its appointments are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists

from smsbot.store.prepared import Prepared
from smsbot.store.tables import appointments, listed_appointments, outgoing_messages


def note_listed(connection: Connection, outgoing_message_id: int, appointment_ids: Iterable[int]) -> None:
    """Keep that this message lists these appointments, by our ids."""
    _INSERT.run_all(connection, [{"this": outgoing_message_id, "listed": each} for each in appointment_ids])


def lists_appointments_outside(organisation_ids: Sequence[int] | Select[Any]) -> ColumnElement[bool]:
    """On `outgoing_messages`: it lists an appointment that is with none of these organisations (by our ids)."""
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
