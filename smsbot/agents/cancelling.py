"""An agent cancels an appointment, through the API, in the console or from the shell, and learns the result.

Agents may cancel at any time, without the notice that usagers must give. If it was cancelled before, nothing happens
and the agent is told so.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from smsbot.appointments.cancellation import Canceller, Door, Verdict
from smsbot.appointments.queries import participation_of, participations_of
from smsbot.model import Status
from smsbot.problem import Problem


class AgentCancellation(StrEnum):
    """The result. It is cancelled in both cases."""

    CANCELLED = "cancelled"  # by this agent now
    ALREADY_CANCELLED = "already_cancelled"  # before, by anybody


class NotCancellable(Problem):
    """There is nothing to cancel, and it was not cancelled before."""


def cancel(
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
    statuses = _statuses(connection, appointment_id, participation_id)
    if any(status.is_cancelled for status in statuses):
        return AgentCancellation.ALREADY_CANCELLED
    if not statuses:
        raise NotCancellable("Nobody takes part in this appointment: there is nothing to cancel.")
    raise NotCancellable(f"It is marked {' and '.join(sorted(set(statuses)))}: there is nothing left to cancel.")


def _statuses(connection: Connection, appointment_id: int, participation_id: int | None) -> list[Status]:
    if participation_id is None:
        return [each.status for each in participations_of(connection, appointment_id)]
    meant = participation_of(connection, participation_id)
    return [] if meant is None else [meant.status]
