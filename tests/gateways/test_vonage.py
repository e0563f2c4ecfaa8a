"""Vonage: the token of a webhook, the words of a status, the request to send, and what each answer means."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn, inbound
from smsbot.gateways.base import (
    DeliveryStatus,
    MalformedMessage,
    OutgoingSms,
    SendError,
    SendInDoubt,
    SendLater,
    SendRefused,
    SignatureRefused,
    StatusReport,
    WebhookRequest,
)
from smsbot.gateways.http import Http, HttpAnswer, open_http
from smsbot.gateways.vonage import LATER, REFUSED, STATUSES, ApiKey, Application, VonageGateway
from tests.gateways.peers import KEY, query_of
from tests.gateways.scripted import ScriptedHttp, answer, answer_in_bytes
from tests.lines import every_line

SECRET = "signature-secret-0123456789-0123456789"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
URL = "https://api.nexmo.com/v1/messages"
SMS = OutgoingSms(outgoing_id=42, sender="+33937000000", recipient="+33612345678", body="RDV annulé à 14h30 & noté")
UNUSED_HTTP = ScriptedHttp()
NOW = 1_800_000_000.0

STATUS = {
    "message_uuid": UUID,
    "to": "33612345678",
    "from": "33937000000",
    "timestamp": "2026-10-08T12:00:00Z",
    "status": "delivered",
    "channel": "sms",
    "client_ref": "42",
}


def gateway_over(http: Http, **other: Any) -> VonageGateway:
    return VonageGateway(
        ApiKey("key", "secret"), SECRET, public_url="https://sms.example.fr/", status_key=KEY, http=http, **other
    )


@pytest.fixture
def gateway() -> VonageGateway:
    return gateway_over(UNUSED_HTTP, clock=lambda: NOW)


def webhook(document: Any, *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> WebhookRequest:
    """A webhook as Vonage posts it. A claim that is None is left out."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    usual = {"iat": NOW, "jti": "1", "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest()}
    kept = {name: value for name, value in (usual | claims).items() if value is not None}
    key = OctKey.import_key(secret or SECRET)
    token = jwt.encode({"alg": algorithm}, kept, key, algorithms=[algorithm])
    return WebhookRequest("/webhooks/vonage/sms", "", {"authorization": f"Bearer {token}"}, body)


class TestToken:
    @every_line(
        "claims",
        [
            {},
            {"api_key": "abcd1234", "application_id": UUID},
            {"iat": NOW - 24 * 3600},  # repeated for a day
            {"iat": NOW + 60},  # clocks differ
            {"payload_hash": hashlib.sha256(json.dumps(STATUS).encode()).hexdigest().upper()},
        ],
    )
    def test_a_right_one_opens_the_fields(self, gateway: VonageGateway, claims: dict[str, Any]) -> None:
        assert gateway.verify(webhook(STATUS, **claims)).fields == STATUS

    @every_line(
        "claims",
        [
            {"secret": "another-secret-0123456789-0123456789"},
            {"algorithm": "HS512"},
            {"secret": "", "algorithm": "none"},
            {"payload_hash": None},
            {"payload_hash": hashlib.sha256(b"another body").hexdigest()},
            {"payload_hash": 12},
            {"iat": None},
            {"iat": "now"},
            {"iat": float("nan")},
            {"iat": NOW - 26 * 3600},
            {"iat": NOW + 3600},
            {"exp": NOW - 60},
            {"exp": "soon"},
            {"nbf": NOW + 60},
        ],
    )
    def test_a_wrong_one_is_refused(self, gateway: VonageGateway, claims: dict[str, Any]) -> None:
        with pytest.raises(SignatureRefused):
            gateway.verify(webhook(STATUS, **claims))

    @every_line(
        "header",
        [
            *('{"alg": "HS256", "crit": 1}', '{"alg": "HS256", "crit": ["b64"], "b64": false}', '{"alg": ["HS256"]}'),
            *('{"alg": "HS256", "kid": {}}', '{"alg": null}', "[]", "1", "null", "[" * 20_000, "9" * 5000, ""),
        ],
    )
    def test_a_token_without_any_sense_is_refused(self, gateway: VonageGateway, header: str) -> None:
        """Anybody may post one: nothing is signed that is looked at first."""
        token = f"{base64.urlsafe_b64encode(header.encode()).decode().rstrip('=')}.e30.e30"
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest("/x", "", {"authorization": f"Bearer {token}"}, b"{}"))

    def test_the_scheme_is_read_in_any_case_and_nothing_else_is_a_token(self, gateway: VonageGateway) -> None:
        request = webhook(STATUS)
        token = request.headers["authorization"].removeprefix("Bearer ")
        for header, right in [(f"bearer {token}", True), (token, False), (f"Basic {token}", False), ("Bearer", False)]:
            changed = WebhookRequest(request.path, request.query, {"authorization": header}, request.body)
            if right:
                assert gateway.verify(changed).fields == STATUS
            else:
                with pytest.raises(SignatureRefused):
                    gateway.verify(changed)


