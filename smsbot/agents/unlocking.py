"""An agent ends the lock that three wrong answers have put on cancelling."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from smsbot.appointments.audit import note_each
from smsbot.model import Actor, Via
from smsbot.store.tables import participations


def unlock(
    connection: Connection,
    appointment_id: int,
    participation_id: int | None,
    *,
    way: Via,
    agent: str | None,
    now: datetime,
) -> int:
    """Forget the wrong answers given for this participation, or for all of the appointment's (None).

    How many participations had any. `agent` is an e-mail address, for the audit.
    """
    counted = (participations.c.appointment_id == appointment_id) & (participations.c.wrong_answers > 0)
    if participation_id is not None:
        counted &= participations.c.id == participation_id
    forgotten = (
        connection.execute(
            update(participations)
            .where(counted)
            .values(wrong_answers=0, wrong_answer_at=None, locked_until=None)
            .returning(participations.c.id)
        )
        .scalars()
        .all()
    )
    about = [(appointment_id, each) for each in forgotten]
    note_each(connection, now, "unlocked", Actor.AGENT, way, about, agent=agent)
    return len(forgotten)
