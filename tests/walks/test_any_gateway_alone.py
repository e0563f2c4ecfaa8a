"""One gateway alone, in the real process: Vonage, or an aggregator that smsbot.toml describes; and no gateway
at all.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import select

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn, signed, with_basic
from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn, TakenSms
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from tests.walks.running import PHONE, Service, rdv, user

SHORT_CODE = "36105"
SIGNATURE = "a-signature-secret-of-32-bytes-or-more"
NO_TWILIO = {"SMSBOT_TWILIO_ACCOUNT_SID": "", "SMSBOT_TWILIO_AUTH_TOKEN": "", "SMSBOT_SENDER": SHORT_CODE}

AGGREGATOR = """
[gateways.agregat]
secrets = { key = "SMSBOT_AGREGAT_KEY" }
answer = { id = "ids.0", result = "status", taken = [100] }
status = { id = "data.id", status = "data.status", words = { DELIVRD = "delivered" } }
incoming = { sender = "data.from", recipient = "data.to", text = "data.text", id = "data.id" }

[gateways.agregat.send]
url = "URL/v1/sms"
headers = { X-Api-Key = "{key}" }
json = { from = "{sender}", to = ["{recipient}"], text = "{text}", callback = "{callback_url}" }

[gateways.agregat.webhooks]
format = "json"
authentication = { kind = "hmac", name = "X-Signature", secret = "{key}", algorithm = "sha512", encoding = "base64" }
"""

JASMIN = """
[gateways.jasmin]
secrets = { key = "SMSBOT_JASMIN_KEY" }
answer = { id = "id", result = "resultat", taken = [1] }
status = { id = "id", status = "status", words = { DELIVRD = "delivered" } }
incoming = { sender = "from", recipient = "to", text = "text", id = "id" }

[gateways.jasmin.send]
url = "URL/send"

[gateways.jasmin.send.form]
key = "{key}"
expediteur = "{sender}"
destinataires = "{recipient_00}"
message = "{text}"
callback = "{callback_url}"

[gateways.jasmin.webhooks]
format = "form"
authentication = { kind = "basic", secret = "smsbot:{key}" }
acknowledgement = { text = "ACK/Jasmin" }
"""


class Alone(NamedTuple):
    """The only gateway of an installation, and the answer that it expects to its webhooks."""

    gateway: str
    stand_in: GatewayStandIn[TakenSms]
    settings: dict[str, str]
    toml: str | None
    acknowledgement: str = ""
    checked: str = "it has no known request that changes nothing"


@contextmanager
def vonage() -> Iterator[Alone]:
    with VonageStandIn("key", "secret", SIGNATURE, statuses=["submitted", "delivered"]) as stand_in:
        settings = {
            "SMSBOT_VONAGE_API_KEY": "key",
            "SMSBOT_VONAGE_API_SECRET": "secret",
            "SMSBOT_VONAGE_SIGNATURE_SECRET": SIGNATURE,
            "SMSBOT_VONAGE_API_URL": stand_in.url,
        }
        told = "Vonage: the credentials are right, and the account's balance is 10.28 €"
        yield Alone("vonage", stand_in, settings, None, checked=told)


@contextmanager
def aggregator() -> Iterator[Alone]:
    prove = signed("X-Signature", "agregat-key")
    with AggregatorStandIn("agregat-key", prove=prove, statuses=["DELIVRD"]) as stand_in:
        settings = {"SMSBOT_AGREGAT_KEY": "agregat-key"}
        yield Alone("agregat", stand_in, settings, AGGREGATOR.replace("URL", stand_in.url))


@contextmanager
def jasmin() -> Iterator[Alone]:
    prove = with_basic("smsbot", "jasmin-key")
    with AggregatorStandIn("jasmin-key", webhooks="form", prove=prove, statuses=["DELIVRD"]) as stand_in:
        settings = {"SMSBOT_JASMIN_KEY": "jasmin-key"}
        yield Alone("jasmin", stand_in, settings, JASMIN.replace("URL", stand_in.url), "ACK/Jasmin")


@pytest.mark.parametrize("gateway", [vonage, aggregator, jasmin])
def test_it_starts_sends_receives_and_hears_what_became_of_it(
    make_service: Callable[..., Service], gateway: Callable[[], Any]
) -> None:
    with gateway() as alone:
        service = make_service(toml=alone.toml, settings=NO_TWILIO | alone.settings).start()
        hook = f"{service.url}/webhooks/{alone.gateway}/sms"

        def says(text: str) -> str:
            before = len(alone.stand_in.messages)
            answer = alone.stand_in.receive(hook, from_=PHONE.removeprefix("+"), to=SHORT_CODE, text=text).result(30)
            assert answer is not None
            assert (answer.status_code, answer.text) == (200, alone.acknowledgement)
            reply: TakenSms = alone.stand_in.wait_for(before + 1, 30)[before]
            return reply.text

        assert service.post_rdv(rdv(1, user(notify_by_sms=False))).status_code == 200
        assert "lettres" in says("ANNULER")
        assert "OUI" in says("DUP")
        assert "annulé" in says("OUI")
        service.smtp.wait_for(1)
        assert {sms.sender for sms in alone.stand_in.messages} == {SHORT_CODE}
        wait_until_delivered(service, 3)
        assert service.twilio.requests == 0
        checked = service.run("check").stdout
        assert alone.checked in checked
        assert re.search(
            rf"^ok +webhook: .*/webhooks/{alone.gateway}/sms accepts the signature", checked, re.MULTILINE
        ), checked
        assert "missed messages" not in service.log  # gateways without a list of messages are not asked
        assert httpx.post(f"{service.url}/webhooks/twilio/sms").status_code == 404


def statuses(service: Service) -> list[str | None]:
    """The delivery status of each SMS, in the order in which they were written."""
    columns = outgoing_messages.c
    query = select(columns.delivery_status).where(columns.channel == "sms").order_by(columns.id)
    with closing(Database(service.database_url)) as database:
        return database.read_now(lambda connection: list(connection.execute(query).scalars()))


def wait_until_delivered(service: Service, count: int) -> None:
    deadline = time.monotonic() + 15
    while statuses(service) != ["delivered"] * count:
        assert time.monotonic() < deadline, statuses(service)
        time.sleep(0.05)


def refused(service: Service) -> str:
    """The one line with which a refused start ends."""
    ended = service.run("serve", "--port", "0")
    assert ended.returncode == 1
    [line] = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    return line


def test_without_any_gateway_the_start_says_what_to_set(make_service: Callable[..., Service]) -> None:
    line = refused(make_service(settings=NO_TWILIO))
    assert "there is no gateway for SMS: set SMSBOT_TWILIO_ACCOUNT_SID" in line


def test_an_old_name_is_told_the_new_one(make_service: Callable[..., Service]) -> None:
    line = refused(make_service(settings={"SMSBOT_TWILIO_SENDER": SHORT_CODE}))
    assert "SMSBOT_TWILIO_SENDER is called SMSBOT_SENDER now" in line


def test_a_message_without_text_is_taken_and_recorded(shared: Service, phone: str) -> None:
    url = f"{shared.url}/webhooks/twilio/sms"
    form = {"MessageSid": f"SM{phone[1:]}", "From": phone, "To": "+33937000000", "NumMedia": "1"}
    for _ in range(2):
        answer = httpx.post(url, data=form, headers={"X-Twilio-Signature": shared.twilio.signature(url, form)})
        assert answer.status_code == 200
    handled = [line for line in shared.log.splitlines() if form["MessageSid"] in line]
    assert len(handled) == 2
    assert "handled before" in handled[1]
