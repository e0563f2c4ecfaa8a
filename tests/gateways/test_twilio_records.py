"""Reading Twilio's list of messages: whether a message in doubt was taken, and what came while the service was down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.gateways.base import IncomingSms, OutgoingSms
from smsbot.gateways.gateway_records import KeepsRecords, RecordsOutOfReach
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer, basic_authorization, open_http
from smsbot.gateways.twilio import TwilioGateway
from tests.gateways.scripted import ScriptedHttp, answer, answer_in_bytes

pytestmark = pytest.mark.anyio

ACCOUNT = "AC" + "1" * 32
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
USAGER, OTHER, OURS = "+33612345678", "+33687654321", "36123"
SMS = OutgoingSms(7, OURS, USAGER, "Répondez OUI ou NON.")
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 5, 4, 10, 0, 30, tzinfo=UTC)
DATE = "Mon, 04 May 2026 10:00:30 GMT"


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def to_stand_in(http: Http, stand_in: TwilioStandIn) -> TwilioGateway:
    return TwilioGateway(
        stand_in.account_sid, stand_in.auth_token, public_url="http://x", http=http, api_url=stand_in.url
    )


def gateway_over(http: Http) -> TwilioGateway:
    return TwilioGateway(ACCOUNT, "token", public_url="https://sms.example.fr", http=http, clock=lambda: NOW)


def listed(number: int, **changes: Any) -> dict[str, Any]:
    usual = {
        "sid": f"SM{number}",
        "direction": "outbound-api",
        "to": USAGER,
        "from": OURS,
        "body": SMS.body,
        "date_created": "Mon, 04 May 2026 10:00:00 +0000",
        "date_sent": None,
    }
    return usual | changes


def page(*messages: dict[str, Any], following: str | None = None) -> HttpAnswer:
    return answer(200, {"messages": messages, "next_page_uri": following}, {"Date": DATE})


async def test_twilio_says_that_it_keeps_records() -> None:
    assert isinstance(gateway_over(ScriptedHttp()), KeepsRecords)


class TestTaken:
    async def test_what_was_sent_is_found_oldest_first(
        self, to_stand_in: TwilioGateway, stand_in: TwilioStandIn
    ) -> None:
        sids = [await to_stand_in.send(SMS) for _ in range(2)]
        await to_stand_in.send(OutgoingSms(8, OURS, USAGER, "something else"))
        await to_stand_in.send(OutgoingSms(9, OURS, OTHER, SMS.body))
        assert await to_stand_in.records.taken(SMS, MINUTE) == sids
        assert await to_stand_in.records.taken(OutgoingSms(9, OURS, "+33600000000", SMS.body), MINUTE) == []

    @pytest.mark.parametrize(
        ("change", "counts"),
        [
            ({}, True),
            ({"date_created": "Mon, 04 May 2026 09:59:30 +0000"}, True),
            ({"date_created": "Mon, 04 May 2026 09:59:20 +0000"}, False),
            ({"body": f"Sent from your Twilio trial account - {SMS.body}"}, True),
            ({"body": f"{SMS.body} Merci"}, False),
            ({"body": None}, False),
            ({"direction": "inbound"}, False),
            ({"from": "+33937000000", "messaging_service_sid": "MG1"}, True),
        ],
    )
    async def test_what_counts_as_the_message(self, change: dict[str, Any], counts: bool) -> None:
        http = ScriptedHttp(page(listed(1, **change)))
        assert await gateway_over(http).records.taken(SMS, MINUTE) == (["SM1"] if counts else [])
        request = http.request_sent
        assert (request.method, request.url.partition("?")[0]) == ("GET", URL)
        assert request.parameters == {"To": USAGER, "PageSize": "1000"}

    @pytest.mark.parametrize(
        "got",
        [
            answer(500),
            answer(401, {"code": 20003}),
            answer(429),
            answer_in_bytes(200, b"<html>"),
            answer(200, []),
            answer(200, {"messages": [{}]}, {"Date": DATE}),
            page(listed(1, date_created="yesterday")),
            page(listed(1, date_created=None)),
            NoAnswer("ClientConnectorError", nothing_written=True),
            NoAnswer("SocketTimeoutError", nothing_written=False),
        ],
    )
    async def test_what_cannot_be_read_says_nothing(self, got: HttpAnswer | NoAnswer) -> None:
        http = ScriptedHttp(got)
        with pytest.raises(RecordsOutOfReach) as raised:
            await gateway_over(http).records.taken(SMS, MINUTE)
        assert len(http.requests) == 1
        assert raised.value.sentence.startswith("Twilio's list of messages")
        assert USAGER not in str(raised.value)


class TestWithoutADate:
    """A proxy may remove the header `Date`."""

    @pytest.mark.parametrize("headers", [{}, {"Date": "soon"}])
    async def test_the_own_clock_serves_with_a_margin(self, headers: dict[str, str]) -> None:
        listing = {
            "messages": [
                listed(1, date_created="Mon, 04 May 2026 09:58:30 +0000"),
                listed(2, date_created="Mon, 04 May 2026 09:58:20 +0000"),
            ]
        }
        http = ScriptedHttp(answer(200, listing, headers))
        assert await gateway_over(http).records.taken(SMS, MINUTE) == ["SM1"]

    async def test_what_comes_later_is_read_again(self) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS, "date_sent": "Mon, 04 May 2026 10:00:30 +0000"}
        http = ScriptedHttp(answer(200, {"messages": [listed(1, **incoming)]}))
        book = await gateway_over(http).records.received(OURS, NOW)
        assert [one.sms.gateway_message_id for one in book.messages] == ["SM1"]
        assert book.read_at == NOW - MINUTE


async def arrives(stand_in: TwilioStandIn, body: str, *, from_: str = USAGER, to: str = OURS) -> None:
    await asyncio.wrap_future(stand_in.receive("http://127.0.0.1:9/nobody", from_=from_, to=to, text=body))


class TestReceived:
    async def test_what_came_in_is_listed_oldest_first_with_its_time(
        self, to_stand_in: TwilioGateway, stand_in: TwilioStandIn
    ) -> None:
        began = datetime.now(UTC)
        for body in ("ANNULER", "dup", "oui", ""):
            await arrives(stand_in, body)
        await arrives(stand_in, "to another service", to="36999")
        await to_stand_in.send(OutgoingSms(1, USAGER, OURS, "ours, the other way round"))
        found = (await to_stand_in.records.received(OURS, began - MINUTE)).messages
        assert [one.sms.body for one in found] == ["ANNULER", "dup", "oui", ""]
        assert {(one.sms.from_number, one.sms.to_number, one.sms.gateway) for one in found} == {
            (USAGER, OURS, "twilio")
        }
        assert all(abs(one.sent_at - began) < timedelta(seconds=30) for one in found)
        later = await to_stand_in.records.received(OURS, datetime.now(UTC) + MINUTE)
        assert later.messages == []
        assert abs(later.read_at - began) < timedelta(seconds=30)

    async def test_every_page_is_read(
        self, to_stand_in: TwilioGateway, stand_in: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("smsbot.gateways.twilio_lookup.PAGE_SIZE", 3)
        began = datetime.now(UTC)
        for number in range(10):
            await arrives(stand_in, f"n° {number}")
        found = (await to_stand_in.records.received(OURS, began - MINUTE)).messages
        assert [one.sms.body for one in found] == [f"n° {number}" for number in range(10)]

    async def test_what_is_asked(self) -> None:
        http = ScriptedHttp(page())
        await gateway_over(http).records.received(OURS, NOW)
        request = http.request_sent
        assert (request.method, request.url.partition("?")[0]) == ("GET", URL)
        assert request.parameters == {"To": OURS, "DateSent>": "2026-05-04T10:00:30Z", "PageSize": "1000"}
        assert request.headers["authorization"] == basic_authorization(ACCOUNT, "token")

    async def test_what_is_older_or_no_message_is_passed_over(self) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS, "date_sent": "Mon, 04 May 2026 10:00:30 +0000"}
        http = ScriptedHttp(
            page(
                listed(3, **incoming),
                listed(2, **incoming | {"from": "whatsapp:+33612345678"}),
                listed(1, **incoming | {"date_sent": "Mon, 04 May 2026 10:00:29 +0000"}),
            )
        )
        book = await gateway_over(http).records.received(OURS, NOW)
        found = book.messages
        assert book.read_at == NOW
        assert [(one.sms, one.sent_at) for one in found] == [
            (IncomingSms("twilio", "SM3", USAGER, OURS, SMS.body), NOW)
        ]

    async def test_one_that_was_not_handed_over_yet_has_come_in_all_the_same(self) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS, "date_sent": None}
        http = ScriptedHttp(page(listed(1, **incoming | {"date_created": "Mon, 04 May 2026 10:00:30 +0000"})))
        [found] = (await gateway_over(http).records.received(OURS, NOW)).messages
        assert (found.sms.gateway_message_id, found.sent_at) == ("SM1", NOW)

    async def test_an_entry_that_cannot_be_read_keeps_no_other_back(self) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS, "date_sent": "Mon, 04 May 2026 10:00:30 +0000"}
        http = ScriptedHttp(
            page(
                listed(5, **incoming | {"date_sent": None, "date_created": None}),
                listed(4, **incoming | {"date_sent": "yesterday"}),
                listed(3, **incoming | {"from": None}),
                {},
                listed(2, **incoming),
                listed(1, **incoming | {"body": None}),
            )
        )
        book = await gateway_over(http).records.received(OURS, NOW)
        assert [one.sms.gateway_message_id for one in book.messages] == ["SM1", "SM2", "SM4", "SM5"]
        assert {one.sent_at for one in book.messages} == {NOW}

    async def test_pages_that_are_older_are_not_asked_for(self) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS}
        following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageToken=PA1"
        young = listed(2, **incoming, date_sent="Mon, 04 May 2026 10:00:30 +0000")
        old = listed(1, **incoming, date_sent="Mon, 04 May 2026 09:00:00 +0000")
        http = ScriptedHttp(page(young, old, following=following), page(old, following=following))
        book = await gateway_over(http).records.received(OURS, NOW)
        assert [one.sms.gateway_message_id for one in book.messages] == ["SM2"]
        assert len(http.requests) == 2

    async def test_a_page_that_fails_is_no_half_list(self) -> None:
        following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageToken=PA1"
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS}
        young = listed(1, **incoming, date_sent="Mon, 04 May 2026 10:00:30 +0000")
        http = ScriptedHttp(page(young, following=following), answer(500))
        with pytest.raises(RecordsOutOfReach, match="HTTP 500"):
            await gateway_over(http).records.received(OURS, NOW)
        assert [request.method for request in http.requests] == ["GET", "GET"]
        assert http.requests[1].url == f"https://api.twilio.com{following}"
