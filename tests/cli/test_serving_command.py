"""`smsbot serve --no-delivery`, which on SQLite leaves nobody to deliver."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from smsbot.cli import serve_commands as serving
from smsbot.cli.databases import ready_database
from smsbot.settings import ServiceSettings


@pytest.mark.parametrize("delivery", [True, False])
def test_where_nobody_delivers_the_log_warns_of_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch, delivery: bool
) -> None:
    def not_now(main: Coroutine[Any, Any, None]) -> None:
        main.close()

    monkeypatch.setattr(serving, "_run", not_now)
    monkeypatch.setattr("smsbot.logs.configure", lambda *_: None)
    settings = ServiceSettings.exactly(
        database_url=database_url,
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@example.fr",
    )
    with ready_database(settings, migrate=True) as database, capture_logs() as logged:
        serving.serve(settings, "127.0.0.1", 0, delivery=delivery)
    warnings = [line["event"] for line in logged if line["log_level"] == "warning"]
    assert len(warnings) == (database.is_sqlite and not delivery)
    assert all("nothing leaves" in warning and "without --no-delivery" in warning for warning in warnings)
