"""What a record from a source changes in what is stored, without the database.

What the source says counts, except for what was cancelled here (see `source_precedence`). A source that owns its
appointments is asked to cancel them (`smsbot.appointments.requests`). When it then says that they are cancelled,
nothing changes here, because the request will end the participations.

Where a source says nothing (None), these stay as they are: organisation, motif, uuid, status, label, time zone, date of
creation, and whether the appointment is collective. End, address and place are stored as given; None means that there
is none. `people` decides about the data of people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsbot.appointments.intake.people import UNSEEN, People
from smsbot.appointments.intake.source_precedence import Standing, ending_here, standing, told_status
from smsbot.model import AppointmentRecord, LocationType, MotifRecord, ParticipationRecord, Status

Columns = Mapping[str, Any]
"""Values by the names of their columns."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored appointment, and all participations that it ever had, by their ids at the source."""

    appointment: Columns
    participations: Mapping[str, Columns]


@dataclass(frozen=True, slots=True)
class Moved:
    """When (UTC) and where a moved appointment was before."""

    starts_at: datetime
    place_name: str | None
    place_address: str | None


@dataclass(frozen=True, slots=True)
class Merge:
    """What has to be written, and what it means. Participations are given by their ids at the source."""

    appointment: Columns
    participations: Mapping[str, Columns]  # only those that are new or change, visibly or not
    removed: tuple[str, ...]
    cancelled: Mapping[str, Status]  # by the source, just now
    reopened: tuple[str, ...]  # by the source, just now
    anonymised: tuple[str, ...]  # those whose person the source has erased just now
    moved: Moved | None
    is_change: bool  # of anything visible
    concerns_request: bool = False  # it says something about what the source was asked to do


def merge(
    stored: Stored | None,
    record: AppointmentRecord,
    *,
    organisation_id: int | None,
    uuid: str,
    event_at: datetime | None,
    first_at: datetime | None,
    now: datetime,
    owned: bool = False,
    requested: frozenset[Status] = frozenset(),
) -> Merge:
    """Decide what `record` changes in `stored`. Times are in UTC.

    `uuid` is for a new appointment whose record has none. `event_at` is the time of the newest event with this record.
    `first_at` is the time of the first one, if several had the same: what the record cancels was cancelled then.
    `owned` says that the source owns its appointments. `requested` are the statuses that the source was asked to set:
    to cancel this appointment, or to take that back.
    """
    known = stored.appointment if stored is not None else {**_NEW, "uuid": uuid}
    rows = stored.participations if stored is not None else {}
    told = _told(known, record, organisation_id)
    standings = [Standing.of(row) for row in rows.values()]
    ending = None if owned else ending_here(Status(known["status"]), told["collective"], standings)
    if ending is not None:
        told["status"] = known["status"]
    elif (
        not owned
        and record.status is None
        and ending_here(Status(known["status"]), known["collective"], standings) is not None
    ):
        told["status"] = Status.UNKNOWN.value  # others take part now, so it has not ended with the one who left
    moved = _moved(known, told) if stored is not None else None

    parts = {
        each.external_id: _work_in(
            each,
            rows.get(each.external_id),
            told=told_status(each.status, record.status, collective=told["collective"]),
            ending=None if told["collective"] else ending,
            event_at=event_at,
            cancelled_at=first_at or now,
            forget_reminder=moved is not None,
            owned=owned,
            requested=requested,
        )
        for each in record.participations
    }
    if any(part.is_echo for part in parts.values()):
        told["status"] = known["status"]
    changes = {external_id: part.columns for external_id, part in parts.items() if part.is_news}
    cancelled = {external_id: part.after.status for external_id, part in parts.items() if part.is_cancelled_now}
    reopened = tuple(external_id for external_id, part in parts.items() if part.is_reopened)
    anonymised = tuple(external_id for external_id, part in parts.items() if part.is_anonymised_now)
    removed = tuple(
        external_id
        for external_id, row in rows.items()
        if record.participations_complete and external_id not in parts and row["removed_at"] is None
    )

    flipped = Status(known["status"]).is_cancelled != Status(told["status"]).is_cancelled
    if stored is not None and (cancelled or reopened or flipped or _time_and_place(known) != _time_and_place(told)):
        told["calendar_sequence"] = known["calendar_sequence"] + 1
    parts_change = bool(removed) or any(part.is_change for part in parts.values())
    is_change = stored is None or parts_change or _differ(known, told)
    told["changed_at"] = now if is_change else known["changed_at"]
    told["source_event_at"] = event_at or known["source_event_at"]
    concerns = any(part.is_echo or part.before != part.after for part in parts.values()) or moved is not None or removed
    is_asked = any(is_with_its_source(row) for row in rows.values())
    return Merge(
        appointment=told,
        participations=changes,
        removed=removed,
        cancelled=cancelled,
        reopened=reopened,
        anonymised=anonymised,
        moved=moved,
        is_change=is_change,
        concerns_request=bool(is_asked and concerns),
    )


