"""How agents name an appointment or a participation, and cancel it: through the API, in the console or from the shell.

A name of the form of a public id (`public_ids`) is always read as one. Any other name is the source's id, if it fits a
single appointment.

Agents may cancel at any time, without the notice that usagers must give. If it was cancelled before, nothing happens
and the agent is told so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, select

from smsbot.agents.public_ids import PublicId
from smsbot.appointments import undoing
from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.participation_queries import participation_of, participations_of
from smsbot.model import Canceller, Status, Via
from smsbot.problem import Problem
from smsbot.store.tables import appointments, participations


class NotFound(Problem):
    """Nothing has this name, or the agent may not see it."""


class Ambiguous(Problem):
    """Several sources have an appointment with this id."""


def find_meant(connection: Connection, name: str, *, source: str) -> tuple[int, int | None]:
    """Our ids of the appointment and the participation that `name` means.

    The second is None where the whole appointment is meant. `source` is the source of the id, if it is no public id.
    Raises NotFound.
    """
    participation_id = PublicId.PARTICIPATION.number_in(name)
    if participation_id is None:
        return find_appointment(connection, name, source=source), None
    of_it = (participations.c.id == participation_id) & participations.c.removed_at.is_(None)
    appointment_id = connection.execute(select(participations.c.appointment_id).where(of_it)).scalar_one_or_none()
    if appointment_id is None:
        raise NotFound(name)
    return appointment_id, participation_id


def find_appointment(connection: Connection, name: str, *within: ColumnElement[bool], source: str | None = None) -> int:
    """Our id of the appointment that `name` means, among those that meet the conditions `within`.

    `source` is the source of the id, if it is no public id; None for any source. Raises NotFound, also for a destroyed
    appointment, and Ambiguous.
    """
    number = PublicId.APPOINTMENT.number_in(name)
    if number is not None:
        named = appointments.c.id == number
    elif source is not None:
        named = (appointments.c.source == source) & (appointments.c.external_id == name)
    else:
        named = appointments.c.external_id == name
    present = select(appointments.c.id).where(named, appointments.c.destroyed_at.is_(None), *within)
    ids = _matches(connection, present, name)
    if not ids:
        raise NotFound(name)
    if len(ids) > 1:
        raise Ambiguous(name)
    return ids[0]


def find_participation(connection: Connection, name: str, appointment_id: int) -> int:
    """Our id of the participation that `name` means in this appointment. Raises NotFound."""
    number = PublicId.PARTICIPATION.number_in(name)
    named = participations.c.id == number if number is not None else participations.c.external_id == name
    of_it = (participations.c.appointment_id == appointment_id) & participations.c.removed_at.is_(None)
    ids = _matches(connection, select(participations.c.id).where(named, of_it), name)
    if not ids:
        raise NotFound(name)
    return ids[0]


def _matches(connection: Connection, statement: Select[int], name: str) -> Sequence[int]:
    """Our ids that the statement finds.

    A name with unprintable characters is not looked up, because PostgreSQL refuses some of them, such as NUL.
    """
    return connection.execute(statement).scalars().all() if name.isprintable() else ()


class AgentCancellation(StrEnum):
    """The result of an agent's cancellation."""

    CANCELLED = "cancelled"  # by this agent, now
    REQUESTED = "requested"  # its source was asked, now or before, and has not answered yet
    ALREADY_CANCELLED = "already_cancelled"  # by this agent or somebody else, before


class NotTakenBack(Problem):
    """The cancellation can no longer be undone, or there is none."""


class NotCancellable(Problem):
    """There is nothing to cancel, and it was not cancelled before."""


def cancel_as_agent(
    connection: Connection,
    door: Door,
    appointment_id: int,
    participation_id: int | None,
    canceller: Canceller,
    now: datetime,
) -> AgentCancellation:
    """Cancel this participation or, with None, the whole appointment. Raises NotCancellable.

    If one participation of an individual appointment is cancelled, the others are too: see `Door.cancel`.
    """
    if participation_id is None:
        verdict = door.cancel_appointment(connection, appointment_id, canceller, now)
    else:
        verdict = door.cancel(connection, participation_id, canceller, now)
    if verdict is Verdict.CANCELLED:
        return AgentCancellation.CANCELLED
    if verdict is Verdict.REQUESTED:
        return AgentCancellation.REQUESTED
    statuses = _statuses(connection, appointment_id, participation_id)
    if any(status.is_cancelled for status in statuses):
        return AgentCancellation.ALREADY_CANCELLED
    if not statuses:
        raise NotCancellable("Nobody takes part in this appointment: there is nothing to cancel.")
    raise NotCancellable(f"It is marked {' and '.join(sorted(set(statuses)))}: there is nothing left to cancel.")


def take_back_as_agent(
    connection: Connection,
    door: Door,
    appointment_id: int,
    participation_id: int | None,
    agent: str | None,
    via: Via,
    now: datetime,
) -> None:
    """Undo an agent's cancellation of which nobody has heard: see `undoing.take_back`. Raises NotTakenBack."""
    match undoing.take_back(connection, door.announcer, appointment_id, participation_id, agent, via, now):
        case undoing.TakingBack.TOO_LATE:
            raise NotTakenBack("It is too late: people have been told, or its source has been asked to cancel it.")
        case undoing.TakingBack.NOTHING:
            raise NotTakenBack("Nothing was cancelled here by an agent, or it was taken back before.")


def _statuses(connection: Connection, appointment_id: int, participation_id: int | None) -> list[Status]:
    if participation_id is None:
        return [each.status for each in participations_of(connection, appointment_id)]
    meant = participation_of(connection, participation_id)
    return [] if meant is None else [meant.status]
