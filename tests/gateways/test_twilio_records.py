"""Twilio's list of messages, read back: what was taken in a doubt, what came while nobody listened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from smsbot.gateways.base import IncomingSms, OutgoingSms
from smsbot.gateways.http import open_client
from smsbot.gateways.records import KeepsRecords, RecordsOutOfReach
from smsbot.gateways.twilio import TwilioGateway
from smsbot.standins.twilio import TwilioStandIn

pytestmark = pytest.mark.anyio

ACCOUNT = "AC" + "1" * 32
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
USAGER, OTHER, OURS = "+33612345678", "+33687654321", "36123"
SMS = OutgoingSms(7, OURS, USAGER, "Répondez OUI ou NON.")
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 5, 4, 10, 0, 30, tzinfo=UTC)
DATE = "Mon, 04 May 2026 10:00:30 GMT"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client() as client:
        yield client


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def to_stand_in(http: httpx.AsyncClient, stand_in: TwilioStandIn) -> TwilioGateway:
    return TwilioGateway(
        stand_in.account_sid, stand_in.auth_token, public_url="http://x", http=http, api_url=stand_in.url
    )


@pytest.fixture
def gateway(http: httpx.AsyncClient) -> TwilioGateway:
    return TwilioGateway(ACCOUNT, "token", public_url="https://sms.example.fr", http=http)


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


def page(*messages: dict[str, Any], following: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"messages": messages, "next_page_uri": following}, headers={"Date": DATE})


async def test_twilio_says_that_it_keeps_records(gateway: TwilioGateway) -> None:
    assert isinstance(gateway, KeepsRecords)


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
    @respx.mock
    async def test_what_counts_as_the_message(
        self, gateway: TwilioGateway, change: dict[str, Any], counts: bool
    ) -> None:
        route = respx.get(URL).mock(return_value=page(listed(1, **change)))
        assert await gateway.records.taken(SMS, MINUTE) == (["SM1"] if counts else [])
        assert dict(route.calls.last.request.url.params) == {"To": USAGER, "PageSize": "1000"}

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(500),
            httpx.Response(401, json={"code": 20003}),
            httpx.Response(429),
            httpx.Response(200, text="<html>"),
            httpx.Response(200, json=[]),
            httpx.Response(200, json={"messages": [{}]}, headers={"Date": DATE}),
            page(listed(1, date_created="yesterday")),
            page(listed(1, date_created=None)),
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("late"),
        ],
    )
    async def test_what_cannot_be_read_says_nothing(
        self, gateway: TwilioGateway, answer: httpx.Response | Exception
    ) -> None:
        with respx.mock:
            respx.get(URL).mock(side_effect=[answer])
            with pytest.raises(RecordsOutOfReach) as raised:
                await gateway.records.taken(SMS, MINUTE)
        assert raised.value.sentence.startswith("Twilio's list of messages")
        assert USAGER not in str(raised.value)


async def arrives(stand_in: TwilioStandIn, body: str, *, from_: str = USAGER, to: str = OURS) -> None:
    await asyncio.wrap_future(stand_in.receive("http://127.0.0.1:9/nobody", from_=from_, to=to, body=body))


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

    @respx.mock
    async def test_what_is_asked(self, gateway: TwilioGateway) -> None:
        route = respx.get(URL).mock(return_value=page())
        await gateway.records.received(OURS, NOW)
        parameters = dict(route.calls.last.request.url.params)
        assert parameters == {"To": OURS, "DateSent>": "2026-05-04T10:00:30Z", "PageSize": "1000"}
        assert route.calls.last.request.headers["authorization"].startswith("Basic ")

    @respx.mock
    async def test_what_is_older_or_no_message_is_passed_over(self, gateway: TwilioGateway) -> None:
        incoming = {"direction": "inbound", "from": USAGER, "to": OURS, "date_sent": "Mon, 04 May 2026 10:00:30 +0000"}
        respx.get(URL).mock(
            return_value=page(
                listed(3, **incoming),
                listed(2, **incoming | {"from": "whatsapp:+33612345678"}),
                listed(1, **incoming | {"date_sent": "Mon, 04 May 2026 10:00:29 +0000"}),
            )
        )
        book = await gateway.records.received(OURS, NOW)
        found = book.messages
        assert book.read_at == NOW
        assert [(one.sms, one.sent_at) for one in found] == [
            (IncomingSms("twilio", "SM3", USAGER, OURS, SMS.body), NOW)
        ]

    @respx.mock
    async def test_a_page_that_fails_is_no_half_list(self, gateway: TwilioGateway) -> None:
        following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageToken=PA1"
        respx.get(URL).mock(side_effect=[page(following=following), httpx.Response(500)])
        with pytest.raises(RecordsOutOfReach, match="HTTP 500"):
            await gateway.records.received(OURS, NOW)