def is_with_its_source(row: Columns) -> bool:
    """Whether the source was asked to cancel this participation, or to take that back, and has not answered yet."""
    return row["cancellation_requested_at"] is not None or row["taking_back_requested_at"] is not None


_NEW: Columns = {
    "organisation_id": None,
    "status": Status.UNKNOWN.value,
    "collective": False,
    "time_zone": None,
    "label": None,
    "created_at": None,
    "motif_external_id": None,
    "service_external_id": None,
    "location_type": LocationType.PUBLIC_OFFICE.value,
    "bookable_by_everyone": False,
    "calendar_sequence": 0,
    "source_event_at": None,
}


def _told(known: Columns, record: AppointmentRecord, organisation_id: int | None) -> dict[str, Any]:
    place = record.place
    return {
        "organisation_id": organisation_id or known["organisation_id"],
        "uuid": record.uuid or known["uuid"],
        "starts_at": record.starts_at,
        "ends_at": record.ends_at,
        "time_zone": record.time_zone or known["time_zone"],
        "status": record.status.value if record.status is not None else known["status"],
        "collective": record.collective if record.collective is not None else known["collective"],
        "label": record.label or known["label"],
        "created_at": record.created_at or known["created_at"],
        "address": record.address,
        "place_name": place.name if place is not None else None,
        "place_address": place.address if place is not None else None,
        "place_phone_number": place.phone_number if place is not None else None,
        "calendar_sequence": known["calendar_sequence"],
        **_motif(known, record.motif),
    }


def _motif(known: Columns, motif: MotifRecord | None) -> Columns:
    if motif is None:
        names = ("motif_external_id", "service_external_id", "location_type", "bookable_by_everyone")
        return {name: known[name] for name in names}
    return {
        "motif_external_id": motif.external_id,
        "service_external_id": motif.service_id,
        "location_type": motif.location_type.value,
        "bookable_by_everyone": motif.bookable_by_everyone,
    }


@dataclass(frozen=True, slots=True)
class _Part:
    columns: Columns
    before: Standing | None
    after: Standing
    is_news: bool
    is_change: bool  # of anything visible
    is_anonymised_now: bool = False
    is_echo: bool = False  # the source says what it was asked to do

    @property
    def is_cancelled_now(self) -> bool:
        """Whether the source has just cancelled it."""
        was_open = self.before is not None and not self.before.is_cancelled
        return was_open and self.after.is_cancelled and not self.after.is_cancelled_here

    @property
    def is_reopened(self) -> bool:
        return self.before is not None and self.before.is_cancelled and not self.after.is_cancelled


def _work_in(
    record: ParticipationRecord,
    row: Columns | None,
    *,
    told: Status | None,
    ending: Standing | None,
    event_at: datetime | None,
    cancelled_at: datetime,
    forget_reminder: bool,
    owned: bool,
    requested: frozenset[Status],
) -> _Part:
    before = Standing.of(row) if row is not None else None
    is_echo = row is not None and is_with_its_source(row) and told in requested
    after = standing(before, None if is_echo else told, ending, cancelled_at, owned=owned)
    if row is not None and row["erased_at"] is not None:  # no late record brings them back
        return _Part({}, before, before or after, is_news=False, is_change=False, is_echo=is_echo)
    known = People.known(row)
    people = known.told_with(record, event_at)
    is_anonymised = record.own.anonymised and people.is_nobody and not known.is_nobody
    if is_anonymised:
        people = People()
    columns = {
        **people.columns(),
        **after.columns(),
        "send_lifecycle_notifications": record.send_lifecycle_notifications,
        "send_reminder_notification": record.send_reminder_notification,
        "reminded_at": None if row is None or forget_reminder else row["reminded_at"],
        "held_until": None if row is None or (told is not None and told.is_cancelled) else row["held_until"],
        "announced_at": None if row is None or forget_reminder or after.is_cancelled else row["announced_at"],
        "removed_at": None,
    }
    if row is None:
        return _Part(columns, before, after, is_news=True, is_change=True)
    differing = {name for name, value in columns.items() if row[name] != value}
    return _Part(
        columns,
        before,
        after,
        is_news=bool(differing),
        is_change=not differing <= UNSEEN,
        is_anonymised_now=is_anonymised,
        is_echo=is_echo,
    )


def _moved(known: Columns, told: Columns) -> Moved | None:
    """Where the appointment was before; None where it has not moved. A place that is no longer given is no move."""
    elsewhere = any(_place(told)) and _place(told) != _place(known)
    if told["starts_at"] == known["starts_at"] and not elsewhere:
        return None
    return Moved(known["starts_at"], known["place_name"], known["place_address"])


def _place(columns: Columns) -> tuple[str | None, ...]:
    return columns["place_name"], columns["place_address"], columns["address"]


def _time_and_place(columns: Columns) -> tuple[Any, ...]:
    return columns["starts_at"], columns["ends_at"], *_place(columns)


def _differ(known: Columns, told: Columns) -> bool:
    return any(known[name] != value for name, value in told.items())
