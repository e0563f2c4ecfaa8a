"""The database that a command works on: open for as long as it works, and closed however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from smsbot.settings import Settings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready


@contextmanager
def ready_database(settings: Settings, *, migrate: bool = False) -> Iterator[Database]:
    """The database of these settings, with a current schema, which `migrate` says to bring about on any engine.

    Raises `SchemaProblem`.
    """
    with closing(open_ready(settings.database_url, migrate=migrate)) as database:
        yield database
