"""The stand-ins for Vonage and for an aggregator, as clients and webhooks see them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn, signed, with_basic, with_header, with_parameter
from smsbot.demo.stand_ins.gateway_stand_in import REPEATS
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from tests.lines import every_line

SMS = {"channel": "sms", "message_type": "text", "from": "36105", "to": "33612345678", "text": "Bonjour"}


class Hooked:
    """A server for webhooks. It keeps what was sent to it, answers the given statuses in turn, and then 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        hooked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                hooked.requests.append((self.command, self.path, headers, body))
                self.send_response(hooked.answers.pop(0) if hooked.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} requests"
            time.sleep(0.01)


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    one = Hooked()
    Thread(target=one.server.serve_forever, args=(0.01,), daemon=True).start()
    yield one
    one.server.shutdown()
    one.server.server_close()


class TestVonage:
    def test_a_message_is_taken(self) -> None:
        with VonageStandIn("key", "secret") as stand_in:
            answer = httpx.post(f"{stand_in.url}/v1/messages", json=SMS | {"client_ref": "7"}, auth=("key", "secret"))
            [message] = stand_in.wait_for(1)
        assert answer.status_code == 202
        assert answer.json() == {"message_uuid": message.id}
        assert (message.sender, message.recipient, message.text) == ("36105", "33612345678", "Bonjour")
        assert (message.reference, message.status_url, message.segments) == ("7", None, 1)

    @every_line(
        ("changed", "parameter"),
        [
            ({"to": "+33612345678"}, "to"),
            ({"to": None}, "to"),
            ({"from": "much too long a sender"}, "from"),
            ({"text": ""}, "text"),
            ({"text": "x" * 1001}, "text"),
            ({"channel": "mms"}, "channel"),
            ({"client_ref": "x" * 101}, "client_ref"),
            ({"webhook_version": "v2"}, "webhook_version"),
        ],
    )
    def test_bad_parameters_are_named(self, changed: dict[str, Any], parameter: str) -> None:
        with VonageStandIn("key", "secret") as stand_in:
            answer = httpx.post(f"{stand_in.url}/v1/messages", json=SMS | changed, auth=("key", "secret"))
            assert stand_in.messages == []
        assert answer.status_code == 422
        assert answer.json()["type"].endswith("messages#1150")
        assert [wrong["name"] for wrong in answer.json()["invalid_parameters"]] == [parameter]

    def test_wrong_credentials(self) -> None:
        with VonageStandIn("key", "secret") as stand_in:
            answer = httpx.post(f"{stand_in.url}/v1/messages", json=SMS, auth=("key", "wrong"))
        assert answer.status_code == 401
        assert answer.json()["type"].endswith("api-errors#unauthorized")

    def test_webhooks_are_signed_over_their_body(self, hooked: Hooked) -> None:
        with VonageStandIn("key", "secret", "s" * 32) as stand_in:
            answer = stand_in.receive(hooked.url, from_="33612345678", to="36105", text="Oui à tous").result(10)
            assert answer is not None
            assert answer.status_code == 200
        [(method, _, headers, body)] = hooked.requests
        assert method == "POST"
        token, key = headers["authorization"].removeprefix("Bearer "), OctKey.import_key("s" * 32)
        claims = jwt.decode(token, key, algorithms=["HS256"]).claims
        assert claims["payload_hash"] == hashlib.sha256(body).hexdigest()
        assert claims["api_key"] == "key"
        document = json.loads(body)
        assert (document["from"], document["to"], document["text"]) == ("33612345678", "36105", "Oui à tous")
        assert document["sms"] == {"num_messages": "1", "keyword": "OUI"}

    @pytest.mark.parametrize(
        ("answers", "attempts", "last"),
        [([500, 200], 2, 200), ([429, 503, 200], 3, 200), ([403], 1, 403), ([500] * 9, 1 + REPEATS, 500)],
    )
    def test_they_are_repeated_after_429_and_5xx(
        self, hooked: Hooked, answers: list[int], attempts: int, last: int
    ) -> None:
        hooked.answers = list(answers)
        with VonageStandIn() as stand_in:
            answer = stand_in.receive(hooked.url, from_="33612345678", to="36105", text="x").result(10)
            assert answer is not None
            assert answer.status_code == last
        assert len(hooked.requests) == attempts
        assert len({json.loads(body)["message_uuid"] for _, _, _, body in hooked.requests}) == 1

    def test_statuses_follow_by_themselves_or_when_told(self, hooked: Hooked) -> None:
        with VonageStandIn("key", "secret", statuses=["submitted", "delivered"]) as stand_in:
            document = SMS | {"webhook_url": f"{hooked.url}?message=7", "client_ref": "7"}
            httpx.post(f"{stand_in.url}/v1/messages", json=document, auth=("key", "secret"))
            hooked.wait_for(2)
            [message] = stand_in.messages
            stand_in.report(message.id, "rejected", "1260").result(10)
        told = [json.loads(body) for _, _, _, body in hooked.requests]
        assert [status["status"] for status in told] == ["submitted", "delivered", "rejected"]
        assert {(status["message_uuid"], status["client_ref"]) for status in told} == {(message.id, "7")}
        assert told[2]["error"]["type"].endswith("#1260")
        assert [path for _, path, _, _ in hooked.requests] == ["/hook?message=7"] * 3

    def test_a_fault_may_be_one_numbers(self) -> None:
        with VonageStandIn("key", "secret") as stand_in:
            stand_in.fail(StandInFault(status=500), times=2, on="33600000001")

            def send(to: str) -> int:
                url = f"{stand_in.url}/v1/messages"
                return httpx.post(url, json=SMS | {"to": to}, auth=("key", "secret")).status_code

            numbers = ("33600000002", "33600000001", "33600000001", "33600000001")
            assert [send(to) for to in numbers] == [202, 500, 500, 202]
            stand_in.fail(StandInFault(status=500))
            stand_in.recover()
            assert send("33600000001") == 202
            assert stand_in.requests == 5

    def test_waiting_for_what_does_not_come_ends(self) -> None:
        with VonageStandIn() as stand_in, pytest.raises(TimeoutError, match="0 of 1"):
            stand_in.wait_for(1, seconds=0.05)


