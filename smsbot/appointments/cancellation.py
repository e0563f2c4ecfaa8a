"""The one door through which participations are cancelled here, by SMS, link, API, console or shell.

What a source itself cancels is stored by `intake`. A cancellation is one conditional UPDATE: if two come at the same
moment, one of them cancels and the other learns that it was cancelled already. The `Announcer` writes what people have
to be told to the outbox, in the same transaction.

An appointment of a connected source is not cancelled here before it is cancelled there. For it the door records a
request (`requests`). `smsbot.connected.carrying` carries the request out and then calls `carried_out`. `undoing` takes
cancellations back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection, Text, bindparam, func, update

from smsbot.appointments.appointment import Appointment, Participation
from smsbot.appointments.audit import note_each
from smsbot.appointments.participation_queries import ending_with, hold_participation, hold_participations_of
from smsbot.appointments.requests import CancellationRequest, insist, join_request, record_request
from smsbot.appointments.terms import TermsBook
from smsbot.events import EventType, record_participations
from smsbot.model import Actor, Canceller, Status
from smsbot.rules.deadline import Refusal
from smsbot.store.many import Updates, is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, appointments, participations

TAKE_BACK_WITHIN = timedelta(seconds=20)
"""An agent can take a cancellation back within this time. Until then nobody is told of it."""


class Verdict(StrEnum):
    """The result of a cancellation."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"  # its source has been asked, now or before, and has not answered yet
    ALREADY = "already"  # it had ended before
    TOO_LATE = "too_late"  # the usager's notice period
    BARRED = "barred"  # smsbot.toml: may not be cancelled this way
    UNKNOWN = "unknown"  # no such participation


_REFUSED = {Refusal.BARRED: Verdict.BARRED, Refusal.TOO_LATE: Verdict.TOO_LATE}


@dataclass(frozen=True, slots=True)
class Ended:
    """What has just ended. The first of the participations is the one that was meant.

    `calendar_sequence` is the SEQUENCE that the calendar's cancellation carries.
    """

    participations: tuple[Participation, ...]
    canceller: Canceller
    at: datetime
    calendar_sequence: int


