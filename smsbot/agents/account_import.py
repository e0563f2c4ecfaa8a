"""Imports accounts from a file: first makes a plan of what would happen, then does it in one transaction.

An import gives what the file names, and leaves the rest as it is. So nobody loses anything by an import, except an
administrator whom a line calls an agent. Several lines with one address add up; where they differ, the last one counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from smsbot.agents.account_changes import end_every_way_in, let_act_everywhere, searched, told
from smsbot.agents.account_file import (
    EVERYWHERE,
    AccountLine,
    LineProblem,
    RefusedAccountLine,
    parts_of,
)
from smsbot.agents.account_list import ListedAccount, accounts_of_addresses
from smsbot.agents.accounts import AGENT_COLUMNS, Agent, Role, agent_of
from smsbot.agents.administration import Mandate
from smsbot.agents.directory import Directory
from smsbot.appointments.audit import AuditedAct, note_on_accounts
from smsbot.model import OrganisationReference, Via
from smsbot.rules.letters import fold_for_search
from smsbot.store.database import serialise, upsert
from smsbot.store.tables import agent_organisations, agents, former_agent_organisations

Where = OrganisationReference | None
"""An organisation, or None for all of them."""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class PlannedAccount:
    """What the import does to one account. `lines` are the numbers of its lines in the file.

    `gives` are the roles that it gets. `name` is its new name; None where the name stays. `unknown` are those of its
    organisations that are known from nowhere else: their number may be mistyped.
    """

    email: str
    lines: tuple[int, ...]
    is_new: bool
    name: str | None
    gives: Mapping[Where, Role]
    unknown: tuple[OrganisationReference, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not self.gives and self.name is None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do, in the order of the file."""

    accounts: Sequence[PlannedAccount]
    refused: Sequence[RefusedAccountLine] = ()

    @property
    def new(self) -> list[PlannedAccount]:
        return [each for each in self.accounts if each.is_new]

    @property
    def changed(self) -> list[PlannedAccount]:
        return [each for each in self.accounts if not each.is_new and not each.changes_nothing]

    @property
    def unchanged(self) -> int:
        return sum(each.changes_nothing for each in self.accounts)

    @property
    def digest(self) -> str:
        """A text that is equal for two plans that do the same."""
        said = [(each.email, each.is_new, each.name, sorted(map(str, each.gives.items()))) for each in self.accounts]
        return hashlib.sha256(repr((said, self.refused)).encode()).hexdigest()


def plan_import(
    connection: Connection,
    mandate: Mandate,
    directory: Directory,
    lines: Iterable[AccountLine | RefusedAccountLine],
    now: datetime,
) -> ImportPlan:
    """What these lines would do if somebody with this mandate imports them. `directory` are the known organisations."""
    naming, refused = _Naming(mandate, directory), []
    wanted: dict[str, _Wanted] = {}
    for line in lines:
        if isinstance(line, RefusedAccountLine):
            refused.append(line)
            continue
        where = naming.where(line)
        if isinstance(where, RefusedAccountLine):
            refused.append(where)
        else:
            wanted.setdefault(line.email, _Wanted()).add(line, where)
    known = accounts_of_addresses(connection, mandate, wanted, now)
    planned = [_planned(email, each, known.get(email), mandate, directory) for email, each in wanted.items()]
    return ImportPlan(planned, refused)


def carry_out_plan(connection: Connection, mandate: Mandate, plan: ImportPlan, now: datetime) -> list[Agent]:
    """Do what the plan says. Returns the agents who cannot sign in yet: new ones, and those who had been revoked.

    The caller has locked the accounts before the plan was made (`smsbot.agents.administration.lock_mandate`).
    """
    doing = [each for each in plan.accounts if not each.changes_nothing or each.is_new]
    if not doing:
        return []
    ids, shut_out = _registered(connection, doing, now)
    _rename(connection, [(ids[each.email], each) for each in doing if each.name is not None and not each.is_new])
    rows = [
        {
            "agent_id": ids[each.email].id,
            "source": key.source,
            "organisation_external_id": key.external_id,
            "role": role.value,
        }
        for each in doing
        for key, role in each.gives.items()
        if key is not None
    ]
    if rows:
        statement = upsert(connection, agent_organisations)
        index = ["agent_id", "source", "organisation_external_id"]
        connection.execute(
            statement.on_conflict_do_update(index_elements=index, set_={"role": statement.excluded.role}), rows
        )
    for each in doing:
        if None in each.gives:
            let_act_everywhere(connection, ids[each.email], each.gives[None])
    _audit(connection, mandate, doing, now)
    return [ids[each.email] for each in doing if each.email in shut_out]


def lock_for_import(connection: Connection) -> None:
    """Lock the accounts, so that nobody else changes them until this transaction ends."""
    serialise(connection, "accounts")


# The plan -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Wanted:
    lines: list[int] = field(default_factory=list)
    name: str | None = None
    gives: dict[Where, Role | None] = field(default_factory=dict)

    def add(self, line: AccountLine, where: Collection[Where]) -> None:
        self.lines.append(line.line)
        self.name = line.name or self.name
        for key in where:
            self.gives[key] = line.role or self.gives.get(key)


