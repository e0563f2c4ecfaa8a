"""What `smsbot check` finds in the database, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from smsbot.checks import Level
from smsbot.checks.installation import look_at_database
from smsbot.model import OrganisationRecord
from smsbot.policy import Policy
from smsbot.store.database import Database
from smsbot.store.schema import upgrade
from tests.appointments.records import Desk, appointment


def look(database: Database, policy: Policy | None = None) -> list[tuple[Level, str]]:
    url = database.url.render_as_string(hide_password=False)
    file = Path(database.url.database or "") if database.is_sqlite else None
    return [(each.level, each.sentence) for each in look_at_database(url, file, policy or Policy())]


@pytest.fixture
def own_database(database_url: str) -> Iterator[Database]:
    """An empty database that no other test uses."""
    with closing(Database(database_url)) as database:
        yield database


def test_a_schema_that_is_missing_or_too_new(own_database: Database) -> None:
    database = own_database
    database.read_now(lambda connection: connection.execute(text("SELECT 1")))  # makes the SQLite file
    [(level, sentence)] = look(database)
    if database.is_sqlite:
        assert (level, "smsbot serve will bring up to date" in sentence) == (Level.WELL, True)
    else:
        assert (level, "run smsbot migrate first" in sentence) == (Level.WRONG, True)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    [(level, sentence)] = look(database)
    assert (level, "later version of smsbot" in sentence) == (Level.WRONG, True)


def test_ids_that_no_record_has(own_database: Database, tmp_path: Path) -> None:
    upgrade(own_database)
    file = tmp_path / "smsbot.toml"
    file.write_text('[organisations.12]\nlabel = "a"\n[organisations.13]\nlabel = "b"\n', encoding="utf-8")
    policy = Policy.load(file)
    [(level, _)] = look(own_database, policy)
    assert level is Level.WELL, "nothing is said before anything is known"
    Desk(own_database).take(appointment("1", organisation=OrganisationRecord("12", "Mairie")))
    [_, (level, sentence)] = look(own_database, policy)
    assert (level, sentence) == (
        Level.WARNING,
        "no appointment has organisations 13 of rdvsp: is it the right id?",
    )


def test_a_server_that_does_not_answer() -> None:
    [finding] = look_at_database("postgresql://nobody@127.0.0.1:9/none", None, Policy())
    assert (finding.level, "check SMSBOT_DATABASE_URL" in finding.sentence) == (Level.WRONG, True)