class Announcer(Protocol):
    """Tells people, through the outbox, in the given transaction."""

    def ended(self, connection: Connection, ended: Ended) -> None: ...

    def stands_again(self, connection: Connection, ended: Ended, now: datetime) -> None:
        """Tell that the usager has taken back this cancellation. `ended` has the participations as they were then.

        Its `calendar_sequence` is the one that the calendar's event has now. The other participants are told if they
        were told of the cancellation.
        """
        ...

    def withdraw(self, connection: Connection, appointment_id: int, at: datetime, now: datetime) -> bool:
        """Drop the messages about the cancellation at `at` that are held back.

        If some of them may have left, nothing is dropped and the result is False.
        """
        ...

    def release(self, connection: Connection, appointment_id: int, now: datetime) -> None:
        """Send the messages about the cancellation of this appointment that are held back."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """Ends participations, each once, and has people told.

    `connected` are the names of the sources that own their appointments: cancelling one of these is only requested.
    """

    terms: TermsBook
    announcer: Announcer
    connected: frozenset[str] = frozenset()

    def asks_the_source(self, appointment: Appointment) -> bool:
        """Whether cancelling this appointment here means to ask its source."""
        return appointment.source in self.connected

    def cancel(self, connection: Connection, participation_id: int, canceller: Canceller, now: datetime) -> Verdict:
        """End one participation, by our id: see `end`."""
        meant = hold_participation(connection, participation_id)
        return Verdict.UNKNOWN if meant is None else self.end(connection, meant, canceller, now)

    def end(self, connection: Connection, meant: Participation, canceller: Canceller, now: datetime) -> Verdict:
        """End a participation that is locked in this transaction. In an individual appointment all participations end.

        The deadline (`smsbot.rules.deadline`) applies to usagers, but not to agents.
        """
        [verdict] = self.end_each(connection, [meant], canceller, now)
        return verdict

    def end_each(
        self, connection: Connection, meant: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> list[Verdict]:
        """`end` for any number of participations, no two of one appointment. Returns the verdict on each."""
        instead = {one.id: self._instead(connection, one, canceller, now) for one in meant}
        ended = _end(connection, [one for one in meant if instead[one.id] is None], canceller, now)
        beside = ending_with(connection, *ended)
        along: dict[int, list[Participation]] = {}
        for other in _end(connection, [other for other in beside if other.is_active], canceller, now):
            along.setdefault(other.appointment.id, []).append(other)
        together = [(one, *along.get(one.appointment.id, ())) for one in ended]
        whole = [one.appointment.id for one in ended if not one.appointment.collective]
        self._conclude(connection, together, canceller, now, whole=whole)
        here = {one.id for one in ended}
        return [instead[one.id] or (Verdict.CANCELLED if one.id in here else Verdict.ALREADY) for one in meant]

    def _instead(
        self, connection: Connection, meant: Participation, canceller: Canceller, now: datetime
    ) -> Verdict | None:
        """The verdict where the participation does not end here; None where it has to end."""
        if not meant.is_active:
            if canceller.by is Actor.USAGER:
                self.learnt(connection, meant, now)
            return Verdict.ALREADY
        if meant.cancellation_requested_at is not None:
            if canceller.by is Actor.USAGER:
                insist(connection, [meant.appointment.id], now)
            return Verdict.REQUESTED
        if meant.taking_back_requested_at is not None and canceller.by is Actor.USAGER:
            return Verdict.REQUESTED  # it is cancelled again once the taking back has ended
        if canceller.by is Actor.USAGER:
            refusal = self.terms.of(meant).refusal(meant.appointment.starts_at, now)
            if refusal is not None:
                return _REFUSED[refusal]
        if self.asks_the_source(meant.appointment):
            others = ending_with(connection, meant)
            return _request(connection, meant, [meant, *others], canceller, now)
        return None

    def cancel_appointment(
        self, connection: Connection, appointment_id: int, canceller: Canceller, now: datetime
    ) -> Verdict:
        """End a whole appointment, even a collective one. Only agents can do this."""
        known = hold_participations_of(connection, appointment_id)
        if not known:
            return Verdict.UNKNOWN
        if self.asks_the_source(known[0].appointment):
            if not any(one.is_active for one in known):
                return Verdict.ALREADY
            return _request(connection, None, known, canceller, now)
        ended = _end(connection, [one for one in known if one.is_active], canceller, now)
        if not ended:
            return Verdict.ALREADY
        self._conclude(connection, [ended], canceller, now, whole=[appointment_id])
        return Verdict.CANCELLED

    def learnt(self, connection: Connection, participation: Participation, now: datetime) -> None:
        """Note that the usager of this participation, locked in this transaction, has heard that it is cancelled.

        So the agent can no longer take the cancellation back, and everybody else is told now.
        """
        if participation.held_until is not None:
            let_go(connection, participation.appointment.id)
            self.announcer.release(connection, participation.appointment.id, now)

    def carried_out(
        self, connection: Connection, request: CancellationRequest, statuses: Mapping[int, Status], now: datetime
    ) -> None:
        """End the participations that their source has cancelled. `statuses` are theirs there, by our ids.

        They are locked in this transaction. Those that had ended here before stay as they are.
        """
        known = hold_participations_of(connection, request.appointment_id)
        first = sorted(known, key=lambda one: one.id != request.participation_id)  # the one that was meant
        canceller = request.canceller
        active = [one for one in first if one.id in statuses and one.is_active]
        here = {
            one.id
            for status in {statuses[one.id] for one in active}
            for one in _end(
                connection,
                [one for one in active if statuses[one.id] is status],
                replace(canceller, status=status),
                now,
            )
        }
        ended = [one for one in active if one.id in here]
        if ended:
            is_whole = request.participation_id is None or not ended[0].appointment.collective
            stands = any(one.is_active and one.id not in statuses for one in known)
            whole = [request.appointment_id] if is_whole and not stands else []
            self._conclude(connection, [ended], canceller, now, whole=whole)

    def _conclude(
        self,
        connection: Connection,
        ended: Sequence[Sequence[Participation]],
        canceller: Canceller,
        now: datetime,
        *,
        whole: Collection[int],
    ) -> None:
        """Record these cancellations and have people told. Each item of `ended` is about one appointment.

        `whole` are our ids of the appointments that end with their participations.
        """
        if not ended:
            return
        changed = [
            {"this": this, "at": now, "new_status": canceller.status.value if this in whole else None}
            for this in sorted(together[0].appointment.id for together in ended)
        ]
        sequences = {this: int(sequence) for this, sequence in _CONCLUDE.rows(connection, changed)}
        there = [one for together in ended for one in together]
        about = [(one.appointment.id, one.id) for one in there]
        note_each(connection, now, "cancelled", canceller.by, canceller.via, about, agent=canceller.agent)
        ids = [one.id for one in there]
        record_participations(connection, EventType.CANCELLED, canceller.by, canceller.via, ids, now)
        for together in ended:
            sequence = sequences[together[0].appointment.id]
            self.announcer.ended(connection, Ended(tuple(together), canceller, now, sequence))


def let_go(connection: Connection, appointment_id: int) -> None:
    """Make the agents' cancellations in this appointment final: they can no longer be taken back."""
    connection.execute(_LET_GO, {"appointment": appointment_id})


