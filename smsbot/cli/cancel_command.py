"""`smsbot cancel` cancels one appointment as agents do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from smsbot.agents.accounts import find_agent
from smsbot.agents.appointment_actions import (
    AgentCancellation,
    NotCancellable,
    NotFound,
    cancel,
    find,
    find_appointment,
    public_appointment_id,
)
from smsbot.agents.permissions import within_reach
from smsbot.appointments.cancellation import Door
from smsbot.cli.common import CommandFailed
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database


def cancel_appointment(database: Database, door: Door, name: str, source: str, agent: str | None, now: datetime) -> str:
    """Cancel the appointment or participation `name` and return a line that says so.

    `name` is `rdv-12`, a single participation `part-34`, or the id at `source`. `agent` is the e-mail address of the
    agent who cancels, for the audit; agents may cancel only in their organisations. None is for the operator of the
    service. Raises CommandFailed.
    """

    def work(connection: Connection) -> str:
        try:
            appointment_id, participation_id = find(connection, name, source=source)
            public = public_appointment_id(appointment_id)
            canceller = Canceller(Actor.AGENT, Via.SHELL, Status.REVOKED, agent=_agent(connection, agent, public))
            outcome = cancel(connection, door, appointment_id, participation_id, canceller, now)
        except NotFound:
            raise CommandFailed(f"There is no appointment {name} of the source {source}.") from None
        except NotCancellable as problem:
            raise CommandFailed(f"{name} cannot be cancelled: {problem.sentence}") from None
        return f"{_SAID[outcome]}: {public if participation_id is None else name}."

    return database.write_now(work)


_SAID = {
    AgentCancellation.CANCELLED: "Cancelled",
    AgentCancellation.ALREADY_CANCELLED: "Already cancelled before",
    AgentCancellation.REQUESTED: "Not cancelled yet, its source has been asked to cancel it",
}


def _agent(connection: Connection, email: str | None, appointment: str) -> str | None:
    if email is None:
        return None
    agent = find_agent(connection, email)
    if agent is None:
        raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
    try:
        find_appointment(connection, appointment, within_reach(agent))
    except NotFound:
        raise CommandFailed(f"{appointment} is not in an organisation of {agent.email}.") from None
    return agent.email
