"""Drops or sends notices about a cancellation by an agent, which are held back for some seconds.

They wait in the outbox like all messages, with a `due_at` in the future. Delivery does not claim them earlier. So a
notice that is still waiting and was never claimed has reached nobody.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from smsbot.outbox.messages import OVERTAKEN, REFUSED, WAITING, topic
from smsbot.store.daily_counts import OUTGOING, count
from smsbot.store.database import signal
from smsbot.store.tables import UtcDateTime, outgoing_messages


def withdraw_notices(connection: Connection, appointment_id: int, written_at: datetime, now: datetime) -> bool:
    """Drop the notices about this appointment (our id) that were written at `written_at`.

    Returns False, and drops none, if one of them was claimed before: its recipient may have it.
    """
    written = {"appointment": appointment_id, "written": written_at}
    rows = connection.execute(_WRITTEN, written).all()
    if any(row.state != WAITING or row.attempts for row in rows):
        return False
    connection.execute(_DROP, {"ids": [row.id for row in rows], "now": now})
    for row in rows:
        count(connection, OUTGOING, row.channel, row.kind, REFUSED, now=now)
    return True


def release_notices(connection: Connection, appointment_id: int, now: datetime) -> None:
    """Send the notices about this appointment (our id) that are held back, without waiting for their time."""
    for channel in set(connection.execute(_RELEASE, {"appointment": appointment_id, "now": now}).scalars()):
        signal(connection, topic(channel))


_messages = outgoing_messages.c
_now = bindparam("now", type_=UtcDateTime())
_WRITTEN = (
    select(_messages.id, _messages.channel, _messages.kind, _messages.state, _messages.attempts)
    .where(
        _messages.appointment_id == bindparam("appointment"),
        _messages.kind == "notification",
        _messages.created_at == bindparam("written", type_=UtcDateTime()),
    )
    .order_by(_messages.id)
    .with_for_update()
)
_DROP = (
    update(outgoing_messages)
    .where(_messages.id.in_(bindparam("ids", expanding=True)))
    .values(
        state=REFUSED,
        error_code=OVERTAKEN,
        error="The cancellation was taken back before anybody was told.",
        finished_at=_now,
    )
)
_RELEASE = (
    update(outgoing_messages)
    .where(
        _messages.appointment_id == bindparam("appointment"),
        _messages.kind == "notification",
        _messages.state == WAITING,
        _messages.due_at > _now,
        _messages.attempts == 0,
    )
    .values(due_at=_now)
    .returning(_messages.channel)
)
