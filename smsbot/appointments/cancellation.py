"""The one door through which a participation is cancelled here, whoever cancels and by whichever way.

SMS, link, agents' API, console and shell all come through `Door`; what a source cancels itself is worked in by
`intake`. Ending is one conditional UPDATE: of two at the same moment one wins and the other is told that it was already
so. What has to be told to people is written to the outbox by the `Announcer`, in the same transaction.

An appointment of a connected source is not ended here before it is cancelled there. For it the door writes down a
request (`requests`), which `smsbot.connected.carrying` carries out; it comes back through `carried_out`. In the
same way an usager takes a cancellation back there (`taking_back_requests`), and it comes back through
`taken_back_there`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection, Text, bindparam, case, exists, func, update

from smsbot.appointments.appointment import (
    Appointment,
    Participation,
    hold_participation,
    hold_participations_of,
    participations_beside,
)
from smsbot.appointments.audit import note_each
from smsbot.appointments.intake.late_echoes import have_read_again
from smsbot.appointments.requests import CancellationRequest, insist, join_request, record_request, withdraw_request
from smsbot.appointments.taking_back_requests import cancellations_of_usagers, record_taking_back
from smsbot.appointments.terms import TermsBook
from smsbot.events.recording import EventType, record_participations
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.rules.deadline import Refusal
from smsbot.store.many import Updates, is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, appointments, outgoing_messages, participations

TAKE_BACK_WITHIN = timedelta(seconds=20)
"""An agent can take a cancellation back within this time. Until then nobody is told of it."""


class Verdict(StrEnum):
    """What came of it."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"  # its source has been asked, now or before, and has not answered yet
    ALREADY = "already"  # it had ended before, by whomever
    TOO_LATE = "too_late"  # the usager's notice period
    BARRED = "barred"  # smsbot.toml: may not be cancelled this way
    UNKNOWN = "unknown"  # no such participation


_CANCELLED = tuple(status.value for status in Status if status.is_cancelled)
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

    def stands_again(self, connection: Connection, ended: Ended, now: datetime) -> None:
        """The usager has taken back this cancellation of theirs, whose participations are as they were then.

        Its `calendar_sequence` is the one that the event has now. Others hear of it if they were told.
        """
        ...

    def withdraw(self, connection: Connection, appointment_id: int, at: datetime, now: datetime) -> bool:
        """Drop what was written at the moment `at` of a cancellation and is held back. False, and nothing is dropped,
        where some of it may have left."""
        ...

    def release(self, connection: Connection, appointment_id: int, now: datetime) -> None:
        """Send what is held back of the cancellation of this appointment."""
        ...


class TakingBack(StrEnum):
    """What came of taking a cancellation back."""

    TAKEN_BACK = "taken_back"
    TOO_LATE = "too_late"  # people were told, or may have been; or the source was asked
    NOTHING = "nothing"  # no agent has cancelled it here, or it was taken back before


