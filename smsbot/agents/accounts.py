"""Agents' accounts: who they are, and in which organisations they may act.

An account is known by its e-mail address in lower case, which is also what identity providers such as ProConnect give.
It is never deleted, because the audit names it. A revoked account has no tokens and no organisations.

Other systems have accounts too (`smsbot.agents.service_accounts`). They act like agents, so what they do is written
down in the same way, but they are never listed, found or told of anything as agents are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, exists, func, or_, select, update

from smsbot.appointments.audit import AuditedAct, note
from smsbot.model import Actor, Via
from smsbot.store.database import insert
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    agent_administrators,
    agent_identities,
    agent_organisations,
    agent_password_resets,
    agent_passwords,
    agent_sessions,
    agent_tokens,
    agents,
    appointments,
    calendar_feeds,
    event_subscriptions,
    organisations,
    service_accounts,
)

IS_AGENT = ~exists().where(service_accounts.c.agent_id == agents.c.id)
"""A condition on `agents`: an agent, and not the account of another system."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts: an agent who is not revoked, or another system, whose `email` is the name of its account.

    `everywhere` is True for a system that may act in all organisations.
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
    """What is known of an account. `organisations` are pairs of source and its id of the organisation, sorted."""

    email: str
    organisations: tuple[tuple[str, str], ...]
    tokens: Tokens
    revoked_at: datetime | None


def add_agent(
    connection: Connection,
    email: str,
    source: str,
    organisation_external_ids: Iterable[str],
    now: datetime,
    way: Via = Via.SHELL,
    administrator: Agent | None = None,
) -> Agent:
    """Let the agent of this address act in these organisations of `source` too, and return the agent.

    A revoked agent comes back with only these. `administrator` is who does it in the console, None for the shell.
    """
    known = insert(connection, agents).values(email=email.lower(), created_at=now)
    agent_id: int = connection.execute(
        known.on_conflict_do_update(index_elements=["email"], set_={"revoked_at": None}).returning(agents.c.id)
    ).scalar_one()
    rows = [
        {"agent_id": agent_id, "source": source, "organisation_external_id": external_id}
        for external_id in organisation_external_ids
    ]
    if rows:
        connection.execute(insert(connection, agent_organisations).on_conflict_do_nothing(), rows)
    agent = Agent(agent_id, email.lower())
    note_account(connection, "agent_added", agent, way, now, administrator)
    return agent


def take_organisation(
    connection: Connection, agent: Agent, source: str, external_id: str, now: datetime, administrator: Agent
) -> bool:
    """Take this organisation from the agent. False where it was not theirs. An agent who has none left is revoked."""
    theirs = agent_organisations.c.agent_id == agent.id
    this = (agent_organisations.c.source == source) & (agent_organisations.c.organisation_external_id == external_id)
    if connection.execute(delete(agent_organisations).where(theirs, this)).rowcount != 1:
        return False
    known = select(organisations.c.id).where(
        organisations.c.source == source, organisations.c.external_id == external_id
    )
    connection.execute(
        delete(calendar_feeds).where(calendar_feeds.c.agent_id == agent.id, calendar_feeds.c.organisation_id.in_(known))
    )
    if connection.execute(select(agent_organisations.c.agent_id).where(theirs).limit(1)).one_or_none() is None:
        revoke_agent(connection, agent.email, now, Via.CONSOLE, administrator)
    else:
        note_account(connection, "organisation_taken", agent, Via.CONSOLE, now, administrator)
    return True


def revoke_agent(
    connection: Connection,
    email: str,
    now: datetime,
    way: Via = Via.SHELL,
    administrator: Agent | None = None,
) -> bool:
    """Revoke the agent: their tokens and their organisations end now. False where there is no such agent."""
    agent = find_agent(connection, email)
    if agent is None:
        return False
    shut_out(connection, agent, now)
    note_account(connection, "agent_revoked", agent, way, now, administrator)
    return True


def shut_out(connection: Connection, agent: Agent, now: datetime) -> None:
    """End all that this account may do. The caller writes the audit."""
    connection.execute(update(agents).where(agents.c.id == agent.id).values(revoked_at=now))
    connection.execute(delete(agent_tokens).where(agent_tokens.c.agent_id == agent.id))
    connection.execute(delete(agent_organisations).where(agent_organisations.c.agent_id == agent.id))
    connection.execute(delete(event_subscriptions).where(event_subscriptions.c.agent_id == agent.id))
    end_every_way_in(connection, agent.id)