class TestIncoming:
    def test_what_a_real_webhook_holds_is_enough(self, gateway: VonageGateway) -> None:
        document = inbound(from_="33612345678", to="36105", text="Annuler 😀")
        message = gateway.parse(gateway.verify(webhook(document)))
        assert (message.from_number, message.to_number, message.body) == ("+33612345678", "36105", "Annuler 😀")
        assert message.gateway_message_id == document["message_uuid"]
        assert message.opt_out_keyword is None

    @every_line(
        ("changed", "sentence"),
        [
            ({"channel": "whatsapp"}, "channel is not sms."),
            ({"channel": None}, "channel is not sms."),
            ({"from": {"type": "sms", "number": "33612345678"}}, "from is not a text: set the webhooks of the Vonage"),
            ({"to": {"type": "sms", "number": "33937000000"}}, "to is not a text: set the webhooks of the Vonage"),
            ({"text": 12}, "text is not a text."),
            ({"from": "0612345678"}, "from is neither an international telephone number nor a short code."),
        ],
    )
    def test_what_it_cannot_be(self, gateway: VonageGateway, changed: dict[str, Any], sentence: str) -> None:
        document = inbound(from_="33612345678", to="33937000000", text="OUI") | changed
        with pytest.raises(MalformedMessage) as raised:
            gateway.parse(gateway.verify(webhook(document)))
        assert raised.value.sentence.startswith(sentence)

    @every_line(
        ("timestamp", "written_at"),
        [
            ("2027-01-15T06:00:00Z", "2027-01-15T06:00:00+00:00"),
            ("2027-01-15T06:00:00.123Z", "2027-01-15T06:00:00.123000+00:00"),
            ("2027-01-15 09:00:00 +0200", "2027-01-15T07:00:00+00:00"),
            ("2020-01-29T14:08:30Z", "2027-01-15T05:00:00+00:00"),
            (None, "2027-01-15T05:00:00+00:00"),  # when the token was made
            ("yesterday", "2027-01-15T05:00:00+00:00"),
            (12, "2027-01-15T05:00:00+00:00"),
            ({}, "2027-01-15T05:00:00+00:00"),
        ],
    )
    def test_it_says_when_it_was_written(self, gateway: VonageGateway, timestamp: Any, written_at: str) -> None:
        document = inbound(from_="33612345678", to="36105", text="OUI") | {"timestamp": timestamp}
        message = gateway.parse(gateway.verify(webhook(document, iat=NOW - 3 * 3600)))
        assert message.written_at == datetime.fromisoformat(written_at)

    def test_half_an_emoji_is_made_visible(self, gateway: VonageGateway) -> None:
        document = inbound(from_="33612345678", to="36105", text="") | {"text": "OUI \ud83d"}
        assert gateway.parse(gateway.verify(webhook(document))).body == "OUI \ufffd"


