"""Ends the participations of appointments that a source has destroyed or no longer shows. Nobody is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert, update

from smsbot.appointments.audit import note
from smsbot.appointments.erasure import erase
from smsbot.appointments.intake.bulk_write import load_stored, lock, remove
from smsbot.appointments.intake.intakes import Intake, IntakeKind
from smsbot.appointments.intake.merging import is_with_its_source
from smsbot.appointments.requests import hurry
from smsbot.model import RGPD, Actor, LocationType, Status, Via
from smsbot.store.tables import appointments


def destroy(
    connection: Connection,
    source: str,
    external_id: str,
    *,
    event_at: datetime | None,
    reason: str | None,
    now: datetime,
) -> Intake:
    """End the participations of an appointment that the source has destroyed. Nobody is told, and it never comes back.

    With the reason "rgpd" its people are erased. Even if this event is old, all later records are ignored.
    """
    lock(connection, source, [external_id])
    stored = load_stored(connection, source, [external_id]).get(external_id)
    if stored is None:
        return Intake(IntakeKind.UNCHANGED, _bury(connection, source, external_id, event_at or now, now), reason=reason)
    appointment_id: int = stored.appointment["id"]
    rows = stored.participations.values()
    is_news = stored.appointment["destroyed_at"] is None
    if is_news:
        destroyed = update(appointments).where(appointments.c.id == appointment_id)
        connection.execute(destroyed.values(destroyed_at=now, changed_at=now))
        remove(connection, [row["id"] for row in rows if row["removed_at"] is None], now)
        note(connection, now, "destroyed", Actor.SOURCE, Via.WEBHOOK, appointment_id=appointment_id)
        if any(map(is_with_its_source, rows)):
            hurry(connection, appointment_id, now)
    if reason == RGPD:
        erase(connection, [row["id"] for row in rows if row["erased_at"] is None], now=now)
    return Intake(IntakeKind.CHANGED if is_news else IntakeKind.UNCHANGED, appointment_id, reason=reason)


def lose_sight(connection: Connection, source: str, external_ids: Sequence[str], *, now: datetime) -> int:
    """End the participations of appointments that the source no longer shows. Nobody is told.

    They come back with the next record. Returns how many appointments had participations.
    """
    lock(connection, source, external_ids)
    lost = 0
    for stored in load_stored(connection, source, external_ids).values():
        open_ones = [row["id"] for row in stored.participations.values() if row["removed_at"] is None]
        if open_ones:
            lost += 1
            remove(connection, open_ones, now)
            appointment_id: int = stored.appointment["id"]
            this = update(appointments).where(appointments.c.id == appointment_id)
            connection.execute(this.values(changed_at=now))
            if any(map(is_with_its_source, stored.participations.values())):
                hurry(connection, appointment_id, now)
    return lost


def _bury(connection: Connection, source: str, external_id: str, starts_at: datetime, now: datetime) -> int:
    """Insert a row for an appointment that was destroyed before it was known here, so that late records are ignored."""
    buried = insert(appointments).values(
        source=source,
        external_id=external_id,
        uuid=str(uuid4()),
        starts_at=starts_at,
        status=Status.UNKNOWN.value,
        collective=False,
        location_type=LocationType.PUBLIC_OFFICE.value,
        bookable_by_everyone=False,
        destroyed_at=now,
        changed_at=now,
    )
    appointment_id: int = connection.execute(buried.returning(appointments.c.id)).scalar_one()
    return appointment_id
