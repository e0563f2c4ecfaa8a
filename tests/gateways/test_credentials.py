"""The request without effect that tells whether the credentials for a provider are right, and the answers to it.

Each line is written from the page that the description names, as in `provider_protocols`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path

import pytest
import respx
from multidict import CIMultiDict

from smsbot.checks.findings import CheckFinding, Level
from smsbot.checks.gateway_accounts import look_at_twilio, look_at_vonage
from smsbot.checks.peers import look_at_described
from smsbot.checks.webhook_trial import described_trial
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from smsbot.gateways.base import SignatureRefused, WebhookRequest
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.policy import Policy
from smsbot.policy.providers import provider_names, provider_text
from tests.gateways.provider_protocols import PUBLIC_URL, SECRET
from tests.gateways.scripted import Request, ScriptedHttp, answer, answer_in_bytes
from tests.gateways.test_providers import BY_NAME, file_of, ours, settings
from tests.lines import every_line

BASIC = "Basic " + base64.b64encode(f"{SECRET}:{SECRET}".encode()).decode()
SMSPARTNER = answer(200, {"success": True, "code": 200, "user": {"username": "john"}, "credits": {"creditSms": "8"}})
ASKED = {
    "46elks": ("https://api.46elks.com/a1/me", BASIC, answer(200, {"currency": "EUR", "balance": 9670500}), "9670500"),
    "brevo": ("https://api.brevo.com/v3/account", "", answer(200, {"email": "a@b.fr", "plan": []}), None),
    "esendex": (
        "https://api.esendex.com/v1.0/accounts",
        BASIC,
        answer_in_bytes(200, b"<accounts><account><messagesremaining>9</messagesremaining></account></accounts>"),
        None,
    ),
    "infobip": (
        "https://acme.api.infobip.com/account/1/balance",
        f"App {SECRET}",
        answer(200, {"balance": 47.79134, "currency": "EUR"}),
        "47.79134",
    ),
    "jasmin": (
        f"http://jasmin.example.fr:1401/balance?username={SECRET}&password={SECRET}",
        "",
        answer(200, {"balance": 100.0, "sms_count": "ND"}),
        None,
    ),
    "octopush": (
        "https://api.octopush.com/v1/public/wallet/check-balance",
        "",
        answer(200, {"amount": 12.54, "unit": "euros"}),
        "12.54",
    ),
    "primotexto": ("https://api.primotexto.com/v2/account/stats", "", answer(200, {"credits": 10}), None),
    "smsfactor": (
        "https://api.smsfactor.com/credits",
        f"Bearer {SECRET}",
        answer(200, {"status": 1, "message": "OK", "credits": "44690", "postpaid": "0"}),
        "44690",
    ),
    "smspartner": (f"https://api.smspartner.fr/v1/me?apiKey={SECRET}", "", SMSPARTNER, None),
    "smspartner_short": (f"https://api.smspartner.fr/v1/me?apiKey={SECRET}", "", SMSPARTNER, None),
}
BY_TOKEN = {"link", "orange"}
UNKNOWN = {"callr", "highconnexion", "mtarget", "netsize", "orange_light", "ovh", "smsmode"}
"""Providers without a publicly documented call that changes nothing."""


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in provider_names():
        for line in provider_text(provider).splitlines():
            if (variable := line.rpartition(' = "')[2].rstrip('"')).startswith("SMSBOT_"):
                monkeypatch.setenv(variable, SECRET)


def found(path: Path, provider: str, *answers: HttpAnswer | NoAnswer) -> tuple[CheckFinding, list[Request]]:
    """The finding of the check for this provider, and the requests that it made."""
    [finding], requests = all_found(path, provider, *answers)
    return finding, requests


def all_found(path: Path, provider: str, *answers: HttpAnswer | NoAnswer) -> tuple[list[CheckFinding], list[Request]]:
    protocol, http = BY_NAME[provider], ScriptedHttp(*answers)
    path.write_text(file_of(protocol), encoding="utf-8")

    @asynccontextmanager
    async def connect() -> AsyncIterator[Http]:
        yield http

    async def look() -> list[CheckFinding]:
        made = settings(path, ours(protocol, 0))
        policy = Policy.load(path, made.usual_sender)
        async with open_gateways(made, policy, connect) as gateways:
            gateway = gateways.all[provider]
            assert isinstance(gateway, DescribedGateway)
            return await look_at_described(provider, policy.gateways[provider], gateway)

    return asyncio.run(look()), http.requests


@pytest.mark.usefixtures("secrets")
def test_each_is_asked_as_documented_and_a_good_key_is_told_with_the_credit(tmp_path: Path) -> None:
    assert {*ASKED, *BY_TOKEN, *UNKNOWN} == set(provider_names())
    for provider, (url, authorization, good, credit) in ASKED.items():
        finding, [request] = found(tmp_path / "smsbot.toml", provider, good)
        assert (request.method, request.url, request.body) == ("GET", url, None), provider
        assert SECRET in "".join([request.url, *request.headers.values()]) or authorization == BASIC, provider
        assert request.headers.get("authorization", "") == authorization, provider
        told = "the credentials are right" + (f", and its credit is {credit}" if credit else "")
        assert finding == CheckFinding(Level.WELL, provider, told)
    for provider in BY_TOKEN:
        finding, [request] = found(tmp_path / "smsbot.toml", provider, answer(200, {"access_token": "t", "ttl": 60}))
        assert "/token" in request.url, provider
        assert finding.level is Level.WELL, provider
    for provider in UNKNOWN:
        finding, asked = found(tmp_path / "smsbot.toml", provider)
        assert (finding.level, asked) == (Level.WELL, []), provider
        assert finding.sentence.endswith(f"smsbot gateway try {provider} sends one SMS"), provider


@pytest.mark.usefixtures("secrets")
def test_wrong_credentials_are_told_with_the_variables_that_hold_them(tmp_path: Path) -> None:
    path, said_no = tmp_path / "smsbot.toml", answer(200, {"status": -1, "message": "Authentication error"})
    for provider in (*ASKED, *BY_TOKEN):
        finding, _ = found(path, provider, answer(401, {"message": "no"}))
        assert finding.level is Level.WRONG, provider
        assert "HTTP 401" in finding.sentence, provider
        assert "check SMSBOT_" in finding.sentence, provider
        assert "WEBHOOK" not in finding.sentence, "that one was not asked about"
    finding, _ = found(path, "smsfactor", said_no)
    assert finding.sentence == "the gateway refuses the credentials (HTTP 200, -1): check SMSBOT_SMSFACTOR_TOKEN"


@pytest.mark.usefixtures("secrets")
@every_line(
    "answered", [answer(503), answer(404), answer_in_bytes(200, b"<html>"), NoAnswer("timeout", nothing_written=True)]
)
def test_what_says_neither_yes_nor_no_is_no_fault_of_the_credentials(
    secrets: None, tmp_path: Path, answered: HttpAnswer | NoAnswer
) -> None:
    finding, _ = found(tmp_path / "smsbot.toml", "smsfactor", answered)
    assert finding.level is Level.WARNING
    assert finding.sentence.endswith("look at its address, or try again later")


@pytest.mark.usefixtures("secrets")
def test_a_clock_that_is_wrong_is_told_by_the_time_of_the_answer(tmp_path: Path) -> None:
    for date, level in ((formatdate(usegmt=True), Level.WELL), ("Sun, 29 Nov 2015 22:00:00 GMT", Level.WRONG)):
        good = answer(200, {"amount": 12.54}, {"Date": date})
        [_, clock], _ = all_found(tmp_path / "smsbot.toml", "octopush", good)
        assert (clock.subject, clock.level) == ("clock", level)


@pytest.mark.anyio
async def test_the_balance_at_vonage() -> None:
    async def told(url: str, secret: str = "right") -> dict[str, tuple[Level, str]]:
        return {each.subject: (each.level, each.sentence) async for each in look_at_vonage(url, "abcd1234", secret)}

    with VonageStandIn("abcd1234", "right") as vonage:
        well = await told(vonage.url)
        assert well["Vonage"] == (Level.WELL, "the credentials are right, and the account's balance is 10.28 €")
        assert (await told(vonage.url, "wrong"))["Vonage"] == (
            Level.WRONG,
            "the credentials are refused (HTTP 401): check SMSBOT_VONAGE_API_KEY and SMSBOT_VONAGE_API_SECRET",
        )
        vonage.balance = -0.4
        level, sentence = (await told(vonage.url))["Vonage"]
        assert (level, "nothing is sent until it is topped up" in sentence) == (Level.WRONG, True)
        url = vonage.url
    assert (await told(url))["Vonage"][0] is Level.WRONG, "it cannot be reached"


NO_ACCOUNTS = (b"<html>", b"[]", b"null", b"[" * 100_000, b'{"value": NaN}', b'{"value": [1]}', b"9" * 5000)


@pytest.mark.anyio
@pytest.mark.parametrize("content", NO_ACCOUNTS, ids=lambda content: content[:16])
async def test_what_is_no_account_is_told_in_a_line(content: bytes) -> None:
    with respx.mock(base_url="http://elsewhere") as peer:
        peer.route().respond(200, content=content)
        [vonage] = [each async for each in look_at_vonage("http://elsewhere", "abcd1234", "right")]
        found = look_at_twilio("http://elsewhere", "AC1", "token", frozenset({"36105"}), "http://here")
        twilio = [each async for each in found]
    assert vonage.sentence == "it answered HTTP 200 without a balance: try again later"
    assert twilio[0].level is Level.WRONG


@pytest.mark.anyio
async def test_a_number_that_is_listed_in_no_known_way_is_a_warning() -> None:
    with respx.mock(base_url="http://elsewhere") as peer:
        peer.get("/2010-04-01/Accounts/AC1.json").respond(200, json={"status": "active"})
        peer.route().respond(200, json={"short_codes": ["36105"]})
        found = look_at_twilio("http://elsewhere", "AC1", "token", frozenset({"36105"}), "http://here")
        *_, last = [each async for each in found]
    assert (last.level, last.sentence) == (Level.WARNING, "nothing is known about 36105: try again later")


@pytest.mark.usefixtures("secrets")
def test_the_webhook_that_is_tried_is_proven_as_the_provider_proves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "smsbot.toml"
    path.write_text(file_of(*BY_NAME.values()), encoding="utf-8")

    async def tried() -> dict[str, bool]:
        made = settings(path)
        policy = Policy.load(path, made.usual_sender)
        proven: dict[str, bool] = {}
        async with open_gateways(made, policy) as gateways:
            monkeypatch.setenv("SMSBOT_BREVO_WEBHOOK_SECRET", "another")
            monkeypatch.setenv("SMSBOT_CALLR_WEBHOOK_SECRET", "another")
            for provider, table in policy.gateways.items():
                if (trial := described_trial(PUBLIC_URL, provider, table)) is None:
                    continue
                assert SECRET not in repr(trial)
                request = WebhookRequest(trial.url, trial.query, CIMultiDict(trial.headers), trial.body)
                try:
                    gateways.all[provider].verify(request)
                    proven[provider] = True
                except SignatureRefused:
                    proven[provider] = False
        return proven

    found = asyncio.run(tried())
    assert {provider for provider, right in found.items() if not right} == {"brevo", "callr"}, "of another secret"
    assert len(found) >= 10
