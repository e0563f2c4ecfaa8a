"""The commands `smsbot tokens …`, as they are typed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smsbot.agents.tokens import known_token
from smsbot.cli.token_commands import app
from smsbot.store.database import Database
from tests.lines import every_line


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[Database]:
    """The database of the settings, built by the migrations."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{shutil.copy(migrated_sqlite_file, tmp_path)}"
    monkeypatch.setenv("SMSBOT_DATABASE_URL", url)
    with closing(Database(url)) as database:
        yield database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def owner(database: Database, token: str) -> str | None:
    known = database.read_now(lambda connection: known_token(connection, token, datetime.now(UTC)))
    return None if known is None else known.agent.email


def test_from_its_first_token_to_its_end(database: Database) -> None:
    made = run("create", "agenda", "--scope", "appointments:read", "--scope", "events:read", "--organisation", "12")
    assert (made.exit_code, made.stderr) == (0, "")
    *words, first = made.stdout.splitlines()
    assert (words, owner(database, first)) == (["agenda may act in 12 of rdvsp. Its token, shown only now:"], "agenda")
    rights = "agenda  appointments:read, events:read  12 of rdvsp  never used  "
    assert run("list").stdout == f"{rights}for ever\n"
    rotated = run("rotate", "agenda")
    *words, second = rotated.stdout.splitlines()
    assert words[0].startswith("The old token of agenda ends on 2")
    assert [owner(database, each) for each in (first, second)] == ["agenda"] * 2
    assert run("list").stdout.startswith(f"{rights}for ever, until 2")
    at_once = run("rotate", "agenda", "--overlap-hours", "0").stdout.splitlines()
    assert at_once[0] == "The old token of agenda has ended. The new one, shown only now:"
    assert [owner(database, each) for each in (first, second, at_once[-1])] == [None, None, "agenda"]
    assert run("revoke", "agenda").stdout == "agenda is shut out.\n"
    assert owner(database, at_once[-1]) is None
    assert run("list").stdout == ""


def test_for_all_organisations_and_some_days(database: Database) -> None:
    made = run("create", "tout", "--scope", "stop-list:read", "--all-organisations", "--days", "90")
    assert made.stdout.startswith("tout may act in every organisation.")
    assert run("list").stdout.startswith("tout  stop-list:read  everywhere  never used  until 2")


@every_line(
    ("arguments", "why"),
    [
        (
            ("create", "agenda", "--scope", "all", "--organisation", "1"),
            "all is not a scope: choose from appointments",
        ),
        (("create", "agenda", "--scope", "events:read"), "Give either --organisation"),
        (
            ("create", "agenda", "--scope", "events:read", "--organisation", "1", "--all-organisations"),
            "Give either --organisation",
        ),
        (("create", "Agenda", "--scope", "events:read", "--organisation", "1"), "'Agenda' is not a name"),
        (("rotate", "nobody"), "There is no service nobody: see smsbot tokens list."),
        (("revoke", "nobody"), "There is no service nobody: see smsbot tokens list."),
    ],
)
def test_what_is_wrong_is_one_line(database: Database, arguments: tuple[str, ...], why: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(why)