class TestAggregator:
    def test_json(self) -> None:
        document = {"from": "36105", "to": ["+33612345678"], "text": "é", "reference": "7"}
        with AggregatorStandIn("key") as stand_in:
            url = f"{stand_in.url}/v1/sms"
            answer = httpx.post(url, json=document, headers={"X-Api-Key": "key"})
            [message] = stand_in.messages
            assert answer.json() == {"status": 100, "ids": [message.id]}
            assert (message.sender, message.recipient, message.text, message.reference) == (
                "36105",
                "+33612345678",
                "é",
                "7",
            )
            refused = httpx.post(url, json=document | {"to": ["06"]}, headers={"X-Api-Key": "key"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (200, "invalid_number")
            assert httpx.post(url, json=document).status_code == 401

    @every_line("method", ["GET", "POST"])
    def test_forms_and_queries(self, method: str) -> None:
        with AggregatorStandIn("key", charset="iso-8859-15") as stand_in:
            encoded = "key=key&expediteur=RdvSoli&destinataires=0033612345678&message=%E9%A4"
            query, content = (encoded, None) if method == "GET" else ("", encoded)
            answer = httpx.request(method, f"{stand_in.url}/send?{query}", content=content)
            [message] = stand_in.messages
            assert answer.json() == {"resultat": 1, "id": message.id}
            assert (message.text, message.recipient) == ("é€", "0033612345678")
            wrong = httpx.get(f"{stand_in.url}/send?key=x&expediteur=a&destinataires=1&message=x")
            assert wrong.json() == {"resultat": 0, "erreurs": "50"}

    def test_a_json_webhook_with_a_signature(self, hooked: Hooked) -> None:
        with AggregatorStandIn(prove=signed("X-Signature", "hook", "sha256", prefix="v1=")) as stand_in:
            stand_in.receive(hooked.url, from_="+33612345678", to="36105", text="OUI").result(10)
        [(_, _, headers, body)] = hooked.requests
        digest = base64.b64encode(hmac.digest(b"hook", body, "sha256")).decode()
        assert headers["x-signature"] == f"v1={digest}"
        assert json.loads(body)["data"]["text"] == "OUI"

    def test_a_form_webhook_with_basic_authentication(self, hooked: Hooked) -> None:
        prove = with_basic("user", "password")
        with AggregatorStandIn(webhooks="form", charset="iso-8859-15", prove=prove) as stand_in:
            stand_in.receive(hooked.url, from_="33612345678", to="36105", text="é€", id="7").result(10)
        [(_, _, headers, body)] = hooked.requests
        assert headers["authorization"] == "Basic " + base64.b64encode(b"user:password").decode()
        fields = dict(parse_qsl(body.decode(), encoding="iso-8859-15"))
        assert (fields["text"], fields["id"]) == ("é€", "7")

    @pytest.mark.parametrize("address", ["", "?message=7"])
    def test_a_query_webhook_with_a_secret(self, hooked: Hooked, address: str) -> None:
        with AggregatorStandIn(webhooks="query", prove=with_parameter("token", "a&b")) as stand_in:
            stand_in.receive(hooked.url + address, from_="33612345678", to="36105", text="OUI").result(10)
        [(method, path, _, body)] = hooked.requests
        assert (method, body) == ("GET", b"")
        query = parse_qs(urlsplit(path).query)
        assert (query["text"], query["token"], query.get("message")) == (["OUI"], ["a&b"], ["7"] if address else None)

    def test_statuses_go_to_the_callback(self, hooked: Hooked) -> None:
        with AggregatorStandIn("key", prove=with_header("X-Token", "hook"), statuses=["DELIVRD"]) as stand_in:
            document = {"from": "36105", "to": ["+33612345678"], "text": "x", "callback": f"{hooked.url}?message=7"}
            httpx.post(f"{stand_in.url}/v1/sms", json=document, headers={"X-Api-Key": "key"})
            hooked.wait_for(1)
            [message] = stand_in.messages
            stand_in.report(message.id, "REJECTD", "12").result(10)
        told = [json.loads(body)["data"] for _, _, _, body in hooked.requests]
        assert [(status["id"], status["status"], status.get("error")) for status in told] == [
            (message.id, "DELIVRD", None),
            (message.id, "REJECTD", "12"),
        ]
        assert {headers["x-token"] for _, _, headers, _ in hooked.requests} == {"hook"}

    def test_stopping_cuts_off_what_hangs(self) -> None:
        stand_in = AggregatorStandIn("key").start()
        stand_in.fail(StandInFault(hangs_seconds=60))

        def send() -> None:
            document = {"from": "36105", "to": ["+33612345678"], "text": "x"}
            with pytest.raises(httpx.HTTPError):
                httpx.post(f"{stand_in.url}/v1/sms", json=document, headers={"X-Api-Key": "key"}).raise_for_status()

        sending = Thread(target=send)
        sending.start()
        stand_in.wait_for(1)
        stand_in.stop()
        sending.join(5)
        assert not sending.is_alive()
