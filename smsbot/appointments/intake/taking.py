"""How appointments come in: records from the sources, worked into the database.

Records are keyed by their source and its id. Of two events about one record, the older is ignored if it comes last. Of
the same second both apply, in the order in which they arrive. A destroyed record never comes back, even if nobody knew
of it. `merging` decides what wins against what.

Nobody is notified from here. The functions return what happened, and the caller tells whom it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Connection, insert, update

from smsbot.appointments.audit import note, note_each
from smsbot.appointments.erasure import erase
from smsbot.appointments.intake.bulk_write import StoredIds, load, lock, remember_organisations, remove, write
from smsbot.appointments.intake.merging import Columns, Merge, Moved, Stored, is_with_its_source, merge
from smsbot.appointments.intake.source_precedence import LATE_ECHOES, Standing, told_status
from smsbot.appointments.requests import CancellationRequest, hurry, open_requests
from smsbot.appointments.taking_back_requests import have_stood_again
from smsbot.events.recording import EventType, record_participations
from smsbot.model import RGPD, Actor, AppointmentRecord, LocationType, Status, Via
from smsbot.store.database import signal
from smsbot.store.tables import appointments

CLOCK_SKEW = timedelta(hours=1)
"""How far a source's clock may be ahead of ours. An event from later than that counts as of now. Otherwise nothing that
follows it would ever apply."""


class IntakeKind(StrEnum):
    """What became of a record."""

    NEW = "new"
    CHANGED = "changed"  # something that can be seen, of the appointment or its participations
    UNCHANGED = "unchanged"
    IGNORED = "ignored"  # older than what is known, destroyed, or from before what is kept
    REFUSED = "refused"  # new, and without an organisation: no agent could ever see it


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """A record and of when it is, in UTC; None where nobody says, as in a file.

    `read_by_id` says that it has just been read by its id at the source that owns it. `told_at` are the times of all
    events that told this same record, in the order in which they came, where there was more than one.
    """

    record: AppointmentRecord
    event_at: datetime | None = None
    read_by_id: bool = False
    told_at: tuple[datetime | None, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelledBySource:
    """A participation that was open here and that the source has ended."""

    participation_id: int
    status: Status


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a record, in terms of what people may have to be told. Ids are ours.

    `appointment_id` is None where nothing is known of the appointment, and its record was `NOT_KEPT` or REFUSED.
    """

    kind: IntakeKind
    appointment_id: int | None
    moved: Moved | None = None
    added: tuple[int, ...] = ()  # participations
    cancelled: tuple[CancelledBySource, ...] = ()
    reopened: tuple[int, ...] = ()  # participations that the source had ended and no longer has
    reason: str | None = None
    """Of IGNORED: 'older', 'destroyed' or one of those below; of REFUSED: NO_ORGANISATION; of a destruction: the
    source's."""
    askers: frozenset[int] = frozenset()
    """Participations whose usager has asked for the cancellation. They hear of the change as the outcome of that."""


NO_ORGANISATION = "It is new and names no organisation, so no agent could see it: give it one."
"""Why a record is refused."""
TO_BE_READ = "to be read again"
"""Why a record is ignored that seems to undo what was cancelled at its source just before."""
NOT_KEPT = "not kept any more"
"""Why a record is ignored that nobody knows and that began before what is kept: it would be erased at once, and who was
erased would come back (`smsbot.figures.thinning`)."""
TO_READ_TOPIC = "appointments to read"
"""The topic of `store.database.signal` that tells of an appointment with `to_read_at`."""


def take(
    connection: Connection,
    source: str,
    record: AppointmentRecord,
    *,
    event_at: datetime | None,
    now: datetime,
    owned: bool = False,
) -> Intake:
    """Work one record in."""
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
    """Work many records in, with as many statements as for one. Returns what became of each, in the same order.

    Some hundreds at a time are best: all their appointments stay locked until the transaction ends. Unknown ones that
    began before `kept_since` are ignored.

    `owned` says that the source is connected and owns its appointments. Then what it says always counts, with two
    exceptions:

    - It was asked to cancel something, and tells that it is cancelled. That is left to the request, which is made due
      at once. Other changes that concern an open request are worked in, and make the request due at once, too.
    - It seems to undo what it has cancelled for us in the last minutes, or to cancel what stands again for us since
      then. Then the appointment is marked to be read again (`to_read_at`). Only a record that was `read_by_id` and is
      newer than what is known undoes it and clears the mark.
    """
    return [
        intake
        for batch in _without_repeats(arrivals)
        for intake in _take_batch(connection, source, batch, now, owned=owned, kept_since=kept_since)
    ]


