"""What an administrator does to colleagues' accounts, only in the administrator's own organisations.

For everybody else, all functions raise `OutOfReach` before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from smsbot.agents.accounts import (
    IS_AGENT,
    Agent,
    Tokens,
    add_agent,
    end_every_way_in,
    find_agent,
    is_administrator,
    take_organisation,
    tokens_of_agents,
)
from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of
from smsbot.model import Via
from smsbot.store.database import serialise
from smsbot.store.tables import agent_administrators, agent_organisations, agents, organisations


@dataclass(frozen=True, slots=True)
class Colleague:
    """An agent who may act in some of the administrator's organisations. Only these are listed."""

    agent: Agent
    organisations: tuple[KnownOrganisation, ...]
    is_administrator: bool
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class ManagedAccounts:
    """What an administrator manages: their organisations by name, and everybody who may act in them by address."""

    organisations: Sequence[KnownOrganisation]
    colleagues: Sequence[Colleague]

    def find(self, agent_id: int, organisation_id: int) -> tuple[Agent, KnownOrganisation]:
        """This colleague and this organisation of theirs, by our ids. Raises OutOfReach."""
        for colleague in self.colleagues:
            for organisation in colleague.organisations:
                if (colleague.agent.id, organisation.id) == (agent_id, organisation_id):
                    return colleague.agent, organisation
        raise OutOfReach("no such agent")


def managed_accounts(connection: Connection, administrator: Agent, now: datetime) -> ManagedAccounts:
    """All that this administrator manages."""
    tokens = tokens_of_agents(connection, now)
    own = organisations_of(connection, administrator)
    by_id = {each.id: each for each in own}
    rows = connection.execute(
        select(
            agents.c.id,
            agents.c.email,
            organisations.c.id.label("organisation_id"),
            agent_administrators.c.agent_id.label("administrator_id"),
        )
        .select_from(
            agents.join(agent_organisations)
            .join(
                organisations,
                (organisations.c.source == agent_organisations.c.source)
                & (organisations.c.external_id == agent_organisations.c.organisation_external_id),
            )
            .outerjoin(agent_administrators, agent_administrators.c.agent_id == agents.c.id)
        )
        .where(agents.c.revoked_at.is_(None), IS_AGENT, organisations.c.id.in_(by_id))
        .order_by(agents.c.email, organisations.c.name)
    )
    found: dict[Agent, tuple[list[KnownOrganisation], bool]] = {}
    for row in rows:
        held, _ = found.setdefault(Agent(row.id, row.email), ([], row.administrator_id is not None))
        held.append(by_id[row.organisation_id])
    colleagues = [
        Colleague(agent, tuple(held), is_one, tokens.get(agent.id, Tokens())) for agent, (held, is_one) in found.items()
    ]
    return ManagedAccounts(own, colleagues)


def add_colleague(
    connection: Connection, administrator: Agent, email: str, organisation_id: int, now: datetime
) -> Agent:
    """Let the agent of this address act in this organisation of the administrator's. Raises OutOfReach.

    A revoked agent begins anew, without password, session or any other former way in.
    """
    source, external_id = lock_managed_organisation(connection, administrator, organisation_id)
    was_shut_out = find_agent(connection, email) is None
    agent = add_agent(connection, email, source, [external_id], now, Via.CONSOLE, administrator)
    if was_shut_out:
        end_every_way_in(connection, agent.id)
    return agent


def remove_colleague(
    connection: Connection, administrator: Agent, agent_id: int, organisation_id: int, now: datetime
) -> None:
    """Take this organisation from a colleague, who is revoked if none is left.

    Raises OutOfReach, also for the administrator themself and for an agent who does not exist.
    """
    source, external_id = lock_managed_organisation(connection, administrator, organisation_id)
    if agent_id == administrator.id:
        raise OutOfReach("nobody removes themselves")
    statement = select(agents.c.email).where(agents.c.id == agent_id, agents.c.revoked_at.is_(None), IS_AGENT)
    email = connection.execute(statement).scalar_one_or_none()
    if email is None:
        raise OutOfReach("no such agent")
    if not take_organisation(connection, Agent(agent_id, email), source, external_id, now, administrator):
        raise OutOfReach("no such agent")


def lock_managed_organisation(connection: Connection, administrator: Agent, organisation_id: int) -> tuple[str, str]:
    """The source of an organisation of the administrator's, and its id there. Locks who may act in it and who is told.

    So such changes come one after the other: if two administrators remove each other, the second is none any more.
    Raises OutOfReach.
    """
    serialise(connection, "accounts")
    if not is_administrator(connection, administrator):
        raise OutOfReach("only administrators manage accounts")
    held = exists().where(
        agent_organisations.c.agent_id == administrator.id,
        agent_organisations.c.source == organisations.c.source,
        agent_organisations.c.organisation_external_id == organisations.c.external_id,
    )
    statement = select(organisations.c.source, organisations.c.external_id)
    row = connection.execute(statement.where(organisations.c.id == organisation_id, held)).one_or_none()
    if row is None:
        raise OutOfReach("no such organisation")
    return row.source, row.external_id
