"""Twilio fails in the middle of a conversation, and another gateway continues it, in the real process."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn, signed
from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn, TakenSms
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from smsbot.gateways import circuit
from tests.walks.running import OUR_NUMBER, PHONE, Service, rdv

SHORT_CODE = "36105"
SIGNATURE = "a-signature-secret-of-32-bytes-or-more"

VONAGE = f"""
[channels."{OUR_NUMBER}"]
gateways = ["twilio", {{ gateway = "vonage", sender = "{SHORT_CODE}" }}]
"""

AGGREGATOR = f"""
[channels."{OUR_NUMBER}"]
gateways = ["twilio", {{ gateway = "agregat", sender = "{SHORT_CODE}" }}]

[gateways.agregat]
secrets = {{ key = "SMSBOT_AGREGAT_KEY" }}
answer = {{ id = "ids.0", result = "status", taken = [100] }}
status = {{ id = "data.id", status = "data.status", words = {{ DELIVRD = "delivered" }} }}
incoming = {{ sender = "data.from", recipient = "data.to", text = "data.text", id = "data.id" }}

[gateways.agregat.send]
url = "URL/v1/sms"
headers = {{ X-Api-Key = "{{key}}" }}
json = {{ from = "{{sender}}", to = ["{{recipient}}"], text = "{{text}}", callback = "{{callback_url}}" }}

[gateways.agregat.webhooks]
format = "json"
authentication.kind = "hmac"
authentication.name = "X-Signature"
authentication.secret = "{{key}}"
authentication.algorithm = "sha512"
authentication.encoding = "base64"
"""


def strict() -> None:
    """Let a gateway be passed over after three failures in a row, even if they come at the same moment."""
    patch.object(circuit, "FAILING_SECONDS", 0.0).start()


def told(stand_in: GatewayStandIn[TakenSms], count: int) -> list[TakenSms]:
    return stand_in.wait_for(count, 30)


def walk(service: Service, second: VonageStandIn | AggregatorStandIn, gateway: str) -> None:
    """Twilio takes the first question and then fails. The usager answers the number that wrote last."""
    hook = f"{service.url}/webhooks/{gateway}/sms"
    service.post_rdv(rdv())
    assert "lettres" in service.asks("ANNULER").body
    service.twilio.fail(StandInFault(status=503), times=10_000)
    service.sends("DUP")
    [confirm] = told(second, 1)
    assert "OUI" in confirm.text
    assert (confirm.sender, confirm.recipient.removeprefix("+")) == (SHORT_CODE, PHONE.removeprefix("+"))
    answer = second.receive(hook, from_=PHONE.removeprefix("+"), to=SHORT_CODE, text="OUI").result(30)
    assert answer is not None
    assert answer.status_code == 200
    done = told(second, 2)[1]
    assert "annulé" in done.text
    assert done.sender == SHORT_CODE
    service.smtp.wait_for(1)


def test_vonage_carries_a_conversation_on(make_service: Callable[..., Service]) -> None:
    with VonageStandIn("key", "secret", SIGNATURE, statuses=["submitted", "delivered"]) as vonage:
        service = make_service(
            toml=VONAGE,
            settings={
                "SMSBOT_VONAGE_API_KEY": "key",
                "SMSBOT_VONAGE_API_SECRET": "secret",
                "SMSBOT_VONAGE_SIGNATURE_SECRET": SIGNATURE,
                "SMSBOT_VONAGE_API_URL": vonage.url,
            },
        ).start(before=strict)
        walk(service, vonage, "vonage")


def test_an_aggregator_that_is_only_described_carries_a_conversation_on(make_service: Callable[..., Service]) -> None:
    prove = signed("X-Signature", "agregat-key")
    with AggregatorStandIn("agregat-key", prove=prove, statuses=["DELIVRD"]) as aggregator:
        toml = AGGREGATOR.replace("URL", aggregator.url)
        service = make_service(toml=toml, settings={"SMSBOT_AGREGAT_KEY": "agregat-key"}).start(before=strict)
        walk(service, aggregator, "agregat")
