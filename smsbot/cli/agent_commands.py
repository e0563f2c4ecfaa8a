"""`smsbot agent …`: agents' accounts, passwords, API tokens and organisations; and unlocking after wrong answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from smsbot.cli.agent_file_commands import export_accounts, import_accounts
from smsbot.cli.common import CommandFailed, one_clear_line, ready_database
from smsbot.model import DEFAULT_SOURCE, OrganisationReference, Via

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from smsbot.agents.accounts import Account, Agent, Role
    from smsbot.store.database import Database

T = TypeVar("T")
TokenDays = Annotated[
    int | None, typer.Option(min=1, max=3650, help="The token is valid for so many days; without it, for ever.")
]

SourceOption = Annotated[str, typer.Option(help="The source that numbers the organisations.")]

app = typer.Typer(
    name="agent",
    help="Agents: who may use the console and the API, in which organisations, and in which role.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


app.command("import")(import_accounts)
app.command("export")(export_accounts)


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    organisation: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An organisation they may act in, as the source numbers it; repeat for more."),
    ] = None,
    source: SourceOption = DEFAULT_SOURCE,
    everywhere: Annotated[bool, typer.Option("--all", help="They may act in all organisations.")] = False,
    administrator: Annotated[bool, typer.Option(help="They also manage the accounts there.")] = False,
    name: Annotated[str, typer.Option(help="Their name, as lists of accounts show it.")] = "",
    token_days: TokenDays = None,
) -> None:
    """Add an agent, and print their API token: only now, alone on the last line.

    The organisations need not be known yet. An existing agent gets these organisations in addition, and one more token;
    the other tokens stay valid (smsbot agent revoke ends them all).
    """
    from smsbot.agents.account_changes import add_agent, let_act_everywhere
    from smsbot.agents.accounts import Role
    from smsbot.agents.tokens import issue_token
    from smsbot.sources import texts

    if bool(organisation) is everywhere:
        raise typer.BadParameter("give either --organisation or --all")
    with one_clear_line():
        address, organisations = _address(email), [organisation_id(each) for each in organisation or ()]
        now, role = datetime.now(UTC), Role.ADMINISTRATOR if administrator else None

        def work(connection: Connection) -> str:
            agent = add_agent(connection, address, source, organisations, now, role=role, name=texts.name(name))
            if everywhere:
                let_act_everywhere(connection, agent, role or Role.AGENT)
            return issue_token(connection, agent, now, _lifetime(token_days))

        token = write(work)
        where = "all organisations" if everywhere else f"{', '.join(organisations)} of {source}"
        what = f"may act in {where}" + (", and manages the accounts there" if administrator else "")
        print(f"{address} {what}. Their API token, shown only now:")
        print(token)


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")], token_days: TokenDays = None
) -> None:
    """Print one more API token of an agent: only now, alone on the last line. The other tokens stay valid."""
    from smsbot.agents.accounts import find_agent
    from smsbot.agents.tokens import issue_token

    with one_clear_line():
        address, now = _address(email), datetime.now(UTC)

        def work(connection: Connection) -> str:
            agent = find_agent(connection, address)
            if agent is None:
                raise CommandFailed(f"There is no agent {address}: see smsbot agent list.")
            return issue_token(connection, agent, now, _lifetime(token_days))

        issued = write(work)
        print(f"A further API token of {address}, shown only now:")
        print(issued)


@app.command("list")
def list_them() -> None:
    """List the agents: their organisations and roles, their tokens, and when they last used one or signed in."""
    from smsbot.agents.accounts import list_accounts

    with one_clear_line():
        now = datetime.now(UTC)
        for account in write(lambda connection: list_accounts(connection, now)):
            print(_line(account))


@app.command()
def revoke(email: Annotated[str, typer.Argument(help="The agent's e-mail address.")]) -> None:
    """Shut an agent out: all their tokens and organisations end at once."""
    from smsbot.agents.account_changes import revoke_agent
    from smsbot.agents.accounts import is_administered_everywhere

    with one_clear_line():
        address, now = _address(email), datetime.now(UTC)

        def work(connection: Connection) -> bool | None:
            was_administered = is_administered_everywhere(connection)
            if not revoke_agent(connection, address, now):
                return None
            return was_administered and not is_administered_everywhere(connection)

        was_last = write(work)
        if was_last is None:
            raise CommandFailed(f"There is no agent {address}: see smsbot agent list.")
        print(f"{address} is shut out.")
        if was_last:
            print(_NOBODY_EVERYWHERE)


_NOBODY_EVERYWHERE = (
    "Nobody administers all organisations any more: smsbot agent administrator EMAIL --all makes somebody do so."
)


@app.command()
def unlock(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="An appointment's id, ours (rdv-12) or the source's; or part-34.")
    ],
    source: Annotated[str, typer.Option(help="The source that the id belongs to.")] = DEFAULT_SOURCE,
) -> None:
    """Let the usagers of an appointment, or of one participation, cancel again after three wrong answers."""
    from smsbot.agents.appointment_actions import NotFound, find_meant
    from smsbot.appointments import locks

    with one_clear_line():
        now = datetime.now(UTC)

        def work(connection: Connection) -> int:
            try:
                appointment_id, participation_id = find_meant(connection, name, source=source)
            except NotFound:
                raise CommandFailed(f"There is no appointment {name} of the source {source}.") from None
            return locks.unlock(connection, appointment_id, participation_id, via=Via.SHELL, agent=None, now=now)

        forgotten = write(work)
        print(f"Unlocked: {name}." if forgotten else f"No wrong answers were counted for {name}.")


@app.command()
def password(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    end_tokens: Annotated[bool, typer.Option("--end-tokens", help="End the agent's API tokens as well.")] = False,
) -> None:
    """Set an agent's password: asked for twice, or read as one line from the standard input.

    Their sessions end. Without this command agents choose a password themselves, by a link that /agents sends them.
    """
    from smsbot.settings import Settings

    with one_clear_line():
        chosen = _asked_for() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        with ready_database(Settings.load()) as database:
            change_password(database, email, chosen, datetime.now(UTC), end_tokens=end_tokens)
        ended = "every session and every API token has" if end_tokens else "every session has"
        print(f"{email.lower()} has a new password; {ended} ended.")


def change_password(database: Database, email: str, chosen: str, now: datetime, *, end_tokens: bool = False) -> None:
    """Set the password of the agent with this address. With `end_tokens`, the agent's API tokens end too.

    Raises CommandFailed if there is no such agent, or the password is weak.
    """
    from smsbot.agents.accounts import find_agent
    from smsbot.agents.signing_in.passwords import (
        LEAST_CHARACTERS,
        MOST_CHARACTERS,
        Hashing,
        Weakness,
        set_password,
        weakness_of,
    )
    from smsbot.sources import texts

    address = texts.email(email)
    if address is None:
        raise CommandFailed(f"{email} is not an e-mail address.")
    weakness = weakness_of(chosen, address)
    if weakness is not None:
        sentences = {
            Weakness.SHORT: f"The password is too short: {LEAST_CHARACTERS} characters or more.",
            Weakness.LONG: f"The password is too long: {MOST_CHARACTERS} characters at most.",
            Weakness.SIMPLE: "The password is too easily guessed: choose some words that have nothing to do with each "
            "other.",
        }
        raise CommandFailed(sentences[weakness])
    password_hash = Hashing().hash(chosen)

    def work(connection: Connection) -> None:
        agent = find_agent(connection, address)
        if agent is None:
            raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
        set_password(connection, agent, password_hash, now, end_tokens=end_tokens)

    database.write_now(work)


@app.command()
def administrator(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    organisation: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only in this organisation, as the source numbers it; repeat for more."),
    ] = None,
    source: SourceOption = DEFAULT_SOURCE,
    everywhere: Annotated[bool, typer.Option("--all", help="In all organisations, also in future ones.")] = False,
    no_longer: Annotated[bool, typer.Option("--no-longer", help="They no longer manage accounts.")] = False,
) -> None:
    """Let an agent manage accounts in the console, in their own organisations.

    With --organisation, they manage the accounts of these organisations, and may act there; with --all, the accounts of
    all organisations.
    """
    from smsbot.agents import account_changes, accounts

    if organisation and everywhere:
        raise typer.BadParameter("give either --organisation or --all")
    with one_clear_line():
        keys = [OrganisationReference(source, organisation_id(each)) for each in organisation or ()]
        now, role = datetime.now(UTC), accounts.Role.AGENT if no_longer else accounts.Role.ADMINISTRATOR

        def work(connection: Connection) -> bool:
            agent = accounts.find_agent(connection, email)
            if agent is None:
                raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
            was_administered = accounts.is_administered_everywhere(connection)
            if keys or everywhere:
                _give_role(connection, agent, keys, role, now)
            else:
                change = account_changes.dismiss_administrator if no_longer else account_changes.name_administrator
                change(connection, agent, now)
            return was_administered and not accounts.is_administered_everywhere(connection)

        was_last = write(work)
        where = " of all organisations" if everywhere else f" of {', '.join(organisation or ())}" if keys else ""
        print(f"{email.lower()} {'manages accounts' + where + (' no longer' if no_longer else '')}.")
        if was_last:
            print(_NOBODY_EVERYWHERE)


def _give_role(
    connection: Connection, agent: Agent, keys: Sequence[OrganisationReference], role: Role, now: datetime
) -> None:
    """Give the agent this role in these organisations, or in all if there are none. Role.AGENT only takes away."""
    from smsbot.agents import account_changes, accounts

    if role is accounts.Role.AGENT:
        held = accounts.where_named(connection, agent)
        were_nothing = not held.keys() & set(keys) if keys else accounts.role_everywhere(connection, agent) is None
        if were_nothing:
            raise CommandFailed(f"{agent.email} manages no accounts there: see smsbot agent list.")
        keys = [key for key in keys if key in held]
    account_changes.let_act(connection, agent, keys, role)
    if not keys:
        account_changes.let_act_everywhere(connection, agent, role)
    detail = account_changes.told(role, keys)
    account_changes.note_account(connection, "role_given", agent, Via.SHELL, now, None, detail)


def write(work: Callable[[Connection], T]) -> T:
    """Run `work` in one transaction on the database of the settings, and return its result."""
    from smsbot.settings import Settings

    with ready_database(Settings.load()) as database:
        return database.write_now(work)


def _address(email: str) -> str:
    from smsbot.sources import texts

    address = texts.email(email)
    if address is None:
        raise CommandFailed(f"{email} is not an e-mail address.")
    return address.lower()


def organisation_id(written: str) -> str:
    """An organisation's id at its source, as it was written. Raises CommandFailed if it is not an id."""
    from smsbot.sources import texts

    identifier = texts.identifier(written)
    if identifier is None or "," in identifier:
        raise CommandFailed(f"{written!r} is not the id of an organisation: give one ID to each --organisation.")
    return identifier


def _line(account: Account) -> str:
    who = account.email if account.name is None else f"{account.email} ({account.name})"
    if account.revoked_at is not None:
        return f"{who}  revoked {account.revoked_at:%Y-%m-%d}"
    named = [
        f"{key.external_id} of {key.source}" + (" (administrator)" if key in account.administers else "")
        for key in account.organisations
    ]
    if account.everywhere is not None:
        named.insert(0, "all organisations" + (" (administrator)" if account.everywhere == "administrator" else ""))
    tokens = account.tokens
    told = f"{tokens.number} token{'' if tokens.number == 1 else 's'}"
    if tokens.used_at is not None:
        told += f", last used {tokens.used_at:%Y-%m-%d}"
    if tokens.expires_at is not None:
        told += f", {'ends' if tokens.number == 1 else 'the first ends'} {tokens.expires_at:%Y-%m-%d}"
    if account.signed_in_at is not None:
        told += f"  signed in {account.signed_in_at:%Y-%m-%d}"
    return f"{who}  {', '.join(named)}  {told}"


def _lifetime(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _asked_for() -> str:
    asked: str = typer.prompt("New password", hide_input=True, confirmation_prompt="The same again")
    return asked