def _request(
    connection: Connection,
    meant: Participation | None,
    known: Sequence[Participation],
    canceller: Canceller,
    now: datetime,
) -> Verdict:
    """Ask the source to end those of `known` that are active, unless an open request ends them already."""
    active = [one for one in known if one.is_active]
    others = [one for one in active if one.cancellation_requested_at is None]
    appointment = active[0].appointment
    if not others:
        return Verdict.REQUESTED
    if len(others) < len(active) and not appointment.collective:
        join_request(connection, appointment, others, now)  # participants were added after the request
        return Verdict.REQUESTED
    record_request(connection, appointment, meant, others, canceller, now)
    return Verdict.REQUESTED


def _end(
    connection: Connection, wanted: Sequence[Participation], canceller: Canceller, now: datetime
) -> list[Participation]:
    """The one conditional UPDATE. Of several at the same moment, only one changes the row.

    Returns those of `wanted` that were changed, in the same order.
    """
    if not wanted:
        return []
    values = {
        "ids": [one.id for one in wanted],
        "new_status": canceller.status.value,
        "now": now,
        "who": canceller.by.value,
        "how": canceller.via.value,
        "held": now + canceller.hold if canceller.hold else None,
    }
    ended = {this for [this] in _END.rows(connection, values)}
    return [one for one in wanted if one.id in ended]


_END = Prepared(
    update(participations)
    .where(is_one_of(participations.c.id, "ids"), participations.c.status == Status.UNKNOWN.value)
    .values(
        status=bindparam("new_status"),
        cancelled_at=bindparam("now"),
        cancelled_by=bindparam("who"),
        cancelled_way=bindparam("how"),
        held_until=bindparam("held", type_=UtcDateTime()),
        announced_before=participations.c.announced_at,
        announced_at=None,
    )
    .returning(participations.c.id)
)
_LET_GO = (
    update(participations)
    .where(participations.c.appointment_id == bindparam("appointment"), participations.c.held_until.is_not(None))
    .values(held_until=None)
)
_CONCLUDE = Updates(
    lambda given: (
        update(appointments)
        .where(appointments.c.id == given("this"))
        .values(
            changed_at=given("at"),
            calendar_sequence=appointments.c.calendar_sequence + 1,
            status=func.coalesce(given("new_status"), appointments.c.status),
        )
        .returning(appointments.c.id, appointments.c.calendar_sequence)
    ),
    this=appointments.c.id.type,
    at=UtcDateTime(),
    new_status=Text(),
)
