"""Brings a database's schema up to date, and checks whether it is.

The migrations in `migrations/versions/` are part of the package and need no `alembic.ini`. All missing migrations run
in one transaction, so a database is either unchanged or up to date. A second process that migrates at the same time
waits, and then finds nothing to do.
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
    """The schema does not fit this version of smsbot. The sentence says what to do."""


def upgrade(database: Database) -> None:
    """Run the missing migrations. It is safe to repeat this, and to run it in several processes at once.

    Raises `SchemaProblem` if a later version of smsbot made the database.
    """
    with _one_at_a_time:
        database.write_now(_upgrade)


def open_ready(url: str, *, migrate: bool = False) -> Database:
    """Open the database at `url`, with a current schema.

    A SQLite file is always brought up to date. PostgreSQL is brought up to date only with `migrate`. Raises
    `SchemaProblem` if the schema is out of date or from a later version.
    """
    database = Database(url)
    try:
        if migrate or database.is_sqlite:
            upgrade(database)
        else:
            database.read_now(check_schema)
    except BaseException:
        database.close()
        raise
    return database


def current(connection: Connection) -> str | None:
    """The database's revision; None if no migration has run."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the schema fits this version. It is one small query, cheap enough for the health check."""
    return current(connection) == newest()


@cache
def newest() -> str:
    """The newest revision that this version of smsbot has."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package holds its migrations"
    return head


@cache
def _known() -> frozenset[str | None]:
    """All revisions that this or an earlier version of smsbot may have left in a database."""
    revisions = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset({None, *(each.revision for each in revisions)})


def check_schema(connection: Connection) -> None:
    """Raise `SchemaProblem` if the schema is older or newer than this version. It is one small query."""
    refuse_a_later_one(connection)
    if not is_current(connection):
        raise SchemaProblem("the database's schema is older than this version of smsbot: run smsbot migrate first")


def refuse_a_later_one(connection: Connection) -> None:
    """Raise `SchemaProblem` if a later version of smsbot made the schema."""
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
