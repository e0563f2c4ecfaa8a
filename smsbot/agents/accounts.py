"""Agents' accounts: who they are, in which organisations they may act, and as what.

An account is known by its e-mail address in lower case, which is also what identity providers such as ProConnect give.
It is never deleted, because the audit names it. A revoked account has no tokens and no organisations.

Other systems have accounts too (`smsbot.agents.service_accounts`). They act like agents, so their acts are recorded in
the same way. But they are never listed or found among agents, and never notified.

In each organisation, or in all of them at once, an account is an agent or an administrator. An administrator does all
that an agent does, and manages the accounts of the organisation (`smsbot.agents.administration`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
)

from smsbot.model import OrganisationReference
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    agent_identities,
    agent_organisations,
    agent_passwords,
    agent_tokens,
    agents,
    service_accounts,
)


class Role(StrEnum):
    """What an account is in an organisation. An administrator is an agent too."""

    AGENT = "agent"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts: an agent who is not revoked, or another system, whose `email` is the name of its account.

    `everywhere` says that they may act in all organisations, as it was read in this transaction. It does not count in
    comparisons.
    """

    id: int
    email: str
    everywhere: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """An agent's valid API tokens: how many, when one was last used, and when the first of them expires."""

    number: int = 0
    used_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of an account.

    `organisations` are those named for it, sorted; `administers` are those among them where it is an administrator.
    `everywhere` is its role in all organisations; None where it has none there. `signed_in_at` is when somebody last
    signed in to the console with it.
    """

    email: str
    organisations: tuple[OrganisationReference, ...]
    tokens: Tokens
    revoked_at: datetime | None
    name: str | None = None
    administers: frozenset[OrganisationReference] = frozenset()
    everywhere: Role | None = None
    signed_in_at: datetime | None = None


AGENT_COLUMNS = (agents.c.id, agents.c.email, agents.c.role_everywhere)
"""The columns that `agent_of` needs in a row."""


def reference_in(row: Any) -> OrganisationReference:
    """The organisation in a row with the columns `source` and `organisation_external_id`."""
    return OrganisationReference(row.source, row.organisation_external_id)


def agent_of(row: Any) -> Agent:
    """The agent in a row with `AGENT_COLUMNS`."""
    return Agent(row.id, row.email, row.role_everywhere is not None)


IS_AGENT: ColumnElement[bool] = ~exists().where(service_accounts.c.agent_id == agents.c.id)
"""A condition on `agents`: an agent, and not the account of another system."""

IS_ADMINISTRATOR: ColumnElement[bool] = or_(
    agents.c.role_everywhere == Role.ADMINISTRATOR.value,
    exists().where(
        agent_organisations.c.agent_id == agents.c.id, agent_organisations.c.role == Role.ADMINISTRATOR.value
    ),
)
"""A condition on `agents`: those who administer at least one organisation."""

IS_PROGRAM: ColumnElement[bool] = exists().where(agent_tokens.c.agent_id == agents.c.id) & ~(
    exists().where(agent_passwords.c.agent_id == agents.c.id)
    | exists().where(agent_identities.c.agent_id == agents.c.id)
)
"""A condition on `agents`: technical accounts, with API tokens, but without a password or an identity at a provider."""


def find_agent(connection: Connection, email: str) -> Agent | None:
    """The agent with this address, in capitals or not; None where there is none or the agent is revoked."""
    known = (agents.c.email == email.lower()) & agents.c.revoked_at.is_(None) & IS_AGENT
    row = connection.execute(select(*AGENT_COLUMNS).where(known)).one_or_none()
    return None if row is None else agent_of(row)


def where_named(connection: Connection, agent: Agent) -> dict[OrganisationReference, Role]:
    """The organisations that are named for the agent, each with the agent's role there."""
    rows = connection.execute(select(agent_organisations).where(agent_organisations.c.agent_id == agent.id))
    return {reference_in(row): Role(row.role) for row in rows}


def role_everywhere(connection: Connection, agent: Agent) -> Role | None:
    """The agent's role in all organisations; None where they have none there."""
    role = connection.execute(select(agents.c.role_everywhere).where(agents.c.id == agent.id)).scalar_one_or_none()
    return None if role is None else Role(role)


def is_administered_everywhere(connection: Connection) -> bool:
    """Whether anybody administers all organisations."""
    everywhere = select(agents.c.id).where(agents.c.role_everywhere == Role.ADMINISTRATOR.value).limit(1)
    return connection.execute(everywhere).one_or_none() is not None


def tokens_of_agents(
    connection: Connection, now: datetime, agent_ids: Collection[int] | None = None
) -> dict[int, Tokens]:
    """The valid tokens of those of these agents who have any, by our id of the agent. None: of all agents."""
    statement = (
        select(
            agent_tokens.c.agent_id,
            func.count().label("number"),
            func.max(agent_tokens.c.used_at).label("used_at"),
            func.min(agent_tokens.c.expires_at).label("expires_at"),
        )
        .where(or_(agent_tokens.c.expires_at.is_(None), agent_tokens.c.expires_at > now))
        .group_by(agent_tokens.c.agent_id)
    )
    if agent_ids is not None:
        statement = statement.where(agent_tokens.c.agent_id.in_(agent_ids))
    return {row.agent_id: Tokens(row.number, row.used_at, row.expires_at) for row in connection.execute(statement)}


def list_accounts(connection: Connection, now: datetime) -> list[Account]:
    """The account of every agent, revoked ones included, by address."""
    tokens = tokens_of_agents(connection, now)
    held: dict[int, dict[OrganisationReference, Role]] = {}
    for row in connection.execute(select(agent_organisations)):
        key = reference_in(row)
        held.setdefault(row.agent_id, {})[key] = Role(row.role)
    rows = connection.execute(select(agents).where(IS_AGENT).order_by(agents.c.email))
    return [
        Account(
            row.email,
            tuple(sorted(held.get(row.id, ()))),
            tokens.get(row.id, Tokens()),
            row.revoked_at,
            row.name,
            frozenset(key for key, role in held.get(row.id, {}).items() if role is Role.ADMINISTRATOR),
            None if row.role_everywhere is None else Role(row.role_everywhere),
            row.signed_in_at,
        )
        for row in rows
    ]


def may_act_in(connection: Connection, agent: Agent, source: str, organisation_external_id: str) -> bool:
    """Whether the agent may act in this organisation. It need not be known here."""
    named = select(agent_organisations.c.agent_id).where(
        is_named_for(agent, OrganisationReference(source, organisation_external_id))
    )
    return agent.everywhere or connection.execute(named).one_or_none() is not None


def has_agents(connection: Connection, source: str, organisation_external_id: str) -> bool:
    """Whether any agent may act in this organisation, so that somebody sees its messages."""
    return bool(_ITS_AGENTS.rows(connection, {"source": source, "organisation": organisation_external_id}))


_ITS_AGENTS = Prepared(
    select(literal(1).label("there")).where(
        or_(
            exists().where(
                agent_organisations.c.source == bindparam("source"),
                agent_organisations.c.organisation_external_id == bindparam("organisation"),
                ~exists().where(service_accounts.c.agent_id == agent_organisations.c.agent_id),
            ),
            exists().where(agents.c.role_everywhere.is_not(None), IS_AGENT),
        )
    )
)


def is_named_for(agent: Agent, key: OrganisationReference) -> ColumnElement[bool]:
    """A condition on `agent_organisations`: this organisation, named for this agent."""
    return (
        (agent_organisations.c.agent_id == agent.id)
        & (agent_organisations.c.source == key.source)
        & (agent_organisations.c.organisation_external_id == key.external_id)
    )
