"""`smsbot purge`, `smsbot forget` and `smsbot export`, on both engines."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smsbot.cli import retention_commands
from smsbot.store.schema import open_ready
from smsbot.store.tables import participations
from tests.retention.shell import Shell, shell_on

NOW = datetime.now(UTC)
A, MAIL = "+33612345678", "sophie@exemple.fr"
SETTINGS = {
    "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
    "SMSBOT_TWILIO_ACCOUNT_SID": "AC1",
    "SMSBOT_TWILIO_AUTH_TOKEN": "token",
    "SMSBOT_SENDER": "+33937000000",
    "SMSBOT_MAIL_FROM": "rdv@exemple.fr",
    "SMSBOT_RETENTION_DAYS": "30",
}


@pytest.fixture
def shell(command_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with shell_on(
        command_database_url,
        monkeypatch,
        retention_commands.purge,
        retention_commands.forget,
        retention_commands.export,
    ) as one:
        yield one


def somebody(shell: Shell, starts_at: datetime) -> int:
    world = shell.world
    appointment = world.appointment(starts_at, address="3 rue des Lilas")
    participation = world.participation(appointment, "Dupont", A, MAIL)
    received = world.received(A, starts_at - timedelta(days=1), "ANNULER, Sophie")
    about: dict[str, Any] = {"appointment_id": appointment, "participation_id": participation}
    world.sent(A, starts_at - timedelta(days=1), **about, in_reply_to=received)
    world.conversation(A, starts_at - timedelta(days=1))
    world.act(starts_at - timedelta(days=1), "agent@mairie.fr", **about)
    return participation


class TestPurge:
    def test_it_says_what_it_erased_and_then_that_nothing_is_left(self, shell: Shell) -> None:
        somebody(shell, NOW - timedelta(days=31))
        answer = shell.run("purge")
        assert answer.told == [
            "Erased, 30 days after the appointment (SMSBOT_RETENTION_DAYS):",
            "  1 participations: names, numbers, e-mail addresses",
            "  1 addresses of appointments",
            "  1 messages sent, 1 received",
            "  1 conversations",
            "  1 agents' addresses in the audit",
        ]
        assert A not in shell.world.told()
        again = shell.run("purge")
        assert again.told == ["Nothing to erase: all data is within 30 days (SMSBOT_RETENTION_DAYS)."]
        assert (answer.status, again.status) == (0, 0)

    def test_the_setting_counts(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        this = somebody(shell, NOW - timedelta(days=31))
        monkeypatch.setenv("SMSBOT_RETENTION_DAYS", "32")
        shell.run("purge")
        assert shell.world.row(participations, this).phone == A


def in_files(shell: Shell, text: str) -> list[str]:
    """The files of an SQLite database that contain this text anywhere."""
    assert shell.world.database.url.database is not None
    kept = Path(shell.world.database.url.database)
    files = sorted(kept.parent.glob(f"{kept.name}*"))
    return [file.name for file in files if text.encode() in file.read_bytes()]


class TestOnTheDisk:
    """SQLite keeps old data in its log until the log is emptied, and in free pages until they are overwritten."""

    @pytest.mark.parametrize("command_database_url", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("command", [("purge",), ("forget", A, "--yes")])
    def test_what_was_erased_is_in_no_file(self, shell: Shell, command: tuple[str, ...]) -> None:
        for _ in range(50):
            somebody(shell, NOW - timedelta(days=31))
        assert "smsbot.db-wal" in in_files(shell, A)
        shell.world.database.truncate_log_now()
        assert in_files(shell, A) == ["smsbot.db"]
        somebody(shell, NOW - timedelta(days=31))
        assert shell.run(*command).status == 0
        for left in (A, MAIL, "Dupont", "Lilas", "ANNULER, Sophie"):
            assert in_files(shell, left) == [], left

    @pytest.mark.parametrize("command_database_url", ["sqlite"], indirect=True)
    def test_where_somebody_reads_all_the_time_it_says_so(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.store.database._TRIES_AT_TRUNCATING", 1)
        somebody(shell, NOW - timedelta(days=31))
        with shell.world.database.engine.connect() as reader:
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT count(*) FROM participations").one()
            told = shell.run("forget", A, "--yes").told
        assert told[-1] == (
            "The erased data is still in SQLite's log, which is being read: run smsbot purge again in a minute."
        )
        assert shell.run("purge").status == 0
        assert in_files(shell, A) == []


class TestForget:
    @pytest.mark.parametrize("contact", ["06 12 34 56 78", "SOPHIE@exemple.fr"])
    def test_it_says_what_was_erased(self, shell: Shell, contact: str) -> None:
        somebody(shell, NOW - timedelta(days=3))
        answer = shell.run("forget", contact, "--yes")
        person = A if "@" not in contact else MAIL
        assert answer.told == [
            f"Erased about {person}: 1 participations (0 still to come), 1 messages sent, 1 received, 1 conversations."
        ]
        assert A not in shell.world.told()
        assert shell.run("forget", contact, "--yes").told == [f"Nothing is kept about {person}."]

    def test_where_nobody_can_confirm_it_needs_a_yes(self, shell: Shell) -> None:
        this = somebody(shell, NOW - timedelta(days=3))
        answer = shell.run("forget", A)
        assert (answer.status, answer.complained) == (1, ["There is no terminal to confirm it: add --yes."])
        assert shell.world.row(participations, this).phone == A

    def test_coming_appointments_are_counted_and_refused(self, shell: Shell) -> None:
        this = somebody(shell, NOW + timedelta(days=3))
        answer = shell.run("forget", A, "--yes")
        assert answer.status == 1
        assert answer.complained == [
            f"{A} has 1 appointment that is still to come, so nothing has been erased: cancel first (smsbot cancel), "
            "wait, or add --including-coming, which cancels nothing and tells nobody."
        ]
        assert shell.world.row(participations, this).phone == A
        assert "(1 still to come)" in shell.run("forget", A, "--yes", "--including-coming").told[0]
        assert shell.world.row(participations, this).phone is None

    def test_the_stop_list_is_told_of(self, shell: Shell) -> None:
        shell.world.opt_out(A, NOW)
        assert shell.run("forget", A, "--yes").told == [
            f"Nothing is kept about {A}.",
            "A number of theirs stays on the STOP list, without any other data: it gets no SMS until START comes.",
        ]

    def test_what_is_no_contact_is_one_clear_line(self, shell: Shell) -> None:
        answer = shell.run("forget", "Dupont", "--yes")
        assert answer.status == 1
        assert answer.complained == [
            "'Dupont' is neither a telephone number, as 06 12 34 56 78, nor an e-mail address."
        ]


class TestExport:
    def test_it_is_json_that_people_can_read(self, shell: Shell) -> None:
        somebody(shell, NOW - timedelta(days=3))
        answer = shell.run("export", MAIL)
        told = json.loads("\n".join(answer.told))
        assert told["participations"][0]["last_name"] == "Dupont"
        assert told["messages_received"][0]["body"] == "ANNULER, Sophie"
        assert '      "last_name": "Dupont",' in answer.told
        assert answer.status == 0

    def test_of_nobody_there_is_nothing(self, shell: Shell) -> None:
        told = json.loads("\n".join(shell.run("export", A).told))
        assert {name for name, value in told.items() if value} == {"asked_for", "asked_at"}


@pytest.mark.parametrize(
    ("typed", "status", "told"), [("y", 0, "Nothing is kept"), ("n", 1, "Nothing has been erased")]
)
def test_at_a_terminal_it_asks(tmp_path: Path, typed: str, status: int, told: str) -> None:
    code = "import typer; from smsbot.cli.retention_commands import forget; typer.run(forget)"
    open_ready(f"sqlite:///{tmp_path / 'smsbot.db'}").close()
    ours, theirs = pty.openpty()
    environment = {**os.environ, "SMSBOT_DATABASE_URL": f"sqlite:///{tmp_path / 'smsbot.db'}"}
    os.write(ours, f"{typed}\n".encode())
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "rb") as terminal:
        ended = subprocess.run(
            [sys.executable, "-c", code, A],
            stdin=terminal,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert ended.returncode == status
    assert f"Erase all data about {A}? It cannot be brought back." in ended.stdout
    assert told in ended.stdout + ended.stderr
