"""The status of a participation, and whether smsbot or the source decides about it.

A source that owns its appointments always decides. What was cancelled here was cancelled there before. But an older
record of the source may come late, and then seems to undo what was just cancelled (`is_just_cancelled_here`).

Where smsbot runs on its own:

- A cancellation made here stands. An appointment that was ended here stays ended. A participation that is added to an
  individual one afterwards is ended too, as in RDV Service Public, where it takes the status of its individual rdv.
- A cancellation by the source may be undone by the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smsbot.model import Actor, Status, Via

LATE_ECHOES = timedelta(minutes=10)
"""A source that owns its appointments may seem to undo a cancellation, or the taking back of one. If this happens
within this time, the appointment is read again at the source first.
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns of a participation about its status."""

    status: Status
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    cancelled_way: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """The standing of the participation in `row`."""
        return cls(Status(row["status"]), row["cancelled_at"], row["cancelled_by"], row["cancelled_way"])

    @property
    def is_cancelled(self) -> bool:
        """Whether the usager, an agent or the source has cancelled it."""
        return self.status.is_cancelled

    @property
    def is_cancelled_here(self) -> bool:
        """Whether it was cancelled in any other way than by the source."""
        return self.is_cancelled and self.cancelled_way not in (None, Via.WEBHOOK)

    def is_just_cancelled_here(self, now: datetime) -> bool:
        """Whether it was cancelled here so lately that an older record of its source may still arrive."""
        return self.is_cancelled_here and self.cancelled_at is not None and now - self.cancelled_at < LATE_ECHOES

    def columns(self) -> dict[str, Any]:
        """The values as they are stored."""
        return {
            "status": self.status.value,
            "cancelled_at": self.cancelled_at,
            "cancelled_by": self.cancelled_by,
            "cancelled_way": self.cancelled_way,
        }


def ending_here(status: Status, collective: bool, participations: Iterable[Standing]) -> Standing | None:
    """How the appointment was ended here, as its participations show; None where it was not ended here.

    An individual appointment ends with any of its participations. A collective one is only ended by an agent; then its
    last participations were cancelled last.
    """
    if not status.is_cancelled:
        return None
    if not collective:
        return next((each for each in participations if each.is_cancelled_here), None)
    dated = [(each.cancelled_at, each) for each in participations if each.cancelled_at is not None]
    last = max(dated, key=lambda each: each[0])[1] if dated else None
    return last if last is not None and last.is_cancelled_here and last.cancelled_by == Actor.AGENT else None


def standing(
    known: Standing | None, told: Status | None, ending: Standing | None, at: datetime, *, owned: bool = False
) -> Standing:
    """How a participation stands after the source has said its status at `at` (UTC).

    `known` is None for a new participation. `told` is None where the source says no status. `ending` is how its
    individual appointment has ended here; None if it has not. `owned` says that the source owns its appointments.
    """
    if known is not None and not owned and (known.is_cancelled_here or (ending is not None and known.is_cancelled)):
        return known
    if ending is not None:
        return ending
    if known is None:  # a cancellation from before we knew of it has no time and no author
        return Standing(told or Status.UNKNOWN)
    if told is None:
        return known
    if not told.is_cancelled:
        return Standing(told)
    if known.is_cancelled:
        return Standing(told, known.cancelled_at, known.cancelled_by, known.cancelled_way)
    return Standing(told, at, Actor.AGENT.value, Via.WEBHOOK.value)


def told_status(participation: Status | None, appointment: Status | None, *, collective: bool) -> Status | None:
    """The status of a participation according to the source, from what it says of both; None where it says nothing.

    RDV Service Public ends an individual rdv and its participations one after the other. In between, the status of the
    rdv counts.
    """
    if collective or appointment is None:
        return participation
    if participation is None or (participation is Status.UNKNOWN and appointment.is_cancelled):
        return appointment
    return participation
