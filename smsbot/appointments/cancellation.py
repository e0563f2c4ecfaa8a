"""The one door through which a participation is cancelled here, whoever cancels and by whichever way.

SMS, link, agents' API, console and shell all come through `Door`; what a source cancels itself is worked in by
`intake`. Ending is one conditional UPDATE: of two at the same moment one wins and the other is told that it was already
so. What has to be told to people is written to the outbox by the `Announcer`, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection, Text, bindparam, func, update

from smsbot.appointments.appointment import (
    Participation,
    hold_participation,
    hold_participations_of,
    participations_beside,
)
from smsbot.appointments.audit import note_each
from smsbot.appointments.terms import TermsBook
from smsbot.model import Actor, Status, Via
from smsbot.rules.deadline import Refusal
from smsbot.store.prepared import Prepared
from smsbot.store.tables import appointments, participations


@dataclass(frozen=True, slots=True)
class Canceller:
    """Who cancels, how, with which status as the result; `agent` is the agent's e-mail for the audit.

    `word` is what an agent adds for the usager.
    """

    by: Actor
    via: Via
    status: Status = Status.EXCUSED
    agent: str | None = None
    word: str | None = None


class Verdict(StrEnum):
    """What came of it."""

    CANCELLED = "cancelled"
    ALREADY = "already"  # it had ended before, by whomever
    TOO_LATE = "too_late"  # the usager's notice period
    BARRED = "barred"  # smsbot.toml: may not be cancelled this way
    UNKNOWN = "unknown"  # no such participation


_REFUSED = {Refusal.BARRED: Verdict.BARRED, Refusal.TOO_LATE: Verdict.TOO_LATE}


@dataclass(frozen=True, slots=True)
class Ended:
    """What has just ended: the participations, the first the one that was meant.

    `calendar_sequence` is the SEQUENCE that the calendar's cancellation carries.
    """

    participations: tuple[Participation, ...]
    canceller: Canceller
    at: datetime
    calendar_sequence: int


class Announcer(Protocol):
    """Tells people, by way of the outbox, in the transaction given."""

    def ended(self, connection: Connection, ended: Ended) -> None: ...


@dataclass(frozen=True, slots=True)
class Door:
    """Ends participations, once each, and has it told."""

    terms: TermsBook
    announcer: Announcer

    def cancel(self, connection: Connection, participation_id: int, canceller: Canceller, now: datetime) -> Verdict:
        """End one participation, by our id: see `end`."""
        meant = hold_participation(connection, participation_id)
        return Verdict.UNKNOWN if meant is None else self.end(connection, meant, canceller, now)

    def end(self, connection: Connection, meant: Participation, canceller: Canceller, now: datetime) -> Verdict:
        """End a participation held in this transaction; in an individual appointment all its participants' end.

        An usager is held to the deadline (`smsbot.rules.deadline`); an agent is not.
        """
        if not meant.is_active:
            return Verdict.ALREADY
        if canceller.by is Actor.USAGER:
            refusal = self.terms.of(meant).refusal(meant.appointment.starts_at, now)
            if refusal is not None:
                return _REFUSED[refusal]
        if not _end(connection, meant, canceller, now):
            return Verdict.ALREADY
        along = () if meant.appointment.collective else self._end_the_others(connection, meant, canceller, now)
        self._conclude(connection, (meant, *along), canceller, now)
        return Verdict.CANCELLED

    def cancel_appointment(
        self, connection: Connection, appointment_id: int, canceller: Canceller, now: datetime
    ) -> Verdict:
        """End a whole appointment, collective ones too: an agent's act."""
        known = hold_participations_of(connection, appointment_id)
        if not known:
            return Verdict.UNKNOWN
        ended = tuple(one for one in known if one.is_active and _end(connection, one, canceller, now))
        if not ended:
            return Verdict.ALREADY
        self._conclude(connection, ended, canceller, now, whole=True)
        return Verdict.CANCELLED

    def _end_the_others(
        self, connection: Connection, meant: Participation, canceller: Canceller, now: datetime
    ) -> tuple[Participation, ...]:
        others = participations_beside(connection, meant)
        return tuple(other for other in others if other.is_active and _end(connection, other, canceller, now))

    def _conclude(
        self,
        connection: Connection,
        ended: Sequence[Participation],
        canceller: Canceller,
        now: datetime,
        *,
        whole: bool = False,
    ) -> None:
        appointment = ended[0].appointment
        status = canceller.status.value if whole or not appointment.collective else None
        written = _CONCLUDE.row(connection, {"this": appointment.id, "now": now, "new_status": status})
        assert written is not None
        about = [(appointment.id, one.id) for one in ended]
        note_each(connection, now, "cancelled", canceller.by, canceller.via, about, agent=canceller.agent)
        self.announcer.ended(connection, Ended(tuple(ended), canceller, now, written[0]))


def _end(connection: Connection, participation: Participation, canceller: Canceller, now: datetime) -> bool:
    """The one conditional UPDATE: whoever makes it has cancelled, anybody else finds that it was already so."""
    values = {
        "this": participation.id,
        "new_status": canceller.status.value,
        "now": now,
        "who": canceller.by.value,
        "how": canceller.via.value,
    }
    return _END.run(connection, values) == 1


_END = Prepared(
    update(participations)
    .where(participations.c.id == bindparam("this"), participations.c.status == Status.UNKNOWN.value)
    .values(
        status=bindparam("new_status"),
        cancelled_at=bindparam("now"),
        cancelled_by=bindparam("who"),
        cancelled_way=bindparam("how"),
        announced_at=None,
    )
)
_CONCLUDE = Prepared(
    update(appointments)
    .where(appointments.c.id == bindparam("this"))
    .values(
        changed_at=bindparam("now"),
        calendar_sequence=appointments.c.calendar_sequence + 1,
        status=func.coalesce(bindparam("new_status", type_=Text()), appointments.c.status),
    )
    .returning(appointments.c.calendar_sequence)
)
