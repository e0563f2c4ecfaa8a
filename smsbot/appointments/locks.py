"""Stores wrong answers to the question for the three letters, and the locks that follow. Only this module does it.

What a wrong answer leads to is decided in `smsbot.rules.lock`, without the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from smsbot.appointments.audit import note, note_each
from smsbot.model import Actor, Via
from smsbot.rules.lock import Lock
from smsbot.store.prepared import Prepared
from smsbot.store.tables import participations


def count_wrong_answer(connection: Connection, locks: Iterable[Lock], via: Via, now: datetime) -> None:
    """Store the locks that `after_wrong_answer` has returned for one wrong answer."""
    for lock in locks:
        counted = {
            "this": lock.participation_id,
            "count": lock.wrong_answers,
            "now": now,
            "until": lock.locked_until,
        }
        row = _COUNT.row(connection, counted)
        assert row is not None, "it was read in this transaction"
        if lock.locked_until is not None:
            note(
                connection,
                now,
                "locked",
                Actor.USAGER,
                via,
                appointment_id=row[0],
                participation_id=lock.participation_id,
            )


def forget_wrong_answers(connection: Connection, participation_ids: Iterable[int]) -> None:
    """Forget the wrong answers for these participations, because a right answer fits them."""
    _FORGET.run_all(connection, [{"this": each} for each in participation_ids])


def count_unread_answer(connection: Connection, participation_id: int, count: int, now: datetime) -> None:
    """Store that `count` answers without letters have come by link, the last of them now."""
    _COUNT_UNREAD.run(connection, {"this": participation_id, "count": count, "now": now})


def unlock(
    connection: Connection,
    appointment_id: int,
    participation_id: int | None,
    *,
    via: Via,
    agent: str | None,
    now: datetime,
) -> int:
    """Forget wrong answers, for an agent: of this participation, or (None) of all in the appointment.

    Returns how many participations had any. `agent` is the agent's e-mail address, for the audit.
    """
    counted = (participations.c.appointment_id == appointment_id) & (
        (participations.c.wrong_answers > 0) | (participations.c.unread_answers > 0)
    )
    if participation_id is not None:
        counted &= participations.c.id == participation_id
    forgotten = update(participations).where(counted).values(_NONE_COUNTED).returning(participations.c.id)
    about = [(appointment_id, each) for each in connection.execute(forgotten).scalars()]
    note_each(connection, now, "unlocked", Actor.AGENT, via, about, agent=agent)
    return len(about)


_NONE_COUNTED = {
    "wrong_answers": 0,
    "wrong_answer_at": None,
    "locked_until": None,
    "unread_answers": 0,
    "unread_answer_at": None,
}

_COUNT = Prepared(
    update(participations)
    .where(participations.c.id == bindparam("this"))
    .values(wrong_answers=bindparam("count"), wrong_answer_at=bindparam("now"), locked_until=bindparam("until"))
    .returning(participations.c.appointment_id)
)
_COUNT_UNREAD = Prepared(
    update(participations)
    .where(participations.c.id == bindparam("this"))
    .values(unread_answers=bindparam("count"), unread_answer_at=bindparam("now"))
)
_FORGET = Prepared(update(participations).where(participations.c.id == bindparam("this")).values(_NONE_COUNTED))
