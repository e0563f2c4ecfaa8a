"""`smsbot backup`: copies the SQLite database while the service runs, and checks that a copy can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smsbot.cli.common import CommandFailed, local_time, one_clear_line, refuse_missing, sqlite_file

if TYPE_CHECKING:
    from smsbot.store.backup import ProvenBackup

app = typer.Typer()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file; if it is a folder, a name with date and time is made.")],
    check: Annotated[
        bool, typer.Option("--check", help="Make no backup: check that FILE is one, and show what is in it.")
    ] = False,
) -> None:
    """Copy the SQLite database to a new file while the service runs, and check that the copy can be restored.

    Nothing is overwritten, and only the owner can read the file. With --check no settings are needed. Back PostgreSQL
    up with pg_dump.
    """
    from smsbot.store.backup import make_backup, prove_backup

    with one_clear_line():
        now = datetime.now(UTC)
        if check:
            proven = prove_backup(file, now)
        else:
            if file.is_dir():
                file = file / f"smsbot-{now.astimezone():%Y-%m-%d-%H%M%S}.db"
            proven = make_backup(_database(file), file, now)
        for line in _lines(proven):
            print(line)


def _database(target: Path) -> Path:
    """The SQLite file of the settings. Raises `CommandFailed` for PostgreSQL, and if the file does not exist."""
    from smsbot.settings import Settings

    database = sqlite_file(Settings.load())
    if database is None:
        raise CommandFailed(
            "SMSBOT_DATABASE_URL is PostgreSQL: "
            f'pg_dump --format=custom --file={target} "$SMSBOT_DATABASE_URL" backs it up.'
        )
    refuse_missing(database)
    return database


def _lines(proven: ProvenBackup) -> Iterator[str]:
    if proven.contents is None:
        yield f"{proven.file}: intact, of an earlier version ({proven.revision}): after restoring, run smsbot migrate."
        return
    yield f"{proven.file}: intact, with the schema of this version ({proven.revision})."
    contents = proven.contents
    yield f"  {contents.appointments} appointments, {contents.coming} of them to come"
    yield f"  {contents.received} messages received, {contents.sent} sent, {contents.waiting} not sent yet"
    yield f"  {contents.stopped_numbers} numbers that wrote STOP, {contents.agents} agents"
    if contents.newest is not None:
        yield f"  newest message: {local_time(contents.newest)}"
