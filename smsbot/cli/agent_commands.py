"""`smsbot agent …`: who may use the agents' API, in which organisations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

from smsbot.agents.accounts import Account, add_agent, find_agent, list_accounts, revoke_agent
from smsbot.agents.naming import NotFound, find
from smsbot.agents.tokens import issue_token
from smsbot.appointments import locks
from smsbot.cli import agent_administrator, agent_password
from smsbot.cli.databases import ready_database
from smsbot.cli.failing import CommandFailed, one_clear_line
from smsbot.model import DEFAULT_SOURCE, Via
from smsbot.settings import Settings
from smsbot.sources import texts

T = TypeVar("T")
TokenDays = Annotated[
    int | None, typer.Option(min=1, max=3650, help="The token is good for so many days; without it, for ever.")
]

app = typer.Typer(
    name="agent",
    help="Agents: who may use the API, in which organisations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(agent_password.app)
app.add_typer(agent_administrator.app)


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    organisation: Annotated[
        list[str],
        typer.Option(metavar="ID", help="An organisation they may act in, as the source numbers it; repeat for more."),
    ],
    source: Annotated[str, typer.Option(help="The source that numbers the organisations.")] = DEFAULT_SOURCE,
    token_days: TokenDays = None,
) -> None:
    """Add an agent, and print their API token: only now, alone on the last line.

    The organisations need not be known yet. An agent who is there already gets these in addition to their own, and a
    further token; the former ones stay good (smsbot agent revoke ends them all).
    """
    with one_clear_line():
        address, organisations = _address(email), [_organisation(each) for each in organisation]
        now = datetime.now(UTC)

        def work(connection: Connection) -> str:
            agent = add_agent(connection, address, source, organisations, now)
            return issue_token(connection, agent, now, _lifetime(token_days))

        token = _write(work)
        print(f"{address} may act in {', '.join(organisations)} of {source}. Their API token, shown only now:")
        print(token)


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")], token_days: TokenDays = None
) -> None:
    """Print a further API token of an agent: only now, alone on the last line. The former ones stay good."""
    with one_clear_line():
        address, now = _address(email), datetime.now(UTC)

        def work(connection: Connection) -> str:
            agent = find_agent(connection, address)
            if agent is None:
                raise CommandFailed(f"There is no agent {address}: see smsbot agent list.")
            return issue_token(connection, agent, now, _lifetime(token_days))

        issued = _write(work)
        print(f"A further API token of {address}, shown only now:")
        print(issued)


@app.command("list")
def list_them() -> None:
    """List the agents, their organisations, how many tokens they have and when one was last used."""
    with one_clear_line():
        now = datetime.now(UTC)
        for account in _write(lambda connection: list_accounts(connection, now)):
            print(_line(account))


@app.command()
def revoke(email: Annotated[str, typer.Argument(help="The agent's e-mail address.")]) -> None:
    """Shut an agent out: all their tokens and their organisations end at once."""
    with one_clear_line():
        address, now = _address(email), datetime.now(UTC)
        if not _write(lambda connection: revoke_agent(connection, address, now)):
            raise CommandFailed(f"There is no agent {address}: see smsbot agent list.")
        print(f"{address} is shut out.")


@app.command()
def unlock(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="An appointment's id, ours (rdv-12) or the source's; or part-34.")
    ],
    source: Annotated[str, typer.Option(help="The source that the id belongs to.")] = DEFAULT_SOURCE,
) -> None:
    """Let the usagers of an appointment, or of one participation, cancel again after three wrong answers."""
    with one_clear_line():
        now = datetime.now(UTC)

        def work(connection: Connection) -> int:
            try:
                appointment_id, participation_id = find(connection, name, source=source)
            except NotFound:
                raise CommandFailed(f"There is no appointment {name} of the source {source}.") from None
            return locks.unlock(connection, appointment_id, participation_id, via=Via.SHELL, agent=None, now=now)

        forgotten = _write(work)
        print(f"Unlocked: {name}." if forgotten else f"No wrong answers were counted for {name}.")


def _write(work: Callable[[Connection], T]) -> T:
    with ready_database(Settings.load()) as database:
        return database.write_now(work)


def _address(email: str) -> str:
    address = texts.email(email)
    if address is None:
        raise CommandFailed(f"{email} is not an e-mail address.")
    return address.lower()


def _organisation(written: str) -> str:
    identifier = texts.identifier(written)
    if identifier is None or "," in identifier:
        raise CommandFailed(f"{written!r} is not the id of an organisation: give one ID to each --organisation.")
    return identifier


def _line(account: Account) -> str:
    if account.revoked_at is not None:
        return f"{account.email}  revoked {account.revoked_at:%Y-%m-%d}"
    organisations = ", ".join(f"{external_id} of {source}" for source, external_id in account.organisations)
    tokens = account.tokens
    told = f"{tokens.number} token{'' if tokens.number == 1 else 's'}"
    if tokens.used_at is not None:
        told += f", last used {tokens.used_at:%Y-%m-%d}"
    if tokens.expires_at is not None:
        told += f", {'ends' if tokens.number == 1 else 'the first ends'} {tokens.expires_at:%Y-%m-%d}"
    return f"{account.email}  {organisations}  {told}"


def _lifetime(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
