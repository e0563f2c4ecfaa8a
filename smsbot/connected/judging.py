"""Decides what the state of an appointment at its source means for a request to cancel it, or to take that back. Pure.

RDV Service Public accepts any change of status, even if an agent has just set another one. So we only cancel
participations there that are still `unknown`, and only take back those that are still `excused`. Any other status was
set by somebody, and the request gives way to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smsbot.appointments.intake.source_precedence import told_status
from smsbot.appointments.requests import RequestState
from smsbot.model import Actor, AppointmentRecord, Canceller, Status


class RequestOutcome(StrEnum):
    """How a request ends. It decides what its usager is told."""

    DONE = "done"  # it is cancelled there, or stands again
    REFUSED = "refused"  # the source does not let us
    UNCONFIRMED = "unconfirmed"  # the source does not let us, but an earlier attempt may have cancelled it
    MOVED = "moved"  # an agent has moved it
    REVOKED = "revoked"  # an agent has cancelled it
    HELD = "held"  # an agent has marked it as seen, or that nobody came
    GONE = "gone"  # it is no longer there, or its usager takes no part any more
    FULL = "full"  # others have taken all seats, so the usager's cannot be given back
    GIVEN_UP = "given_up"  # it has begun, or taking it back was tried for too long

    @property
    def state(self) -> RequestState:
        """The state in which the request ends."""
        return _STATES.get(self, RequestState.OVERTAKEN)


_STATES = {
    RequestOutcome.DONE: RequestState.DONE,
    RequestOutcome.REFUSED: RequestState.REFUSED,
    RequestOutcome.UNCONFIRMED: RequestState.REFUSED,
    RequestOutcome.GIVEN_UP: RequestState.GIVEN_UP,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `meant` is the participation's id at the source; None for all of them.

    `taken_back` are the ids, at the source, of the participations whose cancellation is taken back.
    """

    canceller: Canceller
    meant: str | None
    collective: bool
    starts_at: datetime
    taken_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Either the outcome, or the participations (ids at the source) whose status still has to be changed there."""

    outcome: RequestOutcome | None
    to_change: tuple[str, ...] = ()


def judge(wish: Wish, record: AppointmentRecord | None) -> Judgement:
    """What the appointment at its source means for the wish. `record` is None where the source does not show it.

    In an individual appointment all participations are cancelled, and the request is done when none is left.
    """
    standing = {} if record is None else statuses(wish, record)
    if record is None or not standing or (wish.meant is not None and wish.meant not in standing):
        return Judgement(RequestOutcome.GONE)
    own = None if wish.meant is None else standing[wish.meant]
    left = tuple(each for each, status in standing.items() if status is Status.UNKNOWN)
    is_held = any(status in _HELD for status in standing.values())
    if own in _HELD or (own is None and not left and not any(each.is_cancelled for each in standing.values())):
        return Judgement(RequestOutcome.HELD)
    if own is Status.REVOKED and wish.canceller.by is Actor.USAGER:
        return Judgement(RequestOutcome.REVOKED)
    if not left:
        return Judgement(RequestOutcome.DONE)
    is_moved = record.starts_at != wish.starts_at
    if (is_held and not wish.collective) or is_moved:
        if own is not None and own.is_cancelled:  # theirs is cancelled, and somebody there has decided about the others
            return Judgement(RequestOutcome.DONE)
        return Judgement(RequestOutcome.HELD if not is_moved else RequestOutcome.MOVED)
    return Judgement(None, left)


def judge_taking_back(wish: Wish, record: AppointmentRecord | None) -> Judgement:
    """The same for a wish to take a cancellation back. It is done when all that ended with it stands again.

    Nothing is taken back where the appointment has moved in the meantime, or where an agent has marked it.
    """
    standing = {} if record is None else statuses(wish, record)
    if record is None or wish.meant is None or wish.meant not in standing:
        return Judgement(RequestOutcome.GONE)
    own = standing[wish.meant]
    left = tuple(each for each in wish.taken_back if standing.get(each) is Status.EXCUSED)
    if own is Status.UNKNOWN:  # it stands; the others follow unless somebody has decided otherwise
        return Judgement(None, left) if left and record.starts_at == wish.starts_at else Judgement(RequestOutcome.DONE)
    if own in _HELD or any(status in _HELD for status in standing.values()):
        return Judgement(RequestOutcome.HELD)
    if Status.REVOKED in standing.values():
        return Judgement(RequestOutcome.REVOKED)
    if record.starts_at != wish.starts_at:
        return Judgement(RequestOutcome.MOVED)
    if _is_full(wish, record):
        return Judgement(RequestOutcome.FULL)
    return Judgement(None, tuple(sorted(left, key=lambda each: each != wish.meant)))


def _is_full(wish: Wish, record: AppointmentRecord) -> bool:
    taken = sum(part.status is None or not part.status.is_cancelled for part in record.participations)
    return wish.collective and record.seats is not None and taken >= record.seats


def statuses(wish: Wish, record: AppointmentRecord) -> dict[str, Status]:
    """The status at the source of each participation that the wish is about, by its id there."""
    return {
        part.external_id: told_status(part.status, record.status, collective=wish.collective) or Status.UNKNOWN
        for part in record.participations
        if wish.meant is None or not wish.collective or part.external_id == wish.meant
    }


_HELD = (Status.SEEN, Status.NOSHOW)
