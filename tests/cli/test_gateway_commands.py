"""`smsbot gateway` shows request and answer without secrets, and how a webhook is read. It needs no database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smsbot.cli.main import app
from smsbot.cli.operations import gateway_trials as trials
from smsbot.gateways.http import Http, NoAnswer
from smsbot.policy.providers import provider_names
from tests.gateways.scripted import ScriptedHttp, answer

SECRETS = {
    "SMSBOT_SMSFACTOR_TOKEN": 'a "token"/+',
    "SMSBOT_SMSFACTOR_WEBHOOK_SECRET": "hook0123",
    "SMSBOT_LINK_CLIENT_ID": "client-link",
    "SMSBOT_LINK_CLIENT_SECRET": "secret-link",
    "SMSBOT_LINK_PLATFORM_ID": "COMMON_FR",
    "SMSBOT_LINK_PLATFORM_PARTNER_ID": "partner-1",
    "SMSBOT_LINK_GATE_ID": "7",
    "SMSBOT_LINK_WEBHOOK_SECRET": "hook-link",
}
TOML = """
[channels.36105]
gateways = ["smsfactor"]

[gateways.smsfactor]
provider = "smsfactor"
incoming.our_number = "36105"
send.headers = { X-Key = "{webhook}" }
send.json.key = "{key}"
send.json.callback = "{callback_url}"

