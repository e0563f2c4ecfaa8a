"""What a source tells of an usager alone, worked into every participation that they have a part in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from smsbot.appointments.erasure import erase
from smsbot.appointments.intake.bulk_write import remove
from smsbot.appointments.intake.people import UNSEEN, People
from smsbot.appointments.intake.taking import believed
from smsbot.model import UsagerRecord
from smsbot.store.tables import appointments, participations


def change_usager(
    connection: Connection, source: str, usager: UsagerRecord, *, event_at: datetime | None, now: datetime
) -> int:
    """Names, number and addresses of an usager have changed: of their own participations, and of those of the people
    they are responsible for. Answers how many participations that changed.

    Where a newer event than this one has told of them already, they are left alone.
    """
    at = believed(event_at, now)
    rows = _participations_of(connection, source, usager.external_id)
    return sum(_describe(connection, row, People.known(row).told(usager, at), now) for row in rows)


def erase_usager(connection: Connection, source: str, external_id: str, *, now: datetime) -> int:
    """The source has destroyed the usager for data protection: erase them everywhere, quietly.

    Their participations end without a word; those of people they were responsible for go on without them. Answers how
    many participations were touched.
    """
    rows = _participations_of(connection, source, external_id)
    own = [row for row in rows if row["usager_external_id"] == external_id]
    erase(connection, [row["id"] for row in own], now=now)
    remove(connection, [row["id"] for row in own if row["removed_at"] is None], now)
    for row in rows:
        if row["usager_external_id"] != external_id:
            _describe(connection, row, People.known(row).without_responsible(), now)
    return len(rows)


def _participations_of(connection: Connection, source: str, external_id: str) -> Sequence[Mapping[str, Any]]:
    theirs = or_(
        participations.c.usager_external_id == external_id, participations.c.responsible_external_id == external_id
    )
    found = select(participations).where(
        participations.c.source == source, theirs, participations.c.erased_at.is_(None)
    )
    rows = connection.execute(found.order_by(participations.c.id).with_for_update())
    return [row._asdict() for row in rows]


def _describe(connection: Connection, row: Mapping[str, Any], people: People, now: datetime) -> bool:
    """Write who takes part and how they are reached; answers whether anything visible of it is new."""
    columns = people.columns()
    differing = {name for name, value in columns.items() if row[name] != value}
    if differing:
        connection.execute(update(participations).where(participations.c.id == row["id"]).values(columns))
    if differing <= UNSEEN:
        return False
    connection.execute(update(appointments).where(appointments.c.id == row["appointment_id"]).values(changed_at=now))
    return True
