"""Agents' accounts: who they are, in which organisations they may act, and as what.

An account is known by its e-mail address in lower case, which is also what identity providers such as ProConnect give.
It is never deleted, because the audit names it. A revoked account has no tokens and no organisations.

Other systems have accounts too (`smsbot.agents.service_accounts`). They act like agents, so what they do is written
down in the same way, but they are never listed, found or told of anything as agents are.

In each organisation, or in all of them at once, an account is an agent or an administrator. An administrator does all
that an agent does, and manages the accounts of the organisation (`smsbot.agents.administration`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from smsbot.appointments.audit import AuditedAct, note
from smsbot.model import Actor, OrganisationReference, Via
from smsbot.rules.letters import fold_all
from smsbot.store.database import insert
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    agent_identities,
    agent_organisations,
    agent_password_resets,
    agent_passwords,
    agent_sessions,
    agent_tokens,
    agents,
    calendar_feeds,
    event_subscriptions,
    former_agent_organisations,
    organisations,
    service_accounts,
)


class Role(StrEnum):
    """What an account is in an organisation. An administrator is an agent too."""

    AGENT = "agent"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts: an agent who is not revoked, or another system, whose `email` is the name of its account.

    `everywhere` is whether they may act in all organisations, as it was read in this transaction. It is no part of who
    they are: two with one id are the same.
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
    `everywhere` is what it is in all organisations, None where it is nothing there. `signed_in_at` is when somebody
    last signed in to the console with it.
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
"""What `agent_of` needs in a row."""


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
"""A condition on `agents`: technical accounts, which have API tokens and which nobody has signed in to."""


# Who may do what ------------------------------------------------------------------------------------------------------


def add_agent(
    connection: Connection,
    email: str,
    source: str,
    organisation_external_ids: Iterable[str],
    now: datetime,
    way: Via = Via.SHELL,
    administrator: Agent | None = None,
    *,
    role: Role | None = None,
    name: str | None = None,
) -> Agent:
    """Let the agent of this address act in these organisations of `source` too, and return the agent.

    `role` is what they are there; with None an agent, or what they were. With `name`, the account gets this name. A
    revoked agent comes back with only these. `administrator` is who does it in the console, None for the shell.
    """
    agent = register(connection, email, now, name)
    keys = [OrganisationReference(source, external_id) for external_id in organisation_external_ids]
    let_act(connection, agent, keys, role)
    note_account(connection, "agent_added", agent, way, now, administrator, told(role or Role.AGENT, keys))
    return agent


def register(
    connection: Connection, email: str, now: datetime, name: str | None = None, *, renames: bool = True
) -> Agent:
    """The agent of this address, made where there is none, and no longer revoked.

    With `name`, the account gets this name; without `renames` only where it has none.
    """
    address = email.lower()
    values = {"email": address, "name": name, "searched": searched(name, address), "created_at": now}
    known = insert(connection, agents).values(values)
    change: dict[str, Any] = {"revoked_at": None}
    if name is not None:
        is_changed = true() if renames else agents.c.name.is_(None)
        for column in ("name", "searched"):
            change[column] = case((is_changed, values[column]), else_=agents.c[column])
    row = connection.execute(
        known.on_conflict_do_update(index_elements=["email"], set_=change).returning(*AGENT_COLUMNS)
    ).one()
    connection.execute(delete(former_agent_organisations).where(former_agent_organisations.c.agent_id == row.id))
    return agent_of(row)


def let_act(connection: Connection, agent: Agent, keys: Collection[OrganisationReference], role: Role | None) -> None:
    """Let the agent act in these organisations. `role` is what they are there; None: an agent, or what they were."""
    if not keys:
        return
    statement = insert(connection, agent_organisations)
    if role is None:
        statement = statement.on_conflict_do_nothing()
    else:
        statement = statement.on_conflict_do_update(
            index_elements=["agent_id", "source", "organisation_external_id"], set_={"role": role.value}
        )
    rows = [
        {
            "agent_id": agent.id,
            "source": key.source,
            "organisation_external_id": key.external_id,
            "role": (role or Role.AGENT).value,
        }
        for key in keys
    ]
    connection.execute(statement, rows)


def let_act_everywhere(connection: Connection, agent: Agent, role: Role | None) -> None:
    """Make the agent this in all organisations, the coming ones too. None: only where they are named."""
    value = None if role is None else role.value
    connection.execute(update(agents).where(agents.c.id == agent.id).values(role_everywhere=value))


def take_organisation(
    connection: Connection, agent: Agent, key: OrganisationReference, now: datetime, administrator: Agent
) -> bool:
    """Take this organisation from the agent. False where it was not theirs. An agent who has none left is revoked."""
    held = where_named(connection, agent)
    if key not in held:
        return False
    if len(held) == 1 and role_everywhere(connection, agent) is None:
        revoke_agent(connection, agent.email, now, Via.CONSOLE, administrator)
        return True
    connection.execute(delete(agent_organisations).where(_is_of(agent, key)))
    known = select(organisations.c.id).where(
        organisations.c.source == key.source, organisations.c.external_id == key.external_id
    )
    connection.execute(
        delete(calendar_feeds).where(calendar_feeds.c.agent_id == agent.id, calendar_feeds.c.organisation_id.in_(known))
    )
    note_account(connection, "organisation_taken", agent, Via.CONSOLE, now, administrator, told(held[key], [key]))
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
    columns = ("agent_id", "source", "organisation_external_id")
    former = select(*(agent_organisations.c[name] for name in columns))
    theirs = former.where(agent_organisations.c.agent_id == agent.id)
    connection.execute(former_agent_organisations.insert().from_select(columns, theirs))
    shut_out(connection, agent, now)
    note_account(connection, "agent_revoked", agent, way, now, administrator)
    return True


def shut_out(connection: Connection, agent: Agent, now: datetime) -> None:
    """End all that this account may do. The caller writes the audit."""
    connection.execute(update(agents).where(agents.c.id == agent.id).values(revoked_at=now, role_everywhere=None))
    connection.execute(delete(agent_tokens).where(agent_tokens.c.agent_id == agent.id))
    connection.execute(delete(agent_organisations).where(agent_organisations.c.agent_id == agent.id))
    connection.execute(delete(event_subscriptions).where(event_subscriptions.c.agent_id == agent.id))
    end_every_way_in(connection, agent.id)


def name_administrator(connection: Connection, agent: Agent, now: datetime) -> None:
    """From now on the agent manages the accounts of all organisations that they are in, as the shell says."""
    theirs = update(agent_organisations).where(agent_organisations.c.agent_id == agent.id)
    connection.execute(theirs.values(role=Role.ADMINISTRATOR.value))
    detail = told(Role.ADMINISTRATOR, where_named(connection, agent))
    note_account(connection, "role_given", agent, Via.SHELL, now, None, detail)


def dismiss_administrator(connection: Connection, agent: Agent, now: datetime) -> None:
    """The agent manages nobody any longer, as the shell says. They stay an agent wherever they were."""
    theirs = update(agent_organisations).where(agent_organisations.c.agent_id == agent.id)
    connection.execute(theirs.values(role=Role.AGENT.value))
    if role_everywhere(connection, agent) is not None:
        let_act_everywhere(connection, agent, Role.AGENT)
    note_account(connection, "role_given", agent, Via.SHELL, now, None, told(Role.AGENT, ()))


def end_every_way_in(connection: Connection, agent_id: int) -> None:
    """Delete the agent's sessions, password, links, identities at a provider, and calendars."""
    for table in (agent_sessions, agent_passwords, agent_password_resets, agent_identities, calendar_feeds):
        connection.execute(delete(table).where(table.c.agent_id == agent_id))