def find_agent(connection: Connection, email: str) -> Agent | None:
    """The agent of this address, in any case; None where there is none or the agent is revoked."""
    known = (agents.c.email == email.lower()) & agents.c.revoked_at.is_(None) & IS_AGENT
    row = connection.execute(select(agents.c.id, agents.c.email).where(known)).one_or_none()
    return None if row is None else Agent(row.id, row.email)


def tokens_of_agents(connection: Connection, now: datetime) -> dict[int, Tokens]:
    """The valid tokens of every agent who has any, by our id of the agent."""
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
    return {row.agent_id: Tokens(row.number, row.used_at, row.expires_at) for row in connection.execute(statement)}


def list_accounts(connection: Connection, now: datetime) -> list[Account]:
    """The account of every agent, revoked ones included, by address."""
    tokens = tokens_of_agents(connection, now)
    held: dict[int, list[tuple[str, str]]] = {}
    for row in connection.execute(select(agent_organisations)):
        held.setdefault(row.agent_id, []).append((row.source, row.organisation_external_id))
    rows = connection.execute(select(agents).where(IS_AGENT).order_by(agents.c.email))
    return [
        Account(row.email, tuple(sorted(held.get(row.id, ()))), tokens.get(row.id, Tokens()), row.revoked_at)
        for row in rows
    ]


def may_act_in(connection: Connection, agent: Agent, source: str, organisation_external_id: str) -> bool:
    """Whether the agent may act in this organisation. It need not be known here."""
    if agent.everywhere:
        return True
    theirs = select(agent_organisations.c.agent_id).where(
        agent_organisations.c.agent_id == agent.id,
        agent_organisations.c.source == source,
        agent_organisations.c.organisation_external_id == organisation_external_id,
    )
    return connection.execute(theirs).one_or_none() is not None


def has_agents(connection: Connection, source: str, organisation_external_id: str) -> bool:
    """Whether any agent may act in this organisation, and so sees its messages. A revoked agent has no organisation."""
    return bool(_ITS_AGENTS.rows(connection, {"source": source, "organisation": organisation_external_id}))


_ITS_AGENTS = Prepared(
    select(agent_organisations.c.agent_id)
    .where(
        agent_organisations.c.source == bindparam("source"),
        agent_organisations.c.organisation_external_id == bindparam("organisation"),
        ~exists().where(service_accounts.c.agent_id == agent_organisations.c.agent_id),
    )
    .limit(1)
)


def within_reach(agent: Agent) -> ColumnElement[bool]:
    """A condition on `appointments`: those in the agent's organisations at the moment of the query.

    An appointment without an organisation is not within any agent's reach.
    """
    if agent.everywhere:
        return appointments.c.organisation_id.is_not(None)
    return appointments.c.organisation_id.in_(organisations_within_reach(agent, organisations.c.id))


def organisations_within_reach(agent: Agent, *columns: ColumnElement[Any]) -> Select[Any]:
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


def note_account(
    connection: Connection, act: AuditedAct, agent: Agent, way: Via, now: datetime, administrator: Agent | None
) -> None:
    """Write into the audit what was done to the account of `agent`: by this administrator, or from the shell."""
    note(
        connection,
        now,
        act,
        Actor.AGENT if way is Via.CONSOLE else Actor.SYSTEM,
        way,
        agent=agent.email,
        administrator_id=None if administrator is None else administrator.id,
    )


def is_administrator(connection: Connection, agent: Agent) -> bool:
    statement = select(agent_administrators.c.agent_id).where(agent_administrators.c.agent_id == agent.id)
    return connection.execute(statement).one_or_none() is not None


def name_administrator(connection: Connection, agent: Agent) -> None:
    """From now on the agent manages the agents of their own organisations."""
    connection.execute(insert(connection, agent_administrators).values(agent_id=agent.id).on_conflict_do_nothing())


def dismiss_administrator(connection: Connection, agent: Agent) -> None:
    """The agent manages nobody any longer. Everything else stays."""
    connection.execute(delete(agent_administrators).where(agent_administrators.c.agent_id == agent.id))


def end_every_way_in(connection: Connection, agent_id: int) -> None:
    """Delete the agent's sessions, password, links, identities at a provider, calendars, and the right to manage
    agents.
    """
    tables = (
        *(agent_sessions, agent_passwords, agent_password_resets, agent_identities),
        *(calendar_feeds, agent_administrators),
    )
    for table in tables:
        connection.execute(delete(table).where(table.c.agent_id == agent_id))
