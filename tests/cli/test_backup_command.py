"""`smsbot backup`: a copy made while the service writes, verified, and never over another file."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smsbot.cli import backup_command
from smsbot.store.schema import open_ready
from smsbot.store.tables import opt_outs
from tests.retention.shell import Shell, shell_on

NOW = datetime.now(UTC)
A = "+33612345678"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{shutil.copy(migrated_sqlite_file, tmp_path)}"
    with shell_on(url, monkeypatch, backup_command.backup) as one:
        world = one.world
        appointment = world.appointment(NOW + timedelta(days=2))
        participation = world.participation(appointment, "Dupont", A, "sophie@exemple.fr")
        received = world.received(A, NOW - timedelta(hours=1), "ANNULER")
        world.sent(
            A,
            NOW - timedelta(hours=1),
            appointment_id=appointment,
            participation_id=participation,
            in_reply_to=received,
        )
        yield one


def test_a_backup_is_whole_while_somebody_writes_and_says_what_is_in_it(shell: Shell, folder: Path) -> None:
    target = folder / "copy.db"
    with closing(sqlite3.connect("smsbot.db")) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO opt_outs (number, opted_out_at) VALUES ('+33600000000', '2026-01-01 00:00:00')")
        answer = shell.run("backup", str(target))
        writing.commit()
    assert answer.complained == []
    first, *contents, newest = answer.told
    assert first.startswith(f"{target}: intact, with the schema of this version ")
    assert contents == [
        "  1 appointments, 1 of them to come",
        "  1 messages received, 1 sent, 0 not sent yet",
        "  0 numbers that wrote STOP, 0 agents",
    ], "what was not committed is not in it"
    assert newest.startswith("  newest message: ")
    assert shell.run("backup", "--check", str(target)).told == answer.told
    assert [each.name for each in folder.iterdir()] == ["copy.db"], "one file, nothing beside it"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(open_ready(f"sqlite:///{target}")) as restored:
        assert restored.read_now(lambda connection: connection.execute(opt_outs.select()).all()) == []


def test_a_folder_gets_a_file_with_date_and_time(shell: Shell, folder: Path) -> None:
    assert shell.run("backup", str(folder)).status == 0
    [made] = folder.iterdir()
    assert datetime.strptime(made.name, "smsbot-%Y-%m-%d-%H%M%S.db").astimezone() >= NOW - timedelta(seconds=1)


def test_what_is_no_backup_is_told_in_one_line_and_nothing_is_overwritten(shell: Shell, folder: Path) -> None:
    good = folder / "good.db"
    assert shell.run("backup", str(good)).status == 0
    content = good.read_bytes()
    (folder / "half.db").write_bytes(content[: len(content) // 2])
    (folder / "text.db").write_text("nothing", encoding="utf-8")
    (folder / "dump.db").write_bytes(b"PGDMP\x01\x0f")
    (folder / "cut.db.unfinished").touch()
    page = int.from_bytes(content[16:18], "big")
    broken = bytearray(content)
    for start in range(2 * page, len(broken), page):
        broken[start : start + 8] = b"\xff" * 8
    (folder / "broken.db").write_bytes(broken)
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE something (id)")
        other.commit()
    for name, change in (
        ("later.db", "UPDATE alembic_version SET version_num = '9999'"),
        ("older.db", "ALTER TABLE opt_outs DROP COLUMN by_stranger"),
        ("orphans.db", "UPDATE participations SET appointment_id = 77"),
    ):
        (folder / name).write_bytes(content)
        with closing(sqlite3.connect(folder / name)) as changed:
            changed.execute(change)
            changed.commit()
    # The arguments, and the words that the one line must have.
    lines = [
        (["good.db"], "exists already"),
        (["cut.db"], "another backup is being made, or one was cut off"),
        (["nowhere/copy.db"], "No such file or directory"),
        (["--check", "none.db"], "No such file or directory"),
        (["--check", "half.db"], "use another backup"),
        (["--check", "text.db"], "is not a SQLite database"),
        (["--check", "dump.db"], "pg_restore"),
        (["--check", "broken.db"], "use another backup"),
        (["--check", "other.db"], "is not a database of smsbot"),
        (["--check", "later.db"], "install that version"),
        (["--check", "older.db"], "no such column"),
        (["--check", "orphans.db"], "refer to missing rows"),
        (["--check", "../smsbot.db"], "its newest rows are in smsbot.db-wal"),
    ]
    for (*options, name), said in lines:
        answer = shell.run("backup", *options, str(folder / name))
        assert (answer.status, answer.told, len(answer.complained)) == (1, [], 1), name
        assert said in answer.complained[0], name
    assert good.read_bytes() == content
    assert not list(folder.glob("nowhere*"))


def test_postgresql_is_told_its_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSBOT_DATABASE_URL", "postgresql://smsbot:hidden-word@localhost/smsbot")
    answer = CliRunner().invoke(backup_command.app, ["copy.dump"])
    assert (answer.exit_code, answer.stdout) == (1, "")
    [line] = answer.stderr.splitlines()
    assert 'pg_dump --format=custom --file=copy.dump "$SMSBOT_DATABASE_URL"' in line
    assert "hidden-word" not in line
