"""Deletes rows without personal data whose month is closed, a little at a time.

The purge (`smsbot.retention`) erases the personal data in rows of messages and people. Once their month is closed
(`closing`), nobody needs these rows. Messages are deleted first, and then each appointment that no row refers to any
more, with its participations, its requests and its audit. So the tables that grow only have the last months.

An appointment stays at least for the retention period, so that a late record of its source finds that its people were
erased. Records of older appointments are not taken in (`smsbot.appointments.intake`), so nothing comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, delete, exists, func, or_, select, update

from smsbot.figures.results import Month
from smsbot.outbox.messages import REFUSED, RESTING, SENT
from smsbot.runtime import work_off
from smsbot.store.database import Database
from smsbot.store.tables import (
    appointments,
    audit,
    cancellation_requests,
    closed_months,
    incoming_messages,
    listed_appointments,
    outgoing_messages,
    participations,
)

DELETED_AT_ONCE = 200
"""The most messages in one transaction, or the most appointments with the rows that belong to them."""

_FOUND_AT_ONCE = 10_000
_FURTHEST_ZONE = timedelta(days=1)
"""In some time zones a month begins earlier than in Paris. So rows this near to an open month are kept with it."""


async def thin(database: Database, kept_since: datetime, *, at_most: int = DELETED_AT_ONCE) -> int:
    """Delete erased rows of closed months, and return how many messages and appointments there were.

    Appointments that begin at `kept_since` or later stay.
    """
    closed_until = await database.read(_closed_until)
    if closed_until is None:
        return 0
    deleted = 0
    for leaving in _leaving(closed_until, kept_since):
        find, delete_some = partial(_ids, leaving.due), partial(leaving.delete, leaving.due)
        deleted += await work_off(database, find, delete_some, at_most)
    return deleted


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Rows that may be deleted. `due` selects their ids; `delete` deletes those of given ids that are still due."""

    due: Select[int]
    delete: Callable[[Select[int], Sequence[int], Connection], int]


def _closed_until(connection: Connection) -> datetime | None:
    last = connection.execute(select(func.max(closed_months.c.month))).scalar_one()
    return None if last is None else Month.parse(last).bounds()[1] - _FURTHEST_ZONE


def _leaving(closed_until: datetime, kept_since: datetime) -> tuple[_Leaving, ...]:
    """What may be deleted, in this order: replies before messages that they answer, messages before appointments."""
    return (
        _Leaving(_outgoing(closed_until), _delete_outgoing),
        _Leaving(_incoming(closed_until), _delete_incoming),
        _Leaving(_appointments(closed_until, min(closed_until, kept_since)), _delete_appointments),
    )


def _outgoing(before: datetime) -> Select[int]:
    columns = outgoing_messages.c
    is_finished = columns.state.in_((SENT, REFUSED, RESTING))
    return select(columns.id).where(columns.created_at < before, columns.recipient == "", is_finished)


def _incoming(before: datetime) -> Select[int]:
    columns = incoming_messages.c
    is_answered_by = exists().where(outgoing_messages.c.in_reply_to == columns.id)
    is_asked_by = exists().where(cancellation_requests.c.in_reply_to == columns.id)
    return select(columns.id).where(
        columns.received_at < before, columns.from_number == "", ~is_answered_by, ~is_asked_by
    )


def _appointments(closed_until: datetime, before: datetime) -> Select[int]:
    """Appointments that began before `before`, have no personal data, have no messages, and were not changed since."""
    part, request = participations.c, cancellation_requests.c
    return select(appointments.c.id).where(
        appointments.c.starts_at < before,
        appointments.c.address.is_(None),
        ~_is_in(part.appointment_id, or_(part.erased_at.is_(None), part.cancelled_at >= closed_until)),
        ~_is_in(outgoing_messages.c.appointment_id),
        ~_is_in(listed_appointments.c.appointment_id),
        ~_is_in(request.appointment_id, or_(request.finished_at.is_(None), request.finished_at >= before)),
        ~_is_in(audit.c.appointment_id, audit.c.at >= before),
    )


def _is_in(column: Column[Any], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(column == appointments.c.id, *conditions)


def _ids(due: Select[int], connection: Connection) -> Sequence[int]:
    return connection.execute(due.limit(_FOUND_AT_ONCE)).scalars().all()


def _delete_outgoing(due: Select[int], ids: Sequence[int], connection: Connection) -> int:
    these = _still_due(connection, due, outgoing_messages.c.id, ids)
    _note_thinned(connection, outgoing_messages.c.created_at, outgoing_messages.c.id.in_(these))
    connection.execute(delete(listed_appointments).where(listed_appointments.c.outgoing_message_id.in_(these)))
    return connection.execute(delete(outgoing_messages).where(outgoing_messages.c.id.in_(these))).rowcount


def _delete_incoming(due: Select[int], ids: Sequence[int], connection: Connection) -> int:
    these = _still_due(connection, due, incoming_messages.c.id, ids)
    _note_thinned(connection, incoming_messages.c.received_at, incoming_messages.c.id.in_(these))
    return connection.execute(delete(incoming_messages).where(incoming_messages.c.id.in_(these))).rowcount


def _delete_appointments(due: Select[int], ids: Sequence[int], connection: Connection) -> int:
    these = _still_due(connection, due, appointments.c.id, ids)
    _note_thinned(connection, participations.c.cancelled_at, participations.c.appointment_id.in_(these))
    _note_thinned(connection, appointments.c.starts_at, appointments.c.id.in_(these))
    for table in (cancellation_requests, audit, participations):
        connection.execute(delete(table).where(table.c.appointment_id.in_(these)))
    return connection.execute(delete(appointments).where(appointments.c.id.in_(these))).rowcount


def _still_due(connection: Connection, due: Select[int], column: Column[int], ids: Sequence[int]) -> Sequence[int]:
    """Those of these ids that are still due, locked."""
    return connection.execute(due.where(column.in_(ids)).with_for_update(of=column.table)).scalars().all()


def _note_thinned(connection: Connection, counted_at: Column[Any], these: ColumnElement[bool]) -> None:
    """Mark the months in which these rows were counted: they cannot be counted again."""
    first, last = connection.execute(select(func.min(counted_at), func.max(counted_at)).where(these)).one()
    if first is None:
        return
    months = (str(Month.of(first).plus(-1)), str(Month.of(last).plus(1)))  # in any time zone
    connection.execute(update(closed_months).where(closed_months.c.month.between(*months)).values(is_thinned=True))