# Reading --------------------------------------------------------------------------------------------------------------


def find_agent(connection: Connection, email: str) -> Agent | None:
    """The agent of this address, in any case; None where there is none or the agent is revoked."""
    known = (agents.c.email == email.lower()) & agents.c.revoked_at.is_(None) & IS_AGENT
    row = connection.execute(select(*AGENT_COLUMNS).where(known)).one_or_none()
    return None if row is None else agent_of(row)


def where_named(connection: Connection, agent: Agent) -> dict[OrganisationReference, Role]:
    """The organisations that are named for the agent, and what they are there."""
    rows = connection.execute(select(agent_organisations).where(agent_organisations.c.agent_id == agent.id))
    return {OrganisationReference(row.source, row.organisation_external_id): Role(row.role) for row in rows}


def role_everywhere(connection: Connection, agent: Agent) -> Role | None:
    """What the agent is in all organisations; None where they are nothing there."""
    role = connection.execute(select(agents.c.role_everywhere).where(agents.c.id == agent.id)).scalar_one_or_none()
    return None if role is None else Role(role)


def is_administered_everywhere(connection: Connection) -> bool:
    """Whether anybody administers all organisations."""
    everywhere = select(agents.c.id).where(agents.c.role_everywhere == Role.ADMINISTRATOR.value).limit(1)
    return connection.execute(everywhere).one_or_none() is not None


def tokens_of_agents(
    connection: Connection, now: datetime, agent_ids: Collection[int] | None = None
) -> dict[int, Tokens]:
    """The valid tokens of every one of these agents who has any, by our id of the agent. None: of all agents."""
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
        key = OrganisationReference(row.source, row.organisation_external_id)
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
        _is_of(agent, OrganisationReference(source, organisation_external_id))
    )
    return agent.everywhere or connection.execute(named).one_or_none() is not None


def has_agents(connection: Connection, source: str, organisation_external_id: str) -> bool:
    """Whether any agent may act in this organisation, and so sees its messages. A revoked agent has no organisation."""
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


def _is_of(agent: Agent, key: OrganisationReference) -> ColumnElement[bool]:
    return (
        (agent_organisations.c.agent_id == agent.id)
        & (agent_organisations.c.source == key.source)
        & (agent_organisations.c.organisation_external_id == key.external_id)
    )


# Words ----------------------------------------------------------------------------------------------------------------


def searched(name: str | None, email: str) -> str:
    """What searches compare with: the words of the name, then the address, folded. It also sorts by name."""
    return fold_all([*(name or "").split(), email])


def told(role: Role, keys: Iterable[OrganisationReference]) -> str:
    """What an account is, for the audit: "administrator of rdvsp 12, rdvsp 13". Without organisations: in all."""
    named = ", ".join(f"{key.source} {key.external_id}" for key in sorted(keys))
    return f"{role} of {named or 'all'}"


def note_account(
    connection: Connection,
    act: AuditedAct,
    agent: Agent,
    way: Via,
    now: datetime,
    administrator: Agent | None,
    detail: str | None = None,
) -> None:
    """Write into the audit what was done to an account. `administrator` is who did it, None for the shell."""
    note(
        connection,
        now,
        act,
        Actor.AGENT if way is Via.CONSOLE else Actor.SYSTEM,
        way,
        agent=agent.email,
        administrator_id=None if administrator is None else administrator.id,
        detail=detail,
    )
