"""Sending through Twilio: the request, and what each answer means for the message."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs

import pytest

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.gateways.base import OutgoingSms, SendError, SendInDoubt, SendLater, SendRefused
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer, open_http
from smsbot.gateways.twilio import LATER, REFUSED, TwilioGateway
from tests.gateways.scripted import ScriptedHttp, answer, answer_in_bytes

ACCOUNT = "AC" + "1" * 32
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SMS = OutgoingSms(outgoing_id=42, sender="+33937000000", recipient="+33612345678", body="RDV annulé à 14h30 & noté")
TAKEN = {"sid": "SM" + "a" * 32, "status": "queued", "date_created": "Mon, 04 May 2026 10:00:00 +0000"}

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


def gateway_over(http: Http) -> TwilioGateway:
    return TwilioGateway(ACCOUNT, "token", public_url="https://sms.example.fr/", http=http)


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def gateway_to_stand_in(http: Http, stand_in: TwilioStandIn) -> TwilioGateway:
    return TwilioGateway(
        stand_in.account_sid, stand_in.auth_token, public_url="http://x", http=http, api_url=stand_in.url
    )


def error_answer(status: int, code: int | None = None, headers: dict[str, str] | None = None) -> HttpAnswer:
    document = None if code is None else {"code": code, "message": "to +33612345678", "status": status, "more_info": ""}
    return answer(status, document, headers)


async def failure_of(got: HttpAnswer | NoAnswer) -> SendError:
    http = ScriptedHttp(got)
    with pytest.raises(SendError) as raised:
        await gateway_over(http).send(SMS)
    assert (http.request_sent.method, http.request_sent.url) == ("POST", URL)
    return raised.value


class TestRequest:
    async def test_it_is_twilios(self) -> None:
        http = ScriptedHttp(answer(201, TAKEN))
        assert await gateway_over(http).send(SMS) == TAKEN["sid"]
        request = http.request_sent
        assert (request.method, request.url) == ("POST", URL)
        assert parse_qs(request.text, strict_parsing=True) == {
            "To": ["+33612345678"],
            "From": ["+33937000000"],
            "Body": ["RDV annulé à 14h30 & noté"],
            "StatusCallback": ["https://sms.example.fr/webhooks/twilio/status?message=42"],
        }
        assert request.headers["authorization"] == "Basic " + base64.b64encode(f"{ACCOUNT}:token".encode()).decode()
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"

    @pytest.mark.parametrize(
        ("sender", "parameter"),
        [("36123", "From"), ("RDV S.P.", "From"), ("MG" + "2" * 32, "MessagingServiceSid")],
    )
    async def test_each_kind_of_sender(self, sender: str, parameter: str) -> None:
        http = ScriptedHttp(answer(201, TAKEN))
        await gateway_over(http).send(OutgoingSms(1, sender, "+33612345678", "Bonjour"))
        form = parse_qs(http.request_sent.text)
        assert form[parameter] == [sender]
        assert len(form.keys() & {"From", "MessagingServiceSid"}) == 1

    async def test_another_address_may_have_a_path_and_the_sdks_own_settings_play_no_part(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TWILIO_EDGE", "dublin")
        monkeypatch.setenv("TWILIO_REGION", "ie1")
        http = ScriptedHttp(answer(201, TAKEN))
        gateway = TwilioGateway(
            ACCOUNT, "token", public_url="https://x", http=http, api_url="https://proxy.example.fr:8443/twilio/"
        )
        await gateway.send(SMS)
        address = f"https://proxy.example.fr:8443/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        assert (http.request_sent.method, http.request_sent.url) == ("POST", address)


class TestAnswers:
    @pytest.mark.parametrize("code", REFUSED)
    async def test_codes_that_are_final(self, code: int) -> None:
        error = await failure_of(error_answer(400, code))
        assert isinstance(error, SendRefused)
        assert (error.code, error.sentence) == (str(code), REFUSED[code])

    @pytest.mark.parametrize("code", LATER)
    async def test_codes_that_pass(self, code: int) -> None:
        error = await failure_of(error_answer(400, code))
        assert isinstance(error, SendLater)
        assert (error.code, error.sentence, error.retry_after) == (str(code), *LATER[code])

    @pytest.mark.parametrize(
        ("got", "kind", "code"),
        [
            (error_answer(400, 21999), SendRefused, "21999"),
            (error_answer(422), SendRefused, "422"),
            (error_answer(401, 20003), SendLater, "20003"),
            (error_answer(403), SendLater, "403"),
            (error_answer(404, 20404), SendLater, "20404"),
            (error_answer(408), SendLater, "408"),
            (error_answer(429), SendLater, "429"),
            (error_answer(503), SendLater, "503"),
            (error_answer(500, 20500), SendInDoubt, "20500"),
            (error_answer(500), SendInDoubt, "500"),
            (error_answer(502), SendInDoubt, "502"),
            (error_answer(504), SendInDoubt, "504"),
            (answer(302, headers={"Location": "https://elsewhere"}), SendInDoubt, "302"),
            (answer_in_bytes(400, b"<html>"), SendRefused, "400"),
            (answer(400, ["code"]), SendRefused, "400"),
            (answer(400, {"code": "21610"}), SendRefused, "400"),
            (answer_in_bytes(201, b"<html>"), SendInDoubt, "unreadable"),
            (answer(201, []), SendInDoubt, "unreadable"),
            (answer(201, {}), SendInDoubt, "unreadable"),
            (answer(204), SendInDoubt, "unreadable"),
            (answer(201, {"sid": "SM\0"}), SendInDoubt, "unreadable"),  # what no database stores
            (answer(201, {"sid": "SM\ud800"}), SendInDoubt, "unreadable"),
            (answer(201, {"sid": "9" * 5000}), SendInDoubt, "unreadable"),
        ],
    )
    async def test_other_answers(self, got: HttpAnswer, kind: type[SendError], code: str) -> None:
        error = await failure_of(got)
        assert (type(error), error.code) == (kind, code)
        assert "33612345678" not in str(error)
        if isinstance(error, SendInDoubt):
            assert error.answered

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"Retry-After": "0"}, 0.0),
            ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
            ({"Retry-After": "Thu, 01 Jan 9999 00:00:00 GMT"}, 86_400.0),
            ({"Retry-After": "99999999999"}, 86_400.0),
            ({"Retry-After": "soon"}, 1.0),
            ({"Retry-After": "-1"}, 1.0),
            ({}, 1.0),
        ],
    )
    async def test_retry_after(self, headers: dict[str, str], seconds: float | None) -> None:
        error = await failure_of(error_answer(429, 20429, headers))
        assert isinstance(error, SendLater)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(
        ("code", "nothing_written", "kind"),
        [
            ("ClientConnectorError", True, SendLater),
            ("ClientConnectorDNSError", True, SendLater),
            ("ClientHttpProxyError", True, SendLater),
            ("TimeoutError", True, SendLater),
            ("ClientOSError", False, SendInDoubt),
            ("SocketTimeoutError", False, SendInDoubt),
            ("ServerDisconnectedError", False, SendInDoubt),
            ("ClientPayloadError", False, SendInDoubt),
            ("ClientResponseError", False, SendInDoubt),
        ],
    )
    async def test_no_answer(self, code: str, nothing_written: bool, kind: type[SendError]) -> None:
        error = await failure_of(NoAnswer(code, nothing_written=nothing_written))
        assert (type(error), error.code) == (kind, code)
        if isinstance(error, SendInDoubt):
            assert not error.answered


class TestOverHttp:
    """With the stand-in, over real connections."""

    async def test_messages_are_taken_with_their_ids(
        self, gateway_to_stand_in: TwilioGateway, stand_in: TwilioStandIn
    ) -> None:
        sids = [await gateway_to_stand_in.send(OutgoingSms(n, "36123", "+33612345678", f"n° {n}")) for n in range(3)]
        assert [message.sid for message in stand_in.messages] == sids
        assert [message.body for message in stand_in.messages] == ["n° 0", "n° 1", "n° 2"]
        assert stand_in.messages[2].status_callback == "http://x/webhooks/twilio/status?message=2"

    @pytest.mark.parametrize(
        ("fault", "kind", "taken"),
        [
            (StandInFault(code=20429, retry_after=3), SendLater, 0),
            (StandInFault(code=21610), SendRefused, 0),
            (StandInFault(status=500), SendInDoubt, 0),
            (StandInFault(status=503), SendLater, 0),
            (StandInFault(code=20500, acts=True), SendInDoubt, 1),
            (StandInFault(cuts=True), SendInDoubt, 0),
            (StandInFault(cuts=True, acts=True), SendInDoubt, 1),
        ],
    )
    async def test_faults(
        self,
        gateway_to_stand_in: TwilioGateway,
        stand_in: TwilioStandIn,
        fault: StandInFault,
        kind: type[SendError],
        taken: int,
    ) -> None:
        await gateway_to_stand_in.send(SMS)  # so that the next send uses a kept connection
        stand_in.fail(fault)
        with pytest.raises(kind):
            await gateway_to_stand_in.send(SMS)
        assert len(stand_in.messages) == 1 + taken
        await gateway_to_stand_in.send(SMS)
        assert len(stand_in.messages) == 2 + taken

    async def test_nobody_there_means_not_taken(self, http: Http) -> None:
        gateway = TwilioGateway(ACCOUNT, "token", public_url="http://x", http=http, api_url="http://127.0.0.1:9")
        with pytest.raises(SendLater):
            await gateway.send(SMS)

    async def test_wrong_credentials_wait_for_the_right_ones(self, http: Http, stand_in: TwilioStandIn) -> None:
        gateway = TwilioGateway(stand_in.account_sid, "wrong", public_url="http://x", http=http, api_url=stand_in.url)
        with pytest.raises(SendLater, match="credentials"):
            await gateway.send(SMS)

    async def test_a_cancelled_send_leaves_the_client_usable(
        self, gateway_to_stand_in: TwilioGateway, stand_in: TwilioStandIn
    ) -> None:
        stand_in.fail(StandInFault(hangs_seconds=60))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await gateway_to_stand_in.send(SMS)
        assert (await gateway_to_stand_in.send(SMS)).startswith("SM")

    async def test_sixty_four_at_once(self, gateway_to_stand_in: TwilioGateway, stand_in: TwilioStandIn) -> None:
        sids = await asyncio.gather(*(gateway_to_stand_in.send(SMS) for _ in range(64)))
        assert {message.sid for message in stand_in.messages} == set(sids)
        assert len(set(sids)) == 64
