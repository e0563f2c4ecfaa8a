"""Takes cancellations back: for an agent while nobody knows of it, and for the usager who cancelled.

An appointment of a connected source stands again only when it does so there. When an usager takes such a cancellation
back, the source is asked (`taking_back_requests`), and `taken_back_there` is called afterwards. The `Announcer` writes
what people have to be told to the outbox, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, case, exists, update

from smsbot.appointments.appointment import Participation
from smsbot.appointments.audit import note_each
from smsbot.appointments.cancellation import Announcer, Ended, let_go
from smsbot.appointments.intake.late_echoes import have_read_again
from smsbot.appointments.participation_queries import ending_with, hold_participations_of
from smsbot.appointments.requests import CancellationRequest, withdraw_request
from smsbot.appointments.taking_back_requests import cancellations_of_usagers, record_taking_back
from smsbot.events import EventType, record_participations
from smsbot.model import CANCELLED_STATUSES, Actor, Canceller, Status, Via
from smsbot.store.tables import appointments, outgoing_messages, participations


class TakingBack(StrEnum):
    """The result of taking a cancellation back."""

    TAKEN_BACK = "taken_back"
    TOO_LATE = "too_late"  # people were told, or may have been; or the source was asked
    NOTHING = "nothing"  # no agent has cancelled it here, or it was taken back before


def take_back(
    connection: Connection,
    announcer: Announcer,
    appointment_id: int,
    participation_id: int | None,
    agent: str | None,
    via: Via,
    now: datetime,
) -> TakingBack:
    """Undo what agents have cancelled in this appointment, while nobody knows of it.

    With `participation_id`, only the cancellation that ended this participation is undone, for all participations that
    it ended. Where a connected source has not been asked yet, the request to it is withdrawn.
    """
    known = hold_participations_of(connection, appointment_id)
    meant = [one for one in known if participation_id in (None, one.id)]
    if any(one.cancellation_requested_at is not None for one in meant):
        return _withdraw_request(connection, appointment_id, participation_id, agent, via, now)
    acts = sorted({one.cancelled_at for one in meant if one.cancelled_at is not None and _is_by_agent(one)})
    taken: list[Participation] = []
    for act in acts:
        theirs = [one for one in known if one.cancelled_at == act and _is_by_agent(one)]
        is_held = all(one.held_until is not None and one.held_until > now for one in theirs)
        if is_held and announcer.withdraw(connection, appointment_id, act, now):
            taken += theirs
        elif is_held:
            let_go(connection, appointment_id)
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
    # While the request was open, a cancellation that the source reported was left to the request.
    have_read_again(connection, [appointment_id], now)
    about = [(appointment_id, each) for each in sorted(freed)]
    note_each(connection, now, "cancellation_taken_back", Actor.AGENT, via, about, agent=agent)
    return TakingBack.TAKEN_BACK


def stand_again(connection: Connection, announcer: Announcer, meant: Participation, via: Via, now: datetime) -> bool:
    """Undo the cancellation of this participation by its usager, for all participations that ended with it.

    The participation is locked in this transaction. If somebody has changed it since, nothing happens and the result is
    False.
    """
    if not _is_by_its_usager(meant):
        return False
    _stand_again(connection, announcer, (meant, *_ended_along(connection, meant)), via, now)
    return True


def ask_to_stand_again(connection: Connection, meant: Participation, canceller: Canceller, now: datetime) -> bool:
    """Ask the source that owns the appointment to undo the cancellation of this participation by its usager.

    The participation is locked in this transaction. Its cancellation may itself be only requested so far. If somebody
    has changed it since, or the source has been asked already, nothing happens and the result is False.
    """
    if meant.taking_back_requested_at is not None:
        return False
    if meant.is_active and cancellations_of_usagers(connection, [meant.id]):
        others = ending_with(connection, meant)
        along = [one for one in others if one.is_active and one.cancellation_requested_at is not None]
    elif _is_by_its_usager(meant):
        along = _ended_along(connection, meant)
    else:
        return False
    record_taking_back(connection, meant, [meant, *along], canceller, now)
    return True


def taken_back_there(
    connection: Connection, announcer: Announcer, request: CancellationRequest, ids: Collection[int], now: datetime
) -> None:
    """Undo the cancellation of these participations (our ids), which stand again at their source.

    They are locked in this transaction. Those that were not cancelled here yet stay as they are.
    """
    known = hold_participations_of(connection, request.appointment_id)
    first = sorted(known, key=lambda one: one.id != request.participation_id)  # the one that was meant
    theirs = tuple(one for one in first if one.id in ids and one.status is Status.EXCUSED)
    via = request.canceller.via
    if theirs:
        _stand_again(connection, announcer, theirs, via, now)
    stood = [(request.appointment_id, one.id) for one in first if one.id in ids and one.is_active]
    note_each(connection, now, "cancellation_taken_back", Actor.USAGER, via, stood)


def _stand_again(
    connection: Connection, announcer: Announcer, theirs: tuple[Participation, ...], via: Via, now: datetime
) -> None:
    """Undo the cancellation of these participations; the first is the one that was meant."""
    meant = theirs[0]
    connection.execute(_TAKE_BACK, {"ids": [one.id for one in theirs]})
    sequence = connection.execute(_STANDS_AGAIN, {"this": meant.appointment.id, "now": now}).scalar_one()
    about = [(meant.appointment.id, one.id) for one in theirs]
    note_each(connection, now, "cancellation_taken_back", Actor.USAGER, via, about)
    stand = [one.id for one in theirs]
    record_participations(connection, EventType.CANCELLATION_TAKEN_BACK, Actor.USAGER, via, stand, now)
    ended = Ended(theirs, Canceller(Actor.USAGER, via), meant.cancelled_at or now, sequence)
    announcer.stands_again(connection, ended, now)


def _is_by_its_usager(participation: Participation) -> bool:
    """Whether an usager has cancelled it and nobody has changed it since."""
    is_theirs = participation.status is Status.EXCUSED and participation.cancelled_by == Actor.USAGER.value
    return is_theirs and participation.cancelled_at is not None and participation.removed_at is None


def _ended_along(connection: Connection, meant: Participation) -> list[Participation]:
    """The other participations that ended together with this one."""
    others = ending_with(connection, meant)
    return [one for one in others if (one.status, one.cancelled_at) == (meant.status, meant.cancelled_at)]


def _is_by_agent(participation: Participation) -> bool:
    """Whether an agent has cancelled it here."""
    is_here = participation.cancelled_way != Via.WEBHOOK.value
    return participation.status.is_cancelled and participation.cancelled_by == Actor.AGENT.value and is_here


# A reminder was refused because of the cancellation, so it has to be written again.
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
        status=case((appointments.c.status.in_(CANCELLED_STATUSES), Status.UNKNOWN.value), else_=appointments.c.status),
    )
    .returning(appointments.c.calendar_sequence)
)
