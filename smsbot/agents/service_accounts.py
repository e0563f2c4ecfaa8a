"""Accounts of other systems, such as an agenda, that use the API with a token of their own.

A service account is no agent. It has a name, scopes (what it may do) and organisations (where it may do it). Nobody
signs in with it, it is not listed among colleagues, and nothing is sent or handed over to it. What it does is written
into the audit under its name.

It has one token. To replace it without a gap, `rotate` makes a new one, and the old one stays valid for a time that the
caller chooses. Only hashes of tokens are stored.

Administrators see every system that may act in one of their organisations. They may change it only if they administer
all organisations that it may act in. Their acts lock the accounts, as in `smsbot.agents.administration`, and raise
`OutOfReach` before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from smsbot.agents.account_changes import note_account, shut_out
from smsbot.agents.accounts import Agent, Role, agent_of
from smsbot.agents.administration import Mandate, lock_mandate
from smsbot.agents.permissions import OutOfReach
from smsbot.agents.tokens import ApiScope, issue_token
from smsbot.model import OrganisationReference, Via
from smsbot.problem import Problem
from smsbot.store.database import serialise, upsert
from smsbot.store.tables import agent_organisations, agent_tokens, agents, service_accounts

NAME_PATTERN = "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
"""Short and without an @, so that a name is never taken for an e-mail address."""

MOST_DAYS = 3650
MOST_HOURS_OF_OVERLAP = 30 * 24


class NoSuchService(Problem):
    """There is no service account with this name, or it is revoked."""


class ServiceRefused(Problem):
    """A service account cannot be made like this. `what` is what is wrong with it."""

    def __init__(self, what: Literal["name", "scopes", "organisations", "taken"], sentence: str) -> None:
        super().__init__(sentence)
        self.what = what


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """A valid token of a service account, without its secret. `expires_at` None: for ever. `used_at` None: never."""

    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account that is not revoked.

    `organisations` are sorted pairs of a source and the organisation's id there; empty where `agent.everywhere`.
    Each of its tokens is valid for `token_days` days, or for ever with None. `tokens` are the valid ones, the newest
    first: two of them while an old one is still valid.
    """

    agent: Agent
    scopes: tuple[ApiScope, ...]
    token_days: int | None
    organisations: tuple[tuple[str, str], ...]
    tokens: tuple[ServiceToken, ...]
    created_at: datetime

    @property
    def name(self) -> str:
        return self.agent.email

    @property
    def used_at(self) -> datetime | None:
        """When any of its valid tokens was last used."""
        return max((each.used_at for each in self.tokens if each.used_at is not None), default=None)


