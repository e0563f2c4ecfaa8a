"""The migrations build the tables of `smsbot.store.tables`, on both engines, and may be repeated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from smsbot.store import schema
from smsbot.store.database import Database
from smsbot.store.schema import SchemaProblem
from smsbot.store.tables import metadata, opt_outs
from tests.forked import FORKED

_IN_SQLITE = text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'")
_IN_POSTGRESQL = (
    text(
        "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, is_identity"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
    ),
    text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"),
    text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass"
    ),
)


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """A database without a single table, on each of the two engines."""
    with closing(Database(database_url)) as database:
        yield database


def _upgrade(url: str) -> None:
    with closing(Database(url)) as database:
        schema.upgrade(database)


def test_the_migrations_build_the_tables(empty: Database) -> None:
    schema.upgrade(empty)

    def differences(connection: Connection) -> object:
        return compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True}),
            metadata,
        )

    assert empty.read_now(differences) == []


def test_the_migrations_build_exactly_what_the_tables_would(empty: Database) -> None:
    """Also compares names, order, defaults and the conditions of indexes, which Alembic does not."""

    def described(connection: Connection) -> list[tuple[object, ...]]:
        questions = (_IN_SQLITE,) if empty.is_sqlite else _IN_POSTGRESQL
        return sorted((tuple(row) for question in questions for row in connection.execute(question)), key=repr)

    schema.upgrade(empty)
    by_migrations = empty.read_now(described)
    empty.write_now(lambda connection: metadata.drop_all(connection))
    assert empty.read_now(described) == []
    empty.write_now(lambda connection: metadata.create_all(connection))
    assert by_migrations == empty.read_now(described)
    assert len(by_migrations) > len(metadata.tables)


def test_the_revision_is_known(empty: Database) -> None:
    assert empty.read_now(schema.current) is None
    assert not empty.read_now(schema.is_current)
    schema.upgrade(empty)
    assert empty.read_now(schema.current) == schema.newest()
    assert empty.read_now(schema.is_current)


def test_repeating_changes_nothing(empty: Database) -> None:
    schema.upgrade(empty)
    row = {"number": "+33612345678", "opted_out_at": "2025-01-15 10:00:00+00:00"}
    empty.write_now(
        lambda connection: connection.execute(
            text("INSERT INTO opt_outs (number, opted_out_at) VALUES (:number, :opted_out_at)"), row
        )
    )
    schema.upgrade(empty)
    assert empty.read_now(lambda connection: connection.execute(opt_outs.select()).scalars().all()) == ["+33612345678"]


def test_a_schema_of_a_later_version_is_left_alone_and_whoever_comes_hears_the_same(
    empty: Database, database_url: str
) -> None:
    schema.upgrade(empty)
    empty.write_now(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    assert not empty.read_now(schema.is_current)
    later = r"^the database's schema \(revision 9999\) was made by a later version of smsbot: install that version$"
    with pytest.raises(SchemaProblem, match=later):
        schema.upgrade(empty)
    for migrate in (False, True):
        with pytest.raises(SchemaProblem, match=later):
            schema.open_ready(database_url, migrate=migrate)
    assert empty.read_now(schema.current) == "9999"


@pytest.mark.parametrize("revision", [None, "0000"])
def test_an_older_schema_is_refused_where_it_is_not_embedded(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    """No migration has run yet, or the newest one of this version has not."""
    if revision is not None:
        _upgrade(postgresql_url)
        with closing(Database(postgresql_url)) as database:
            earlier = text("UPDATE alembic_version SET version_num = :revision").bindparams(revision=revision)
            database.write_now(lambda connection: connection.execute(earlier).close())
        monkeypatch.setattr(schema, "_known", lambda: {None, "0000", schema.newest()})
    with pytest.raises(SchemaProblem, match=r"^the database's schema is older than this version.+smsbot migrate first"):
        schema.open_ready(postgresql_url)


def test_it_is_brought_up_to_date_where_that_is_asked_for(database_url: str) -> None:
    with closing(schema.open_ready(database_url, migrate=True)) as database:
        assert database.read_now(schema.is_current)
    with closing(schema.open_ready(database_url)) as database:
        assert database.read_now(schema.is_current)


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        upgrade(connection)
        raise RuntimeError("half way")

    upgrade = schema._upgrade
    monkeypatch.setattr(schema, "_upgrade", fail)
    with pytest.raises(RuntimeError, match="half way"):
        schema.upgrade(empty)
    assert empty.read_now(schema.current) is None
    monkeypatch.undo()
    schema.upgrade(empty)
    assert empty.read_now(schema.is_current)


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    with ProcessPoolExecutor(2, mp_context=FORKED) as processes:
        for migration in [processes.submit(_upgrade, database_url) for _ in range(4)]:
            migration.result()
    with closing(Database(database_url)) as database:
        assert database.read_now(schema.is_current)


def test_several_threads_may_migrate_different_databases_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}.db" for name in "abcd"]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(_upgrade, urls))
    for url in urls:
        with closing(Database(url)) as database:
            assert database.read_now(schema.is_current)


def test_migrating_says_nothing(tmp_path: Path) -> None:
    code = "import sys; from tests.store.test_schema import _upgrade; _upgrade(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'smsbot.db'}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
