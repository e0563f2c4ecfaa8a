"""Finds records of a connected source that seem to undo what it has just cancelled for us, or what was just taken back.

Such a record may be older and have come late. So it is not believed at once: the appointment is first read again at the
source, by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, update

from smsbot.appointments.intake.intakes import IncomingRecord
from smsbot.appointments.intake.merging import Columns, Stored, is_with_its_source
from smsbot.appointments.intake.source_precedence import LATE_ECHOES, Standing, told_status
from smsbot.appointments.taking_back_requests import have_stood_again
from smsbot.model import Status
from smsbot.store.database import signal
from smsbot.store.tables import appointments

TO_READ_TOPIC = "appointments to read"
"""The topic of `store.database.signal` when an appointment has to be read again (`to_read_at`)."""


def seeming_to_undo(
    connection: Connection, stored: Mapping[str, Stored], arrivals: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """Those arrivals that may be late echoes. `stored` are their appointments as they are known here."""
    may_be_older = [each for each in arrivals if _may_be_older(stored.get(each.record.external_id), each)]
    ending = {id(each) for each in may_be_older if _tells(stored, each, _ends_what_stands)}
    ids = {stored[each.record.external_id].appointment["id"] for each in may_be_older if id(each) in ending}
    stand_again = have_stood_again(connection, ids, now - LATE_ECHOES)
    return [
        each
        for each in may_be_older
        if _tells(stored, each, lambda told, row: _opens_what_was_just_cancelled(told, row, now))
        or (id(each) in ending and stored[each.record.external_id].appointment["id"] in stand_again)
    ]


def _may_be_older(known: Stored | None, arrival: IncomingRecord) -> bool:
    if known is None:
        return False
    newest = known.appointment["source_event_at"]
    is_news = arrival.event_at is not None and (newest is None or arrival.event_at > newest)
    return not (arrival.read_by_id and is_news)


def _tells(stored: Mapping[str, Stored], arrival: IncomingRecord, that: Callable[[Status, Columns], bool]) -> bool:
    """Whether `that` is true for any known participation, given the status that the source says and its row."""
    record, known = arrival.record, stored[arrival.record.external_id]
    collective = record.collective if record.collective is not None else known.appointment["collective"]
    for part in record.participations:
        row = known.participations.get(part.external_id)
        told = told_status(part.status, record.status, collective=collective)
        if told is not None and row is not None and that(told, row):
            return True
    return False


def _opens_what_was_just_cancelled(told: Status, row: Columns, now: datetime) -> bool:
    is_asked_for = row["taking_back_requested_at"] is not None
    return not told.is_cancelled and not is_asked_for and Standing.of(row).is_just_cancelled_here(now)


def _ends_what_stands(told: Status, row: Columns) -> bool:
    return told is Status.EXCUSED and row["status"] == Status.UNKNOWN.value and not is_with_its_source(row)


def have_read_again(connection: Connection, appointment_ids: Sequence[int], now: datetime) -> None:
    """Have these appointments (our ids) of a connected source read again there."""
    if appointment_ids:
        connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(to_read_at=now))
        signal(connection, TO_READ_TOPIC)


def note_read_again(connection: Connection, appointment_ids: Sequence[int]) -> None:
    """Note that these appointments (our ids) were read by their ids and stored."""
    if appointment_ids:
        connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(to_read_at=None))
