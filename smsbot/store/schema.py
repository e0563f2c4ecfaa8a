"""Brings a database's schema up to date, and tells whether it is.

The migrations in `migrations/versions/` are part of the package and need no `alembic.ini`. All missing ones run in one
transaction, so a database is either unchanged or up to date. A second process that wants the same waits, and then finds
nothing to do.
"""

from __future__ import annotations

import threading
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from smsbot.problem import Problem
from smsbot.store.database import Database, serialise

# Alembic keeps the running migration in module globals, so only one may run at a time.
_one_at_a_time = threading.Lock()


class SchemaProblem(Problem):
    """The schema is not the one of this version. The sentence says what to do."""


def upgrade(database: Database) -> None:
    """Run the missing migrations. This may be repeated, and run by several processes at once.

    Raises `SchemaProblem` where the database was made by a later version of smsbot.
    """
    with _one_at_a_time:
        database.write_now(_upgrade)


def open_ready(url: str, *, migrate: bool = False) -> Database:
    """Open the database at `url` with a current schema.

    A SQLite file is brought up to date, and with `migrate` any database; without it, PostgreSQL must be up to date.
    Raises `SchemaProblem` where it is not, or cannot be.
    """
    database = Database(url)
    try:
        if migrate or database.is_sqlite:
            upgrade(database)
        else:
            database.read_now(check)
    except BaseException:
        database.close()
        raise
    return database


def current(connection: Connection) -> str | None:
    """The database's revision; None where no migration has run."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one of this version: one small query, for the health check."""
    return current(connection) == newest()


@cache
def newest() -> str:
    """The revision of this version of smsbot."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package holds its migrations"
    return head


@cache
def _known() -> frozenset[str | None]:
    """All revisions that this or an earlier version of smsbot can have left in a database."""
    revisions = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset({None, *(each.revision for each in revisions)})


def check(connection: Connection) -> None:
    """Raise `SchemaProblem` where the schema is older or later than this version: one small query."""
    refuse_a_later_one(connection)
    if not is_current(connection):
        raise SchemaProblem("the database's schema is older than this version of smsbot: run smsbot migrate first")


def refuse_a_later_one(connection: Connection) -> None:
    """Raise `SchemaProblem` where a later version of smsbot made the schema."""
    revision = current(connection)
    if revision not in _known():
        raise SchemaProblem(
            f"the database's schema (revision {revision}) was made by a later version of smsbot: install that version"
        )


def _upgrade(connection: Connection) -> None:
    serialise(connection, "schema")
    refuse_a_later_one(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "smsbot.store:migrations")
    return config
