"""What all commands share: they open the database, and fail with exit status 1 and one clear line on stderr.

The modules of this room import what a command needs only when it runs, so that `--help` answers at once.

Only one `smsbot serve` at a time may use a SQLite file. A lock of the operating system ensures this, and ends with the
process.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from smsbot.problem import Problem

if TYPE_CHECKING:
    from smsbot.settings import Settings
    from smsbot.store.database import Database


class CommandFailed(Problem):
    """A command could not do what was asked. The sentence says why and what to do."""


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Turn an expected error inside the block into one line for each problem on stderr, and exit status 1."""
    try:
        yield
    except Problem as problem:
        fail(*problem.sentences)
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, SQLAlchemyError):
            raise
        from smsbot.store.engines import cause_of

        fail(
            f"The database at SMSBOT_DATABASE_URL cannot be used ({cause_of(error)}): "
            "check the setting, then smsbot migrate."
        )


def local_time(moment: datetime) -> str:
    """The moment on the machine's clock: `2026-05-04 12:00:00 CEST`."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def fail(*sentences: str) -> NoReturn:
    """Print each sentence on its own line on stderr, and end with status 1."""
    sys.stdout.flush()
    for sentence in sentences:
        print(" ".join(sentence.split()), file=sys.stderr)
    raise typer.Exit(1)


def tell_whole_sentences(app: typer.Typer) -> None:
    """Let the list of commands in `--help` show the first sentence of each in full. Otherwise it is cut to one line."""
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.short_help = group.typer_instance.info.help
            tell_whole_sentences(group.typer_instance)
    for command in app.registered_commands:
        paragraph, _, _ = (inspect.getdoc(command.callback) or "").partition("\n\n")
        command.short_help = " ".join(paragraph.split())


def quiet_broken_pipe() -> None:
    """Keep Python from complaining if the reader of our output has ended, as with `| head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class AlreadyServed(Problem):
    """Another process serves this database. The sentence says what to do."""


@contextmanager
def alone_on(database: Path | None) -> Iterator[None]:
    """Hold the lock of the SQLite file `database` while the block runs. None means another engine, without a lock.

    Raises `AlreadyServed` if another process holds it, and `OSError` if the lock's file cannot be made.
    """
    if database is None or not database.parent.is_dir():  # if the folder is missing, opening the database will say so
        yield
        return
    file = database.resolve()
    descriptor = os.open(file.with_name(f"{file.name}-serving"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(descriptor)
        except OSError:
            raise AlreadyServed(
                f"Another smsbot serve is running on {file}: stop it first, or use PostgreSQL for several processes."
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def ready_database(settings: Settings, *, migrate: bool = False, make: bool = False) -> Iterator[Database]:
    """The database of these settings, with a current schema. With `migrate`, it is brought up to date first.

    A missing SQLite file is created only with `migrate` or `make`. Otherwise its absence is a mistake, such as the
    wrong folder, which an empty database would hide: raises `CommandFailed`. Raises `SchemaProblem` if the schema is
    not current.
    """
    from smsbot.store.schema import open_ready

    file = sqlite_file(settings)
    if file is not None and not (migrate or make):
        refuse_missing(file)
    with closing(open_ready(settings.database_url, migrate=migrate)) as database:
        yield database


def refuse_missing(file: Path) -> None:
    """Raise `CommandFailed` if there is no SQLite file at `file`."""
    if not file.exists():
        raise CommandFailed(
            f"There is no database at {file.absolute()}: run the command in the folder of the service, or set "
            "SMSBOT_DATABASE_URL. Only smsbot serve, migrate and import create a new one."
        )


def sqlite_file(settings: Settings) -> Path | None:
    """The path of the database's SQLite file; None for other engines."""
    from sqlalchemy import make_url

    url = make_url(settings.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
