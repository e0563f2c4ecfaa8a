"""Descriptions with more than one message in JSON: batches, pieces, STOP, other formats and other answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from smsbot.gateways.base import Batch, DeliveryStatus, IncomingSms, MalformedMessage, MessagePiece, WebhookRequest
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.described.described_answers import taken_as
from smsbot.policy.gateways import AnswerTable
from tests.gateways.scripted import answer, answer_in_bytes
from tests.gateways.test_described import INCOMING, STATUS, WEBHOOKS, described
from tests.lines import every_line

FROM, OURS = "33612345678", "36105"


def messages(gateway: DescribedGateway, body: bytes, query: str = "") -> Batch[IncomingSms]:
    request = WebhookRequest("/", query, {"x-token": "hook-0123"}, body)
    return gateway.messages(gateway.verify(request))


def message(incoming: dict[str, Any], fields: dict[str, Any], query: str = "", **webhooks: Any) -> IncomingSms:
    gateway = described(webhooks=WEBHOOKS | webhooks, incoming=incoming)
    form = webhooks.get("format") == "form"
    body = urlencode(fields).encode() if form else json.dumps(fields).encode()
    [one] = messages(gateway, body, query).read
    return one


USUAL = {"from": FROM, "to": OURS, "text": "OUI", "id": "1"}


class TestBatches:
    def test_each_message_of_a_list(self) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING | {"each": "results"})
        batch = messages(gateway, json.dumps({"results": [USUAL, USUAL | {"id": "2", "text": "NON"}]}).encode())
        assert [(one.gateway_message_id, one.body) for one in batch.read] == [("1", "OUI"), ("2", "NON")]
        assert batch.problems == []

    def test_one_that_cannot_be_read_leaves_the_others(self) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING | {"each": "."})
        batch = messages(gateway, json.dumps([USUAL, USUAL | {"from": "Orange"}, USUAL | {"id": "3"}]).encode())
        assert [one.gateway_message_id for one in batch.read] == ["1", "3"]
        assert [problem.sentence for problem in batch.problems] == [
            "from is neither an international telephone number nor a short code."
        ]
        with pytest.raises(MalformedMessage, match="from is neither an international"):
            messages(gateway, json.dumps([USUAL | {"from": "Orange"}]).encode())

    def test_none_and_one_and_too_many(self) -> None:
        gateway = described(webhooks=WEBHOOKS, incoming=INCOMING | {"each": "r"})
        assert messages(gateway, b'{"r": []}').read == []
        assert len(messages(gateway, json.dumps({"r": USUAL}).encode()).read) == 1
        with pytest.raises(MalformedMessage, match="r is missing"):
            messages(gateway, b"{}")
        with pytest.raises(MalformedMessage, match="more than 1000"):
            messages(gateway, json.dumps({"r": [USUAL] * 1001}).encode())

    def test_statuses(self) -> None:
        status = STATUS | {"each": "results", "status": "status.name"}
        gateway = described(webhooks=WEBHOOKS, status=status, answer={"id": "id"})
        results = [{"id": name, "status": {"name": "DELIVRD"}} for name in ("a", "b")] + [{"id": "c"}]
        request = WebhookRequest("/", "", {"x-token": "hook-0123"}, json.dumps({"results": results}).encode())
        batch = gateway.statuses(gateway.verify(request))
        assert [(one.gateway_message_id, one.status) for one in batch.read] == [
            ("a", DeliveryStatus.DELIVERED),
            ("b", DeliveryStatus.DELIVERED),
        ]
        assert len(batch.problems) == 1

    def test_a_batch_may_be_longer_than_one_message(self) -> None:
        one, many = described(webhooks=WEBHOOKS, incoming=INCOMING), INCOMING | {"each": "r"}
        assert described(webhooks=WEBHOOKS, incoming=many).habits.most_bytes > one.habits.most_bytes == 64 * 1024


class TestFormats:
    def test_xml(self) -> None:
        incoming = {"each": "sms", "sender": "From", "recipient": "To", "text": "Text", "id": "@id"}
        gateway = described(webhooks=WEBHOOKS | {"format": "xml"}, incoming=incoming)
        one = f"<sms id='ID'><From>{FROM}</From><To>{OURS}</To><Text>é &amp; oui</Text></sms>"
        body = f"<all>{one.replace('ID', '1')}{one.replace('ID', '2')}</all>".encode()
        assert [(sms.gateway_message_id, sms.body) for sms in messages(gateway, body).read] == [
            ("1", "é & oui"),
            ("2", "é & oui"),
        ]
        # In XML, a list of one looks like a single element.
        assert len(messages(gateway, f"<all>{one}</all>".encode()).read) == 1

    def test_each_webhook_may_have_its_own(self) -> None:
        tables: dict[str, Any] = {"incoming": INCOMING | {"format": "form"}, "status": STATUS | {"format": "query"}}
        gateway = described(webhooks=WEBHOOKS, answer={"id": "id"}, **tables)
        assert (gateway.habits.methods, gateway.habits.status_methods) == (("POST",), ("GET",))
        assert messages(gateway, urlencode(USUAL).encode()).read[0].body == "OUI"
        request = WebhookRequest("/", "id=a&status=DELIVRD", {"x-token": "hook-0123"}, b"")
        assert gateway.statuses(gateway.verify(request)).read[0].status is DeliveryStatus.DELIVERED

    @every_line(
        ("written", "read"),
        [
            (quote("é à 5 % & 1+1", encoding="iso-8859-1"), "é à 5 % & 1+1"),
            ("deux+mots", "deux mots"),
            ("%", None),
            ("%E9%", None),
        ],
    )
    def test_a_text_that_is_encoded_twice(self, written: str, read: str | None) -> None:
        incoming = INCOMING | {"text_encoded": "iso-8859-1"}
        if read is None:
            with pytest.raises(MalformedMessage, match="not percent-encoded twice"):
                message(incoming, USUAL | {"text": written}, format="form")
        else:
            assert message(incoming, USUAL | {"text": written}, format="form").body == read

    def test_what_the_address_tells(self) -> None:
        incoming = INCOMING | {"recipient": "?to", "stop": {"field": "?kind", "words": ["stop"]}}
        for format_ in ("json", "form"):
            one = message(incoming, USUAL, "to=36106&kind=stop", format=format_)
            assert (one.to_number, one.opt_out_keyword) == ("36106", "STOP")
        assert message(incoming, USUAL, "to=36106").opt_out_keyword is None
        with pytest.raises(MalformedMessage, match=r"\?to is missing"):
            message(incoming, USUAL)
        with pytest.raises(MalformedMessage, match=r"\?to occurs twice"):
            message(incoming, USUAL, "to=36106&to=36107")


class TestWithoutAnId:
    WITHOUT = {name: path for name, path in INCOMING.items() if name != "id"}  # noqa: RUF012 - read only

    def test_the_message_that_it_answers_stands_for_one(self) -> None:
        incoming = self.WITHOUT | {"in_reply_to": "to_ours"}
        ids = [
            message(incoming, USUAL | {"to_ours": ours, "text": text}).gateway_message_id
            for ours, text in ((7, "OUI"), (7, "OUI"), (8, "OUI"), (7, "NON"))
        ]
        assert ids[0] == ids[1]
        assert len(set(ids)) == 3
        with pytest.raises(MalformedMessage, match="to_ours is missing"):
            message(incoming, USUAL)

    def test_a_stop_needs_none(self) -> None:
        incoming = INCOMING | {"stop": {"field": "kind", "words": ["Stop"]}}
        bare = {name: value for name, value in USUAL.items() if name != "id"}
        one = message(incoming, bare | {"kind": "Stop"})
        assert (one.opt_out_keyword, len(one.gateway_message_id)) == ("STOP", 32)
        with pytest.raises(MalformedMessage, match="id is missing"):
            message(incoming, bare | {"kind": "Default"})


class TestPieces:
    INCOMING = INCOMING | {"pieces": {"reference": "ref", "number": "part", "total": "parts"}}

    def test_a_piece_says_which_it_is(self) -> None:
        one = message(self.INCOMING, USUAL | {"ref": "171", "part": "2", "parts": 3})
        assert one.piece == MessagePiece("171", 2, 3)

    @every_line("fields", [{}, {"ref": ""}, {"ref": None}, {"ref": "171", "part": 1, "parts": 1}])
    def test_a_whole_message(self, fields: dict[str, Any]) -> None:
        assert message(self.INCOMING, USUAL | fields).piece is None

    @every_line(
        "fields",
        [
            {"ref": "171"},
            {"ref": "171", "part": 1},
            {"ref": "171", "part": 0, "parts": 2},
            {"ref": "171", "part": 3, "parts": 2},
            {"ref": "171", "part": 1, "parts": 256},
            {"ref": "171", "part": "x", "parts": 2},
            {"ref": "é", "part": 1, "parts": 2},
        ],
    )
    def test_one_that_cannot_be(self, fields: dict[str, Any]) -> None:
        with pytest.raises(MalformedMessage, match=r"^ref "):
            message(self.INCOMING, USUAL | fields)

    def test_without_an_id_its_place_stands_for_one(self) -> None:
        bare = {name: value for name, value in USUAL.items() if name != "id"}
        ids = {
            message(self.INCOMING, bare | {"ref": ref, "part": part, "parts": 2}).gateway_message_id
            for ref, part in (("171", 1), ("171", 2), ("172", 1), ("171", 1))
        }
        assert len(ids) == 3


class TestAnswers:
    TEXT = AnswerTable(format="text", id="2.0", result="0.0", taken=["OK"], later=["KO"])
    XML = AnswerTable(format="xml", id="sms.@id", result="*", taken=["response"])
    WHEN = AnswerTable(
        id="ticket",
        result="status",
        taken=["1"],
        refused_when={"invalid": ["1"], "a.b": ["x"]},
        later_when={"q": ["2"]},
    )

    @every_line(
        ("table", "content", "identifier"),
        [
            (TEXT, b"OK\n1987\n10867690", "10867690"),
            (TEXT, b"OK\r\n1987\r\n10867690\r\n", "10867690"),
            (
                AnswerTable(format="text", id="0.1", result="0.0", taken=["Success"]),
                b'Success "0703-5cfd"',
                "0703-5cfd",
            ),
            (AnswerTable(format="text", result="0.0", taken=["0"]), b"0: Accepted for delivery", None),
            (XML, b"<response><sms id='7'/></response>", "7"),
            (WHEN, b'{"status": 1, "ticket": "a", "invalid": 0}', "a"),
        ],
    )
    def test_taken(self, table: AnswerTable, content: bytes, identifier: str | None) -> None:
        assert taken_as(table, answer_in_bytes(200, content)) == identifier

    @every_line(
        ("table", "content", "error"),
        [
            (TEXT, b"KO\nwhy", "SendLater: KO"),
            (TEXT, b"<html>\n<body>", "SendInDoubt: 200"),
            (TEXT, b"", "SendInDoubt: 200"),
            (TEXT, b"\xff\xfe", "SendInDoubt: 200"),
            (XML, b"<error/>", "SendInDoubt: error"),
            (XML, b"OK", "SendInDoubt: 200"),
            (WHEN, b'{"status": 1, "ticket": "a", "sent": 0, "invalid": 1}', "SendRefused: invalid"),
            (WHEN, b'{"status": 1, "a": {"b": "x"}}', "SendRefused: a.b"),
            (WHEN, b'{"status": 1, "ticket": "a", "q": 2}', "SendLater: q"),
            (WHEN, b'{"status": 9, "invalid": "1"}', "SendRefused: invalid"),
        ],
    )
    def test_not_taken(self, table: AnswerTable, content: bytes, error: str) -> None:
        with pytest.raises(Exception, match="gateway") as raised:
            taken_as(table, answer_in_bytes(200, content))
        assert f"{type(raised.value).__name__}: {raised.value.code}" == error  # type: ignore[attr-defined]

    def test_a_condition_asks_for_patience_as_the_answer_says(self) -> None:
        with pytest.raises(Exception, match="did not take") as raised:
            taken_as(self.WHEN, answer(200, {"q": 2}, {"Retry-After": "9"}))
        assert raised.value.retry_after == 9  # type: ignore[attr-defined]