@dataclass(slots=True)
class _Naming:
    """Finds the organisations that a line names, by id or by name."""

    mandate: Mandate
    directory: Directory
    by_name: dict[str, list[OrganisationReference]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.directory.values():
            self.by_name.setdefault(fold_for_search(entry.name), []).append(entry.key)

    def where(self, line: AccountLine) -> list[Where] | RefusedAccountLine:
        """The organisations that the line names, or why the line is refused."""
        if self.mandate.agent is not None and line.email == self.mandate.agent.email:
            return RefusedAccountLine(line.line, LineProblem.YOURSELF, line.email)
        whole = self._one(line.organisations, line.source)
        parts = [line.organisations] if not isinstance(whole, LineProblem) else parts_of(line.organisations)
        found: list[Where] = []
        for part in parts:
            one = self._one(part, line.source)
            if isinstance(one, LineProblem):
                return RefusedAccountLine(line.line, one, part)
            found.append(one)
        return found

    def _one(self, written: str, source: str) -> Where | LineProblem:
        if fold_for_search(written) == fold_for_search(EVERYWHERE):
            return None if self.mandate.everywhere else LineProblem.NOT_YOURS
        key = OrganisationReference(source, written)
        if key in self.directory:
            return key
        named = [each for each in self.by_name.get(fold_for_search(written), ()) if each.source == source]
        if len(named) > 1:
            return LineProblem.SEVERAL_ORGANISATIONS
        if named:
            return named[0]
        if not self.mandate.everywhere:
            return LineProblem.NOT_YOURS
        return key if written.isdecimal() else LineProblem.UNKNOWN_ORGANISATION


def _planned(
    email: str, wanted: _Wanted, known: ListedAccount | None, mandate: Mandate, directory: Directory
) -> PlannedAccount:
    is_new = known is None or known.revoked_at is not None
    held: dict[Where, Role] = {}
    if known is not None and not is_new:
        held.update(known.roles.items())
        if known.everywhere is not None:
            held[None] = known.everywhere
    gives = {
        key: role or Role.AGENT
        for key, role in wanted.gives.items()
        if key not in held or (role is not None and role != held[key])
    }
    may_rename = known is None or mandate.everywhere or known.everywhere is None
    name = wanted.name if may_rename and (known is None or wanted.name != known.name) else None
    unknown = tuple(key for key in gives if key is not None and key not in directory)
    return PlannedAccount(email, tuple(wanted.lines), is_new, name, gives, unknown)


# Doing it -------------------------------------------------------------------------------------------------------------


def _registered(
    connection: Connection, doing: Sequence[PlannedAccount], now: datetime
) -> tuple[Mapping[str, Agent], Collection[str]]:
    """The accounts by address, made where there are none; and the addresses of those that are new or were revoked."""
    before = _states(connection, [each.email for each in doing])
    unknown = [each for each in doing if each.email not in before]
    rows = [
        {"email": each.email, "name": each.name, "searched": searched(each.name, each.email), "created_at": now}
        for each in unknown
    ]
    if rows:
        connection.execute(agents.insert(), rows)
    revoked = [agent for agent, is_revoked in before.values() if is_revoked]
    if revoked:
        these = [agent.id for agent in revoked]
        connection.execute(update(agents).where(agents.c.id.in_(these)).values(revoked_at=None))
        former = former_agent_organisations.delete().where(former_agent_organisations.c.agent_id.in_(these))
        connection.execute(former)
    for agent in revoked:
        end_every_way_in(connection, agent.id)
    after = _states(connection, [each.email for each in doing])
    shut_out = {agent.email for agent in revoked} | {each.email for each in unknown}
    return {email: agent for email, (agent, _) in after.items()}, shut_out


def _states(connection: Connection, emails: Sequence[str]) -> dict[str, tuple[Agent, bool]]:
    """The accounts with these addresses, and whether each is revoked."""
    found = {}
    for start in range(0, len(emails), _AT_ONCE):
        these = select(*AGENT_COLUMNS, agents.c.revoked_at).where(agents.c.email.in_(emails[start : start + _AT_ONCE]))
        for row in connection.execute(these):
            found[row.email] = agent_of(row), row.revoked_at is not None
    return found


def _rename(connection: Connection, named: Sequence[tuple[Agent, PlannedAccount]]) -> None:
    if named:
        this = update(agents).where(agents.c.id == bindparam("this"))
        statement = this.values(name=bindparam("its_name"), searched=bindparam("its_words"))
        rows = [
            {"this": agent.id, "its_name": each.name, "its_words": searched(each.name, each.email)}
            for agent, each in named
        ]
        connection.execute(statement, rows)


def _audit(connection: Connection, mandate: Mandate, doing: Sequence[PlannedAccount], now: datetime) -> None:
    acts: list[tuple[AuditedAct, str, str | None]] = []
    for each in doing:
        by_role: dict[Role, list[OrganisationReference]] = {}
        act: AuditedAct = "agent_added" if each.is_new else "role_given"
        for key, role in each.gives.items():
            if key is None:
                acts.append((act, each.email, told(role, ())))
            else:
                by_role.setdefault(role, []).append(key)
        for role, keys in by_role.items():
            acts.append((act, each.email, told(role, keys)))
        if not each.gives:
            acts.append(("account_renamed", each.email, None))
    via = Via.SHELL if mandate.agent is None else Via.CONSOLE
    note_on_accounts(connection, now, via, acts, None if mandate.agent is None else mandate.agent.id)
