"""The described gateway: how requests are filled in and escaped, what answers mean, and how webhooks are read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn, with_header
from smsbot.gateways.base import (
    DeliveryStatus,
    IncomingSms,
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
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.described.described_requests import filled
from smsbot.gateways.http import Http, HttpAnswer, basic_authorization
from smsbot.policy.gateway_checks import gateway_contradictions
from smsbot.policy.gateway_values import STATUS_WORDS
from smsbot.policy.gateways import GatewayTable
from tests.gateways.peers import KEY, message_in, query_of, status_in
from tests.gateways.scripted import Request, ScriptedHttp, answer, answer_in_bytes
from tests.lines import every_line

URL = "https://api.example.fr/sms"
SECRETS = {"key": 'k & "é" {text} %41', "hook": "hook-0123"}
SMS = OutgoingSms(
    outgoing_id=42, sender="+33937000000", recipient="+33612345678", body='RDV : 14h30 & "noté" {id} %41 é€'
)
UNUSED_HTTP = ScriptedHttp()

JSON = {"to": "{recipient}", "text": "{text}"}
WEBHOOKS = {"format": "json", "authentication": {"kind": "header", "name": "X-Token", "secret": "{hook}"}}
INCOMING = {"sender": "from", "recipient": "to", "text": "text", "id": "id"}
STATUS = {"status": "status", "words": {"DELIVRD": "delivered"}, "id": "id"}


def described(http: Http = UNUSED_HTTP, name: str = "agregat", **tables: Any) -> DescribedGateway:
    usual: dict[str, Any] = {"secrets": dict.fromkeys(SECRETS, "SMSBOT_X"), "send": {"url": URL, "json": JSON}}
    table = GatewayTable.model_validate(usual | tables)
    assert list(gateway_contradictions({name: table})) == []
    return DescribedGateway(name, table, SECRETS, public_url="https://sms.example.fr/", status_key=KEY, http=http)


async def sent_by(message: OutgoingSms = SMS, **tables: Any) -> Request:
    """Send the message, and return the request that was made."""
    http = ScriptedHttp(answer(200, {}))
    await described(http, **tables).send(message)
    assert urlsplit(http.request_sent.url).hostname == "api.example.fr"
    return http.request_sent


@pytest.mark.anyio
class TestRequest:
    async def test_json_is_escaped_and_keeps_its_types(self) -> None:
        template = {
            "from": "{sender}",
            "to": [{"number": "{recipient_digits}", "old": "{recipient_00}"}],
            "text": "<{text}>",
            "ref": "smsbot-{id}",
            "key": "{key}",
            "literal": "{{text}}",
            "unicode": False,
            "ttl": 3600,
        }
        request = await sent_by(send={"url": URL, "json": template})
        assert json.loads(request.text) == {
            "from": "+33937000000",
            "to": [{"number": "33612345678", "old": "0033612345678"}],
            "text": '<RDV : 14h30 & "noté" {id} %41 é€>',
            "ref": "smsbot-42",
            "key": 'k & "é" {text} %41',
            "literal": "{text}",
            "unicode": False,
            "ttl": 3600,
        }
        assert (request.method, request.headers["content-type"]) == ("POST", "application/json")

    @pytest.mark.parametrize("charset", ["utf-8", "iso-8859-15", "windows-1252"])
    async def test_forms_and_queries_are_escaped_in_the_charset(self, charset: str) -> None:
        send = {
            "url": f"{URL}/{{key}}?a=1",
            "method": "PUT",
            "query": {"b": "{text}"},
            "form": {"to": "{recipient}", "text": "{text}", "key": "{key}"},
        }
        request = await sent_by(send=send, charset=charset)
        form = dict(parse_qsl(request.text, encoding=charset, errors="strict"))
        assert form == {"to": SMS.recipient, "text": SMS.body, "key": SECRETS["key"]}
        url = urlsplit(request.url)
        assert parse_qs(url.query, encoding=charset, errors="strict") == {"a": ["1"], "b": [SMS.body]}
        assert url.path.count("/") == 2
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"

    async def test_what_a_charset_lacks_is_replaced(self) -> None:
        send = {"url": URL, "form": {"to": "{recipient}", "text": "{text}"}}
        message = OutgoingSms(1, "RdvSoli", "+33612345678", "Δ€")
        request = await sent_by(message, send=send, charset="iso-8859-1")
        assert parse_qs(request.text, encoding="iso-8859-1")["text"] == ["??"]

    async def test_a_text_in_another_script_leaves_whole_or_not_at_all(self) -> None:
        message = OutgoingSms(1, "RdvSoli", "+33612345678", "Ждём вас, 14h30")
        form = {"url": URL, "form": {"to": "{recipient}", "text": "{text}"}}
        with pytest.raises(SendRefused, match="charset") as refused:
            await sent_by(message, send=form, charset="iso-8859-15")
        assert refused.value.code == "charset"
        request = await sent_by(message, send=form)
        assert parse_qs(request.text)["text"] == [message.body]
        form = {"url": URL, "json": {"to": "{recipient}", "text": "{text}"}}
        request = await sent_by(message, send=form, charset="iso-8859-15")
        assert json.loads(request.text)["text"] == message.body

    async def test_get_and_headers_and_basic_authentication(self) -> None:
        send = {
            "url": URL,
            "method": "GET",
            "query": {"to": "{recipient}", "text": "{text}"},
            "headers": {"X-Ref": "{id}", "X-From": "{sender}", "X-Key": "Bearer {hook}"},
            "basic_auth": "user:{key}",
        }
        request = await sent_by(send=send)
        assert (request.method, request.body) == ("GET", None)
        assert [request.headers[f"x-{name}"] for name in ("ref", "from", "key")] == [
            "42",
            SMS.sender,
            "Bearer hook-0123",
        ]
        credentials = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert credentials == f"user:{SECRETS['key']}"

    async def test_the_callback_names_the_message_and_proves_itself(self) -> None:
        send = {"url": URL, "json": JSON | {"callback": "{callback_url}"}}
        authentication = {"kind": "query", "name": "token", "secret": "{key}"}
        webhooks = {"format": "query", "authentication": authentication}
        request = await sent_by(send=send, webhooks=webhooks, status=STATUS)
        callback = urlsplit(json.loads(request.text)["callback"])
        assert (
            f"{callback.scheme}://{callback.netloc}{callback.path}" == "https://sms.example.fr/webhooks/agregat/status"
        )
        assert parse_qs(callback.query) == parse_qs(query_of(42)) | {"token": [SECRETS["key"]]}
        gateway = described(send=send, webhooks=webhooks, status=STATUS)
        report = status_in(gateway, WebhookRequest(callback.path, f"{callback.query}&id=7&status=DELIVRD", {}, b""))
        assert report == StatusReport("agregat", "7", 42, DeliveryStatus.DELIVERED)

    def test_a_secret_that_no_header_can_hold_is_told_at_once(self) -> None:
        with pytest.raises(ValueError, match="header"):
            described(send={"url": URL, "json": JSON, "headers": {"X-Key": "{key}"}})

    async def test_a_header_of_the_description_takes_the_place_of_ours_in_whatever_case(self) -> None:
        send = {"url": URL, "json": JSON, "headers": {"content-type": "application/vnd.sms+json"}}
        request = await sent_by(send=send)
        assert [(name.lower(), value) for name, value in request.headers.items()] == [
            ("content-type", "application/vnd.sms+json")
        ]

    async def test_basic_authentication_goes_before_a_header_in_whatever_case(self) -> None:
        send = {"url": URL, "json": JSON, "headers": {"authorization": "Bearer {hook}"}, "basic_auth": "user:{hook}"}
        request = await sent_by(send=send)
        named = [value for name, value in request.headers.items() if name.lower() == "authorization"]
        assert named == [basic_authorization("user", SECRETS["hook"])]

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
    def test_any_text_arrives_as_it_was(self, text: str) -> None:
        message = OutgoingSms(1, "36105", "+33612345678", text)
        form = {"url": URL + "?t={text}", "form": {"to": "{recipient}", "text": "{text}"}}
        for send in ({"url": URL, "json": JSON}, form):
            request = filled(described(send=send)._described.send, described(send=send)._values(message), "utf-8")
            url, body = request.url, request.body
            assert body is not None
            if "json" in send:
                assert json.loads(body)["text"] == text
            else:
                assert parse_qs(body.decode(), keep_blank_values=True)["text"] == [text]
                assert parse_qs(urlsplit(url).query, keep_blank_values=True)["t"] == [text]


ANSWER = {
    "id": "ids.0",
    "result": "status",
    "taken": [100, "OK", True],
    "error": "error.code",
    "refused": ["bad_number", 7],
    "later": ["no_credit"],
    "refused_statuses": [409],
    "later_statuses": [507, 400],
}


@pytest.mark.anyio
class TestAnswer:
    async def answered(self, table: dict[str, Any], got: HttpAnswer) -> str:
        http = ScriptedHttp(got)
        try:
            return await described(http, answer=table).send(SMS)
        finally:
            assert (http.request_sent.method, http.request_sent.url) == ("POST", URL)

    @pytest.mark.parametrize(
        ("table", "document", "identifier"),
        [
            ({}, {"anything": 1}, "smsbot-42"),
            ({}, None, "smsbot-42"),
            ({"id": "id"}, {"id": 1337}, "1337"),
            (ANSWER, {"status": 100, "ids": ["a"]}, "a"),
            (ANSWER, {"status": "OK", "ids": ["a", "b"]}, "a"),
            (ANSWER, {"status": True, "ids": {"0": "a"}}, "a"),
            # A yes without the id is accepted: a doubt would send the message again.
            ({"id": "id"}, {"identifier": "a"}, "smsbot-42"),
            (ANSWER, {"status": 100}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": []}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": [{}]}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": [True]}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": [""]}, "smsbot-42"),
            # Nor does it matter that no database stores the id.
            (ANSWER, {"status": 100, "ids": ["a\0"]}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": ["a\ud800"]}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": ["9" * 5000]}, "smsbot-42"),
            (ANSWER, {"status": 100, "ids": [10**400]}, "smsbot-42"),
        ],
    )
    async def test_taken(self, table: dict[str, Any], document: Any, identifier: str) -> None:
        got = answer(201, document) if document is not None else answer_in_bytes(200, b"OK")
        assert await self.answered(table, got) == identifier

    async def test_a_yes_without_an_id_is_told_of_once(self) -> None:
        gateway = described(ScriptedHttp(answer(200, {})), answer={"id": "id"})
        with capture_logs() as logs:
            assert [await gateway.send(SMS) for _ in range(3)] == ["smsbot-42"] * 3
        assert [(log["event"], log["gateway"]) for log in logs] == [("answer names no message", "agregat")]

    @pytest.mark.parametrize(
        ("table", "status", "document", "kind", "code"),
        [
            (ANSWER, 200, {"status": 3, "error": {"code": "bad_number"}}, SendRefused, "bad_number"),
            (ANSWER, 200, {"status": 3, "error": {"code": 7}}, SendRefused, "7"),
            (ANSWER, 200, {"status": 3, "error": {"code": "no_credit"}}, SendLater, "no_credit"),
            (ANSWER, 200, {"status": 3, "error": {"code": "unheard_of"}}, SendInDoubt, "unheard_of"),
            (ANSWER, 200, {"status": 7}, SendRefused, "7"),  # without an error of its own, the result is the error
            (ANSWER, 200, {"status": None}, SendInDoubt, "200"),
            (ANSWER, 200, {}, SendInDoubt, "200"),
            (ANSWER, 200, [], SendInDoubt, "200"),
            (ANSWER, 200, "<html>", SendInDoubt, "200"),
            # A yes without the id does not count if there is an error beside it, or if the answer has another form.
            (ANSWER, 200, {"status": 100, "error": {"code": "bad_number"}}, SendRefused, "bad_number"),
            (ANSWER, 200, {"status": 100, "error": {"code": "unheard_of"}}, SendInDoubt, "unheard_of"),
            ({"id": "id", "error": "e", "later": [9]}, 200, {"e": 9}, SendLater, "9"),
            ({"id": "id"}, 200, "<html>", SendInDoubt, "200"),
            (ANSWER, 200, {"status": {}, "ids": ["a"]}, SendInDoubt, "200"),
            (ANSWER, 500, {"status": 3, "error": {"code": "bad_number"}}, SendRefused, "bad_number"),
            (ANSWER, 500, {"status": 100, "ids": ["a"]}, SendInDoubt, "100"),
            (ANSWER, 409, {}, SendRefused, "409"),
            (ANSWER, 507, {}, SendLater, "507"),
            (ANSWER, 400, {}, SendLater, "400"),
            (ANSWER, 200, {"status": 3, "error": {"code": "33612345678"}}, SendInDoubt, "200"),
            (ANSWER, 200, {"status": 3, "error": {"code": "wrong number +33 6"}}, SendInDoubt, "200"),
            ({}, 400, {}, SendRefused, "400"),
            ({}, 422, {}, SendRefused, "422"),
            ({}, 401, {}, SendLater, "401"),
            ({}, 402, {}, SendLater, "402"),
            ({}, 404, {}, SendLater, "404"),
            ({}, 429, {}, SendLater, "429"),
            ({}, 503, {}, SendLater, "503"),
            ({}, 500, {}, SendInDoubt, "500"),
            ({}, 302, {}, SendInDoubt, "302"),
            ({"taken_statuses": [202]}, 200, {}, SendInDoubt, "200"),
            ({"taken_statuses": [404]}, 404, {}, None, "smsbot-42"),
        ],
    )
    async def test_each_answer(
        self, table: dict[str, Any], status: int, document: Any, kind: type[SendError] | None, code: str
    ) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        got = answer_in_bytes(status, text.encode(), {"Retry-After": "9"})
        if kind is None:
            assert await self.answered(table, got) == code
            return
        with pytest.raises(SendError) as raised:
            await self.answered(table, got)
        assert (type(raised.value), raised.value.code) == (kind, code)
        assert "33612345678" not in str(raised.value)
        if isinstance(raised.value, SendLater):
            assert raised.value.retry_after == 9
        if isinstance(raised.value, SendInDoubt):
            assert raised.value.answered


def fields_of(fields: dict[str, Any]) -> WebhookRequest:
    return WebhookRequest("/webhooks/agregat/sms", "", {"x-token": "hook-0123"}, json.dumps(fields).encode())


class TestAuthentication:
    BODY = b'{"from":"33612345678","to":"36105","text":"OUI","id":"1"}'

    def verifies(self, how: dict[str, Any], headers: dict[str, str], query: str = "") -> bool:
        webhooks = {"format": "json", "authentication": how}
        gateway = described(webhooks=webhooks, incoming=INCOMING)
        try:
            message_in(gateway, WebhookRequest("/", query, headers, self.BODY))
        except SignatureRefused:
            return False
        return True

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
    @pytest.mark.parametrize("encoding", ["hex", "base64"])
    @pytest.mark.parametrize("prefix", ["", "V1="])
    def test_hmac(self, algorithm: str, encoding: str, prefix: str) -> None:
        digest = hmac.digest(SECRETS["hook"].encode(), self.BODY, algorithm)
        right = prefix + (digest.hex() if encoding == "hex" else base64.b64encode(digest).decode())
        how = {
            "kind": "hmac",
            "name": "X-Signature",
            "secret": "{hook}",
            "algorithm": algorithm,
            "encoding": encoding,
            "prefix": prefix,
        }
        assert self.verifies(how, {"x-signature": right})
        assert self.verifies(how, {"x-signature": right.upper()}) is (encoding == "hex")
        for wrong in (right[:-1], right[1:], right + "=", "", "é", hashlib.sha256(self.BODY).hexdigest()):
            assert not self.verifies(how, {"x-signature": wrong})
        assert not self.verifies(how, {"signature": right})

    def test_header(self) -> None:
        how = {"kind": "header", "name": "Authorization", "secret": "Bearer {hook}"}
        assert self.verifies(how, {"authorization": "Bearer hook-0123"})
        for wrong in ("hook-0123", "Bearer hook-012", "Bearer HOOK-0123", ""):
            assert not self.verifies(how, {"authorization": wrong})

    def test_a_secret_beyond_ascii_in_a_header(self) -> None:
        how = {"kind": "header", "name": "X-Token", "secret": "{key}"}
        as_utf8 = SECRETS["key"].encode().decode("latin-1")
        assert self.verifies(how, {"x-token": as_utf8})

    def test_query(self) -> None:
        how = {"kind": "query", "name": "token", "secret": "{hook}"}
        assert self.verifies(how, {}, "a=1&token=hook-0123")
        for wrong in ("", "token=", "Token=hook-0123", "token=hook-0123&token=hook-0123", "token=hook-0123&token="):
            assert not self.verifies(how, {}, wrong)

    def test_basic(self) -> None:
        how = {"kind": "basic", "secret": "user:{hook}"}
        right = base64.b64encode(b"user:hook-0123").decode()
        assert self.verifies(how, {"authorization": f"Basic {right}"})
        assert self.verifies(how, {"authorization": f"basic {right}"})
        for wrong in (right, f"Bearer {right}", f"Basic {right[:-2]}", "Basic", "Basic é"):
            assert not self.verifies(how, {"authorization": wrong})

    def test_without_webhooks_nothing_is_believed(self) -> None:
        gateway = described()
        assert gateway.habits.methods == ()
        with pytest.raises(SignatureRefused):
            gateway.verify(fields_of({}))


class TestIncoming:
    @every_line(
        ("written", "read"),
        [
            ("+33612345678", "+33612345678"),
            ("33612345678", "+33612345678"),
            ("0033612345678", "+33612345678"),
            (" 33612345678", "+33612345678"),  # a plus sign that the form did not escape
            (33612345678, "+33612345678"),
            ("36105", "36105"),
            (36105, "36105"),
        ],
    )
    def test_numbers(self, written: str | int, read: str) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING)
        fields = {"from": written, "to": "RdvSoli", "text": "OUI", "id": 7}
        message = message_in(gateway, fields_of(fields))
        assert message == IncomingSms("agregat", "7", read, "RdvSoli", "OUI")

    def test_nested_fields_and_lists_of_one(self) -> None:
        incoming = {"sender": "data.mo.0.from", "our_number": "36105", "text": "data.mo.0.body.text", "id": "data.id"}
        gateway = described(webhooks=WEBHOOKS, incoming=incoming)
        one = {"from": "33612345678", "body": {"text": "OUI"}}
        message = message_in(gateway, fields_of({"data": {"id": "1", "mo": [one]}}))
        assert (message.from_number, message.to_number, message.body) == ("+33612345678", "36105", "OUI")
        with pytest.raises(MalformedMessage, match="several messages"):
            message_in(gateway, fields_of({"data": {"id": "1", "mo": [one, one]}}))

    def test_a_list_of_one_message(self) -> None:
        incoming = {name: f"0.{path}" for name, path in INCOMING.items()}
        gateway = described(webhooks=WEBHOOKS, incoming=incoming)
        one = {"from": "33612345678", "to": "36105", "text": "OUI", "id": "1"}
        body = json.dumps([one]).encode()
        request = WebhookRequest("/", "", {"x-token": "hook-0123"}, body)
        assert message_in(gateway, request).body == "OUI"
        two = WebhookRequest("/", "", {"x-token": "hook-0123"}, json.dumps([one, one]).encode())
        with pytest.raises(MalformedMessage, match="several messages"):
            message_in(gateway, two)

    def test_without_an_id_a_repeat_is_the_same_and_a_later_message_is_not(self) -> None:
        incoming = {"sender": "from", "recipient": "to", "text": "text", "time": "at"}
        gateway = described(webhooks=WEBHOOKS, incoming=incoming)

        def identifier(**changed: Any) -> str:
            fields = {"from": "33612345678", "to": "36105", "text": "OUI", "at": "2026-05-04T10:00:00Z"} | changed
            return message_in(gateway, fields_of(fields)).gateway_message_id

        first = identifier()
        assert identifier() == identifier(attempt=2) == first
        others = [
            identifier(at="2026-05-04T10:00:01Z"),
            identifier(text="NON"),
            identifier(to="36106"),
            identifier(**{"from": "33612345679"}),
            identifier(to="3610", text="5OUI"),
        ]
        assert len({first, *others}) == 6
        with pytest.raises(MalformedMessage, match=r"^at is missing\.$"):
            identifier(at=None)

    @every_line(
        ("zone", "written", "read"),
        [
            (None, "2026-05-04T10:00:00Z", "2026-05-04T10:00:00+00:00"),
            (None, "2026-05-04 10:00:00", "2026-05-04T10:00:00+00:00"),
            ("Europe/Paris", "2026-05-04 10:00:00", "2026-05-04T08:00:00+00:00"),
            ("Europe/Paris", "2026-05-04T10:00:00+03:00", "2026-05-04T07:00:00+00:00"),
            (None, 1777888800, "2026-05-04T10:00:00+00:00"),
            (None, 1777888800.5, "2026-05-04T10:00:00.500000+00:00"),
            (None, "1777888800123", "2026-05-04T10:00:00.123000+00:00"),
        ],
    )
    def test_its_time_tells_how_old_it_is(self, zone: str | None, written: object, read: str) -> None:
        incoming = INCOMING | {"time": "at"} | ({"time_zone": zone} if zone else {})
        gateway = described(webhooks=WEBHOOKS, incoming=incoming)
        fields = {"from": "33612345678", "to": "36105", "text": "OUI", "id": "1", "at": written}
        message = message_in(gateway, fields_of(fields))
        assert message.gateway_message_id == "1"
        assert message.written_at == datetime.fromisoformat(read)

    def test_a_time_that_cannot_be_read_tells_nothing_and_is_told_of_once(self) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING | {"time": "at"})
        with capture_logs() as logs:
            for written in (None, "at ten", "20260504100000", "2026-05-04"):
                fields = {"from": "33612345678", "to": "36105", "text": "OUI", "id": "1", "at": written}
                assert message_in(gateway, fields_of(fields)).written_at is None
        assert [(log["event"], log["gateway"]) for log in logs] == [("time of a message unreadable", "agregat")]

    def test_who_is_not_described_as_one_that_brings_them(self) -> None:
        gateway = described(send={"url": URL, "json": JSON | {"c": "{callback_url}"}}, webhooks=WEBHOOKS, status=STATUS)
        with pytest.raises(MalformedMessage, match="brings messages"):
            message_in(gateway, fields_of({}))


class TestStatus:
    WITH_CALLBACK: ClassVar = {"url": URL, "json": JSON | {"c": "{callback_url}", "ref": "{id}"}}

    @every_line(
        ("status", "fields", "query", "report"),
        [
            (STATUS, {"id": "a", "status": "DELIVRD"}, query_of(42), ("a", 42, DeliveryStatus.DELIVERED, None)),
            (STATUS, {"id": "a", "status": "delivrd"}, "", ("a", None, DeliveryStatus.UNKNOWN, None)),
            (STATUS, {"id": "a", "status": "x", "error": "7"}, "", ("a", None, DeliveryStatus.UNKNOWN, None)),
            (
                {"status": "s", "words": {"6": "read"}, "reference": "ref", "error": "e"},
                {"ref": "42", "s": 6, "e": 11},
                "",
                ("smsbot-42", 42, DeliveryStatus.READ, "11"),
            ),
            (
                {"status": "s", "words": {"true": "sent"}, "error": "e"},
                {"s": True, "e": "to +33612345678"},
                query_of(42),
                ("smsbot-42", 42, DeliveryStatus.SENT, None),
            ),
        ],
    )
    def test_each(self, status: dict[str, Any], fields: dict[str, Any], query: str, report: tuple[Any, ...]) -> None:
        gateway = described(send=self.WITH_CALLBACK, webhooks=WEBHOOKS, status=status)
        request = fields_of(fields)
        request = WebhookRequest(request.path, query, request.headers, request.body)
        assert status_in(gateway, request) == StatusReport("agregat", *report)

    @every_line(
        ("sent", "status", "fields", "query", "early"),
        [
            (JSON, STATUS, {"id": "a"}, "", True),  # only the gateway's own id names the message
            (JSON | {"ref": "{id}"}, STATUS, {"id": "a"}, "", True),
            (JSON | {"ref": "{id}"}, STATUS | {"reference": "ref"}, {"id": "a"}, "", False),
            (JSON | {"ref": "{id}"}, STATUS | {"reference": "ref"}, {"id": "a", "ref": "42"}, "", False),
            (JSON | {"c": "{callback_url}"}, STATUS, {"id": "a"}, "", False),  # no message of ours has this id
            (JSON | {"c": "{callback_url}"}, STATUS, {"id": "a"}, query_of(42), False),
            (JSON, STATUS, {"id": "a"}, query_of(42), False),
        ],
    )
    def test_what_may_come_before_the_answer(
        self, sent: dict[str, str], status: dict[str, Any], fields: dict[str, Any], query: str, early: bool
    ) -> None:
        send, answered = {"url": URL, "json": sent}, {"id": "id"}
        gateway = described(send=send, answer=answered, webhooks=WEBHOOKS, status=status)
        request = fields_of(fields | {"status": "DELIVRD"})
        request = WebhookRequest(request.path, query, request.headers, request.body)
        assert status_in(gateway, request).may_be_early is early

    @every_line(
        ("status", "fields", "query", "about"),
        [
            (STATUS, {"id": "a"}, query_of(42), 42),
            (STATUS, {"id": "a"}, "message=42", None),
            (STATUS, {"id": "a"}, "message=42&tag=", None),
            (STATUS, {"id": "a"}, "message=42&tag=%C3%A9", None),
            (STATUS, {"id": "a"}, query_of(42).replace("42", "43"), None),
            (STATUS | {"reference": "ref"}, {"id": "a", "ref": "7"}, query_of(42), 7),  # the body is signed
        ],
    )
    def test_an_address_is_believed_by_its_tag(
        self, status: dict[str, Any], fields: dict[str, Any], query: str, about: int | None
    ) -> None:
        gateway = described(send=self.WITH_CALLBACK, webhooks=WEBHOOKS, status=status)
        request = fields_of(fields | {"status": "DELIVRD"})
        request = WebhookRequest(request.path, query, request.headers, request.body)
        assert status_in(gateway, request).outgoing_id == about

    def test_a_reference_that_we_did_not_give_is_not_ours(self) -> None:
        send = {"url": URL, "json": JSON | {"c": "{callback_url}"}}
        gateway = described(send=send, webhooks=WEBHOOKS, status=STATUS | {"reference": "ref"})
        request = fields_of({"id": "a", "ref": "7", "status": "DELIVRD"})
        assert status_in(gateway, request).outgoing_id is None

    def test_about_nothing(self) -> None:
        status = {"status": "s", "words": {}, "reference": "ref"}
        gateway = described(send=self.WITH_CALLBACK, webhooks=WEBHOOKS, status=status)
        with pytest.raises(MalformedMessage, match="which message"):
            status_in(gateway, fields_of({"s": "x", "ref": "other"}))

    def test_who_is_not_described_as_one_that_reports_them(self) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING)
        with pytest.raises(MalformedMessage, match="reports statuses"):
            status_in(gateway, fields_of({}))

    def test_the_words_are_smsbots(self) -> None:
        assert set(STATUS_WORDS) == {status.value for status in DeliveryStatus} - {DeliveryStatus.UNKNOWN.value}


@pytest.mark.anyio
async def test_a_webhook_that_the_stand_in_posts_is_read() -> None:
    incoming = {"sender": "data.from", "recipient": "data.to", "text": "data.text", "time": "data.received_at"}
    gateway = described(webhooks=WEBHOOKS, incoming=incoming)
    stand_in = AggregatorStandIn(prove=with_header("X-Token", "hook-0123"))
    posted = stand_in.incoming(
        "https://sms.example.fr/webhooks/agregat/sms", from_="33612345678", to="36105", text="é 😀"
    )
    headers = {name.lower(): value for name, value in posted.headers.items()}
    message = message_in(gateway, WebhookRequest("/", "", headers, posted.content))
    assert (message.from_number, message.to_number, message.body) == ("+33612345678", "36105", "é 😀")
