"""Stores what a source says of an usager alone, in all participations that the usager is part of."""

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
    """Write the changed names, number and addresses of an usager into their participations.

    Participations of people for whom the usager is responsible are changed too. Fields with newer data stay as they
    are. A person whom the source has anonymised is erased here too, with their messages. `event_at` is in UTC; None
    where the source does not say it. Returns how many participations were changed.
    """
    at = believed(event_at, now)
    changed, anonymised = 0, []
    for row in _participations_of(connection, source, usager.external_id):
        known = People.known(row)
        people = known.told(usager, at)
        if usager.person.anonymised and people.is_nobody and not known.is_nobody:
            anonymised.append(row["id"])
        else:
            changed += _describe(connection, row, people, now)
    erase(connection, anonymised, now=now)
    return changed + len(anonymised)


def erase_usager(connection: Connection, source: str, external_id: str, *, now: datetime) -> int:
    """Erase an usager everywhere, because the source has destroyed them for data protection. Nobody is told.

    Their participations end. Participations of people for whom they were responsible go on without them. Returns how
    many participations were changed.
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
    """Write `people` into the row. Returns whether anything visible has changed."""
    columns = people.columns()
    differing = {name for name, value in columns.items() if row[name] != value}
    if differing:
        connection.execute(update(participations).where(participations.c.id == row["id"]).values(columns))
    if differing <= UNSEEN:
        return False
    connection.execute(update(appointments).where(appointments.c.id == row["appointment_id"]).values(changed_at=now))
    return True
