"""The entry point of `smsbot`, and the commands that run the service, with their options."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from smsbot.cli import agent_commands as agents
from smsbot.cli import backup_command, cancel_command, check_command, rdvsp_commands, retention_commands
from smsbot.cli import figures_command as figures
from smsbot.cli import gateway_commands as gateways
from smsbot.cli import outbox_commands as outbox
from smsbot.cli import token_commands as tokens
from smsbot.cli.common import CommandFailed, one_clear_line, quiet_broken_pipe, ready_database, tell_whole_sentences
from smsbot.model import DEFAULT_SOURCE

QuestionName = Literal["none", "letters", "choice", "confirmation"]
"""The values of `smsbot.understanding.explaining.Question`, for the option."""

app = typer.Typer(
    name="smsbot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(check_command.app)
app.add_typer(figures.app)
app.add_typer(retention_commands.app)
app.add_typer(backup_command.app)
app.add_typer(agents.app)
app.add_typer(tokens.app)
app.add_typer(outbox.app)
app.add_typer(gateways.app)
app.add_typer(cancel_command.app)
app.add_typer(rdvsp_commands.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"smsbot {version('smsbot')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """People answer the SMS about their appointment: ANNULER, three letters, OUI."""


def main() -> None:
    """The entry point of the `smsbot` command."""
    tell_whole_sentences(app)
    try:
        app()
    except BrokenPipeError:
        quiet_broken_pipe()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("SMSBOT_LOG_LEVEL", "").lower() == "debug":
            raise
        print(
            f"smsbot failed unexpectedly ({type(error).__name__}); SMSBOT_LOG_LEVEL=debug shows where.", file=sys.stderr
        )
        sys.exit(1)


@app.command()
def demo(
    connected: Annotated[
        bool, typer.Option("--connected", help="Let a stand-in for RDV Service Public own the appointments.")
    ] = False,
) -> None:
    """Play the main job, in this terminal and on a page: all on this machine, nothing to configure."""
    import asyncio

    with one_clear_line(), _told_of_the_extra():
        with _no_garbage():
            from smsbot.demo.play import play

        asyncio.run(play(connected=connected))


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Switch the garbage collector off inside the block.

    Loading modules leaves no garbage, and an eighth of its time would be spent looking for some.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _told_of_the_extra() -> Iterator[None]:
    """Raises `CommandFailed` if the packages that only the demo and the sandbox need are not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "aiosmtpd":
            raise
        raise CommandFailed(
            "The demo needs the extra named demo: in a clone, pip install '.[demo]' or ./dev demo installs it."
        ) from None


def _serve_sandbox(host: str, port: int, connected: bool) -> None:
    with one_clear_line(), _told_of_the_extra():
        with _no_garbage():
            from smsbot.cli.operations.sandbox import serve_sandbox

        serve_sandbox(host, port, connected=connected)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8000,
    delivery: Annotated[
        bool, typer.Option("--delivery/--no-delivery", help="Deliver messages from this process too.")
    ] = True,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Try it with stand-ins: no settings, nothing is sent, smsbot-sandbox.db."),
    ] = False,
    connected: Annotated[
        bool, typer.Option("--connected", help="With --sandbox: RDV Service Public's stand-in owns the appointments.")
    ] = False,
) -> None:
    """Run the service: webhooks, pages and delivery."""
    if sandbox:
        if not delivery:
            raise typer.BadParameter("a sandbox always delivers", param_hint="--no-delivery")
        _serve_sandbox(host, port, connected)
        return
    if connected:
        raise typer.BadParameter("this is for --sandbox; set SMSBOT_RDVSP_URL", param_hint="--connected")
    from smsbot.cli.operations.running import serve as run
    from smsbot.settings import ServiceSettings

    with one_clear_line():
        run(ServiceSettings.load(), host, port, delivery=delivery)


@app.command()
def deliver() -> None:
    """Only deliver messages: for more processes or machines on one PostgreSQL."""
    from smsbot.cli.operations.running import deliver as run
    from smsbot.settings import ServiceSettings

    with one_clear_line():
        run(ServiceSettings.load())


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date; safe to repeat."""
    from smsbot.settings import Settings

    with one_clear_line(), ready_database(Settings.load(), migrate=True):
        print("The schema is up to date.")


@app.command("import")
def import_appointments(
    file: Annotated[
        Path | None, typer.Argument(help="JSON (a webhook's data, or a page of GET …/rdvs) or CSV.")
    ] = None,
    source: Annotated[str, typer.Option(help="The source that the records belong to.")] = DEFAULT_SOURCE,
    columns: Annotated[
        str, typer.Option(metavar="COLUMN=HEADING,…", help="Which heading of a CSV file is which column.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, but keep nothing.")] = False,
    quiet_for: Annotated[
        int | None,
        typer.Option(metavar="HOURS", min=1, max=720, help="Hold the reminders of these appointments for so long."),
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Print an empty CSV file to fill in.")] = False,
) -> None:
    """Take appointments in from a file; nobody is notified, but reminders are sent when they are due.

    The report says how many reminders are sent at once. Headings may be ours or the usual French ones; date and hour
    may be in two columns (date, hour). Exit status 1 if rows were refused: they are written to FILE-refused.csv.
    """
    with one_clear_line():
        if template:
            from smsbot.sources.csv_appointments import template as empty_file

            print(empty_file(), end="")
            return
        if file is None:
            raise typer.BadParameter("give the file to import, or --template", param_hint="FILE")
        from smsbot.cli.operations.importing import run_import

        hold = timedelta(hours=quiet_for) if quiet_for is not None else None
        run_import(file, source, columns, dry_run=dry_run, quiet_for=hold)


@app.command()
def understand(
    text: Annotated[str, typer.Argument(help="The message, as a person sent it.")],
    question: Annotated[QuestionName, typer.Option(help="Which question is open.")] = "none",
    surname: Annotated[list[str] | None, typer.Option(help="A surname on record, for the letters; repeat it.")] = None,
    appointment: Annotated[
        list[str] | None,
        typer.Option(
            help="A coming appointment, like 'lundi 14h30, Mairie du 1er, Léo' (when, place, first names); repeat it "
            "for a list. The question confirmation is about the first one."
        ),
    ] = None,
) -> None:
    """Show how a message is read, and why; nothing is stored and nobody gets an answer."""
    from smsbot.rules.letters import Names
    from smsbot.understanding.explaining import Question, explain, parse_appointment

    with one_clear_line():
        coming = [parse_appointment(said, datetime.now(UTC).date()) for said in appointment or []]
        for line in explain(text, Question(question), [Names((name,), ()) for name in surname or []], coming):
            print(line)