class TestStatus:
    @every_line(("word", "status"), [*STATUSES.items(), ("accepted", DeliveryStatus.UNKNOWN)])
    def test_each_word(self, gateway: VonageGateway, word: str, status: DeliveryStatus) -> None:
        report = gateway.status(gateway.verify(webhook(STATUS | {"status": word})))
        assert report == StatusReport("vonage", UUID, 42, status, None)

    @every_line(
        ("client_ref", "query", "outgoing_id"),
        [
            ("42", "", 42),
            ("42", query_of(43), 42),  # the body is signed, but the address is not
            (None, query_of(43), 43),
            ("x", query_of(43), 43),
            (None, "message=43", None),
            ("", "", None),
            (42, "message=-1", None),
        ],
    )
    def test_which_message_it_is_about(
        self, gateway: VonageGateway, client_ref: Any, query: str, outgoing_id: int | None
    ) -> None:
        request = webhook(STATUS | {"client_ref": client_ref})
        request = WebhookRequest(request.path, query, request.headers, request.body)
        assert gateway.status(gateway.verify(request)).outgoing_id == outgoing_id

    @every_line(
        ("error", "code"),
        [
            ({"type": "https://developer.vonage.com/api-errors/messages#1260", "title": "Unreachable"}, "1260"),
            ({"type": "https://developer.vonage.com/api-errors/messages#rejected", "title": "1030"}, "rejected"),
            ({"title": 1000}, "1000"),
            ({"error": {"type": "https://x#1000", "title": 1000}}, "1000"),
            ({"type": "33612345678", "title": "to 33612345678"}, None),
            ({}, None),
            ("1000", None),
            (None, None),
        ],
    )
    def test_the_error_code(self, gateway: VonageGateway, error: Any, code: str | None) -> None:
        document = STATUS | {"status": "rejected", "error": error}
        assert gateway.status(gateway.verify(webhook(document))).error_code == code


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


def problem(status: int, code: str = "", headers: dict[str, str] | None = None) -> HttpAnswer:
    document = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "detail": "to 33612345678"}
    return answer(status, document, headers)


