"""The stand-in for Twilio, as its real clients see it: the SDK, a browser of the API, and a webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from smsbot.demo.stand_ins.gateway_stand_in import count_segments
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_documents import INBOUND
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from tests.lines import every_line


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def sdk(stand_in: TwilioStandIn) -> Client:
    client = Client(stand_in.account_sid, stand_in.auth_token)
    client.api.base_url = stand_in.url
    return client


class Hooked:
    """A server for webhooks. It keeps what was posted, answers the given statuses in turn, and then 200."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], dict[str, str]]] = []
        self.answers: list[int] = []
        hooked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                hooked.posts.append((dict(parse_qsl(body, keep_blank_values=True)), dict(self.headers.items())))
                self.send_response(hooked.answers.pop(0) if hooked.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/twilio/sms"


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    one = Hooked()
    Thread(target=one.server.serve_forever, args=(0.01,), daemon=True).start()
    yield one
    one.server.shutdown()
    one.server.server_close()


class TestMessages:
    def test_the_sdk_sends_lists_and_fetches(self, sdk: Client, stand_in: TwilioStandIn) -> None:
        sent = [sdk.messages.create(to=f"+3361234567{n}", from_="36123", body=f"n° {n}") for n in range(5)]
        assert [message.sid for message in stand_in.messages] == [message.sid for message in sent]
        assert (sent[0].status, sent[0].direction, sent[0].num_segments) == ("queued", "outbound-api", "1")
        assert sdk.messages(sent[3].sid).fetch().body == "n° 3"
        assert [message.body for message in sdk.messages.list(page_size=2)] == [f"n° {n}" for n in (4, 3, 2, 1, 0)]
        assert [message.sid for message in sdk.messages.list(to="+33612345671")] == [sent[1].sid]

    def test_a_list_can_be_bounded_by_date(self, sdk: Client) -> None:
        sdk.messages.create(to="+33612345678", from_="36123", body="x")
        now = datetime.now(UTC)
        assert len(sdk.messages.list(date_sent_after=now - timedelta(minutes=1))) == 1
        assert sdk.messages.list(date_sent_after=now + timedelta(minutes=1)) == []
        assert sdk.messages.list(date_sent_before=now - timedelta(minutes=1)) == []
        assert len(sdk.messages.list(date_sent=now.date())) == 1
        assert sdk.messages.list(date_sent=now.date() - timedelta(days=1)) == []

    def test_a_messaging_service_may_send(self, sdk: Client, stand_in: TwilioStandIn) -> None:
        message = sdk.messages.create(to="+33612345678", messaging_service_sid="MG" + "0" * 32, body="x")
        assert message.status == "accepted"
        assert stand_in.messages[0].messaging_service_sid == "MG" + "0" * 32

    @pytest.mark.parametrize(
        ("form", "code"),
        [
            ({"From": "36123", "Body": "x"}, 21604),
            ({"To": "+33612345678", "Body": "x"}, 21603),
            ({"To": "+33612345678", "From": "36123"}, 21602),
            ({"To": "+33612345678", "From": "36123", "Body": "x" * 1601}, 21617),
            ({"To": "0612-34", "From": "36123", "Body": "x"}, 21211),
            ({"To": "+33600000000", "From": "36123", "Body": "x"}, 21610),
        ],
    )
    def test_bad_requests_get_twilios_error_document(
        self, stand_in: TwilioStandIn, form: dict[str, str], code: int
    ) -> None:
        stand_in.refuse("+33600000000", 21610)
        url = f"{stand_in.url}/2010-04-01/Accounts/{stand_in.account_sid}/Messages.json"
        answer = httpx.post(url, data=form, auth=(stand_in.account_sid, stand_in.auth_token))
        assert answer.status_code == 400
        assert answer.json()["code"] == code
        assert answer.json()["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
        assert stand_in.messages == []

    def test_credentials_and_paths_are_checked(self, stand_in: TwilioStandIn) -> None:
        url = f"{stand_in.url}/2010-04-01/Accounts/{stand_in.account_sid}/Messages.json"
        assert httpx.get(url).json()["code"] == 20003
        assert httpx.post(url, auth=(stand_in.account_sid, "wrong")).status_code == 401
        right = (stand_in.account_sid, stand_in.auth_token)
        assert httpx.get(url.replace("Messages.json", "Messages/SMnone.json"), auth=right).json()["code"] == 20404
        assert httpx.get(f"{stand_in.url}/elsewhere", auth=right).json()["code"] == 20404

    def test_a_refusal_can_be_taken_back(self, sdk: Client, stand_in: TwilioStandIn) -> None:
        stand_in.refuse("+33612345678", 21610)
        stand_in.refuse("+33612345678", None)
        assert sdk.messages.create(to="+33612345678", from_="36123", body="x").sid == stand_in.messages[0].sid

    def test_a_fault_may_be_one_numbers(self, stand_in: TwilioStandIn) -> None:
        stand_in.fail(StandInFault(status=500), times=2, on="+33600000001")
        url = f"{stand_in.url}/2010-04-01/Accounts/{stand_in.account_sid}/Messages.json"

        def send(to: str) -> int:
            form = {"To": to, "From": "36123", "Body": "x"}
            return httpx.post(url, data=form, auth=(stand_in.account_sid, stand_in.auth_token)).status_code

        statuses = [send(to) for to in ("+33600000002", "+33600000001", "+33600000001", "+33600000001")]
        assert statuses == [201, 500, 500, 201]
        assert stand_in.requests == 4

    def test_waiting_for_what_does_not_come_ends(self, stand_in: TwilioStandIn) -> None:
        with pytest.raises(TimeoutError, match="0 of 1"):
            stand_in.wait_for(1, seconds=0.05)

    def test_stopping_cuts_off_what_hangs(self) -> None:
        stand_in = TwilioStandIn().start()
        stand_in.fail(StandInFault(hangs_seconds=60))
        sending = Thread(target=lambda: _send_and_forget(stand_in))
        sending.start()
        stand_in.wait_for(1)
        stand_in.stop()
        sending.join(5)
        assert not sending.is_alive()


def _send_and_forget(stand_in: TwilioStandIn) -> None:
    url = f"{stand_in.url}/2010-04-01/Accounts/{stand_in.account_sid}/Messages.json"
    form = {"To": "+33612345678", "From": "36123", "Body": "x"}
    with pytest.raises(httpx.HTTPError):
        httpx.post(url, data=form, auth=(stand_in.account_sid, stand_in.auth_token)).raise_for_status()


class TestWebhooks:
    def test_an_incoming_message_is_posted_signed_and_listed(
        self, sdk: Client, stand_in: TwilioStandIn, hooked: Hooked
    ) -> None:
        answer = stand_in.receive(hooked.url, from_="+33612345678", to="36123", text="OUI à tous").result()
        assert answer is not None
        assert answer.status_code == 200
        form, headers = hooked.posts[0]
        assert (form["From"], form["To"], form["Body"], form["ToCity"]) == ("+33612345678", "36123", "OUI à tous", "")
        validator = RequestValidator(stand_in.auth_token)
        assert validator.validate(hooked.url, form, headers["X-Twilio-Signature"])
        listed = sdk.messages.list(to="36123")
        assert [(message.sid, message.direction) for message in listed] == [(form["MessageSid"], INBOUND)]
        assert stand_in.messages == []

    def test_a_keyword_that_twilio_answered_is_named(self, stand_in: TwilioStandIn, hooked: Hooked) -> None:
        stand_in.receive(hooked.url, from_="+33612345678", to="36123", text="Stop", opt_out_type="STOP").result()
        assert hooked.posts[0][0]["OptOutType"] == "STOP"

    @pytest.mark.parametrize(
        ("overrides", "answers", "attempts", "last"),
        [
            ("", [500, 200], 1, 500),
            ("#rp=all", [500, 200], 2, 200),
            ("#rc=3&rp=5xx", [500, 502, 503, 500], 4, 500),
            ("#rc=3&rp=5xx", [500, 403], 2, 403),
            ("#rc=3&rp=4xx,ct", [403, 500], 2, 500),
            ("#rc=0&rp=all", [500], 1, 500),
        ],
    )
    def test_retries_follow_the_overrides(
        self,
        stand_in: TwilioStandIn,
        hooked: Hooked,
        overrides: str,
        answers: list[int],
        attempts: int,
        last: int,
    ) -> None:
        hooked.answers = list(answers)
        answer = stand_in.receive(hooked.url + overrides, from_="+33612345678", to="36123", text="x").result()
        assert answer is not None
        assert answer.status_code == last
        assert len(hooked.posts) == attempts
        assert len({form["MessageSid"] for form, _ in hooked.posts}) == 1
        assert len({headers["I-Twilio-Idempotency-Token"] for _, headers in hooked.posts}) == 1

    def test_nobody_there_is_no_answer(self, stand_in: TwilioStandIn) -> None:
        assert stand_in.receive("http://127.0.0.1:9/x", from_="+33612345678", to="36123", text="x").result() is None

    def test_a_status_is_posted_signed(self, sdk: Client, stand_in: TwilioStandIn, hooked: Hooked) -> None:
        message = sdk.messages.create(
            to="+33612345678", from_="36123", body="x", status_callback=f"{hooked.url}?message=7"
        )
        stand_in.report(message.sid, "undelivered", "30005").result()
        form, headers = hooked.posts[0]
        assert (form["MessageSid"], form["MessageStatus"], form["ErrorCode"]) == (message.sid, "undelivered", "30005")
        validator = RequestValidator(stand_in.auth_token)
        assert validator.validate(f"{hooked.url}?message=7", form, headers["X-Twilio-Signature"])
        assert sdk.messages(message.sid).fetch().status == "undelivered"

    def test_statuses_come_by_themselves_in_the_order_asked_for(self, hooked: Hooked) -> None:
        with TwilioStandIn(statuses=["delivered", "sent"]) as stand_in:
            sdk = Client(stand_in.account_sid, stand_in.auth_token)
            sdk.api.base_url = stand_in.url
            sdk.messages.create(to="+33612345678", from_="36123", body="x", status_callback=hooked.url)
            asyncio.run(_until(lambda: len(hooked.posts) == 2))
        assert [form["MessageStatus"] for form, _ in hooked.posts] == ["delivered", "sent"]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@every_line(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments(text: str, segments: int) -> None:
    assert count_segments(text) == segments