[gateways.link]
provider = "link"
send.url = "https://x.linkmobility.example/sms/send"
token.url = "https://x.linkmobility.example/auth/token"
"""
MO = {"from": "33612345678", "message": "annuler", "date": "2027-01-04 10:00:00", "last_message_id": "9"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smsbot.toml").write_text(TOML, encoding="utf-8")
    settings = {
        "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
        "SMSBOT_SENDER": "36105",
        "SMSBOT_MAIL_FROM": "rdv@example.fr",
        "SMSBOT_PUBLIC_URL": "https://rdv.example.fr",
        "SMSBOT_SEGMENT_PRICE": "0.07",
        "SMSBOT_CONFIG": "smsbot.toml",
    }
    for name, value in (settings | SECRETS).items():
        monkeypatch.setenv(name, value)
    return tmp_path


def run(*arguments: str, typed: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["gateway", *arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def over(monkeypatch: pytest.MonkeyPatch, http: ScriptedHttp) -> ScriptedHttp:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Http]:
        yield http

    monkeypatch.setattr(trials, "open_http", connect)
    return http


class TestTry:
    def test_it_asks_sends_one_and_shows_all_but_the_secrets(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        http = over(monkeypatch, ScriptedHttp(answer(200, {"status": 1, "ticket": "t-1", "echo": "hook0123"})))
        status, told = run("try", "smsfactor", typed="0612345678\ny\n")
        assert status == 0
        assert "real SMS of 1 segment through smsfactor, from 36105 to +33612345678" in told
        assert "about 0.07 €" in told
        assert "POST https://api.smsfactor.com/send\n" in told
        assert "Authorization: (hidden)\n" in told
        assert "X-Key: {webhook}\n" in told
        assert '"key": "{key}"' in told
        assert '"gsm": [{"gsmsmsid"' in told
        assert '"echo": "{webhook}"' in told
        assert "Taken. The id of the message is t-1." in told
        assert "token" not in told.replace("token=", "")
        assert not any(secret in told for name, secret in SECRETS.items() if "SMSFACTOR" in name)
        assert len(http.requests) == 1

    @pytest.mark.parametrize("typed", ["0612345678\nn\n", "0612345678\n"])
    def test_nothing_leaves_without_a_yes(self, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
        over(monkeypatch, ScriptedHttp())
        status, told = run("try", "smsfactor", typed=typed)
        assert (status, "Aborted" in told) == (1, True)

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            (answer(200, {"status": 1, "ticket": "t", "invalid": 1}), "Refused for good"),
            (answer(429), "Not taken, though it may be later"),
            (answer(500), "In doubt: the provider may have taken it"),
            (NoAnswer("ServerDisconnectedError", nothing_written=False), "(no answer)"),
        ],
    )
    def test_what_was_not_taken_ends_with_1(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, given: NoAnswer, sentence: str
    ) -> None:
        over(monkeypatch, ScriptedHttp(given))
        status, told = run("try", "smsfactor", "--to", "+33612345678", "--yes")
        assert (status, sentence in told) == (1, True), told

    def test_a_token_is_not_shown(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        token = answer(200, {"access_token": "fetched-token", "expires_in": 3600})
        over(monkeypatch, ScriptedHttp(token, answer(200, {"resultCode": 1005, "messageId": "m-1", "at": "7"})))
        status, told = run("try", "link", "--to", "0612345678", "--yes", "--sender", "36106")
        assert status == 0
        assert "(hidden: it contains the token)" in told
        assert not any(value in told for name, value in SECRETS.items() if "LINK" in name and len(value) > 3)
        assert "fetched-token" not in told
        assert '"source": "36106"' in told

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("smsfacto", "--to", "0612345678"), 'There is no gateway smsfacto; did you mean "smsfactor"?'),
            (("smsfactor", "--to", "12"), "12 is not a telephone number"),
            (("smsfactor", "--to", "0612345678", "--sender", "un nom trop long"), "is not a sender"),
        ],
    )
    def test_a_mistake_is_told_before_anything_leaves(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
    ) -> None:
        over(monkeypatch, ScriptedHttp())
        status, told = run("try", *arguments, "--yes")
        assert (status, sentence in told) == (1, True), told


class TestReplay:
    def recorded(self, folder: Path, content: str) -> str:
        (folder / "webhook").write_text(content, encoding="utf-8", newline="")
        return "webhook"

    def test_a_body_alone(self, folder: Path) -> None:
        status, told = run("replay", "smsfactor", self.recorded(folder, json.dumps(MO)))
        assert status == 0
        assert "not checked" in told
        assert "from      +33612345678\nto        36105\n" in told
        assert "written   2027-01-04T10:00:00+00:00" in told
        assert "text      'annuler'" in told
        assert list(folder.glob("*.db")) == []

    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    @pytest.mark.parametrize(("secret", "wanted"), [("hook0123", 0), ("wrong", 1)])
    def test_a_whole_request(self, folder: Path, line_end: str, secret: str, wanted: int) -> None:
        lines = f"POST /webhooks/smsfactor/sms?token={secret}&kind=stop HTTP/1.1", "Host: x", "", json.dumps(MO)
        status, told = run("replay", "smsfactor", self.recorded(folder, line_end.join(lines)))
        assert status == wanted
        assert ("proof     right" in told) == (wanted == 0)
        assert ("The service would refuse it" in told) == (wanted == 1)
        assert "keyword   STOP" in told

    def test_a_status(self, folder: Path) -> None:
        body = json.dumps({"message_id": "42", "status": "3"})
        assert "our id    42" in run("replay", "smsfactor", self.recorded(folder, body), "--status")[1]
        whole = f"POST /webhooks/smsfactor/status?token=hook0123 HTTP/1.1\n\n{body}"
        assert "status    delivered" in run("replay", "smsfactor", self.recorded(folder, whole))[1]

    def test_what_cannot_be_read_is_told(self, folder: Path) -> None:
        status, told = run("replay", "smsfactor", self.recorded(folder, "{}"))
        assert (status, "The service would refuse it: from is missing." in told) == (1, True), told


class TestProviders:
    def test_all_are_listed_and_each_is_shown(self) -> None:
        status, told = run("providers")
        assert status == 0
        assert [line.split()[0] for line in told.splitlines()] == list(provider_names())
        assert "smsfactor         both ways  SMSBOT_SMSFACTOR_TOKEN SMSBOT_SMSFACTOR_WEBHOOK_SECRET" in told
        assert "[send.json.sms.message]" in run("providers", "smsfactor")[1]

    def test_a_wrong_name(self) -> None:
        assert run("providers", "smsfacto") == (1, 'There is no provider smsfacto; did you mean "smsfactor"?\n')
