"""What a source's appointment, as it stands there, means for a request to cancel it, or to take that back. Pure.

RDV Service Public accepts any change of status without a word, even if an agent has just noted another one. So only
what is still `unknown` is cancelled there, and only what is still `excused` stands again. Any other status was set by
somebody, and the request gives way to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smsbot.appointments.intake.source_precedence import told_status
from smsbot.appointments.requests import RequestState
from smsbot.model import Actor, AppointmentRecord, Canceller, Status


class RequestOutcome(StrEnum):
    """How a request ends, in terms of what its usager has to be told."""

    DONE = "done"  # it is cancelled there, or stands again
    REFUSED = "refused"  # the source does not let us
    UNCONFIRMED = "unconfirmed"  # the same, but an attempt before may have cancelled it
    MOVED = "moved"  # an agent has moved it
    REVOKED = "revoked"  # an agent has cancelled it
    HELD = "held"  # an agent has marked it as seen, or that nobody came
    GONE = "gone"  # it is no longer there, or its usager takes no part any more
    FULL = "full"  # others have taken all seats, so the usager's cannot be given back
    GIVEN_UP = "given_up"  # it has begun, or taking it back was tried for too long

    @property
    def state(self) -> RequestState:
        """What becomes of the request."""
        return _STATES.get(self, RequestState.OVERTAKEN)


_STATES = {
    RequestOutcome.DONE: RequestState.DONE,
    RequestOutcome.REFUSED: RequestState.REFUSED,
    RequestOutcome.UNCONFIRMED: RequestState.REFUSED,
    RequestOutcome.GIVEN_UP: RequestState.GIVEN_UP,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `meant` is the participation's id at the source, None for all of them.

    `taken_back` are those, by their ids at the source, whose cancellation is to be taken back.
    """

    canceller: Canceller
    meant: str | None
    collective: bool
    starts_at: datetime
    taken_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Either the outcome, or the participations (ids at the source) whose status is still to be changed there."""

    outcome: RequestOutcome | None
    to_change: tuple[str, ...] = ()


def judge(wish: Wish, record: AppointmentRecord | None) -> Judgement:
    """What the appointment, as it stands at its source, means for the wish. `record` is None where it is not shown.

    Of an individual appointment all participations are cancelled, and it is done when none is left.
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
        if own is not None and own.is_cancelled:  # theirs is cancelled; of the others, what somebody did there stands
            return Judgement(RequestOutcome.DONE)
        return Judgement(RequestOutcome.HELD if not is_moved else RequestOutcome.MOVED)
    return Judgement(None, left)


def judge_taking_back(wish: Wish, record: AppointmentRecord | None) -> Judgement:
    """The same for a wish to take a cancellation back. It is done when all that ended with it stands again.

    Of an appointment that has moved meanwhile, or that an agent has marked, nothing stands again by itself.
    """
    standing = {} if record is None else statuses(wish, record)
    if record is None or wish.meant is None or wish.meant not in standing:
        return Judgement(RequestOutcome.GONE)
    own = standing[wish.meant]
    left = tuple(each for each in wish.taken_back if standing.get(each) is Status.EXCUSED)
    if own is Status.UNKNOWN:  # it stands: the others follow, as far as nobody has decided otherwise
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
    """The participations that the wish is about, by their ids at the source, with their status there."""
    return {
        part.external_id: told_status(part.status, record.status, collective=wish.collective) or Status.UNKNOWN
        for part in record.participations
        if wish.meant is None or not wish.collective or part.external_id == wish.meant
    }


_HELD = (Status.SEEN, Status.NOSHOW)
