"""What a source tells of an usager alone, worked into every participation that they have a part in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, update

from smsbot.appointments.erasure import erase
from smsbot.appointments.merging import person_columns
from smsbot.appointments.storing import remove
from smsbot.model import ParticipationRecord, PersonRecord, UsagerRecord
from smsbot.store.tables import appointments, participations


def change_usager(
    connection: Connection, source: str, usager: UsagerRecord, *, event_at: datetime | None, now: datetime
) -> int:
    """Names, number and addresses of an usager have changed: of their own participations, and of those of the people
    they are responsible for. Answers how many participations that changed.

    A participation that came with a newer event than this one has newer names already and is left alone.
    """
    changes = 0
    for row in _participations_of(connection, source, usager.external_id, event_at):
        if row["usager_external_id"] == usager.external_id:
            person, responsible = usager.person, usager.responsible
            responsible_external_id = usager.responsible_external_id
        else:
            person, responsible = _own(row), usager.person
            responsible_external_id = usager.external_id
        changes += _describe(connection, row, person, responsible, responsible_external_id, now)
    return changes


def erase_usager(connection: Connection, source: str, external_id: str, *, now: datetime) -> int:
    """The source has destroyed the usager for data protection: erase them everywhere, quietly.

    Their participations end without a word; those of people they were responsible for go on without them. Answers how
    many participations were touched.
    """
    rows = _participations_of(connection, source, external_id, None)
    own = [row for row in rows if row["usager_external_id"] == external_id]
    erase(connection, [row["id"] for row in own], now=now)
    remove(connection, [row["id"] for row in own if row["removed_at"] is None], now)
    for row in rows:
        if row["usager_external_id"] != external_id:
            _describe(connection, row, _own(row), None, None, now)
    return len(rows)


def _participations_of(
    connection: Connection, source: str, external_id: str, event_at: datetime | None
) -> Sequence[Mapping[str, Any]]:
    theirs: list[ColumnElement[bool]] = [
        participations.c.source == source,
        or_(
            participations.c.usager_external_id == external_id,
            participations.c.responsible_external_id == external_id,
        ),
        participations.c.erased_at.is_(None),
    ]
    if event_at is not None:
        newest = appointments.c.source_event_at
        theirs.append(or_(newest.is_(None), newest <= event_at))
    found = select(participations).join(appointments).where(*theirs).order_by(participations.c.id)
    return [row._asdict() for row in connection.execute(found.with_for_update(of=participations))]


def _own(row: Mapping[str, Any]) -> PersonRecord:
    """The usager of a participation, without the person who is responsible for them."""
    if row["own"] is not None:
        return PersonRecord(**row["own"])
    return PersonRecord(
        first_name=row["first_name"],
        last_name=row["last_name"],
        birth_name=next((name for name in row["surnames"] if name != row["last_name"]), None),
        phone=row["phone"],
        email=row["email"],
        notify_by_sms=row["notify_by_sms"],
        notify_by_email=row["notify_by_email"],
    )


def _describe(
    connection: Connection,
    row: Mapping[str, Any],
    person: PersonRecord,
    responsible: PersonRecord | None,
    responsible_external_id: str | None,
    now: datetime,
) -> bool:
    """Write who takes part and how they are reached; answers whether that is new."""
    columns = person_columns(
        ParticipationRecord.of(
            row["external_id"],
            person,
            responsible,
            usager_external_id=row["usager_external_id"],
            responsible_external_id=responsible_external_id,
        )
    )
    if all(row[name] == value for name, value in columns.items()):
        return False
    connection.execute(update(participations).where(participations.c.id == row["id"]).values(columns))
    connection.execute(update(appointments).where(appointments.c.id == row["appointment_id"]).values(changed_at=now))
    return True
