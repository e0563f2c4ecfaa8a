"""Opens the database for a command and closes it at the end."""

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
    """The database of these settings with a current schema. With `migrate`, the schema is brought up to date first.

    A SQLite file that does not exist is made only with `migrate` or `make`. Otherwise this is a mistake, such as the
    wrong folder, which an empty database would hide. Raises `CommandFailed` then, and `SchemaProblem` where the schema
    is not current.
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
    """The path of the database's SQLite file; None for other engines."""
    url = make_url(settings.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