@dataclass(frozen=True, slots=True)
class Door:
    """Ends participations, once each, and has it told.

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
        """End a participation that is held in this transaction. In an individual appointment all participations end.

        An usager is held to the deadline (`smsbot.rules.deadline`); an agent is not.
        """
        [verdict] = self.end_each(connection, [meant], canceller, now)
        return verdict

    def end_each(
        self, connection: Connection, meant: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> list[Verdict]:
        """`end` for any number of participations, no two of one appointment. Returns the verdict on each."""
        instead = {one.id: self._instead(connection, one, canceller, now) for one in meant}
        ended = _end(connection, [one for one in meant if instead[one.id] is None], canceller, now)
        beside = participations_beside(connection, *(one for one in ended if not one.appointment.collective))
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
        """The verdict where the participation does not end here; None where it is to end."""
        if not meant.is_active:
            if canceller.by is Actor.USAGER:
                self.learnt(connection, meant, now)
            return Verdict.ALREADY
        if meant.cancellation_requested_at is not None:
            if canceller.by is Actor.USAGER:
                insist(connection, [meant.appointment.id], now)
            return Verdict.REQUESTED
        if meant.taking_back_requested_at is not None and canceller.by is Actor.USAGER:
            return Verdict.REQUESTED  # what is being taken back is cancelled once more when that has ended
        if canceller.by is Actor.USAGER:
            refusal = self.terms.of(meant).refusal(meant.appointment.starts_at, now)
            if refusal is not None:
                return _REFUSED[refusal]
        if self.asks_the_source(meant.appointment):
            others = [] if meant.appointment.collective else participations_beside(connection, meant)
            return _request(connection, meant, [meant, *others], canceller, now)
        return None

    def cancel_appointment(
        self, connection: Connection, appointment_id: int, canceller: Canceller, now: datetime
    ) -> Verdict:
        """End a whole appointment, collective ones too: an agent's act."""
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
        """The usager of this participation, held in this transaction, has heard that it is cancelled.

        So the cancellation can no longer be taken back, and everybody else is told now.
        """
        if participation.held_until is not None:
            connection.execute(_LET_GO, {"appointment": participation.appointment.id})
            self.announcer.release(connection, participation.appointment.id, now)

    def take_back(
        self,
        connection: Connection,
        appointment_id: int,
        participation_id: int | None,
        agent: str | None,
        via: Via,
        now: datetime,
    ) -> TakingBack:
        """Undo what agents have cancelled in this appointment, while nobody knows of it.

        With `participation_id` only the cancellation that has ended this participation is undone, with all that it
        ended. An appointment of a connected source stands until the source was asked, so the request to it is
        withdrawn.
        """
        known = hold_participations_of(connection, appointment_id)
        meant = [one for one in known if participation_id in (None, one.id)]
        if any(one.cancellation_requested_at is not None for one in meant):
            return self._withdraw_request(connection, appointment_id, participation_id, agent, via, now)
        acts = sorted({one.cancelled_at for one in meant if one.cancelled_at is not None and _is_by_agent(one)})
        taken: list[Participation] = []
        for act in acts:
            theirs = [one for one in known if one.cancelled_at == act and _is_by_agent(one)]
            is_held = all(one.held_until is not None and one.held_until > now for one in theirs)
            if is_held and self.announcer.withdraw(connection, appointment_id, act, now):
                taken += theirs
            elif is_held:
                connection.execute(_LET_GO, {"appointment": appointment_id})
        if not taken:
            return TakingBack.TOO_LATE if acts else TakingBack.NOTHING
        connection.execute(_TAKE_BACK, {"ids": [one.id for one in taken]})
        connection.execute(_STANDS_AGAIN, {"this": appointment_id, "now": now})
        about = [(appointment_id, one.id) for one in taken]
        note_each(connection, now, "cancellation_taken_back", Actor.AGENT, via, about, agent=agent)
        stand = [one.id for one in taken]
        record_participations(connection, EventType.CANCELLATION_TAKEN_BACK, Actor.AGENT, via, stand, now)
        return TakingBack.TAKEN_BACK

    def _withdraw_request(
        self,
        connection: Connection,
        appointment_id: int,
        participation_id: int | None,
        agent: str | None,
        via: Via,
        now: datetime,
    ) -> TakingBack:
        freed = withdraw_request(connection, appointment_id, participation_id, now)
        if not freed:
            return TakingBack.TOO_LATE
        # As long as the request was open, a cancellation that the source told was left to the request.
        have_read_again(connection, [appointment_id], now)
        about = [(appointment_id, each) for each in sorted(freed)]
        note_each(connection, now, "cancellation_taken_back", Actor.AGENT, via, about, agent=agent)
        return TakingBack.TAKEN_BACK

    def stand_again(self, connection: Connection, meant: Participation, via: Via, now: datetime) -> bool:
        """Undo what the usager of this participation, held in this transaction, has cancelled, and all that ended with
        it. False, and nothing happens, where somebody has changed it since."""
        if not _is_by_its_usager(meant):
            return False
        self._stand_again(connection, (meant, *_ended_along(connection, meant)), via, now)
        return True

    def ask_to_stand_again(
        self, connection: Connection, meant: Participation, canceller: Canceller, now: datetime
    ) -> bool:
        """Ask the source that owns the appointment to undo the same, where the participation is held in this
        transaction. The cancellation may still be requested only.

        False, and nothing happens, where somebody has changed it since, or it is asked for already.
        """
        if meant.taking_back_requested_at is not None:
            return False
        if meant.is_active and cancellations_of_usagers(connection, [meant.id]):
            others = [] if meant.appointment.collective else participations_beside(connection, meant)
            along = [one for one in others if one.is_active and one.cancellation_requested_at is not None]
        elif _is_by_its_usager(meant):
            along = _ended_along(connection, meant)
        else:
            return False
        record_taking_back(connection, meant, [meant, *along], canceller, now)
        return True

    def taken_back_there(
        self, connection: Connection, request: CancellationRequest, ids: Collection[int], now: datetime
    ) -> None:
        """Undo the cancellation of these participations, our ids, which stand again at their source.

        They are held in this transaction. What was not cancelled here stays as it is: its cancellation did not come to
        an end.
        """
        known = hold_participations_of(connection, request.appointment_id)
        first = sorted(known, key=lambda one: one.id != request.participation_id)  # the one that was meant
        theirs = tuple(one for one in first if one.id in ids and one.status is Status.EXCUSED)
        via = request.canceller.via
        if theirs:
            self._stand_again(connection, theirs, via, now)
        stood = [(request.appointment_id, one.id) for one in first if one.id in ids and one.is_active]
        note_each(connection, now, "cancellation_taken_back", Actor.USAGER, via, stood)

    def _stand_again(self, connection: Connection, theirs: tuple[Participation, ...], via: Via, now: datetime) -> None:
        """Undo the cancellation of these participations; the first is the one that was meant."""
        meant = theirs[0]
        connection.execute(_TAKE_BACK, {"ids": [one.id for one in theirs]})
        sequence = connection.execute(_STANDS_AGAIN, {"this": meant.appointment.id, "now": now}).scalar_one()
        about = [(meant.appointment.id, one.id) for one in theirs]
        note_each(connection, now, "cancellation_taken_back", Actor.USAGER, via, about)
        stand = [one.id for one in theirs]
        record_participations(connection, EventType.CANCELLATION_TAKEN_BACK, Actor.USAGER, via, stand, now)
        ended = Ended(theirs, Canceller(Actor.USAGER, via), meant.cancelled_at or now, sequence)
        self.announcer.stands_again(connection, ended, now)

    def carried_out(
        self, connection: Connection, request: CancellationRequest, statuses: Mapping[int, Status], now: datetime
    ) -> None:
        """End the participations that their source now says are cancelled, each with its status there.

        They are held in this transaction, and go by our ids. Those that had ended here before stay as they are.
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
        """Note these cancellations and have them told, each with the participations of one appointment that ended.

        `whole` are our ids of the appointments that end with them.
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


