"""The state of a link when it is opened, and the two things that can be done there: give the letters, and cancel.

All functions are synchronous and work on a `Connection`. The caller chooses the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from smsbot.appointments.appointment import Participation
from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.locks import count_unread_answer, count_wrong_answer, forget_wrong_answers
from smsbot.appointments.participation_queries import ending_with, hold_participation, participation_of
from smsbot.appointments.requests import RequestState, failed_request_of
from smsbot.appointments.terms import Terms, TermsBook
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.rules.deadline import Refusal
from smsbot.rules.lock import (
    TRIES,
    UNREAD_ANSWERS,
    after_wrong_answer,
    is_locked,
    tries_used,
    unread_answers_used,
)
from smsbot.understanding.letters_given import LettersKind, read_letters

LONGEST_ANSWER = 200
"""The most characters that an answer with the letters may have. A longer answer counts as one without letters."""


class LinkState(StrEnum):
    """The state of a participation, as its usager sees it."""

    OVER = "over"  # it has taken place or no longer exists, or its person was erased
    LOCKED = "locked"  # three wrong answers
    PAUSED = "paused"  # three answers without any letters
    CANCELLED = "cancelled"
    REQUESTED = "requested"  # its source was asked to cancel it, and has not answered yet
    TAKING_BACK = "taking_back"  # its source was asked to take the cancellation back, and has not answered yet
    BARRED = "barred"  # smsbot.toml says that it may not be cancelled by SMS or link
    TOO_LATE = "too_late"  # the notice period has begun
    OPEN = "open"  # may be cancelled


@dataclass(frozen=True, slots=True)
class Visit:
    """The state of the participation behind a link.

    - `tries_left`: how many wrong answers are still possible before the lock.
    - `with_others`: whether the appointment ends for other people too when this participation is cancelled.
    - `failed_request`: how the usager's last request to cancel failed, if there was one and the appointment stands.
    """

    participation: Participation
    terms: Terms
    standing: LinkState
    tries_left: int
    with_others: bool = False
    failed_request: RequestState | None = None


def visit(connection: Connection, terms_book: TermsBook, participation_id: int, now: datetime) -> Visit | None:
    """The state at `now` (UTC), or None if there is no participation with this id of ours."""
    participation = participation_of(connection, participation_id)
    if participation is None:
        return None
    terms = terms_book.of(participation)
    standing = _standing(participation, terms, now)
    return Visit(
        participation=participation,
        terms=terms,
        standing=standing,
        tries_left=TRIES - tries_used(participation, now),
        with_others=standing is LinkState.OPEN and _has_others(connection, participation),
        failed_request=failed_request_of(connection, participation_id) if standing in _STANDS else None,
    )


def answer_letters(
    connection: Connection, terms_book: TermsBook, participation_id: int, text: str, now: datetime
) -> LettersKind | None:
    """Check an answer (`text`) to the question for the three letters, and count it against this participation only.

    Returns what kind of answer it is. Returns None if no answer is accepted, because the participation is locked,
    paused or over. A right answer sets the count back to zero. An answer without any letters, or with letters of
    another script than the name, is not a wrong answer. But after three of these, no answer is accepted for a while.
    """
    meant = hold_participation(connection, participation_id)
    if meant is None:
        return None
    if _standing(meant, terms_book.of(meant), now) in (LinkState.OVER, LinkState.LOCKED, LinkState.PAUSED):
        return None
    kind = read_letters(text, [meant.names]).kind if len(text) <= LONGEST_ANSWER else LettersKind.NONE
    if kind is LettersKind.WRONG:
        count_wrong_answer(connection, after_wrong_answer([meant], now), Via.LINK, now)
    elif kind in (LettersKind.NONE, LettersKind.OTHER_SCRIPT) and text.strip():
        count_unread_answer(connection, meant.id, _unread(meant, now) + 1, now)
    elif kind is LettersKind.RIGHT and (meant.wrong_answers or meant.unread_answers):
        forget_wrong_answers(connection, [participation_id])
    return kind


def cancel_by_link(
    connection: Connection, door: Door, participation_id: int, told_starts_at: datetime | None, now: datetime
) -> Verdict | None:
    """Cancel, after the usager said yes to a question that named the time `told_starts_at` (UTC).

    Returns how it ended. Returns None and does nothing if the participation is locked, or if the appointment has
    another time now: the question must then be asked again.
    """
    meant = hold_participation(connection, participation_id)
    if meant is None:
        return Verdict.UNKNOWN
    standing = _standing(meant, door.terms.of(meant), now)
    moved = meant.appointment.starts_at != told_starts_at
    if standing is LinkState.LOCKED or (moved and standing is LinkState.OPEN):
        return None
    return door.end(connection, meant, Canceller(Actor.USAGER, Via.LINK), now)


def _standing(participation: Participation, terms: Terms, now: datetime) -> LinkState:
    appointment = participation.appointment
    ends_at = max(appointment.starts_at, appointment.ends_at or appointment.starts_at)
    is_there = participation.removed_at is None and appointment.destroyed_at is None and participation.surnames
    if ends_at <= now or not is_there or participation.status in (Status.SEEN, Status.NOSHOW):
        return LinkState.OVER
    if is_locked(participation, now):
        return LinkState.LOCKED
    if _unread(participation, now) >= UNREAD_ANSWERS:
        return LinkState.PAUSED
    if participation.taking_back_requested_at is not None:
        return LinkState.TAKING_BACK
    if participation.status.is_cancelled:
        return LinkState.CANCELLED
    if participation.cancellation_requested_at is not None:
        return LinkState.REQUESTED
    refusal = terms.refusal(appointment.starts_at, now)
    return _REFUSED[refusal] if refusal else LinkState.OPEN


_STANDS = (LinkState.OPEN, LinkState.TOO_LATE, LinkState.BARRED)
_REFUSED = {Refusal.BARRED: LinkState.BARRED, Refusal.TOO_LATE: LinkState.TOO_LATE}


def _unread(participation: Participation, now: datetime) -> int:
    return unread_answers_used(participation.unread_answers, participation.unread_answer_at, now)


def _has_others(connection: Connection, participation: Participation) -> bool:
    return any(other.is_active for other in ending_with(connection, participation))
