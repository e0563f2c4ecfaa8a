"""What `smsbot serve` warns of at its start, such as `--no-delivery` on SQLite, with which nobody delivers."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from smsbot.app import Service
from smsbot.cli.common import ready_database
from smsbot.cli.operations import running as serving
from smsbot.settings import ServiceSettings


def settings_for(database_url: str) -> ServiceSettings:
    return ServiceSettings.exactly(
        database_url=database_url,
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@example.fr",
        public_url="https://rdv.example.fr",
    )


@pytest.mark.parametrize("delivery", [True, False])
def test_where_nobody_delivers_the_log_warns_of_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch, delivery: bool
) -> None:
    def not_now(main: Coroutine[Any, Any, None]) -> None:
        main.close()

    monkeypatch.setattr(serving, "run_to_the_end", not_now)
    monkeypatch.setattr("smsbot.logs.configure", lambda *_: None)
    settings = settings_for(database_url)
    with ready_database(settings, migrate=True) as database, capture_logs() as logged:
        serving.serve(settings, "127.0.0.1", 0, delivery=delivery)
    warnings = [line["event"] for line in logged if line["log_level"] == "warning"]
    assert len(warnings) == (database.is_sqlite and not delivery)
    assert all("no message is sent" in warning and "without --no-delivery" in warning for warning in warnings)


def test_files_that_other_accounts_can_read_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "run_to_the_end", lambda main: main.close())
    monkeypatch.setattr("smsbot.logs.configure", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    settings = settings_for("sqlite:///smsbot.db")

    def warnings() -> list[str]:
        with capture_logs() as logged:
            serving.serve(settings, "127.0.0.1", 0, delivery=True)
        return [line["event"] for line in logged if line["log_level"] == "warning"]

    assert warnings() == [], "there is no .env, and the database is new"
    env = tmp_path / ".env"
    env.touch(mode=0o600)
    assert warnings() == []
    env.chmod(0o640)
    assert warnings() == ["other accounts of this machine can read .env: run chmod 600 .env"]
    (tmp_path / "smsbot.db").chmod(0o604)
    assert warnings()[1:] == ["other accounts of this machine can read smsbot.db: run chmod 600 smsbot.db"]


def test_what_a_check_finds_amiss_is_said_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "run_to_the_end", lambda main: main.close())
    monkeypatch.setattr("smsbot.logs.configure", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSBOT_RETENTION_DAY", "3")
    settings = settings_for("sqlite:///smsbot.db").model_copy(update={"public_url": "http://localhost:8000"})
    with capture_logs() as logged:
        serving.serve(settings, "127.0.0.1", 0, delivery=True)
    assert [line["about"] for line in logged if line["log_level"] == "warning"] == ["settings", "public address"]


def test_no_garbage_collection_looks_at_what_was_made_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spared: list[int] = []

    async def already_told(_server: uvicorn.Server, _listening: socket.socket) -> None:
        spared.append(gc.get_freeze_count())

    monkeypatch.setattr(serving, "serve_until_told", already_told)
    settings = settings_for(f"sqlite:///{tmp_path / 'smsbot.db'}")
    before = gc.get_freeze_count()
    try:
        with ready_database(settings, migrate=True) as database:
            asyncio.run(serving._serve(Service(settings, database), "127.0.0.1", 0, delivery=False))
    finally:
        gc.unfreeze()
    assert spared[0] > before
