"""Three wrong answers lock cancelling for 24 hours, by SMS and by link together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from smsbot.conversation.facts import LOCK, TRIES, Coming


@dataclass(frozen=True, slots=True)
class Lock:
    """What one wrong answer leaves on one participation; `locked_until` is None before the third."""

    participation_id: int
    wrong_answers: int
    locked_until: datetime | None


def after_wrong_answer(counted: Sequence[Coming], now: datetime) -> list[Lock]:
    """What a wrong answer leaves on each of `counted`: one more, and at three a lock.

    By SMS every coming participation of the number is counted, by link only its own. What is locked stays as it is.
    """
    locks = []
    for coming in counted:
        if not coming.is_locked(now):
            wrong_answers = coming.tries_used(now) + 1
            locks.append(Lock(coming.participation_id, wrong_answers, now + LOCK if wrong_answers >= TRIES else None))
    return locks
