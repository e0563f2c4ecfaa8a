"""The commands `smsbot agent …`, as they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from smsbot.agents.tokens import known_token, note_used
from smsbot.cli.agent_commands import app
from smsbot.store.database import Database
from smsbot.store.tables import agents, audit, participations
from tests.agents.shell import add_appointment, lock_out, part_id
from tests.lines import every_line


@pytest.fixture
def database(command_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """The database of the settings, on each of the two engines, built by the migrations."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSBOT_DATABASE_URL", command_database_url)
    with closing(Database(command_database_url)) as database:
        yield database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def failure(*arguments: str) -> str:
    """The one line on stderr of a command that fails."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def owner(database: Database, token: str) -> str | None:
    known = database.read_now(lambda connection: known_token(connection, token, datetime.now(UTC)))
    return None if known is None else known.agent.email


def test_the_token_is_alone_on_the_last_line(database: Database) -> None:
    result = run("add", "Ada@One.fr", "--organisation", "12", "--organisation", "13")
    assert result.exit_code == 0
    assert result.stderr == ""
    *words, token = result.stdout.splitlines()
    assert owner(database, token) == "ada@one.fr"
    assert "12, 13 of rdvsp" in words[0]
    assert run("list").stdout == "ada@one.fr  12 of rdvsp, 13 of rdvsp  1 token\n"


def test_again_with_another_organisation_and_source(database: Database) -> None:
    tokens = [
        run("add", "ada@one.fr", "--organisation", each, "--source", source).stdout.splitlines()[-1]
        for each, source in (("12", "rdvsp"), ("12", "autre"))
    ]
    assert [owner(database, token) for token in tokens] == ["ada@one.fr"] * 2
    assert run("list").stdout == "ada@one.fr  12 of autre, 12 of rdvsp  2 tokens\n"


def test_a_further_token_and_its_end(database: Database) -> None:
    first = run("add", "ada@one.fr", "--organisation", "12").stdout.splitlines()[-1]
    result = run("token", "ADA@one.fr", "--token-days", "30")
    assert (result.exit_code, result.stderr) == (0, "")
    second = result.stdout.splitlines()[-1]
    assert first != second
    assert [owner(database, token) for token in (first, second)] == ["ada@one.fr"] * 2
    end = datetime.now(UTC) + timedelta(days=30)
    assert run("list").stdout == f"ada@one.fr  12 of rdvsp  2 tokens, the first ends {end:%Y-%m-%d}\n"
    known = database.read_now(lambda connection: known_token(connection, first, datetime.now(UTC)))
    assert known is not None
    database.write_now(lambda connection: note_used(connection, known, datetime(2026, 5, 4, 10, tzinfo=UTC)))
    assert ", last used 2026-05-04, " in run("list").stdout
    assert failure("token", "bob@one.fr") == "There is no agent bob@one.fr: see smsbot agent list."
    assert run("token", "ada@one.fr", "--token-days", "0").exit_code == 2


def test_a_first_token_that_ends(database: Database) -> None:
    run("add", "ada@one.fr", "--organisation", "12", "--token-days", "1")
    end = datetime.now(UTC) + timedelta(days=1)
    assert run("list").stdout == f"ada@one.fr  12 of rdvsp  1 token, ends {end:%Y-%m-%d}\n"


def test_revoked(database: Database) -> None:
    token = run("add", "ada@one.fr", "--organisation", "12").stdout.splitlines()[-1]
    assert run("revoke", "ADA@one.fr").stdout == "ada@one.fr is shut out.\n"
    assert owner(database, token) is None
    assert run("list").stdout == f"ada@one.fr  revoked {datetime.now(UTC):%Y-%m-%d}\n"
    assert failure("revoke", "ada@one.fr") == "There is no agent ada@one.fr: see smsbot agent list."


def test_what_is_wrong_is_one_line(database: Database) -> None:
    for arguments, why in (
        (("add", "ada", "--organisation", "12"), "ada is not an e-mail address."),
        (("add", "ada@one.fr", "--organisation", ""), "'' is not the id of an organisation"),
        (("add", "ada@one.fr", "--organisation", "12,13"), "'12,13' is not the id of an organisation"),
        (("revoke", "ada one.fr"), "ada one.fr is not an e-mail address."),
        (("unlock", "7"), "There is no appointment 7 of the source rdvsp."),
        (("unlock", "part-1"), "There is no appointment part-1 of the source rdvsp."),
    ):
        assert failure(*arguments).startswith(why)
    assert database.read_now(lambda connection: connection.execute(select(agents)).all()) == []


def test_administrators_are_named_and_dismissed(database: Database) -> None:
    run("add", "ada@one.fr", "--organisation", "12", "--organisation", "13", "--name", "Ada Lovelace")
    for arguments, said, listed in (
        (("--organisation", "13"), "ada@one.fr manages accounts of 13.", "12 of rdvsp, 13 of rdvsp (administrator)"),
        ((), "ada@one.fr manages accounts.", "12 of rdvsp (administrator), 13 of rdvsp (administrator)"),
        (
            ("--organisation", "12", "--no-longer"),
            "ada@one.fr manages accounts of 12 no longer.",
            "12 of rdvsp, 13 of rdvsp (administrator)",
        ),
        (
            ("--all",),
            "ada@one.fr manages accounts of all organisations.",
            "all organisations (administrator), 12 of rdvsp, 13 of rdvsp (administrator)",
        ),
    ):
        result = run("administrator", "Ada@one.fr", *arguments)
        assert (result.stdout, result.stderr) == (f"{said}\n", "")
        assert run("list").stdout == f"ada@one.fr (Ada Lovelace)  {listed}  1 token\n"
    *_, warning = run("administrator", "ada@one.fr", "--no-longer").stdout.splitlines()
    assert warning.startswith("Nobody administers all organisations any more")
    assert run("list").stdout.startswith("ada@one.fr (Ada Lovelace)  all organisations, 12 of rdvsp, 13 of rdvsp  ")
    run("add", "eve@all.fr", "--all", "--administrator")
    assert run("revoke", "eve@all.fr").stdout.splitlines()[-1].startswith("Nobody administers all organisations")
    assert failure("administrator", "ada@one.fr", "--organisation", "99", "--no-longer").startswith(
        "ada@one.fr manages no"
    )
    assert failure("administrator", "bob@one.fr").startswith("There is no agent bob@one.fr")
    assert run("administrator", "ada@one.fr", "--all", "--organisation", "12").exit_code == 2
    assert run("add", "ada@one.fr", "--all", "--organisation", "12").exit_code == 2


def test_accounts_are_imported_and_exported(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "comptes.csv"
    file.write_text("e-mail;nom;rôle;organisations\neve@one.fr;Ève;admin;12, 13\nx;;;1\n", encoding="cp1252")
    said = [
        "1 new, 0 changed, 0 unchanged, 1 refused.",
        "line 2: eve@one.fr is new: administrator of 12 of rdvsp, 13 of rdvsp; called Ève.",
        "line 2: organisation 12 of rdvsp is not known yet: is it right?",
        "line 2: organisation 13 of rdvsp is not known yet: is it right?",
        "line 3: x is not an e-mail address.",
    ]
    result = run("import", str(file), "--dry-run")
    assert result.stdout.splitlines() == [*said, "This was a dry run: nothing has been changed."]
    assert (run("list").stdout, result.exit_code) == ("", 1)
    result = run("import", str(file))
    assert (result.stdout.splitlines(), result.exit_code) == (said, 1)
    assert result.stderr == "1 refused; correct them and import the file again.\n"
    exported = run("export").stdout
    assert exported.splitlines()[1:] == ["eve@one.fr;Ève;administrateur;12, 13;rdvsp;;"]
    file.write_text(exported, encoding="utf-8")
    assert run("import", str(file)).stdout == "0 new, 0 changed, 1 unchanged, 0 refused.\n"
    file.write_text("nom;prénom\n", encoding="utf-8")
    assert failure("import", str(file)) == (
        "The file is no CSV with the columns e-mail and organisations. The headings are nom, prénom."
    )
    assert "nowhere.csv cannot be read" in failure("import", str(tmp_path / "nowhere.csv"))
    run("revoke", "eve@one.fr")
    assert run("export", "--revoked").stdout.splitlines()[1].startswith("eve@one.fr;Ève;;;;;")


@every_line("arguments", [("add", "ada@one.fr"), ("add", "--organisation", "12"), ("remove",), ("unlock",)])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_database_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSBOT_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/smsbot.db")
    assert "SMSBOT_DATABASE_URL" in failure("list")


@pytest.mark.parametrize("by", ["our id", "the source's"])
def test_unlocking_an_appointment(database: Database, by: str) -> None:
    whole = add_appointment(database, "7", "p1", "p2", "p3")
    lock_out(database, "p1", "p2")
    named = f"rdv-{whole}" if by == "our id" else "7"
    assert run("unlock", named).stdout == f"Unlocked: {named}.\n"
    assert locks(database) == {"p1": (0, None, None), "p2": (0, None, None), "p3": (0, None, None)}
    rows = database.read_now(lambda connection: connection.execute(select(audit).order_by(audit.c.id)).all())
    assert [(row.act, row.by, row.way, row.appointment_id) for row in rows] == [
        ("unlocked", "agent", "shell", whole)
    ] * 2
    assert run("unlock", named).stdout == f"No wrong answers were counted for {named}.\n"


def test_unlocking_a_participation(database: Database) -> None:
    add_appointment(database, "7", "p1", "p2")
    lock_out(database, "p1", "p2")
    assert run("unlock", f"part-{part_id(database, 'p1')}").exit_code == 0
    assert [count for count, _, _ in locks(database).values()] == [0, 3]


def locks(database: Database) -> dict[str, tuple[object, ...]]:
    columns = (participations.c.wrong_answers, participations.c.wrong_answer_at, participations.c.locked_until)
    wanted = select(participations.c.external_id, *columns).order_by(participations.c.id)
    return {row[0]: tuple(row[1:]) for row in database.read_now(lambda connection: connection.execute(wanted).all())}
