"""Brings a database's schema up to date, and tells whether it is.

The migrations in `migrations/versions/` travel inside the package and need no `alembic.ini`. All that are due run in
one transaction: a database is either as it was or up to date, and a second process that wants the same waits and then
finds nothing to do.
"""

from __future__ import annotations

import threading
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from smsbot.store.database import Database, serialise

# Alembic keeps the migration that is running in module globals.
_one_at_a_time = threading.Lock()


class SchemaProblem(Exception):
    """The schema cannot be brought up to date; the message is one line."""


def upgrade(database: Database) -> None:
    """Run the migrations that are missing; safe to repeat, and for several processes at once.

    Raises `SchemaProblem` where a newer version of smsbot has been here already.
    """
    with _one_at_a_time:
        database.write_now(_upgrade)


def open_ready(url: str) -> Database:
    """Open the database at `url` with a current schema: an embedded one is brought up to date, any other must be.

    Raises `SchemaProblem` where it is not.
    """
    database = Database(url)
    try:
        if database.is_sqlite:
            upgrade(database)
        elif not database.read_now(is_current):
            raise SchemaProblem("the database's schema is not that of this version: run smsbot migrate first")
    except BaseException:
        database.close()
        raise
    return database


def current(connection: Connection) -> str | None:
    """The revision the database is at; None where no migration has run."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this version of smsbot is made for: one small query, fit for a health check."""
    return current(connection) == newest()


@cache
def newest() -> str:
    """The revision that this version of smsbot is made for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package holds its migrations"
    return head


def _upgrade(connection: Connection) -> None:
    serialise(connection, "schema")
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise SchemaProblem(
            f"the database is at revision {current(connection)}, which this version of smsbot does not know: "
            "start the version that made it, or a newer one"
        ) from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "smsbot.store:migrations")
    return config
