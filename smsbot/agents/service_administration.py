"""What administrators do to accounts of other systems, only in the organisations that they administer.

They see every system that may act in one of their organisations. They may change it only if they administer all
organisations that it may act in. All acts lock the accounts, as in `smsbot.agents.administration`, and raise
`OutOfReach` before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from smsbot.agents.accounts import Agent
from smsbot.agents.administration import Mandate, lock_mandate
from smsbot.agents.permissions import OutOfReach
from smsbot.agents.service_accounts import (
    ServiceAccount,
    add_service,
    list_services,
    revoke_service,
    rotate,
)
from smsbot.agents.tokens import ApiScope
from smsbot.model import OrganisationReference, Via


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
        way=Via.CONSOLE,
        administrator=administrator,
    )


def renew_service(
    connection: Connection, administrator: Agent, agent_id: int, overlap: timedelta, now: datetime
) -> tuple[ServiceAccount, str]:
    """Make a new token and return it with the account. The old token ends after `overlap`. Raises OutOfReach."""
    account = _to_change(connection, administrator, agent_id, now)
    return account, rotate(connection, account, now, overlap, way=Via.CONSOLE, administrator=administrator)


def end_service(connection: Connection, administrator: Agent, agent_id: int, now: datetime) -> None:
    """End the account now. Raises OutOfReach."""
    account = _to_change(connection, administrator, agent_id, now)
    revoke_service(connection, account, now, way=Via.CONSOLE, administrator=administrator)


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
