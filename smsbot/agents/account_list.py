"""The accounts that an administrator sees: searched, filtered, sorted, and one page at a time.

An administrator sees the accounts that may act in their organisations, with those that may act in all, and the revoked
accounts that could act there. Of other organisations they only see in how many an account may act.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, or_, select, union_all

from smsbot.agents.accounts import IS_AGENT, IS_PROGRAM, Role, Tokens, reference_in, tokens_of_agents
from smsbot.agents.administration import Mandate
from smsbot.agents.directory import read_key, written_key
from smsbot.agents.permissions import OutOfReach, read_id
from smsbot.agents.search import MOST_CHARACTERS
from smsbot.model import OrganisationReference
from smsbot.rules.letters import fold_for_search
from smsbot.store.tables import agent_organisations, agents, former_agent_organisations

IN_A_PAGE = 50
_AT_ONCE = 500
_MOST_PAGES = 1_000_000
"""No list has so many pages. A larger number could overflow in the database."""


class RoleFilter(StrEnum):
    """Which roles are listed, as a word in the address."""

    AGENTS = "agents"  # those who administer nothing
    ADMINISTRATORS = "administrateurs"
    EVERYWHERE = "toutes"  # agents and administrators of all organisations
    PROGRAMS = "programmes"


class StateFilter(StrEnum):
    """Which accounts are listed, as a word in the address.

    A number means that nobody has signed in with the account for this many days, or since it was made.
    """

    NEVER = "jamais"
    MONTH = "30"
    QUARTER = "90"
    YEAR = "365"
    REVOKED = "retires"


class AccountOrder(StrEnum):
    """In which order accounts are listed, as a word in the address."""

    NAME = "nom"
    LATEST = "recents"
    EARLIEST = "anciens"


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """What is asked for; `page` counts from 1."""

    words: str = ""
    organisation: OrganisationReference | None = None
    role: RoleFilter | None = None
    state: StateFilter | None = None
    order: AccountOrder = AccountOrder.NAME
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> AccountQuery:
        """Read the parameters of the page's address. What cannot be read counts as not given.

        Raises OutOfReach for what cannot be an organisation.
        """
        organisation = query.get("structure", "")
        return cls(
            words=query.get("q", "").strip()[:MOST_CHARACTERS],
            organisation=read_key(organisation) if organisation else None,
            role=next((each for each in RoleFilter if each == query.get("role")), None),
            state=next((each for each in StateFilter if each == query.get("etat")), None),
            order=next((each for each in AccountOrder if each == query.get("tri")), AccountOrder.NAME),
            page=min(max(1, read_id(query.get("page", "")) or 1), _MOST_PAGES),
        )

    @property
    def filters(self) -> dict[str, str]:
        """The filters, as parameters of the address."""
        organisation = "" if self.organisation is None else written_key(self.organisation)
        wanted = {"q": self.words, "structure": organisation, "role": self.role, "etat": self.state}
        return {name: str(value) for name, value in wanted.items() if value}

    @property
    def parameters(self) -> dict[str, str]:
        """Everything except the page, as parameters of the address."""
        return self.filters | ({} if self.order is AccountOrder.NAME else {"tri": str(self.order)})


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account as an administrator sees it.

    `roles` are those of the administrator's organisations where the account may act, or could until it was revoked.
    `elsewhere` is in how many others. `everywhere` is its role in all organisations; None where it has none there.
    """

    id: int
    email: str
    name: str | None
    everywhere: Role | None
    created_at: datetime
    signed_in_at: datetime | None
    revoked_at: datetime | None
    is_program: bool
    roles: Mapping[OrganisationReference, Role] = field(default_factory=dict)
    elsewhere: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    def where(self, role: Role) -> list[OrganisationReference]:
        """The organisations where it has this role."""
        return [key for key, own in self.roles.items() if own == role]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One page. `total` counts the accounts on all pages; `first` is the number of the first one on this page."""

    accounts: Sequence[ListedAccount]
    total: int
    first: int
    page: int
    pages: int


def list_page(connection: Connection, mandate: Mandate, query: AccountQuery, now: datetime) -> AccountPage:
    """One page of the accounts that are asked for; the first page where there is no such page."""
    start = (query.page - 1) * IN_A_PAGE
    found = _asked_for(mandate, query, now).add_columns(func.count().over().label("total"))
    rows = connection.execute(found.limit(IN_A_PAGE).offset(start)).all()
    if not rows and query.page > 1:
        return list_page(connection, mandate, replace(query, page=1), now)
    total = rows[0].total if rows else 0
    shown = _with_roles(connection, mandate, rows, now)
    return AccountPage(shown, total, start + 1, query.page, -(-total // IN_A_PAGE))


def list_all(connection: Connection, mandate: Mandate, query: AccountQuery, now: datetime) -> Sequence[ListedAccount]:
    """All accounts that are asked for, whatever the page."""
    rows = connection.execute(_asked_for(mandate, query, now)).all()
    return _with_roles(connection, mandate, rows, now)


def account_within_reach(connection: Connection, mandate: Mandate, agent_id: int, now: datetime) -> ListedAccount:
    """The account with this id (our own). Raises OutOfReach where the administrator does not see it."""
    this = select(*_COLUMNS).where(agents.c.id == agent_id, _is_seen(mandate))
    found = _with_roles(connection, mandate, connection.execute(this).all(), now)
    if not found:
        raise OutOfReach("no such agent")
    return found[0]


def accounts_of_addresses(
    connection: Connection, mandate: Mandate, emails: Collection[str], now: datetime
) -> dict[str, ListedAccount]:
    """The accounts with these addresses that the administrator sees, by address."""
    wanted, found = sorted(emails), {}
    for start in range(0, len(wanted), _AT_ONCE):
        these = agents.c.email.in_(wanted[start : start + _AT_ONCE])
        rows = connection.execute(select(*_COLUMNS).where(these, _is_seen(mandate))).all()
        found.update({each.email: each for each in _with_roles(connection, mandate, rows, now)})
    return found


_COLUMNS: tuple[Any, ...] = (
    agents.c.id,
    agents.c.email,
    agents.c.name,
    agents.c.role_everywhere,
    agents.c.created_at,
    agents.c.signed_in_at,
    agents.c.revoked_at,
    case((IS_PROGRAM, 1), else_=0).label("is_program"),
)


def _asked_for(mandate: Mandate, query: AccountQuery, now: datetime) -> Select[Any]:
    if query.organisation is not None and not mandate.covers(query.organisation):
        raise OutOfReach("no such organisation")
    conditions = [_is_seen(mandate), *_conditions(mandate, query, now)]
    order: list[Any] = [agents.c.searched, agents.c.id]
    if query.order is AccountOrder.LATEST:
        order = [agents.c.signed_in_at.is_(None), agents.c.signed_in_at.desc(), *order]
    if query.order is AccountOrder.EARLIEST:
        order = [agents.c.signed_in_at.is_not(None), agents.c.signed_in_at, *order]
    return select(*_COLUMNS).where(*conditions).order_by(*order)


_own = agent_organisations.alias("own")


def _is_seen(mandate: Mandate) -> ColumnElement[bool]:
    """A condition on `agents`: those that this administrator sees."""
    if mandate.everywhere:
        return IS_AGENT
    there = [
        select(table.c.agent_id)
        .join_from(
            _own,
            table,
            (table.c.source == _own.c.source) & (table.c.organisation_external_id == _own.c.organisation_external_id),
        )
        .where(_is_own(mandate))
        for table in (agent_organisations, former_agent_organisations)
    ]
    others = agents.alias("others")
    everywhere = select(others.c.id).where(others.c.role_everywhere.is_not(None))
    return IS_AGENT & agents.c.id.in_(union_all(*there, everywhere))


def _is_own(mandate: Mandate) -> ColumnElement[bool]:
    """A condition on `_own`: the organisations that the administrator administers."""
    assert mandate.agent is not None
    return (_own.c.agent_id == mandate.agent.id) & (_own.c.role == Role.ADMINISTRATOR.value)


def _conditions(mandate: Mandate, query: AccountQuery, now: datetime) -> Iterator[ColumnElement[bool]]:
    is_revoked = query.state is StateFilter.REVOKED
    yield agents.c.revoked_at.is_not(None) if is_revoked else agents.c.revoked_at.is_(None)
    if query.state is StateFilter.NEVER:
        yield agents.c.signed_in_at.is_(None) & ~IS_PROGRAM
    elif query.state is not None and not is_revoked:
        since = now - timedelta(days=int(query.state))
        yield (func.coalesce(agents.c.signed_in_at, agents.c.created_at) < since) & ~IS_PROGRAM
    for word in query.words.split():
        yield agents.c.searched.contains(fold_for_search(word))
    if query.organisation is not None:
        table = former_agent_organisations if is_revoked else agent_organisations
        this = (table.c.source == query.organisation.source) & (
            table.c.organisation_external_id == query.organisation.external_id
        )
        yield or_(exists().where(table.c.agent_id == agents.c.id, this), agents.c.role_everywhere.is_not(None))
    if query.role is RoleFilter.PROGRAMS:
        yield IS_PROGRAM
    elif query.role is RoleFilter.EVERYWHERE:
        yield agents.c.role_everywhere.is_not(None)
    elif query.role is not None:
        administers = _administers(mandate, query.organisation)
        yield administers if query.role is RoleFilter.ADMINISTRATORS else ~administers & ~IS_PROGRAM


def _administers(mandate: Mandate, organisation: OrganisationReference | None) -> ColumnElement[bool]:
    """A condition on `agents`: those who administer this organisation, or (None) any that the administrator sees."""
    conditions = [
        agent_organisations.c.agent_id == agents.c.id,
        agent_organisations.c.role == Role.ADMINISTRATOR.value,
    ]
    if organisation is not None:
        conditions.append(agent_organisations.c.source == organisation.source)
        conditions.append(agent_organisations.c.organisation_external_id == organisation.external_id)
    elif not mandate.everywhere:
        conditions.append(
            exists().where(
                _is_own(mandate),
                _own.c.source == agent_organisations.c.source,
                _own.c.organisation_external_id == agent_organisations.c.organisation_external_id,
            )
        )
    # Never NULL, so that it can be negated.
    is_everywhere = func.coalesce(agents.c.role_everywhere, "") == Role.ADMINISTRATOR.value
    return or_(is_everywhere, exists().where(and_(*conditions)))


def _with_roles(
    connection: Connection, mandate: Mandate, rows: Sequence[Row[Any]], now: datetime
) -> list[ListedAccount]:
    if not rows:
        return []
    ids = [row.id for row in rows]
    held: dict[int, dict[OrganisationReference, Role]] = {}
    for row in connection.execute(select(agent_organisations).where(agent_organisations.c.agent_id.in_(ids))):
        key = reference_in(row)
        held.setdefault(row.agent_id, {})[key] = Role(row.role)
    revoked = [row.id for row in rows if row.revoked_at is not None]
    if revoked:
        former = select(former_agent_organisations).where(former_agent_organisations.c.agent_id.in_(revoked))
        for row in connection.execute(former):
            key = reference_in(row)
            held.setdefault(row.agent_id, {})[key] = Role.AGENT
    tokens = tokens_of_agents(connection, now, ids)
    accounts = []
    for row in rows:
        roles = held.get(row.id, {})
        seen = {key: role for key, role in sorted(roles.items()) if mandate.covers(key)}
        accounts.append(
            ListedAccount(
                id=row.id,
                email=row.email,
                name=row.name,
                everywhere=None if row.role_everywhere is None else Role(row.role_everywhere),
                created_at=row.created_at,
                signed_in_at=row.signed_in_at,
                revoked_at=row.revoked_at,
                is_program=bool(row.is_program),
                roles=seen,
                elsewhere=len(roles) - len(seen),
                tokens=tokens.get(row.id, Tokens()),
            )
        )
    return accounts
