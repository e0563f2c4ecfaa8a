"""What an agent may see and change: the appointments and messages of their organisations.

Every statement of the console that reads or writes such a row has one of these conditions, in the same transaction. So
an agent who loses an organisation no longer sees it at the next click.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from smsbot.agents.accounts import (
    AGENT_COLUMNS,
    IS_AGENT,
    IS_PROGRAM,
    Agent,
)
from smsbot.made_often import made_often
from smsbot.outbox.messages import lists_appointments_outside
from smsbot.problem import Problem
from smsbot.store.prepared import Prepared, RowValues
from smsbot.store.tables import (
    agent_organisations,
    agents,
    appointments,
    events,
    incoming_messages,
    organisations,
    participations,
)
from smsbot.store.tables import outgoing_messages as outgoing


class OutOfReach(Problem):
    """It does not exist, or belongs to other organisations. Agents do not learn which."""


_about = appointments.alias("about")


@made_often
@dataclass(frozen=True, slots=True)
class KnownOrganisation:
    """One of an agent's organisations that has had appointments here. `id` is ours."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class GivenAgent:
    """Stands for an agent in a prepared statement, which has a parameter `agent_id`. `everywhere` is as in `Agent`."""

    everywhere: bool
    id: BindParameter[int] = field(default_factory=lambda: bindparam("agent_id", type_=BigInteger()))


AnyAgent: TypeAlias = Agent | GivenAgent


class PreparedForAgents:
    """A statement about what an agent may see, prepared twice: for agents of some organisations and of all."""

    def __init__(self, build: Callable[[GivenAgent], Select[Any]]) -> None:
        self._prepared = {everywhere: Prepared(build(GivenAgent(everywhere))) for everywhere in (False, True)}

    def rows(self, connection: Connection, agent: Agent, values: Mapping[str, Any] | None = None) -> list[RowValues]:
        """All rows. `values` are for its named bind parameters other than `agent_id`."""
        return self._prepared[agent.everywhere].rows(connection, {"agent_id": agent.id, **(values or {})})


def within_reach(agent: AnyAgent) -> ColumnElement[bool]:
    """A condition on `appointments`: those in the agent's organisations at the moment of the query.

    An appointment without an organisation is not within any agent's reach.
    """
    if agent.everywhere:
        return appointments.c.organisation_id.is_not(None)
    return appointments.c.organisation_id.in_(organisations_within_reach(agent, organisations.c.id))


def organisations_within_reach(agent: AnyAgent, *columns: ColumnElement[Any]) -> Select[Any]:
    """These columns of the organisations that the agent may act in and that are known here."""
    if agent.everywhere:
        return select(*columns).select_from(organisations)
    is_held = (agent_organisations.c.source == organisations.c.source) & (
        agent_organisations.c.organisation_external_id == organisations.c.external_id
    )
    return (
        select(*columns)
        .join_from(organisations, agent_organisations, is_held)
        .where(agent_organisations.c.agent_id == agent.id)
    )


def sources_of(agent: Agent) -> Select[tuple[str]]:
    """The sources of the organisations in which the agent may act."""
    if agent.everywhere:
        return select(organisations.c.source)
    return select(agent_organisations.c.source).where(agent_organisations.c.agent_id == agent.id)


def _ids_within_reach(agent: AnyAgent) -> Select[Any]:
    return organisations_within_reach(agent, organisations.c.id)


def organisations_of(connection: Connection, agent: Agent) -> list[KnownOrganisation]:
    """The agent's organisations, sorted by name. One without a name has its id at the source as its name."""
    return [KnownOrganisation(*row) for row in _KNOWN_ORGANISATIONS.rows(connection, agent)]


_KNOWN_ORGANISATIONS = PreparedForAgents(
    lambda agent: organisations_within_reach(
        agent,
        organisations.c.id,
        func.coalesce(func.nullif(organisations.c.name, ""), organisations.c.external_id),
    ).order_by(organisations.c.name, organisations.c.id)
)


def organisation_within_reach(connection: Connection, agent: Agent, source: str, external_id: str) -> int:
    """Our id of this organisation, if it is one of the agent's and known here. Raises OutOfReach."""
    this = (organisations.c.source == source) & (organisations.c.external_id == external_id)
    found = connection.execute(_ids_within_reach(agent).where(this)).scalar_one_or_none()
    if found is None:
        raise OutOfReach("no such organisation")
    return int(found)


