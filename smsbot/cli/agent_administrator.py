"""`smsbot agent administrator EMAIL`: who adds and removes agents in the console, in their own organisations."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection

from smsbot.agents.accounts import dismiss_administrator, find_agent, name_administrator
from smsbot.cli.databases import ready_database
from smsbot.cli.failing import CommandFailed, one_clear_line
from smsbot.settings import Settings

app = typer.Typer()


@app.command()
def administrator(
    email: Annotated[str, typer.Argument(help="The agent's e-mail address.")],
    no_longer: Annotated[bool, typer.Option("--no-longer", help="They manage accounts no longer.")] = False,
) -> None:
    """Let an agent add and remove agents in the console, in their own organisations."""
    with one_clear_line():

        def work(connection: Connection) -> None:
            agent = find_agent(connection, email)
            if agent is None:
                raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
            (dismiss_administrator if no_longer else name_administrator)(connection, agent)

        with ready_database(Settings.load()) as database:
            database.write_now(work)
        print(f"{email.lower()} {'manages accounts no longer' if no_longer else 'manages accounts'}.")
