"""Records that come in from a source, and the result of taking them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection

from smsbot.appointments.intake.merging import Moved
from smsbot.model import AppointmentRecord, Status
from smsbot.sources.rdvsp import AppointmentEvent


class IntakeKind(StrEnum):
    """The result of taking a record in."""

    NEW = "new"
    CHANGED = "changed"  # something visible has changed, in the appointment or its participations
    UNCHANGED = "unchanged"
    IGNORED = "ignored"  # older than what is known, destroyed, or from before what is kept
    REFUSED = "refused"  # new, and without an organisation: no agent could ever see it


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """A record and the time of its event, in UTC; None where it is not known, as in a file.

    `read_by_id` says that the record has just been read by its id at the source that owns it. If several events had
    this same record, `told_at` are the times of all of them, in the order in which they came.
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
    """What has changed through a record, so that people can be told. Ids are ours.

    `appointment_id` is None where the appointment is not stored, because its record was `NOT_KEPT` or REFUSED.
    """

    kind: IntakeKind
    appointment_id: int | None
    moved: Moved | None = None
    added: tuple[int, ...] = ()  # participations
    cancelled: tuple[CancelledBySource, ...] = ()
    reopened: tuple[int, ...] = ()  # participations that the source had ended and no longer has
    reason: str | None = None
    """For IGNORED: 'older', 'destroyed', TO_BE_READ or NOT_KEPT. For REFUSED: NO_ORGANISATION. For an appointment that
    was destroyed: the reason that the source gave.
    """
    askers: frozenset[int] = frozenset()
    """Participations whose usager has asked for the cancellation. They are told of the outcome of their request."""


NO_ORGANISATION = "It is new and names no organisation, so no agent could see it: give it one."
"""Why a record is refused."""


TO_BE_READ = "to be read again"
"""The reason for ignoring a record that seems to undo what was just cancelled at its source."""


NOT_KEPT = "not kept any more"
"""The reason for ignoring an unknown appointment that is older than the retention. It would have to be erased at once,
and people who were erased would come back (`smsbot.figures.thinning`).
"""


class Arrivals(Protocol):
    """Takes in an event of a source, and has the people concerned told: `smsbot.incoming.arrival.Arrival`."""

    def take(self, connection: Connection, source: str, event: AppointmentEvent, now: datetime) -> Intake | None: ...
