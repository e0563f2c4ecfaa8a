"""`smsbot agent import` and `smsbot agent export`: many accounts at once, as a CSV file in French."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line, ready_database

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from smsbot.agents.account_file import RefusedAccountLine
    from smsbot.agents.account_import import ImportPlan, PlannedAccount

_WHY = {
    "unreadable": "the line cannot be read: a quotation mark is not closed, or it is neither UTF-8 nor Windows-1252",
    "no_email": "the e-mail address is missing",
    "bad_email": "{said} is not an e-mail address",
    "bad_role": "{said} is not a role: write agent or administrateur",
    "no_organisation": "no organisation is named for {said}: write their ids, or toutes for all",
    "unknown_organisation": "no organisation is called {said}: write its id as the source numbers it",
    "several_organisations": "several organisations are called {said}: write its id as the source numbers it",
}


def import_accounts(
    file: Annotated[Path, typer.Argument(help="CSV with the columns e-mail, nom, rôle, organisations, source.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, but change nothing.")] = False,
) -> None:
    """Add and change the accounts in a CSV file, in one transaction; nobody gets a message.

    Organisations are given by ids or names, with commas between them, or toutes for all; the role is agent or
    administrateur. What is not in the file stays as it is. Agents without a password ask for a link at /agents.
    """
    from smsbot.agents.account_file import read_accounts
    from smsbot.agents.account_import import carry_out_plan, lock_for_import, plan_import
    from smsbot.agents.administration import OPERATOR
    from smsbot.agents.directory import read_directory
    from smsbot.policy import Policy
    from smsbot.settings import Settings
    from smsbot.sources.files import bytes_of

    with one_clear_line():
        settings, now = Settings.load(), datetime.now(UTC)
        policy, lines = Policy.load(settings.config), list(read_accounts(bytes_of(file)))

        def work(connection: Connection) -> ImportPlan:
            lock_for_import(connection)
            plan = plan_import(connection, OPERATOR, read_directory(connection, policy, OPERATOR), lines, now)
            if not dry_run:
                carry_out_plan(connection, OPERATOR, plan, now)
            return plan

        with ready_database(settings) as database:
            plan = database.write_now(work)
        for line in _report(plan):
            print(line)
        if dry_run:
            print("This was a dry run: nothing has been changed.")
        if plan.refused:
            raise CommandFailed(f"{len(plan.refused)} refused; correct them and import the file again.")


def export_accounts(
    revoked: Annotated[bool, typer.Option("--revoked", help="Only the accounts that are shut out.")] = False,
) -> None:
    """Print all accounts as CSV, with the columns that `smsbot agent import` reads."""
    from smsbot.agents.account_file import columns_of_accounts
    from smsbot.agents.account_list import AccountQuery, StateFilter, list_all
    from smsbot.agents.administration import OPERATOR
    from smsbot.settings import Settings
    from smsbot.spreadsheets import to_french_csv_text

    with one_clear_line():
        query = AccountQuery(state=StateFilter.REVOKED if revoked else None)
        with ready_database(Settings.load()) as database:
            accounts = database.read_now(lambda c: list_all(c, OPERATOR, query, datetime.now(UTC)))
        heading, rows = columns_of_accounts(accounts)
        sys.stdout.write(to_french_csv_text(heading, rows).replace("\r\n", "\n"))


def _report(plan: ImportPlan) -> Iterator[str]:
    yield f"{len(plan.new)} new, {len(plan.changed)} changed, {plan.unchanged} unchanged, {len(plan.refused)} refused."
    for account in (*plan.new, *plan.changed):
        yield f"{_lines(account)}: {account.email} {'is new' if account.is_new else 'changes'}: {_gets(account)}."
    for account in plan.accounts:
        for key in account.unknown:
            yield f"{_lines(account)}: organisation {key.external_id} of {key.source} is not known yet: is it right?"
    for refused in plan.refused:
        yield f"line {refused.line}: {_why(refused)}."


def _lines(account: PlannedAccount) -> str:
    numbers = ", ".join(map(str, account.lines))
    return f"line {numbers}" if len(account.lines) == 1 else f"lines {numbers}"


def _gets(account: PlannedAccount) -> str:
    from smsbot.agents.accounts import Role

    said = []
    for role in Role:
        keys = [key for key, given in account.gives.items() if given is role]
        if keys:
            where = ", ".join("all" if key is None else f"{key.external_id} of {key.source}" for key in keys)
            said.append(f"{role} of {where}")
    if account.name is not None:
        said.append(f"called {account.name}")
    return "; ".join(said)


def _why(refused: RefusedAccountLine) -> str:
    return _WHY[refused.problem].format(said=refused.said)
