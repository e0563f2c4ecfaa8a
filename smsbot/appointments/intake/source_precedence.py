"""How a participation stands, and who has the last word on it: here or the source.

Where the source owns its appointments, it always has the last word. What was cancelled here was cancelled there before.
But something that the source told before that may come late, and then seems to undo what was just cancelled
(`is_just_cancelled_here`).

Where smsbot runs on its own:

- A cancellation made here stands. An appointment that was ended here stays so, and whoever is put into an individual
  one afterwards finds it ended: in RDV Service Public, too, a new participation takes the status of its individual rdv.
- A cancellation by the source may be undone by the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smsbot.model import Actor, Status, Via

LATE_ECHOES = timedelta(minutes=10)
"""A source that owns its appointments may seem to undo a cancellation, or the taking back of one. Within this time
after it, the source is read again before it is believed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns of a participation that say how it stands."""

    status: Status
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    cancelled_way: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """How the participation in `row` stands."""
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
        """Whether it was cancelled here so lately that something older from its source may still arrive."""
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
    """How the appointment was ended here, taken from how its participations stand; None where it was not.

    An individual appointment ends with any of its participations. A collective one is only ended by an agent, and then
    the participations that were left are those that were cancelled last.
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
    """How a participation stands when the source tells its status at `at`.

    `known` is None for one that is new; `told` is None where the source does not say; `ending` is how the individual
    appointment it belongs to has ended here, if it has. `owned` says that the source owns its appointments.
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
    """The status that the source gives a participation, from what it says of both; None where it says nothing.

    RDV Service Public ends an individual rdv and its participations one after the other. Between the two, the status of
    the rdv counts.
    """
    if collective or appointment is None:
        return participation
    if participation is None or (participation is Status.UNKNOWN and appointment.is_cancelled):
        return appointment
    return participation
