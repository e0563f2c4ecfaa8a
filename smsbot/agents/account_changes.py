"""Changes agents' accounts: lets agents in, gives them roles and organisations, and shuts them out.

`add_agent`, `take_organisation`, `revoke_agent`, `name_administrator` and `dismiss_administrator` write into the audit.
For the smaller steps, which other modules combine, the caller writes the audit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    case,
    delete,
    select,
    true,
    update,
)

from smsbot.agents.accounts import (
    AGENT_COLUMNS,
    Agent,
    Role,
    agent_of,
    find_agent,
    is_named_for,
    role_everywhere,
    where_named,
)
from smsbot.appointments.audit import AuditedAct, note
from smsbot.model import Actor, OrganisationReference, Via
from smsbot.rules.letters import fold_all
from smsbot.store.database import upsert
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
)


def add_agent(
    connection: Connection,
    email: str,
    source: str,
    organisation_external_ids: Iterable[str],
    now: datetime,
    via: Via = Via.SHELL,
    administrator: Agent | None = None,
    *,
    role: Role | None = None,
    name: str | None = None,
) -> Agent:
    """Let the agent of this address act in these organisations of `source` too, and return the agent.

    `role` is theirs there; None keeps the role that they have, or else makes them an agent. With `name`, the account
    gets this name. A revoked agent comes back with only these organisations. `administrator` is who does it in the
    console; None for the shell.
    """
    agent = register_agent(connection, email, now, name)
    keys = [OrganisationReference(source, external_id) for external_id in organisation_external_ids]
    let_act(connection, agent, keys, role)
    note_account(connection, "agent_added", agent, via, now, administrator, told(role or Role.AGENT, keys))
    return agent


def register_agent(
    connection: Connection, email: str, now: datetime, name: str | None = None, *, renames: bool = True
) -> Agent:
    """The agent with this address. The account is made if there is none, and is no longer revoked.

    With `name`, the account gets this name; without `renames` only if it has none.
    """
    address = email.lower()
    values = {"email": address, "name": name, "searched": searched(name, address), "created_at": now}
    known = upsert(connection, agents).values(values)
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
    """Let the agent act in these organisations. `role` None keeps the present role, or else makes them an agent."""
    if not keys:
        return
    statement = upsert(connection, agent_organisations)
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
    """Give the agent this role in all organisations, also in future ones. None: only in the organisations named for
    them.
    """
    value = None if role is None else role.value
    connection.execute(update(agents).where(agents.c.id == agent.id).values(role_everywhere=value))


def take_organisation(
    connection: Connection, agent: Agent, key: OrganisationReference, now: datetime, administrator: Agent
) -> bool:
    """Take this organisation from the agent. An agent who has none left is revoked. False where it was not theirs."""
    held = where_named(connection, agent)
    if key not in held:
        return False
    if len(held) == 1 and role_everywhere(connection, agent) is None:
        revoke_agent(connection, agent.email, now, Via.CONSOLE, administrator)
        return True
    connection.execute(delete(agent_organisations).where(is_named_for(agent, key)))
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
    via: Via = Via.SHELL,
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
    note_account(connection, "agent_revoked", agent, via, now, administrator)
    return True


def shut_out(connection: Connection, agent: Agent, now: datetime) -> None:
    """End all that this account may do. The caller writes the audit."""
    connection.execute(update(agents).where(agents.c.id == agent.id).values(revoked_at=now, role_everywhere=None))
    connection.execute(delete(agent_tokens).where(agent_tokens.c.agent_id == agent.id))
    connection.execute(delete(agent_organisations).where(agent_organisations.c.agent_id == agent.id))
    connection.execute(delete(event_subscriptions).where(event_subscriptions.c.agent_id == agent.id))
    end_every_way_in(connection, agent.id)


def name_administrator(connection: Connection, agent: Agent, now: datetime) -> None:
    """Make the agent an administrator of all organisations that they are in. For the shell."""
    theirs = update(agent_organisations).where(agent_organisations.c.agent_id == agent.id)
    connection.execute(theirs.values(role=Role.ADMINISTRATOR.value))
    detail = told(Role.ADMINISTRATOR, where_named(connection, agent))
    note_account(connection, "role_given", agent, Via.SHELL, now, None, detail)


def dismiss_administrator(connection: Connection, agent: Agent, now: datetime) -> None:
    """Make the agent a plain agent in all their organisations. For the shell."""
    theirs = update(agent_organisations).where(agent_organisations.c.agent_id == agent.id)
    connection.execute(theirs.values(role=Role.AGENT.value))
    if role_everywhere(connection, agent) is not None:
        let_act_everywhere(connection, agent, Role.AGENT)
    note_account(connection, "role_given", agent, Via.SHELL, now, None, told(Role.AGENT, ()))


def end_every_way_in(connection: Connection, agent_id: int) -> None:
    """Delete the agent's sessions, password, links, identities at a provider, and calendars."""
    for table in (agent_sessions, agent_passwords, agent_password_resets, agent_identities, calendar_feeds):
        connection.execute(delete(table).where(table.c.agent_id == agent_id))


def searched(name: str | None, email: str) -> str:
    """The text that searches compare with: the words of the name, then the address, folded. Lists are sorted by it."""
    return fold_all([*(name or "").split(), email])


def told(role: Role, keys: Iterable[OrganisationReference]) -> str:
    """The role of an account, for the audit: "administrator of rdvsp 12, rdvsp 13". No organisations means all."""
    named = ", ".join(f"{key.source} {key.external_id}" for key in sorted(keys))
    return f"{role} of {named or 'all'}"


def note_account(
    connection: Connection,
    act: AuditedAct,
    agent: Agent,
    via: Via,
    now: datetime,
    administrator: Agent | None,
    detail: str | None = None,
) -> None:
    """Write into the audit what was done to an account. `administrator` is who did it; None for the shell."""
    note(
        connection,
        now,
        act,
        Actor.AGENT if via is Via.CONSOLE else Actor.SYSTEM,
        via,
        agent=agent.email,
        administrator_id=None if administrator is None else administrator.id,
        detail=detail,
    )
