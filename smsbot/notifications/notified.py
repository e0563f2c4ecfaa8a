"""Reads from the outbox who is told of an act, and says why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, func, or_, select

from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participations_of
from smsbot.notifications.herald import Herald
from smsbot.outbox.messages import UNASKED
from smsbot.outbox.stop_list import is_opted_out
from smsbot.store.prepared import Prepared, RowValues
from smsbot.store.tables import outgoing_messages


class WhyNot(StrEnum):
    """Why somebody is not told."""

    BEGUN = "begun"  # the appointment has begun
    REQUESTED = "requested"  # its source has been asked; people are told once it has answered
    SOURCE_WRITES = "source_writes"  # the connected source tells its usagers itself
    NOT_WANTED = "not_wanted"  # the participation or smsbot.toml says that this usager is not told
    NO_ADDRESS = "no_address"  # neither a telephone that takes SMS nor an e-mail address
    NOT_ACCEPTED = "not_accepted"  # the usager accepts no messages by the channels that would be possible
    STOPPED = "stopped"  # the telephone has said STOP, and there is no e-mail
    NOTHING_NEW = "nothing_new"  # nothing has changed that people are told of


@dataclass(frozen=True, slots=True)
class Notified:
    """One participation (our id): the channels by which it is told, and when the message leaves at the earliest (UTC).

    `why_not` says why there is no channel; None where there is one.
    """

    participation_id: int
    ways: tuple[str, ...]
    due_at: datetime | None
    why_not: WhyNot | None


def last_written(connection: Connection, appointment_id: int) -> int:
    """Our id of the newest message about this appointment; 0 where there is none."""
    row = _LAST.row(connection, {"appointment": appointment_id})
    return (row and row[0]) or 0


def notified_since(
    connection: Connection,
    herald: Herald,
    appointment_id: int,
    after: int,
    now: datetime,
    *,
    only: int | None = None,
    is_requested: bool = False,
) -> list[Notified]:
    """Who is told by the messages about this appointment that were written after the message `after` (our id).

    The result has all participations, or `only` the one with this id (our own). `is_requested` says that the
    appointment's source was asked to cancel it and has not answered.
    """
    written = _WRITTEN.rows(connection, {"appointment": appointment_id, "after": after})
    there = [one for one in participations_of(connection, appointment_id) if only in (None, one.id)]
    return [_notified(connection, herald, one, written, now, is_requested=is_requested) for one in there]


def _notified(
    connection: Connection,
    herald: Herald,
    one: Participation,
    written: list[RowValues],
    now: datetime,
    *,
    is_requested: bool,
) -> Notified:
    # Somebody who is not told may share the telephone of somebody who is.
    theirs = [(channel, due_at) for channel, recipient, due_at in written if one.is_told_at(channel, recipient)]
    if theirs and herald.is_told(one):
        return Notified(one.id, tuple(channel for channel, _ in theirs), min(due_at for _, due_at in theirs), None)
    return Notified(one.id, (), None, _why_not(connection, herald, one, now, is_requested=is_requested))


def _why_not(
    connection: Connection, herald: Herald, one: Participation, now: datetime, *, is_requested: bool
) -> WhyNot:
    if one.appointment.starts_at <= now:
        return WhyNot.BEGUN
    if herald.source_writes.get(one.appointment.source):
        return WhyNot.SOURCE_WRITES
    if not herald.is_told(one):
        return WhyNot.NOT_WANTED
    if not one.takes_sms and not one.email:
        return WhyNot.NO_ADDRESS
    if not one.accepts_email and not one.accepts_sms:
        return WhyNot.NOT_ACCEPTED
    if not one.accepts_email and one.phone is not None and is_opted_out(connection, one.phone):
        return WhyNot.STOPPED
    return WhyNot.REQUESTED if is_requested else WhyNot.NOTHING_NEW


_OF_APPOINTMENT = outgoing_messages.c.appointment_id == bindparam("appointment")
_IS_UNASKED = [outgoing_messages.c.kind == kind for kind in UNASKED]
_LAST = Prepared(select(func.max(outgoing_messages.c.id)).where(_OF_APPOINTMENT))
_WRITTEN = Prepared(
    select(outgoing_messages.c.channel, outgoing_messages.c.recipient, outgoing_messages.c.due_at)
    .where(_OF_APPOINTMENT, outgoing_messages.c.id > bindparam("after"), or_(*_IS_UNASKED))
    .order_by(outgoing_messages.c.id)
)