def add_service(
    connection: Connection,
    name: str,
    scopes: Collection[ApiScope],
    organisations: Collection[tuple[str, str]] | None,
    now: datetime,
    *,
    token_days: int | None = None,
    via: Via = Via.SHELL,
    administrator: Agent | None = None,
) -> str:
    """Make a service account and return its token, which cannot be shown again.

    `organisations` are pairs of a source and the organisation's id there, which need not be known yet; None for all
    organisations, also future ones. Each of its tokens is valid for `token_days` days, or for ever with None.
    `administrator` is who does it in the console. Raises ServiceRefused. The name of a revoked account can be used
    again.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise ServiceRefused(
            "name", f"{name!r} is not a name for a service: take up to 40 lower-case letters, digits and hyphens."
        )
    if not scopes:
        raise ServiceRefused("scopes", "A service without a scope may do nothing: give one at least.")
    if organisations is not None and not organisations:
        raise ServiceRefused("organisations", "A service without an organisation sees nothing: give one at least.")
    serialise(connection, "service accounts")
    role_everywhere = Role.AGENT.value if organisations is None else None
    known = connection.execute(select(agents.c.id, agents.c.revoked_at).where(agents.c.email == name)).one_or_none()
    if known is None:
        values = {"email": name, "created_at": now, "role_everywhere": role_everywhere}
        new = insert(agents).values(values).returning(agents.c.id)
        agent_id = connection.execute(new).scalar_one()
    elif known.revoked_at is None:
        raise ServiceRefused("taken", f"There is a service {name} already: take another name, or revoke it first.")
    else:
        agent_id = known.id
        values = {"created_at": now, "revoked_at": None, "role_everywhere": role_everywhere}
        connection.execute(update(agents).where(agents.c.id == agent_id).values(values))
    rights = {
        "scopes": [scope.value for scope in ApiScope if scope in scopes],
        "token_days": token_days,
    }
    kept = upsert(connection, service_accounts).values(agent_id=agent_id, **rights)
    connection.execute(kept.on_conflict_do_update(index_elements=["agent_id"], set_=rights))
    rows = [
        {"agent_id": agent_id, "source": source, "organisation_external_id": external_id}
        for source, external_id in dict.fromkeys(organisations or ())
    ]
    if rows:
        connection.execute(insert(agent_organisations), rows)
    agent = Agent(agent_id, name, everywhere=organisations is None)
    note_account(connection, "service_added", agent, via, now, administrator)
    return _issue(connection, agent, token_days, now)


def list_services(connection: Connection, now: datetime) -> list[ServiceAccount]:
    """Every service account that is not revoked, by name."""
    return _services(connection, now)


def find_service(connection: Connection, name: str, now: datetime) -> ServiceAccount:
    """The service account with this name. Raises NoSuchService."""
    found = _services(connection, now, name)
    if not found:
        raise NoSuchService(f"There is no service {name}: see smsbot tokens list.")
    return found[0]


def rotate(
    connection: Connection,
    service: ServiceAccount,
    now: datetime,
    overlap: timedelta,
    *,
    via: Via = Via.SHELL,
    administrator: Agent | None = None,
) -> str:
    """Make a new token and return it. The old ones end after `overlap`, or earlier where they expire earlier."""
    ends = now + overlap
    still_longer = agent_tokens.c.expires_at.is_(None) | (agent_tokens.c.expires_at > ends)
    old = update(agent_tokens).where(agent_tokens.c.agent_id == service.agent.id, still_longer)
    connection.execute(old.values(expires_at=ends))
    note_account(connection, "service_rotated", service.agent, via, now, administrator)
    return _issue(connection, service.agent, service.token_days, now)


def revoke_service(
    connection: Connection,
    service: ServiceAccount,
    now: datetime,
    *,
    via: Via = Via.SHELL,
    administrator: Agent | None = None,
) -> None:
    """End the account now: its tokens, its organisations and its webhooks."""
    shut_out(connection, service.agent, now)
    note_account(connection, "service_revoked", service.agent, via, now, administrator)


def _issue(connection: Connection, agent: Agent, token_days: int | None, now: datetime) -> str:
    return issue_token(connection, agent, now, None if token_days is None else timedelta(days=token_days))


def _services(connection: Connection, now: datetime, name: str | None = None) -> list[ServiceAccount]:
    named = [] if name is None else [agents.c.email == name]
    rows = connection.execute(
        select(agents, service_accounts)
        .join_from(agents, service_accounts)
        .where(agents.c.revoked_at.is_(None), *named)
        .order_by(agents.c.email)
    ).all()
    ids = [row.id for row in rows]
    held: dict[int, list[tuple[str, str]]] = {}
    for row in connection.execute(select(agent_organisations).where(agent_organisations.c.agent_id.in_(ids))):
        held.setdefault(row.agent_id, []).append((row.source, row.organisation_external_id))
    valid = agent_tokens.c.expires_at.is_(None) | (agent_tokens.c.expires_at > now)
    tokens: dict[int, list[ServiceToken]] = {}
    newest_first = agent_tokens.c.created_at.desc()
    for row in connection.execute(
        select(agent_tokens).where(agent_tokens.c.agent_id.in_(ids), valid).order_by(newest_first)
    ):
        tokens.setdefault(row.agent_id, []).append(ServiceToken(row.created_at, row.expires_at, row.used_at))
    return [
        ServiceAccount(
            agent_of(row),
            tuple(map(ApiScope, row.scopes)),
            row.token_days,
            tuple(sorted(held.get(row.id, ()))),
            tuple(tokens.get(row.id, ())),
            row.created_at,
        )
        for row in rows
    ]


# By administrators ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManagedService:
    """A system as an administrator sees it.

    `organisations` are those of the administrator's that it may act in; `elsewhere` is in how many others.
    `may_change` says that the administrator may renew or end its access.
    """

    account: ServiceAccount
    organisations: tuple[OrganisationReference, ...]
    elsewhere: int
    may_change: bool


def services_within_mandate(connection: Connection, mandate: Mandate, now: datetime) -> list[ManagedService]:
    """The systems that may act in any of the mandate's organisations, by name."""
    managed = (_managed(each, mandate) for each in list_services(connection, now))
    return [each for each in managed if each is not None]


def service_within_mandate(connection: Connection, mandate: Mandate, agent_id: int, now: datetime) -> ManagedService:
    """The system whose account has this id (our own). Raises OutOfReach."""
    for each in services_within_mandate(connection, mandate, now):
        if each.account.agent.id == agent_id:
            return each
    raise OutOfReach("no such service")


def connect_service(
    connection: Connection,
    administrator: Agent,
    name: str,
    scopes: Collection[ApiScope],
    organisations: Collection[OrganisationReference] | None,
    token_days: int | None,
    now: datetime,
) -> str:
    """`add_service` for this administrator. Returns and raises the same, and raises OutOfReach."""
    mandate = lock_mandate(connection, administrator)
    if not all(map(mandate.covers, [None] if organisations is None else organisations)):
        raise OutOfReach("not in these organisations")
    return add_service(
        connection,
        name,
        scopes,
        organisations,
        now,
        token_days=token_days,
        via=Via.CONSOLE,
        administrator=administrator,
    )


def renew_service(
    connection: Connection, administrator: Agent, agent_id: int, overlap: timedelta, now: datetime
) -> tuple[ServiceAccount, str]:
    """Make a new token and return it with the account. The old token ends after `overlap`. Raises OutOfReach."""
    account = _to_change(connection, administrator, agent_id, now)
    return account, rotate(connection, account, now, overlap, via=Via.CONSOLE, administrator=administrator)


def end_service(connection: Connection, administrator: Agent, agent_id: int, now: datetime) -> None:
    """End the account now. Raises OutOfReach."""
    account = _to_change(connection, administrator, agent_id, now)
    revoke_service(connection, account, now, via=Via.CONSOLE, administrator=administrator)


def _to_change(connection: Connection, administrator: Agent, agent_id: int, now: datetime) -> ServiceAccount:
    managed = service_within_mandate(connection, lock_mandate(connection, administrator), agent_id, now)
    if not managed.may_change:
        raise OutOfReach("it may act elsewhere too")
    return managed.account


def _managed(account: ServiceAccount, mandate: Mandate) -> ManagedService | None:
    """The account as somebody with this mandate sees it; None where they do not see it."""
    if account.agent.everywhere:
        return ManagedService(account, (), 0, mandate.everywhere)
    held = [OrganisationReference(*each) for each in account.organisations]
    own = tuple(each for each in held if mandate.covers(each))
    return ManagedService(account, own, len(held) - len(own), len(own) == len(held)) if own else None
