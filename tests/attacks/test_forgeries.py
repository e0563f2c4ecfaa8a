"""Forged webhooks: neither a gateway nor a source has sent them."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.attacks.conftest import PHONE
from tests.walks.running import OUR_NUMBER, WEBHOOK_SECRET, Service, rdv, webhook


def fields(sid: str = "SM" + "f" * 32, body: str = "annuler") -> dict[str, str]:
    return {"MessageSid": sid, "AccountSid": "AC0", "From": PHONE, "To": OUR_NUMBER, "Body": body, "NumMedia": "0"}


def post(target: Service, form: dict[str, str], signature: str | None, path: str = "/webhooks/twilio/sms") -> int:
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    return httpx.post(f"{target.url}{path}", data=form, headers=headers).status_code


@pytest.fixture
def right(target: Service) -> str:
    validator = RequestValidator(target.twilio.auth_token)
    signature: str = validator.compute_signature(f"{target.url}/webhooks/twilio/sms", fields())
    return signature


def test_signatures_of_twilio_that_are_none(target: Service, right: str) -> None:
    forged = [
        None,
        "",
        right[:-1],
        right + "=",
        right.lower(),
        right.swapcase(),
        "A" * len(right),
        "é".encode().hex(),
    ]
    forged += [f"{right}, {right}", f'"{right}"', "sha1=" + right]
    assert {post(target, fields(), signature) for signature in forged} == {403}


@pytest.mark.parametrize(
    "change", [{"Body": "oui"}, {"From": "+33600000000"}, {"MessageSid": "SM" + "0" * 32}, {"X": "1"}]
)
def test_a_right_signature_is_for_its_own_fields(target: Service, right: str, change: dict[str, str]) -> None:
    assert post(target, {**fields(), **change}, right) == 403


@pytest.mark.parametrize("path", ["/webhooks/twilio/sms?x=1", "/webhooks/twilio/sms/", "/webhooks/twilio/status"])
def test_a_right_signature_is_for_its_own_address(target: Service, right: str, path: str) -> None:
    assert post(target, fields(), right, path) in (403, 404)


def test_a_status_captured_for_one_message_is_not_taken_for_another(target: Service) -> None:
    validator = RequestValidator(target.twilio.auth_token)
    told = {"MessageSid": "SM" + "1" * 32, "MessageStatus": "delivered"}
    url = f"{target.url}/webhooks/twilio/status?message=1"
    signature = validator.compute_signature(url, told)
    headers = {"X-Twilio-Signature": signature}
    answer = httpx.post(url.replace("message=1", "message=2"), data=told, headers=headers)
    assert answer.status_code == 403


def test_signatures_of_the_source_that_are_none(target: Service) -> None:
    body = json.dumps(webhook(rdv(9000))).encode()
    right = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    other = hmac.new(b"another secret", body, hashlib.sha256).hexdigest()
    for signature in (None, "", other, right[:-1], right + "0", "0" * 64, right[::-1]):
        headers = {} if signature is None else {"X-Lapin-Signature": signature}
        answer = httpx.post(f"{target.url}/webhooks/rdvsp", content=body, headers=headers)
        assert answer.status_code == 401
    changed = body.replace(b"Dupont", b"Durand")
    answer = httpx.post(f"{target.url}/webhooks/rdvsp", content=changed, headers={"X-Lapin-Signature": right})
    assert answer.status_code == 401


def test_a_form_with_a_field_twice_is_not_read_two_ways(target: Service, right: str) -> None:
    body = urlencode([*list(fields().items()), ("Body", "oui")])
    headers = {"X-Twilio-Signature": right, "Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(f"{target.url}/webhooks/twilio/sms", content=body, headers=headers).status_code in (400, 403)
