"""Reads participations, each with its appointment and its organisation in one joined query.

Whoever decides about one holds it: on PostgreSQL it and its appointment are locked until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, bindparam, func, or_, select, tuple_

from smsbot.appointments.appointment import (
    APPOINTMENT_COLUMNS,
    PARTICIPATION_COLUMNS,
    Participation,
    appointment_from,
    participation_fields,
)
from smsbot.model import Actor, Status
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, RowValues
from smsbot.store.tables import UtcDateTime, appointments, organisations, participations

COMING_OF_PHONES: Prepared
"""The rows for `coming_by_phone`: participations of `phones` (E.164) that begin after `now`.

They are those that stand, those that their usager has cancelled after `cancelled_after`, and those whose cancellation
may be taken back. On PostgreSQL they and their appointments are locked until the transaction ends, so that nobody
decides on rows that are changing. If this had to wait for a row, the row is read as it is afterwards.
"""


def coming_by_phone(rows: Iterable[RowValues]) -> dict[str | None, list[Participation]]:
    """The participations of each phone that are still to come, soonest first.

    Those that are not active were cancelled lately.
    """
    found = [_participation(row) for row in rows]
    found.sort(key=lambda one: (one.appointment.starts_at, one.id))  # they may have moved while we waited for the lock
    by_phone: dict[str | None, list[Participation]] = {}
    for one in found:
        by_phone.setdefault(one.phone, []).append(one)
    return by_phone


def seen_coming_of_phone(connection: Connection, phone: str, now: datetime) -> list[Participation]:
    """The participations of `phone` (E.164) that are still to come and not cancelled. Their rows are not locked."""
    rows = _SEEN_COMING_OF_PHONE.rows(connection, {"phone": phone, "now": now})
    return [_participation(row) for row in rows]


def last_of_phone(connection: Connection, phone: str) -> Participation | None:
    """The latest participation of `phone` (E.164), even if it is past or cancelled; None where none is known."""
    row = _LAST_OF_PHONE.row(connection, {"phone": phone})
    return None if row is None else _participation(row)


def to_be_reminded(
    connection: Connection,
    now: datetime,
    before: datetime,
    at_most: int,
    after: Participation | None = None,
    *,
    silent_sources: Collection[str] = (),
) -> list[Participation]:
    """Participations that await a reminder and whose appointment begins after `now` and up to `before`, soonest first.
    Those of appointments that are quiet for now (`keep_quiet`) are left out.

    `after` is the last one of the page before. For `silent_sources`, participations whose record wants no reminder are
    included.
    """
    values = {
        "silent_sources": list(silent_sources),
        "now": now,
        "before": before,
        "at_most": at_most,
        "after_start": after.appointment.starts_at if after else now,
        "after_appointment": after.appointment.id if after else 0,
        "after_participation": after.id if after else 0,
    }
    return [_participation(row) for row in _TO_BE_REMINDED.rows(connection, values)]


def participation_of(connection: Connection, participation_id: int) -> Participation | None:
    """The participation with this id (our own), whatever its state; None where there is none."""
    row = _BY_ID.row(connection, {"id": participation_id})
    return None if row is None else _participation(row)


def hold_participation(connection: Connection, participation_id: int) -> Participation | None:
    """The same, to decide about it: on PostgreSQL it and its appointment are locked until the transaction ends."""
    row = _HOLD_BY_ID.row(connection, {"id": participation_id})
    return None if row is None else _participation(row)


def participations_by_id(connection: Connection, ids: Collection[int]) -> dict[int, Participation]:
    """The participations with these ids (our own), whatever their state, soonest first. Unknown ids are left out."""
    rows = connection.execute(_BY_IDS, {"ids": list(ids)})
    return {found.id: found for found in map(_participation, rows)}


def with_those_reached_alike(connection: Connection, ids: Collection[int]) -> dict[int, Participation]:
    """These participations, and others of the same appointments that have the same telephone or e-mail address."""
    alike = connection.execute(_REACHED_ALIKE, {"ids": list(ids)}).scalars()
    return participations_by_id(connection, {*ids, *alike})


def participations_of(connection: Connection, appointment_id: int) -> list[Participation]:
    """All participations of one appointment, by our id."""
    return [_participation(row) for row in _BY_APPOINTMENT.rows(connection, {"id": appointment_id})]


def hold_participations_of(connection: Connection, appointment_id: int) -> list[Participation]:
    """The same, locked as with `hold_participation`."""
    return [_participation(row) for row in _HOLD_BY_APPOINTMENT.rows(connection, {"id": appointment_id})]


def ending_with(connection: Connection, *meant: Participation) -> list[Participation]:
    """The other participations that end when these end: all of an individual appointment, none of a collective one.

    Participations that have ended already are included.
    """
    alone = [one for one in meant if not one.appointment.collective]
    values = {"appointments": [one.appointment.id for one in alone], "but": [one.id for one in alone]}
    return [_participation(row) for row in _BESIDE.rows(connection, values)] if alone else []


def _joined(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        select(*PARTICIPATION_COLUMNS, *APPOINTMENT_COLUMNS)
        .select_from(participations.join(appointments).outerjoin(organisations))
        .where(*conditions)
        .order_by(appointments.c.starts_at, participations.c.id)
    )


def _present() -> tuple[ColumnElement[bool], ...]:
    return (
        participations.c.status == Status.UNKNOWN.value,
        participations.c.removed_at.is_(None),
        appointments.c.destroyed_at.is_(None),
    )


# The appointment is locked first. A cancellation locks one participation and then ends the others of its appointment.
# If each locked its own participation first, two cancellations of one appointment would wait for each other for ever.
_HELD = [appointments, participations]
COMING_OF_PHONES = Prepared(
    _joined(
        is_one_of(participations.c.phone, "phones"),
        appointments.c.starts_at > bindparam("now"),
        participations.c.removed_at.is_(None),
        appointments.c.destroyed_at.is_(None),
        or_(
            participations.c.status == Status.UNKNOWN.value,
            and_(
                participations.c.status == Status.EXCUSED.value,
                participations.c.cancelled_by == Actor.USAGER.value,
                participations.c.cancelled_at > bindparam("cancelled_after", type_=UtcDateTime()),
            ),
            participations.c.held_until.is_not(None),
        ),
    ).with_for_update(of=_HELD, key_share=True)
)
_SEEN_COMING_OF_PHONE = Prepared(
    _joined(participations.c.phone == bindparam("phone"), appointments.c.starts_at > bindparam("now"), *_present())
)
_LAST_OF_PHONE = Prepared(
    _joined(
        participations.c.phone == bindparam("phone"),
        participations.c.removed_at.is_(None),
        appointments.c.destroyed_at.is_(None),
    )
    .order_by(None)
    .order_by(appointments.c.starts_at.desc(), participations.c.id.desc())
    .limit(1)
)
# The order follows the index on (starts_at, id). Thousands of appointments may begin at the same moment, and the query
# for a page must not read all those of the pages before it.
_TO_BE_REMINDED = Prepared(
    _joined(
        appointments.c.starts_at > bindparam("now"),
        appointments.c.starts_at <= bindparam("before"),
        tuple_(appointments.c.starts_at, appointments.c.id)
        >= tuple_(bindparam("after_start", type_=UtcDateTime()), bindparam("after_appointment", type_=BigInteger())),
        or_(
            appointments.c.id != bindparam("after_appointment"),
            participations.c.id > bindparam("after_participation"),
        ),
        participations.c.reminded_at.is_(None),
        or_(appointments.c.quiet_until.is_(None), appointments.c.quiet_until <= bindparam("now")),
        or_(participations.c.send_reminder_notification, is_one_of(appointments.c.source, "silent_sources")),
        *_present(),
    )
    .order_by(None)
    .order_by(appointments.c.starts_at, appointments.c.id, participations.c.id)
    .limit(bindparam("at_most"))
)
_OF_ID = _joined(participations.c.id == bindparam("id"))
_BY_ID, _HOLD_BY_ID = Prepared(_OF_ID), Prepared(_OF_ID.with_for_update(of=_HELD, key_share=True))
_BY_IDS = _joined(participations.c.id.in_(bindparam("ids", expanding=True)))
_other = participations.alias("other")
_REACHED_ALIKE = (
    select(_other.c.id)
    .select_from(participations.join(_other, _other.c.appointment_id == participations.c.appointment_id))
    .where(
        participations.c.id.in_(bindparam("ids", expanding=True)),
        or_(
            _other.c.phone == participations.c.phone,
            func.lower(_other.c.email) == func.lower(participations.c.email),
        ),
    )
)
_OF_APPOINTMENT = _joined(participations.c.appointment_id == bindparam("id"), participations.c.removed_at.is_(None))
_BY_APPOINTMENT = Prepared(_OF_APPOINTMENT)
_HOLD_BY_APPOINTMENT = Prepared(_OF_APPOINTMENT.with_for_update(of=_HELD, key_share=True))
_BESIDE = Prepared(
    _joined(
        is_one_of(participations.c.appointment_id, "appointments"),
        ~is_one_of(participations.c.id, "but"),
        participations.c.removed_at.is_(None),
    )
)


def _participation(row: RowValues) -> Participation:
    here = len(PARTICIPATION_COLUMNS)
    return Participation(*participation_fields(row[:here], appointment_from(row[here:])))