@pytest.mark.anyio
class TestSending:
    async def test_the_request_is_vonages(self) -> None:
        http = ScriptedHttp(answer(202, {"message_uuid": UUID}))
        assert await gateway_over(http).send(SMS) == UUID
        request = http.request_sent
        assert (request.method, request.url) == ("POST", URL)
        assert json.loads(request.text) == {
            "channel": "sms",
            "message_type": "text",
            "from": "33937000000",
            "to": "33612345678",
            "text": "RDV annulé à 14h30 & noté",
            "client_ref": "42",
            "webhook_url": f"https://sms.example.fr/webhooks/vonage/status?{query_of(42)}",
            "webhook_version": "v1",
        }
        assert request.headers["authorization"] == "Basic " + base64.b64encode(b"key:secret").decode()
        assert request.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(("sender", "written"), [("36105", "36105"), ("RDV S.P.", "RDV S.P.")])
    async def test_each_kind_of_sender(self, sender: str, written: str) -> None:
        http = ScriptedHttp(answer(202, {"message_uuid": UUID}))
        gateway = gateway_over(http, api_url="https://proxy.example.fr/vonage/")
        await gateway.send(OutgoingSms(1, sender, "+33612345678", "Bonjour"))
        request = http.request_sent
        assert (request.method, request.url) == ("POST", "https://proxy.example.fr/vonage/v1/messages")
        assert json.loads(request.text)["from"] == written

    async def failure_of(self, got: HttpAnswer) -> SendError:
        http = ScriptedHttp(got)
        with pytest.raises(SendError) as raised:
            await gateway_over(http).send(SMS)
        assert (http.request_sent.method, http.request_sent.url) == ("POST", URL)
        assert "612345678" not in str(raised.value)
        return raised.value

    @pytest.mark.parametrize("code", REFUSED)
    async def test_codes_that_are_final(self, code: str) -> None:
        error = await self.failure_of(problem(422, code))
        assert isinstance(error, SendRefused)
        assert (error.code, error.sentence) == (code, REFUSED[code])

    @pytest.mark.parametrize("code", LATER)
    async def test_codes_that_pass(self, code: str) -> None:
        error = await self.failure_of(problem(422, code))
        assert isinstance(error, SendLater)
        assert (error.code, error.sentence, error.retry_after) == (code, *LATER[code])
        assert error.only_this_message is (code == "1241")  # a limit for one recipient does not stop messages to others

    @pytest.mark.parametrize(
        ("got", "kind", "code"),
        [
            (problem(401, "unauthorized"), SendLater, "unauthorized"),
            (problem(402, "low-balance"), SendLater, "low-balance"),
            (problem(403, "account-suspended"), SendLater, "account-suspended"),
            (problem(404), SendLater, "404"),
            (problem(429, "throttled"), SendLater, "throttled"),
            (problem(429, "1010"), SendLater, "1010"),  # this was seen, although 1010 elsewhere means "missing params"
            (problem(422, "1999"), SendRefused, "1999"),
            (problem(400), SendRefused, "400"),
            (problem(500, "1030"), SendInDoubt, "1030"),
            (problem(502), SendInDoubt, "502"),
            (problem(503), SendLater, "503"),
            (answer(302, headers={"Location": "https://elsewhere"}), SendInDoubt, "302"),
            (answer_in_bytes(422, b"<html>"), SendRefused, "422"),
            (answer(422, ["x"]), SendRefused, "422"),
            (answer_in_bytes(202, b"<html>"), SendInDoubt, "unreadable"),
            (answer(202, []), SendInDoubt, "unreadable"),
            (answer(202, {"workflow_id": "w"}), SendInDoubt, "unreadable"),
            (answer(202, {"message_uuid": 12}), SendInDoubt, "unreadable"),
            (answer(202, {"message_uuid": "a\0"}), SendInDoubt, "unreadable"),  # what no database stores
            (answer(202, {"message_uuid": "a\ud800"}), SendInDoubt, "unreadable"),
        ],
    )
    async def test_other_answers(self, got: HttpAnswer, kind: type[SendError], code: str) -> None:
        error = await self.failure_of(got)
        assert (type(error), error.code) == (kind, code)
        if isinstance(error, SendInDoubt):
            assert error.answered

    async def test_the_wait_that_the_answer_names_goes_before(self) -> None:
        error = await self.failure_of(problem(402, "low-balance", {"Retry-After": "7"}))
        assert isinstance(error, SendLater)
        assert error.retry_after == 7.0


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """An RSA key, private and public, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.mark.anyio
class TestApplication:
    async def test_its_token_is_signed_and_used_again(self, keys: tuple[str, str], http: Http) -> None:
        private, public = keys
        with VonageStandIn(public_key=public, application_id=UUID) as stand_in:
            gateway = VonageGateway(
                Application(UUID, private),
                SECRET,
                public_url="http://x",
                status_key=KEY,
                http=http,
                api_url=stand_in.url,
            )
            for _ in range(3):
                await gateway.send(SMS)
            assert len(stand_in.messages) == 3
            other = VonageGateway(
                Application("x", private),
                SECRET,
                public_url="http://x",
                status_key=KEY,
                http=http,
                api_url=stand_in.url,
            )
            with pytest.raises(SendLater, match="credentials"):
                await other.send(SMS)

    def test_a_new_token_is_made_before_the_old_one_ends(self, keys: tuple[str, str]) -> None:
        application = Application(UUID, keys[0])
        first = application.header(NOW)
        assert application.header(NOW + 839) == first
        later = application.header(NOW + 840)
        assert later != first
        claims = jwt.decode(later.removeprefix("Bearer "), RSAKey.import_key(keys[1])).claims
        assert (claims["iat"], claims["exp"]) == (NOW + 840, NOW + 1740)
        assert application.header(NOW) != later  # the clock was set back

    @every_line("key", ["", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
    def test_what_is_no_key_is_refused_at_once(self, key: str) -> None:
        with pytest.raises(ValueError, match="no private RSA key"):
            Application(UUID, key)

    def test_a_public_key_is_no_private_one(self, keys: tuple[str, str]) -> None:
        with pytest.raises(ValueError, match="no private RSA key"):
            Application(UUID, keys[1])


@pytest.fixture
def stand_in() -> Iterator[VonageStandIn]:
    with VonageStandIn("key", "secret", SECRET) as running:
        yield running


@pytest.mark.anyio
async def test_sixty_four_at_once_and_each_has_its_own_id(http: Http, stand_in: VonageStandIn) -> None:
    gateway = gateway_over(http, api_url=stand_in.url)
    stand_in.fail(StandInFault(status=429), times=4)
    ids = await asyncio.gather(*(gateway.send(SMS) for _ in range(64)), return_exceptions=True)
    taken = {identifier for identifier in ids if isinstance(identifier, str)}
    assert len(taken) == 60
    assert {message.id for message in stand_in.messages} == taken
    assert sum(isinstance(identifier, SendLater) for identifier in ids) == 4
