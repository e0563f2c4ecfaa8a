"""`smsbot purge`, `smsbot forget`, `smsbot export` and `smsbot case`: personal data and how long it is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line, ready_database

if TYPE_CHECKING:
    from smsbot.retention.person import ContactAddress
    from smsbot.retention.personal_rights import Forgotten
    from smsbot.retention.purging import Purged

_CONTACT = typer.Argument(metavar="PHONE_OR_EMAIL", help="Such as 06 12 34 56 78, +33612345678 or sophie@exemple.fr.")

app = typer.Typer()


@app.command()
def purge() -> None:
    """Erase what has been kept for long enough (SMSBOT_RETENTION_DAYS after the appointment); safe to repeat.

    The service does this by itself, every hour.
    """
    import asyncio

    from smsbot.agents.signing_in.sign_in import sweep
    from smsbot.retention import purging
    from smsbot.settings import Settings

    with one_clear_line():
        settings, now = Settings.load(), datetime.now(UTC)
        with ready_database(settings) as database:
            purged = asyncio.run(purging.purge(database, now - settings.retention, now))
            database.write_now(lambda connection: sweep(connection, now))
            is_log_empty = database.truncate_log_now()
        for line in (*_purged(purged, settings.retention_days), *_left_in_log(is_log_empty)):
            print(line)


@app.command()
def case(contact: Annotated[str, _CONTACT]) -> None:
    """Print the `case` that log lines about a telephone number or an e-mail address have."""
    from smsbot import logs
    from smsbot.retention.person import ContactAddress
    from smsbot.settings import ServiceSettings

    with one_clear_line():
        person = ContactAddress.read(contact)
        logs.follow_cases(ServiceSettings.load().secret_key.get_secret_value())
        print(logs.case_of(str(person)))


@app.command()
def forget(
    contact: Annotated[str, _CONTACT],
    including_coming: Annotated[
        bool,
        typer.Option(
            "--including-coming",
            help="Also if appointments are still to come: they are not cancelled, and nobody is told.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase all data about a person, for ever: at their request, after you have checked who asks.

    If a number wrote STOP, only that is kept.
    """
    from smsbot.retention import personal_rights
    from smsbot.retention.person import ContactAddress
    from smsbot.settings import Settings

    with one_clear_line():
        person = ContactAddress.read(contact)
        if not yes:
            _confirm(f"Erase all data about {person}? It cannot be brought back.")
        with ready_database(Settings.load()) as database:
            now = datetime.now(UTC)
            try:
                forgotten = database.write_now(
                    lambda connection: personal_rights.forget(
                        connection, person, now, including_coming=including_coming
                    )
                )
            except personal_rights.StillComing as problem:
                raise CommandFailed(_still_coming(person, problem.number)) from None
            is_log_empty = database.truncate_log_now()
        for line in (*_forgotten(person, forgotten), *_left_in_log(is_log_empty)):
            print(line)


@app.command()
def export(contact: Annotated[str, _CONTACT]) -> None:
    """Print all data about a person, as JSON: at their request, after you have checked who asks."""
    from smsbot.retention import personal_rights
    from smsbot.retention.person import ContactAddress
    from smsbot.settings import Settings

    with one_clear_line():
        person = ContactAddress.read(contact)
        with ready_database(Settings.load()) as database:
            now = datetime.now(UTC)
            kept = database.read_now(lambda connection: personal_rights.export(connection, person, now))
        print(json.dumps(kept, ensure_ascii=False, indent=2))


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed("There is no terminal to confirm it: add --yes.")
    if not typer.confirm(question):
        raise CommandFailed("Nothing has been erased.")


def _purged(purged: Purged, retention_days: int) -> Iterator[str]:
    if purged.is_empty:
        yield f"Nothing to erase: all data is within {retention_days} days (SMSBOT_RETENTION_DAYS)."
        return
    yield f"Erased, {retention_days} days after the appointment (SMSBOT_RETENTION_DAYS):"
    yield f"  {purged.people} participations: names, numbers, e-mail addresses"
    yield f"  {purged.addresses} addresses of appointments"
    yield f"  {purged.sent} messages sent, {purged.received} received"
    yield f"  {purged.conversations} conversations"
    if purged.opt_outs:
        yield f"  {purged.opt_outs} STOPs of numbers that nobody known to us ever had"
    yield f"  {purged.agents} agents' addresses in the audit"
    if purged.unsent:
        yield f"  {purged.unsent} e-mails to agents that were never sent, with the links in them"


def _left_in_log(is_log_empty: bool) -> Iterator[str]:
    if not is_log_empty:
        yield "The erased data is still in SQLite's log, which is being read: run smsbot purge again in a minute."


def _still_coming(person: ContactAddress, number: int) -> str:
    appointments = "1 appointment that is" if number == 1 else f"{number} appointments that are"
    return (
        f"{person} has {appointments} still to come, so nothing has been erased: cancel first (smsbot cancel), wait, "
        "or add --including-coming, which cancels nothing and tells nobody."
    )


def _forgotten(person: ContactAddress, forgotten: Forgotten) -> Iterator[str]:
    if forgotten.is_empty:
        yield f"Nothing is kept about {person}."
    else:
        yield (
            f"Erased about {person}: {forgotten.participations} participations ({forgotten.coming} still to come), "
            f"{forgotten.sent} messages sent, {forgotten.received} received, {forgotten.conversations} conversations."
        )
    if forgotten.on_stop_list:
        yield "A number of theirs stays on the STOP list, without any other data: it gets no SMS until START comes."
