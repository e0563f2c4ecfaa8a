"""The database that a command works on: open for as long as it works, and closed however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from smsbot.cli.failing import CommandFailed
from smsbot.settings import Settings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready


@contextmanager
def ready_database(settings: Settings, *, migrate: bool = False, make: bool = False) -> Iterator[Database]:
    """The database of these settings, with a current schema, which `migrate` says to bring about on any engine.

    A SQLite file that is not there is made where `migrate` or `make` says so. Elsewhere it is a mistake, such as the
    wrong folder, and an empty one would only hide it. Raises `SchemaProblem`, and `CommandFailed` for that mistake.
    """
    file = sqlite_file(settings)
    if file is not None and not (migrate or make or file.exists()):
        raise CommandFailed(
            f"There is no database at {file.absolute()}: run the command in the folder of the service, or set "
            "SMSBOT_DATABASE_URL. A new one is made by smsbot serve, migrate and import alone."
        )
    with closing(open_ready(settings.database_url, migrate=migrate)) as database:
        yield database


def sqlite_file(settings: Settings) -> Path | None:
    """The file that these settings keep the database in; None where it is not a SQLite file."""
    url = make_url(settings.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
