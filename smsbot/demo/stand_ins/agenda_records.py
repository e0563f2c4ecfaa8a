"""The records in the agenda of RDV Service Public: appointments, who takes part, changes, and messages that it sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATUSES = ("unknown", "seen", "excused", "revoked", "noshow")
CANCELLED = ("excused", "revoked")


@dataclass(slots=True)
class AgendaParticipation:
    """One user's participation in an appointment."""

    id: int
    user_id: int
    status: str = "unknown"
    send_lifecycle_notifications: bool = True
    send_reminder_notification: bool = True


@dataclass(slots=True)
class AgendaRdv:
    """An appointment. `starts_at` is in UTC. `agents` are the ids of its agents; with two, lists contain it twice.

    `seats` is how many people may take part in a collective one; RDV Service Public does not enforce it.
    """

    id: int
    starts_at: datetime
    organisation_id: int
    motif_id: int
    participations: list[AgendaParticipation]
    created_at: datetime
    status: str = "unknown"
    collectif: bool = False
    minutes: int = 30
    lieu: Mapping[str, Any] | None = None
    agents: tuple[int, ...] = (1,)
    seats: int | None = None
    cancelled_at: datetime | None = None
    written: int = 0  # counts the changes, so that a changed row gets another place in an unordered list

    @property
    def statuses(self) -> dict[int, str]:
        """The status of each participation, by its id."""
        return {each.id: each.status for each in self.participations}


@dataclass(frozen=True, slots=True)
class AgendaChange:
    """A record was created, updated or destroyed. If it was destroyed, `data` is its last content."""

    model: str
    event: str
    record_id: int
    organisation_id: int
    occurred_at: datetime
    reason: str | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SentByAgenda:
    """A message that RDV Service Public itself sent to an usager: `kind` is `email` or `sms`."""

    kind: str
    about: str  # 'created', 'cancelled' or 'moved'
    rdv_id: int
    participation_id: int