def _request(
    connection: Connection,
    meant: Participation | None,
    known: Sequence[Participation],
    canceller: Canceller,
    now: datetime,
) -> Verdict:
    """Ask the source to end those of `known` that are active. An open request that ends them too is enough."""
    active = [one for one in known if one.is_active]
    others = [one for one in active if one.cancellation_requested_at is None]
    appointment = active[0].appointment
    if not others:
        return Verdict.REQUESTED
    if len(others) < len(active) and not appointment.collective:
        join_request(connection, appointment, others, now)  # somebody was added after the request
        return Verdict.REQUESTED
    record_request(connection, appointment, meant, others, canceller, now)
    return Verdict.REQUESTED


def _is_by_its_usager(participation: Participation) -> bool:
    """Whether an usager has cancelled it, and nobody has changed that since."""
    is_theirs = participation.status is Status.EXCUSED and participation.cancelled_by == Actor.USAGER.value
    return is_theirs and participation.cancelled_at is not None and participation.removed_at is None


def _ended_along(connection: Connection, meant: Participation) -> list[Participation]:
    """The others that ended together with this cancelled one."""
    others = [] if meant.appointment.collective else participations_beside(connection, meant)
    return [one for one in others if (one.status, one.cancelled_at) == (meant.status, meant.cancelled_at)]


def _is_by_agent(participation: Participation) -> bool:
    """Whether an agent has cancelled it here."""
    is_here = participation.cancelled_way != Via.WEBHOOK.value
    return participation.status.is_cancelled and participation.cancelled_by == Actor.AGENT.value and is_here


def _end(
    connection: Connection, wanted: Sequence[Participation], canceller: Canceller, now: datetime
) -> list[Participation]:
    """The one conditional UPDATE. Whoever changes a row has cancelled; anybody else finds it cancelled already.

    Returns those that were changed, in their order.
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
# A reminder that was about to leave has been refused meanwhile: it is written again.
_REMINDER_REFUSED = exists().where(
    outgoing_messages.c.appointment_id == participations.c.appointment_id,
    outgoing_messages.c.kind == "reminder",
    outgoing_messages.c.state == "refused",
    outgoing_messages.c.finished_at >= participations.c.cancelled_at,
)
_TAKE_BACK = (
    update(participations)
    .where(participations.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        status=Status.UNKNOWN.value,
        cancelled_at=None,
        cancelled_by=None,
        cancelled_way=None,
        held_until=None,
        announced_at=participations.c.announced_before,
        announced_before=None,
        reminded_at=case((_REMINDER_REFUSED, None), else_=participations.c.reminded_at),
    )
)
_STANDS_AGAIN = (
    update(appointments)
    .where(appointments.c.id == bindparam("this"))
    .values(
        changed_at=bindparam("now"),
        calendar_sequence=appointments.c.calendar_sequence + 1,
        status=case((appointments.c.status.in_(_CANCELLED), Status.UNKNOWN.value), else_=appointments.c.status),
    )
    .returning(appointments.c.calendar_sequence)
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
