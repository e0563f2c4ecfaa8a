"""Notes that an usager has announced that they come. Only this module does it.

An announcement changes nothing else. It is withdrawn when the participation ends (`cancellation`, `intake`), and when
the appointment moves (`intake`), because it was for another time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from smsbot.appointments.appointment import note_change
from smsbot.appointments.audit import note
from smsbot.events import EventType, record_participations
from smsbot.model import Actor, Status, Via
from smsbot.store.prepared import Prepared
from smsbot.store.tables import participations


def announce(connection: Connection, participation_ids: Iterable[int], via: Via, now: datetime) -> None:
    """Mark participations as announced at `now` (UTC).

    One that was announced before keeps its time. One that has ended is not marked.
    """
    for participation_id in participation_ids:
        row = _ANNOUNCE.row(connection, {"this": participation_id, "now": now})
        if row is not None:
            note_change(connection, row[0], now)
            about = {"appointment_id": row[0], "participation_id": participation_id}
            note(connection, now, "announced", Actor.USAGER, via, **about)
            record_participations(connection, EventType.ANNOUNCED, Actor.USAGER, via, [participation_id], now)


_ANNOUNCE = Prepared(
    update(participations)
    .where(
        participations.c.id == bindparam("this"),
        participations.c.status == Status.UNKNOWN.value,
        participations.c.announced_at.is_(None),
    )
    .values(announced_at=bindparam("now"))
    .returning(participations.c.appointment_id)
)
