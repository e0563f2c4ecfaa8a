"""What administrators do to colleagues' accounts, only in the organisations that they administer.

Nobody can give more than they have, and nobody can change their own account. So the last administrator of all
organisations cannot be removed here, because only another one of them could do it.

All acts lock the accounts, so they come one after the other. If two administrators remove each other, the second one
fails, because they are no administrator any more. All acts raise `OutOfReach` before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from smsbot.agents.account_changes import (
    end_every_way_in,
    let_act,
    let_act_everywhere,
    note_account,
    register_agent,
    revoke_agent,
    searched,
    take_organisation,
    told,
)
from smsbot.agents.accounts import IS_AGENT, Agent, Role, find_agent, reference_in, role_everywhere, where_named
from smsbot.agents.permissions import OutOfReach
from smsbot.appointments.audit import AuditedAct
from smsbot.model import OrganisationReference, Via
from smsbot.store.database import serialise
from smsbot.store.tables import agent_organisations, agents


@dataclass(frozen=True, slots=True)
class Mandate:
    """The organisations where somebody is an administrator: these, or all.

    `agent` is None for the operator, who works in the shell.
    """

    agent: Agent | None
    everywhere: bool = False
    organisations: frozenset[OrganisationReference] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.everywhere or self.organisations)

    def covers(self, key: OrganisationReference | None) -> bool:
        """Whether they administer this organisation; None stands for all."""
        return self.everywhere or key in self.organisations


OPERATOR = Mandate(None, everywhere=True)


def mandate_of(connection: Connection, agent: Agent) -> Mandate:
    """The agent's present mandate. It may be empty."""
    named = (agent_organisations.c.agent_id == agents.c.id) & (agent_organisations.c.role == Role.ADMINISTRATOR.value)
    rows = connection.execute(
        select(agents.c.role_everywhere, agent_organisations.c.source, agent_organisations.c.organisation_external_id)
        .select_from(agents.outerjoin(agent_organisations, named))
        .where(agents.c.id == agent.id, agents.c.revoked_at.is_(None))
    ).all()
    keys = (reference_in(row) for row in rows if row.source is not None)
    is_everywhere = any(row.role_everywhere == Role.ADMINISTRATOR.value for row in rows)
    return Mandate(agent, is_everywhere, frozenset(keys))


def require_mandate(connection: Connection, agent: Agent) -> Mandate:
    """The agent's present mandate. Raises OutOfReach where it is empty."""
    mandate = mandate_of(connection, agent)
    if mandate.is_empty:
        raise OutOfReach("only administrators manage accounts")
    return mandate


@dataclass(frozen=True, slots=True)
class GivenAccess:
    """The agent who got access. `is_new`: the account is new or was revoked, so that they cannot sign in yet."""

    agent: Agent
    is_new: bool


def lock_mandate(connection: Connection, administrator: Agent) -> Mandate:
    """Like `require_mandate`. It also locks the accounts until this transaction ends."""
    serialise(connection, "accounts")
    return require_mandate(connection, administrator)


def give_access(
    connection: Connection,
    administrator: Agent,
    email: str,
    key: OrganisationReference | None,
    role: Role | None,
    now: datetime,
    name: str | None = None,
) -> GivenAccess:
    """Let the agent with this address act in this organisation, or with None in all.

    `role` None keeps the role that they have, or else makes them an agent. A revoked agent starts again without
    password, session or any other former way to sign in. `name` is for an account without one. Raises OutOfReach.
    """
    mandate = lock_mandate(connection, administrator)
    if not mandate.covers(key) or email.lower() == administrator.email:
        raise OutOfReach("no such organisation, or one's own account")
    is_new = find_agent(connection, email) is None
    agent = register_agent(connection, email, now, name, renames=False)
    if is_new:
        end_every_way_in(connection, agent.id)
    if key is None:
        if role is not None or role_everywhere(connection, agent) is None:
            let_act_everywhere(connection, agent, role or Role.AGENT)
    else:
        let_act(connection, agent, [key], role)
    detail = told(role or Role.AGENT, () if key is None else [key])
    act: AuditedAct = "agent_added" if is_new or role is None else "role_given"
    note_account(connection, act, agent, Via.CONSOLE, now, administrator, detail)
    return GivenAccess(agent, is_new)


def take_access(
    connection: Connection, administrator: Agent, agent_id: int, key: OrganisationReference | None, now: datetime
) -> Agent:
    """Take this organisation from a colleague, or with None the role in all. If they have nothing left, revoke them.

    Raises OutOfReach, also for one's own account, and for an agent who does not exist or has no such access.
    """
    mandate = lock_mandate(connection, administrator)
    agent = _colleague(connection, administrator, agent_id)
    if not mandate.covers(key):
        raise OutOfReach("no such organisation")
    if key is not None:
        if not take_organisation(connection, agent, key, now, administrator):
            raise OutOfReach("no such agent")
        return agent
    role = role_everywhere(connection, agent)
    if role is None:
        raise OutOfReach("no such agent")
    if where_named(connection, agent):
        let_act_everywhere(connection, agent, None)
        note_account(connection, "organisation_taken", agent, Via.CONSOLE, now, administrator, told(role, ()))
    else:
        revoke_agent(connection, agent.email, now, Via.CONSOLE, administrator)
    return agent


def withdraw_access(connection: Connection, administrator: Agent, agent_id: int, now: datetime) -> Agent:
    """Take from a colleague all access that the administrator may take. If they have nothing left, revoke them.

    Raises OutOfReach.
    """
    mandate = lock_mandate(connection, administrator)
    agent = _colleague(connection, administrator, agent_id)
    if mandate.everywhere:
        revoke_agent(connection, agent.email, now, Via.CONSOLE, administrator)
        return agent
    theirs = sorted(mandate.organisations.intersection(where_named(connection, agent)))
    if not theirs:
        raise OutOfReach("no such agent")
    for key in theirs:
        take_organisation(connection, agent, key, now, administrator)
    return agent


def rename(connection: Connection, administrator: Agent, agent_id: int, name: str | None, now: datetime) -> Agent:
    """Give the account this name; None removes it. Raises OutOfReach where it is not in the administrator's reach.

    Only an administrator of all organisations may rename an agent of all organisations. One may rename oneself.
    """
    mandate = lock_mandate(connection, administrator)
    agent = _agent(connection, agent_id)
    is_within = mandate.organisations.intersection(where_named(connection, agent))
    if not mandate.everywhere and (not is_within or role_everywhere(connection, agent) is not None):
        raise OutOfReach("no such agent")
    values = {"name": name, "searched": searched(name, agent.email)}
    connection.execute(update(agents).where(agents.c.id == agent.id).values(values))
    note_account(connection, "account_renamed", agent, Via.CONSOLE, now, administrator)
    return agent


def _colleague(connection: Connection, administrator: Agent, agent_id: int) -> Agent:
    if agent_id == administrator.id:
        raise OutOfReach("nobody changes their own account")
    return _agent(connection, agent_id)


def _agent(connection: Connection, agent_id: int) -> Agent:
    statement = select(agents.c.email).where(agents.c.id == agent_id, agents.c.revoked_at.is_(None), IS_AGENT)
    email = connection.execute(statement).scalar_one_or_none()
    if email is None:
        raise OutOfReach("no such agent")
    return Agent(agent_id, email)
