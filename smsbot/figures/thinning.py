"""Lets messages go in which nobody is any more and which are counted for good, a little at a time.

The purge (`smsbot.retention`) empties the rows of messages. Once their month is closed (`closing`), nobody needs them,
so the two tables that grow fastest keep no more than some months.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, Select, Table, delete, exists, func, select, update

from smsbot.figures.results import Month
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.outbox.messages import REFUSED, RESTING, SENT
from smsbot.store.database import Database
from smsbot.store.tables import (
    cancellation_requests,
    closed_months,
    incoming_messages,
    listed_appointments,
    outgoing_messages,
)

DELETED_AT_ONCE = 200
"""The most rows in one transaction."""

_FOUND_AT_ONCE = 10_000
_PAUSE_SECONDS = 0.02
_FURTHEST_ZONE = timedelta(days=1)
"""In some time zones a month begins earlier than in Paris: what is so near to an open month is kept with it."""


async def thin(database: Database, *, at_most: int = DELETED_AT_ONCE) -> int:
    """Delete erased messages of closed months, and return how many there were."""
    before = await database.read(_closed_until)
    if before is None:
        return 0
    deleted = 0
    # Replies come before what they answer.
    for table, written_at, due in (
        (outgoing_messages, outgoing_messages.c.created_at, _outgoing(before)),
        (incoming_messages, incoming_messages.c.received_at, _incoming(before)),
    ):
        while found := await database.read(partial(_ids, due)):
            for start in range(0, len(found), at_most):
                ids = found[start : start + at_most]
                deleted += await database.write(partial(_delete, table, written_at, ids))
                await asyncio.sleep(_PAUSE_SECONDS)
    return deleted


def _closed_until(connection: Connection) -> datetime | None:
    last = connection.execute(select(func.max(closed_months.c.month))).scalar_one()
    return None if last is None else Month.parse(last).bounds(_ZONE)[1] - _FURTHEST_ZONE


def _outgoing(before: datetime) -> Select[Any]:
    columns = outgoing_messages.c
    is_finished = columns.state.in_((SENT, REFUSED, RESTING))
    return select(columns.id).where(columns.created_at < before, columns.recipient == "", is_finished)


def _incoming(before: datetime) -> Select[Any]:
    columns = incoming_messages.c
    is_answered_by = exists().where(outgoing_messages.c.in_reply_to == columns.id)
    is_asked_by = exists().where(cancellation_requests.c.in_reply_to == columns.id)
    return select(columns.id).where(
        columns.received_at < before, columns.from_number == "", ~is_answered_by, ~is_asked_by
    )


def _ids(due: Select[Any], connection: Connection) -> Sequence[int]:
    return connection.execute(due.limit(_FOUND_AT_ONCE)).scalars().all()


def _delete(table: Table, written_at: Column[datetime], ids: Sequence[int], connection: Connection) -> int:
    """Delete these rows, and note of their months that they cannot be counted again."""
    first, last = connection.execute(
        select(func.min(written_at), func.max(written_at)).where(table.c.id.in_(ids))
    ).one()
    if first is None:
        return 0
    months = (str(Month.of(first, _ZONE).plus(-1)), str(Month.of(last, _ZONE).plus(1)))  # in any time zone
    connection.execute(update(closed_months).where(closed_months.c.month.between(*months)).values(is_thinned=True))
    if table is outgoing_messages:
        listed = listed_appointments.c.outgoing_message_id
        connection.execute(delete(listed_appointments).where(listed.in_(ids)))
    return connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount


_ZONE = ZoneInfo(DEFAULT_TIME_ZONE)
