"""The gateways that settings and `smsbot.toml` name: which are made, and the sentence if one lacks something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from smsbot.gateways.base import Handed, OutgoingSms
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.policy import Policy
from smsbot.settings import ServiceSettings, SettingsProblem

pytestmark = pytest.mark.anyio

OURS = "+33937000000"
VONAGE = {"vonage_api_key": "key", "vonage_api_secret": "secret", "vonage_signature_secret": "s" * 32}
NO_TWILIO: dict[str, Any] = {"twilio_account_sid": None, "twilio_auth_token": None}
SERVICE = "MG" + "0" * 32
AGGREGATOR = """
    [gateways.agregat]
    secrets = { key = "SMSBOT_AGREGAT_KEY" }
    answer = { id = "ids.0" }
    send.url = "URL/v1/sms"
    send.headers = { X-Api-Key = "{key}" }
    send.json = { from = "{sender}", to = ["{recipient}"], text = "{text}" }
"""


def settings(twilio_url: str = "http://127.0.0.1:9", **other: Any) -> ServiceSettings:
    values: dict[str, Any] = {
        "secret_key": "0123456789abcdef" * 2,
        "public_url": "https://sms.example.fr",
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_token": "stand-in",
        "sender": OURS,
        "twilio_api_url": twilio_url,
        "mail_from": "rdv@example.fr",
    }
    return ServiceSettings.exactly(**values | other)


def policy(tmp_path: Path, content: str, made: ServiceSettings) -> Policy:
    path = tmp_path / "smsbot.toml"
    path.write_text(content, encoding="utf-8")
    return Policy.load(path, made.usual_sender)


async def test_without_a_file_there_is_twilio() -> None:
    with TwilioStandIn() as twilio:
        made = settings(twilio.url)
        async with open_gateways(made, Policy(usual=made.usual_sender)) as gateways:
            assert [(one.name, one.habits.methods) for one in gateways.receiving] == [("twilio", ("POST",))]
            taken = await gateways.failover.send(OutgoingSms(1, OURS, "+33612345678", "x"), answerable=True)
        assert taken == Handed("twilio", twilio.messages[0].sid)


async def test_twilio_is_one_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_AGREGAT_KEY", "secret-key")
    with AggregatorStandIn("secret-key") as aggregator, VonageStandIn("key", "secret") as vonage:
        alone = settings(**NO_TWILIO)
        described = policy(tmp_path, AGGREGATOR.replace("URL", aggregator.url), alone)
        async with open_gateways(alone, described) as gateways:
            assert gateways.records == {}
            taken = await gateways.failover.send(OutgoingSms(1, OURS, "+33612345678", "x"), answerable=False)
        assert taken == Handed("agregat", aggregator.messages[0].id)
        assert aggregator.messages[0].sender == OURS
        alone = settings(**NO_TWILIO, **VONAGE, vonage_api_url=vonage.url)
        async with open_gateways(alone, Policy(usual=alone.usual_sender)) as gateways:
            assert ([one.name for one in gateways.receiving], gateways.records) == (["vonage"], {})
            taken = await gateways.failover.send(OutgoingSms(1, OURS, "+33612345678", "x"), answerable=True)
        assert taken == Handed("vonage", vonage.messages[0].id)
        assert vonage.messages[0].sender == OURS.removeprefix("+")


async def test_the_ways_of_the_file_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_AGREGAT_KEY", "secret-key")
    with (
        TwilioStandIn() as twilio,
        AggregatorStandIn("secret-key") as aggregator,
        VonageStandIn("key", "secret") as vonage,
    ):
        content = (
            AGGREGATOR.replace("URL", aggregator.url)
            + f"""
            [channels."{OURS}"]
            gateways = ["twilio", {{ gateway = "vonage", sender = "36105" }}]
            [channels.RdvSoli]
            gateways = ["agregat"]
        """
        )
        made = settings(twilio.url, vonage_api_url=vonage.url, **VONAGE)
        async with open_gateways(made, policy(tmp_path, content, made)) as gateways:
            assert [one.name for one in gateways.receiving] == ["twilio", "vonage"]
            send = gateways.failover.send
            one_way = await send(OutgoingSms(1, "RdvSoli", "+33612345678", "x"), answerable=False)
            assert one_way == Handed("agregat", aggregator.messages[0].id)
            assert aggregator.messages[0].sender == "RdvSoli"
            twilio.fail(StandInFault(code=63038, retry_after=3600))
            two_way = await send(OutgoingSms(2, OURS, "+33612345678", "x"), answerable=True)
            assert two_way == Handed("vonage", vonage.messages[0].id)
            written_to = await send(OutgoingSms(3, "36105", "+33612345678", "x"), answerable=True)
            assert written_to.gateway == "vonage"
            assert [sms.sender for sms in vonage.messages] == ["36105", "36105"]
            unnamed = await send(OutgoingSms(4, "+33937000009", "+33612345678", "x"), answerable=True)
            assert unnamed == Handed("twilio", twilio.messages[-1].sid)
            assert twilio.messages[-1].sender == "+33937000009"


async def test_a_gateway_that_posts_by_get_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_AGREGAT_KEY", "secret-key")
    content = (
        AGGREGATOR.replace("URL", "https://api.example.fr")
        + """
        webhooks = { format = "query", authentication = { kind = "query", name = "token", secret = "{key}" } }
        incoming = { sender = "from", recipient = "to", text = "text", id = "id" }
    """
    )
    made = settings()
    async with open_gateways(made, policy(tmp_path, content, made)) as gateways:
        assert [(one.name, one.habits.methods) for one in gateways.receiving[1:]] == [("agregat", ("GET",))]


@pytest.mark.parametrize(
    ("content", "secret", "other", "sentence"),
    [
        (
            f"[channels.'{OURS}']\ngateways = ['vonage']",
            None,
            {},
            f"SMSBOT_VONAGE_APPLICATION_ID (or SMSBOT_VONAGE_API_KEY) is missing, though messages from {OURS} leave",
        ),
        (
            "",
            None,
            NO_TWILIO,
            "there is no gateway for SMS: set SMSBOT_TWILIO_ACCOUNT_SID and SMSBOT_TWILIO_AUTH_TOKEN,",
        ),
        (
            "",
            None,
            {**NO_TWILIO, **VONAGE, "sender": SERVICE, "sender_two_way": True},
            f"SMSBOT_TWILIO_ACCOUNT_SID is missing, though messages from {SERVICE} leave through twilio",
        ),
        (
            "",
            None,
            {
                "vonage_application_id": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
                "vonage_private_key": "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----",
                "vonage_signature_secret": "s" * 32,
            },
            "SMSBOT_VONAGE_PRIVATE_KEY is wrong: it should be the RSA key in PEM",
        ),
        (
            AGGREGATOR.replace("URL", "https://a.fr"),
            None,
            {},
            "SMSBOT_AGREGAT_KEY is missing, though smsbot.toml names it",
        ),
        (
            AGGREGATOR.replace("URL", "https://a.fr"),
            "clé",
            {},
            "the gateway agregat of smsbot.toml cannot make a request with the value of SMSBOT_AGREGAT_KEY",
        ),
    ],
)
async def test_what_is_lacking_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    secret: str | None,
    other: dict[str, Any],
    sentence: str,
) -> None:
    if secret is not None:
        monkeypatch.setenv("SMSBOT_AGREGAT_KEY", secret)
    made = settings(**other)
    with pytest.raises(SettingsProblem) as problem:
        async with open_gateways(made, policy(tmp_path, content, made)):
            pass
    assert str(problem.value).startswith(sentence)
    assert "\n" not in str(problem.value)
