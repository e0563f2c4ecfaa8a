"""Takes in records of appointments from the sources, and stores them.

Records are keyed by their source and its id. If the older of two events about one record comes last, it is ignored. Two
events of the same second both apply, in the order in which they arrive. A destroyed record never comes back, even if it
was not known before. `merging` decides what a record changes.

Nobody is notified from here. The functions return what happened, and the caller tells the people concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, update

from smsbot.appointments.audit import note_each
from smsbot.appointments.erasure import erase
from smsbot.appointments.intake.bulk_write import StoredIds, load_stored, lock, remember_organisations, write_merges
from smsbot.appointments.intake.intakes import (
    NO_ORGANISATION,
    NOT_KEPT,
    TO_BE_READ,
    CancelledBySource,
    IncomingRecord,
    Intake,
    IntakeKind,
)
from smsbot.appointments.intake.late_echoes import have_read_again, note_read_again, seeming_to_undo
from smsbot.appointments.intake.merging import Merge, Stored, is_with_its_source, merge
from smsbot.appointments.requests import CancellationRequest, hurry, open_requests
from smsbot.events import EventType, record_participations
from smsbot.model import Actor, AppointmentRecord, Status, Via
from smsbot.store.tables import appointments

CLOCK_SKEW = timedelta(hours=1)
"""How far a source's clock may be ahead of ours. An event from later than that counts as one of now. Otherwise all
events that follow would count as older.
"""


def take_record(
    connection: Connection,
    source: str,
    record: AppointmentRecord,
    *,
    event_at: datetime | None,
    now: datetime,
    owned: bool = False,
) -> Intake:
    """Take in one record; see `take_many`."""
    return take_many(connection, source, [IncomingRecord(record, event_at)], now=now, owned=owned)[0]


def take_many(
    connection: Connection,
    source: str,
    arrivals: Sequence[IncomingRecord],
    *,
    now: datetime,
    owned: bool = False,
    kept_since: datetime | None = None,
) -> list[Intake]:
    """Take in many records, with as many statements as for one. Returns the result for each, in the same order.

    Some hundreds at a time are best, because all their appointments are locked until the transaction ends. Unknown
    appointments that began before `kept_since` are ignored.

    `owned` says that the source is connected and owns its appointments. Then what it says always counts, with two
    exceptions:

    - The source was asked to cancel something, and says that it is cancelled. This is left to the request, which is
      made due at once. Other changes that concern an open request are stored, and make it due at once too.
    - The source seems to undo what it has cancelled for us in the last minutes, or to cancel what was taken back in the
      last minutes. Then the appointment is marked to be read again (`to_read_at`). Only a record that was `read_by_id`
      and is newer than what is stored undoes it and clears the mark.
    """
    return [
        intake
        for batch in _without_repeats(arrivals)
        for intake in _take_batch(connection, source, batch, now, owned=owned, kept_since=kept_since)
    ]


def keep_quiet(connection: Connection, appointment_ids: Sequence[int], until: datetime) -> None:
    """Have no reminder written for these appointments (our ids) until `until` (UTC)."""
    these = update(appointments).where(appointments.c.id.in_(appointment_ids))
    connection.execute(these.values(quiet_until=until))


def believed(event_at: datetime | None, now: datetime) -> datetime | None:
    """The time of an event, or `now` if it is too far ahead; see CLOCK_SKEW."""
    return now if event_at is not None and event_at > now + CLOCK_SKEW else event_at


def _without_repeats(arrivals: Sequence[IncomingRecord]) -> Iterator[list[IncomingRecord]]:
    """The arrivals in their order, in batches without a repeated id, so that each record is compared with the last."""
    batch: dict[str, IncomingRecord] = {}
    for arrival in arrivals:
        if arrival.record.external_id in batch:
            yield list(batch.values())
            batch = {}
        batch[arrival.record.external_id] = arrival
    if batch:
        yield list(batch.values())


def _take_batch(
    connection: Connection,
    source: str,
    batch: Sequence[IncomingRecord],
    now: datetime,
    *,
    owned: bool,
    kept_since: datetime | None,
) -> list[Intake]:
    external_ids = [arrival.record.external_id for arrival in batch]
    lock(connection, source, external_ids)
    stored = load_stored(connection, source, external_ids)
    reasons = {
        each.record.external_id: _why_left(stored.get(each.record.external_id), each, kept_since) for each in batch
    }
    if owned:
        undoing = seeming_to_undo(
            connection, stored, [each for each in batch if reasons[each.record.external_id] is None], now
        )
        reasons |= {each.record.external_id: TO_BE_READ for each in undoing}
        have_read_again(connection, [stored[each.record.external_id].appointment["id"] for each in undoing], now)
    taken = [each for each in batch if reasons[each.record.external_id] is None]
    told = [each.record.organisation for each in taken if each.record.organisation is not None]
    organisation_ids = remember_organisations(connection, source, told)
    requests = _open_requests(connection, stored)
    merges = {
        record.external_id: merge(
            stored.get(record.external_id),
            record,
            organisation_id=organisation_ids[record.organisation.external_id] if record.organisation else None,
            uuid=str(uuid4()),
            event_at=believed(each.event_at, now),
            first_at=believed(_first_at(stored.get(record.external_id), each), now),
            now=now,
            owned=owned,
            requested=_asked_for(requests.get(record.external_id, ())),
        )
        for record, each in ((each.record, each) for each in taken)
    }
    # This comes first, because messages are found by the numbers that were known until now.
    gone = [stored[each].participations[part]["id"] for each, merge in merges.items() for part in merge.anonymised]
    erase(connection, gone, now=now)
    written = write_merges(connection, source, stored, merges, now)
    note_read_again(connection, [written[each.record.external_id].appointment_id for each in taken if each.read_by_id])
    intakes = {
        external_id: _intake(
            merge, stored.get(external_id), written[external_id], _askers(requests.get(external_id, ()))
        )
        for external_id, merge in merges.items()
    }
    for external_id in [each for each in merges if merges[each].concerns_request]:
        hurry(connection, written[external_id].appointment_id, now)
    _record(connection, {written[each].appointment_id: intake for each, intake in intakes.items()}, now)
    return [
        intakes[external_id] if external_id in intakes else _left(stored.get(external_id), reasons[external_id])
        for external_id in external_ids
    ]


def _open_requests(connection: Connection, stored: Mapping[str, Stored]) -> Mapping[str, Sequence[CancellationRequest]]:
    """The open requests for these appointments, by the appointments' ids at the source."""
    asked = {
        external_id: known.appointment["id"]
        for external_id, known in stored.items()
        if any(map(is_with_its_source, known.participations.values()))
    }
    return {external_id: open_requests(connection, appointment_id) for external_id, appointment_id in asked.items()}