def incoming_within_reach(agent: AnyAgent) -> ColumnElement[bool]:
    """A condition on `incoming_messages`: those about one of the agent's organisations."""
    return incoming_messages.c.organisation_id.in_(_ids_within_reach(agent))


def outgoing_within_reach(agent: Agent) -> ColumnElement[bool]:
    """A condition on `outgoing_messages`: those about an appointment within reach, and answers to messages within
    reach.
    """
    # EXISTS, because IN would first read all appointments of the agent's organisations.
    about = exists().where(
        _about.c.id == outgoing.c.appointment_id,
        _about.c.organisation_id.in_(_ids_within_reach(agent)),
    )
    answered = exists().where(incoming_messages.c.id == outgoing.c.in_reply_to, incoming_within_reach(agent))
    return about | (outgoing.c.appointment_id.is_(None) & answered)


def events_within_reach(agent: Agent) -> ColumnElement[bool]:
    """A condition on `events`: those of the agent's organisations."""
    return events.c.organisation_id.in_(_ids_within_reach(agent))


def lists_appointments_out_of_reach(agent: Agent) -> ColumnElement[bool]:
    """A condition on `outgoing_messages`: the text also lists appointments of other organisations.

    The agent may not read such a text.
    """
    return lists_appointments_outside(_ids_within_reach(agent))


def colleagues(connection: Connection, agent: Agent, organisation_id: int | None = None) -> Sequence[Agent]:
    """The other agents who may act in this organisation (our id), or with None in any of the agent's, by address.

    Programs are left out (`accounts.IS_PROGRAM`).
    """
    values = {"organisation_id": organisation_id}
    rows = (_ALL_COLLEAGUES if organisation_id is None else _COLLEAGUES_THERE).rows(connection, agent, values)
    return [Agent(agent_id, email, role is not None) for agent_id, email, role in rows]


def _colleagues(agent: GivenAgent, *, there: bool) -> Select[Any]:
    this = organisations.c.id == bindparam("organisation_id", type_=BigInteger())
    is_named = exists().where(
        agent_organisations.c.agent_id == agents.c.id,
        agent_organisations.c.source == organisations.c.source,
        agent_organisations.c.organisation_external_id == organisations.c.external_id,
        this if there else organisations.c.id.in_(_ids_within_reach(agent)),
    )
    return (
        select(*AGENT_COLUMNS)
        .where(agents.c.revoked_at.is_(None), agents.c.id != agent.id, IS_AGENT, ~IS_PROGRAM)
        .where(or_(agents.c.role_everywhere.is_not(None), is_named))
        .order_by(agents.c.email)
    )


_ALL_COLLEAGUES = PreparedForAgents(partial(_colleagues, there=False))
_COLLEAGUES_THERE = PreparedForAgents(partial(_colleagues, there=True))


def require_within_reach(
    connection: Connection, agent: Agent, appointment_id: int, participation_id: int | None = None
) -> dict[int, str]:
    """Raises OutOfReach where this appointment is not in the agent's organisations, or has no such participation.

    Returns the contacts of all participations, or only of the one that is meant, by our id of the participation. A
    contact is the telephone number, else the e-mail address, else "".
    """
    present = (appointments.c.id == appointment_id) & appointments.c.destroyed_at.is_(None)
    of_it = (participations.c.appointment_id == appointments.c.id) & participations.c.removed_at.is_(None)
    one_alone = participation_id is not None
    if one_alone:
        of_it &= participations.c.id == participation_id
    contact = func.coalesce(participations.c.phone, participations.c.email, "")
    there = appointments.join(participations, of_it, isouter=not one_alone)
    statement = select(participations.c.id, contact).select_from(there).where(present, within_reach(agent))
    rows = connection.execute(statement).all()
    if not rows:
        raise OutOfReach("no such appointment")
    return {participation: reached for participation, reached in rows if participation is not None}


_LARGEST_ID = 2**63 - 1


def read_id(text: str) -> int | None:
    """Our id in a text from an address or a form; None where the text cannot be one, however long it is."""
    if len(text) > 19 or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if number <= _LARGEST_ID else None


def row_id(text: str) -> int:
    """Like `read_id`, but raises OutOfReach where the text cannot be an id."""
    number = read_id(text)
    if number is None:
        raise OutOfReach("no such id")
    return number