def destroy(
    connection: Connection,
    source: str,
    external_id: str,
    *,
    event_at: datetime | None,
    reason: str | None,
    now: datetime,
) -> Intake:
    """The source has destroyed the appointment: its participations end, nobody is told, and it never comes back.

    With the reason "rgpd" its people are erased. No later record counts, however old this event is.
    """
    lock(connection, source, [external_id])
    stored = load(connection, source, [external_id]).get(external_id)
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


def keep_quiet(connection: Connection, appointment_ids: Sequence[int], until: datetime) -> None:
    """Write no reminder of these appointments until `until` (UTC)."""
    these = update(appointments).where(appointments.c.id.in_(appointment_ids))
    connection.execute(these.values(quiet_until=until))


def lose_sight(connection: Connection, source: str, external_ids: Sequence[str], *, now: datetime) -> int:
    """The source no longer shows these appointments: their participations end, and nobody is told.

    They come back with the next record. Returns how many appointments had any.
    """
    lock(connection, source, external_ids)
    lost = 0
    for stored in load(connection, source, external_ids).values():
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


def believed(event_at: datetime | None, now: datetime) -> datetime | None:
    """The time of an event, unless it is too far ahead; see CLOCK_SKEW."""
    return now if event_at is not None and event_at > now + CLOCK_SKEW else event_at


def _bury(connection: Connection, source: str, external_id: str, starts_at: datetime, now: datetime) -> int:
    """A row for an appointment that was destroyed before it was known here, so that no late record brings it."""
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


def _without_repeats(arrivals: Sequence[IncomingRecord]) -> Iterator[list[IncomingRecord]]:
    """The arrivals in their order, in batches in which no id comes twice, so that each sees the one before."""
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
    stored = load(connection, source, external_ids)
    reasons = {
        each.record.external_id: _why_left(stored.get(each.record.external_id), each, kept_since) for each in batch
    }
    if owned:
        undoing = _undoing(
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
    # First, because messages are found by the numbers that were known until now.
    gone = [stored[each].participations[part]["id"] for each, merge in merges.items() for part in merge.anonymised]
    erase(connection, gone, now=now)
    written = write(connection, source, stored, merges, now)
    _read(connection, [written[each.record.external_id].appointment_id for each in taken if each.read_by_id])
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
    """The open requests to cancel these appointments, by the ids of the source."""
    asked = {
        external_id: known.appointment["id"]
        for external_id, known in stored.items()
        if any(map(is_with_its_source, known.participations.values()))
    }
    return {external_id: open_requests(connection, appointment_id) for external_id, appointment_id in asked.items()}


def _asked_for(requests: Iterable[CancellationRequest]) -> frozenset[Status]:
    """The statuses that the source may tell because of these requests. A cancellation that is taken back may have
    reached it before."""
    wanted = frozenset(each.canceller.status for each in requests)
    return wanted | {Status.EXCUSED} if Status.UNKNOWN in wanted else wanted


def _askers(requests: Iterable[CancellationRequest]) -> frozenset[int]:
    by_usagers = (each.participation_id for each in requests if each.canceller.by is Actor.USAGER)
    return frozenset(each for each in by_usagers if each is not None)


def _undoing(
    connection: Connection, stored: Mapping[str, Stored], arrivals: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """Those that seem to undo what was just cancelled for us, or what was just taken back, and may be older than
    that."""
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
    """Whether it tells this of any participation that is known: `that` is asked with the status told, and its row."""
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
    """Have these appointments of a connected source read there again."""
    if appointment_ids:
        connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(to_read_at=now))
        signal(connection, TO_READ_TOPIC)


def _read(connection: Connection, appointment_ids: Sequence[int]) -> None:
    """Note that these were read by their ids and worked in."""
    if appointment_ids:
        connection.execute(update(appointments).where(appointments.c.id.in_(appointment_ids)).values(to_read_at=None))


def _left(stored: Stored | None, reason: str | None) -> Intake:
    """What became of a record that was not worked in."""
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
    """The time of the first event that counts, of those that told this record: what it ends has ended since then."""
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
    """Note what the source has ended or opened again, in the audit and as events. The intakes go by our ids of the
    appointments.
    """
    cancelled = [(this, each.participation_id) for this, intake in intakes.items() for each in intake.cancelled]
    reopened = [(this, each) for this, intake in intakes.items() for each in intake.reopened]
    note_each(connection, now, "cancelled", Actor.SOURCE, Via.WEBHOOK, cancelled)
    note_each(connection, now, "reopened", Actor.SOURCE, Via.WEBHOOK, reopened)
    for kind, about in ((EventType.CANCELLED, cancelled), (EventType.CANCELLATION_TAKEN_BACK, reopened)):
        record_participations(connection, kind, Actor.SOURCE, Via.WEBHOOK, [each for _, each in about], now)