def _asked_for(requests: Iterable[CancellationRequest]) -> frozenset[Status]:
    """The statuses that the source may report because of these requests.

    EXCUSED is among them for a request that takes a cancellation back: the cancellation may have reached it before.
    """
    wanted = frozenset(each.canceller.status for each in requests)
    return wanted | {Status.EXCUSED} if Status.UNKNOWN in wanted else wanted


def _askers(requests: Iterable[CancellationRequest]) -> frozenset[int]:
    by_usagers = (each.participation_id for each in requests if each.canceller.by is Actor.USAGER)
    return frozenset(each for each in by_usagers if each is not None)


def _left(stored: Stored | None, reason: str | None) -> Intake:
    """The result for a record that was not stored."""
    kind = IntakeKind.REFUSED if reason == NO_ORGANISATION else IntakeKind.IGNORED
    return Intake(kind, None if stored is None else stored.appointment["id"], reason=reason)


def _why_left(stored: Stored | None, arrival: IncomingRecord, kept_since: datetime | None) -> str | None:
    if stored is None:
        if arrival.record.organisation is None:
            return NO_ORGANISATION
        return NOT_KEPT if kept_since is not None and arrival.record.starts_at < kept_since else None
    if stored.appointment["destroyed_at"] is not None:
        return "destroyed"
    return "older" if _is_older(stored, arrival.event_at) else None


def _is_older(stored: Stored, at: datetime | None) -> bool:
    newest = stored.appointment["source_event_at"]
    return at is not None and newest is not None and at < newest


def _first_at(stored: Stored | None, arrival: IncomingRecord) -> datetime | None:
    """The time of the first event that counts, among those with this record.

    What the record ends counts as ended at that time.
    """
    counting = (at for at in arrival.told_at if stored is None or not _is_older(stored, at))
    return next(counting, arrival.event_at)


def _intake(merge: Merge, stored: Stored | None, written: StoredIds, askers: frozenset[int]) -> Intake:
    ids = written.participation_ids
    before = stored.participations if stored is not None else {}
    return Intake(
        kind=IntakeKind.NEW if stored is None else IntakeKind.CHANGED if merge.is_change else IntakeKind.UNCHANGED,
        appointment_id=written.appointment_id,
        moved=merge.moved,
        added=tuple(ids[each] for each in merge.participations if each not in before),
        cancelled=tuple(CancelledBySource(ids[each], status) for each, status in merge.cancelled.items()),
        reopened=tuple(ids[each] for each in merge.reopened),
        askers=askers,
    )


def _record(connection: Connection, intakes: Mapping[int, Intake], now: datetime) -> None:
    """Record in the audit and as events what the source has ended or opened again. `intakes` are by our ids of the
    appointments.
    """
    cancelled = [(this, each.participation_id) for this, intake in intakes.items() for each in intake.cancelled]
    reopened = [(this, each) for this, intake in intakes.items() for each in intake.reopened]
    note_each(connection, now, "cancelled", Actor.SOURCE, Via.WEBHOOK, cancelled)
    note_each(connection, now, "reopened", Actor.SOURCE, Via.WEBHOOK, reopened)
    for kind, about in ((EventType.CANCELLED, cancelled), (EventType.CANCELLATION_TAKEN_BACK, reopened)):
        record_participations(connection, kind, Actor.SOURCE, Via.WEBHOOK, [each for _, each in about], now)
