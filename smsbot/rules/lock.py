"""Three wrong answers lock cancelling for 24 hours, by SMS and by link together. All datetimes are aware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

LOCK = timedelta(hours=24)
TRIES = 3
UNREAD_ANSWERS = 3
"""How many answers without letters are accepted in a row by link. By SMS the question is explained again as often."""
PAUSE = timedelta(hours=1)
"""How long no answer is accepted by link after the last of these."""


class Lockable(Protocol):
    """A participation with its count of wrong answers, and until when it is locked."""

    @property
    def id(self) -> int: ...
    @property
    def wrong_answers(self) -> int: ...
    @property
    def wrong_answer_at(self) -> datetime | None: ...
    @property
    def locked_until(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Lock:
    """The state of a participation after a wrong answer. `locked_until` is None before the third."""

    participation_id: int
    wrong_answers: int
    locked_until: datetime | None


def is_locked(one: Lockable, now: datetime) -> bool:
    return one.locked_until is not None and one.locked_until > now


def tries_used(one: Lockable, now: datetime) -> int:
    """How many wrong answers still count. They are forgotten after 24 hours."""
    if one.wrong_answer_at is None or now - one.wrong_answer_at >= LOCK:
        return 0
    return one.wrong_answers


def after_wrong_answer(counted: Sequence[Lockable], now: datetime) -> list[Lock]:
    """The state of each of `counted` after one more wrong answer. The third locks.

    `counted` are all coming participations of the number for SMS, and only that of the link for a link. The result
    leaves out those that are locked already.
    """
    locks = []
    for one in counted:
        if not is_locked(one, now):
            wrong_answers = tries_used(one, now) + 1
            locks.append(Lock(one.id, wrong_answers, now + LOCK if wrong_answers >= TRIES else None))
    return locks


def unread_answers_used(count: int, last_at: datetime | None, now: datetime) -> int:
    """How many answers without letters by link still count. `count` were given, the last at `last_at`.

    They are forgotten after `PAUSE`.
    """
    return count if last_at is not None and now - last_at < PAUSE else 0
