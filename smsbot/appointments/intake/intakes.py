"""What comes in from a source, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smsbot.appointments.intake.merging import Moved
from smsbot.model import AppointmentRecord, Status


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
