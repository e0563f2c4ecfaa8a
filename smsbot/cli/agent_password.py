"""`smsbot agent password EMAIL`: sets an agent's password from the shell, as where no e-mail leaves yet."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from smsbot.agents.accounts import find_agent
from smsbot.agents.passwords import LEAST_CHARACTERS, MOST_CHARACTERS, Hashing, Weakness, set_password, weakness_of
from smsbot.cli.databases import ready_database
from smsbot.cli.failing import CommandFailed, one_clear_line
from smsbot.settings import Settings
from smsbot.sources import texts
from smsbot.store.database import Database

_WEAK = {
    Weakness.SHORT: f"The password is too short: {LEAST_CHARACTERS} characters or more.",
    Weakness.LONG: f"The password is too long: {MOST_CHARACTERS} characters at most.",
    Weakness.SIMPLE: "The password is too easily guessed: choose some words that have nothing to do with each other.",
}


app = typer.Typer()


@app.command()
def password(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    end_tokens: Annotated[bool, typer.Option("--end-tokens", help="End the agent's API tokens as well.")] = False,
) -> None:
    """Set an agent's password: asked for twice, or read as a line from the standard input.

    Their sessions end. Without this command they choose one themselves, by a link that /agents sends them.
    """
    with one_clear_line():
        chosen = _asked_for() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        with ready_database(Settings.load()) as database:
            change_password(database, email, chosen, datetime.now(UTC), end_tokens=end_tokens)
        ended = "every session and every API token has" if end_tokens else "every session has"
        print(f"{email.lower()} has a new password; {ended} ended.")


def change_password(database: Database, email: str, chosen: str, now: datetime, *, end_tokens: bool = False) -> None:
    """Set it. Raises CommandFailed where there is no such agent, or the password is weak."""
    address = texts.email(email)
    if address is None:
        raise CommandFailed(f"{email} is not an e-mail address.")
    weakness = weakness_of(chosen, address)
    if weakness is not None:
        raise CommandFailed(_WEAK[weakness])
    password_hash = Hashing().hash(chosen)

    def work(connection: Connection) -> None:
        agent = find_agent(connection, address)
        if agent is None:
            raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
        set_password(connection, agent, password_hash, now, end_tokens=end_tokens)

    database.write_now(work)


def _asked_for() -> str:
    asked: str = typer.prompt("New password", hide_input=True, confirmation_prompt="The same again")
    return asked
