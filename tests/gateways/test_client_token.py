"""The token of a described gateway: fetched once for all messages, renewed before it ends and when it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from smsbot.gateways.base import OutgoingSms, SendError, SendLater, SendRefused
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.described.client_token import ClientToken
from smsbot.gateways.http import HttpAnswer, NoAnswer
from smsbot.policy.gateway_checks import gateway_contradictions
from smsbot.policy.gateways import GatewayTable, TokenTable
from tests.gateways.peers import KEY
from tests.gateways.scripted import ScriptedHttp, answer, answer_in_bytes

pytestmark = pytest.mark.anyio

URL = "https://api.example.fr"
TABLE = TokenTable.model_validate({"url": f"{URL}/token", "form": {"grant_type": "client_credentials"}})
SMS = OutgoingSms(1, "36105", "+33612345678", "Bonjour")


class Issuer:
    """Issues tokens t1, t2, … for 100 seconds, slowly. It takes messages with a token that is in `good`."""

    def __init__(self) -> None:
        self.issued = 0
        self.good: set[str] | None = None
        self.sent: list[str] = []

    """Sends a request once, to exactly this address. It does not follow redirections."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        await asyncio.sleep(0)
        if url.endswith("/token"):
            self.issued += 1
            return answer(200, {"access_token": f"t{self.issued}", "expires_in": 100})
        token = headers["Authorization"].removeprefix("Bearer ")
        self.sent.append(token)
        return answer(200 if self.good is None or token in self.good else 401, {"id": "x"})


def gateway(http: Any) -> DescribedGateway:
    send = {
        "url": f"{URL}/sms",
        "headers": {"Authorization": "Bearer {access_token}"},
        "json": {"to": "{recipient}", "text": "{text}"},
    }
    table = GatewayTable.model_validate({"token": TABLE.model_dump(exclude={"json_"}), "send": send})
    assert list(gateway_contradictions({"agregat": table})) == []
    return DescribedGateway("agregat", table, {}, public_url=URL, status_key=KEY, http=http)


async def test_all_who_send_at_once_share_one() -> None:
    issuer = Issuer()
    one = gateway(issuer)
    await asyncio.gather(*(one.send(SMS) for _ in range(20)))
    assert (issuer.issued, set(issuer.sent)) == (1, {"t1"})


async def test_it_is_renewed_before_it_ends() -> None:
    issuer, moments = Issuer(), [0.0]
    token = ClientToken(TABLE, {}, "utf-8", issuer, clock=lambda: moments[-1])

    async def at(moment: float) -> str:
        moments.append(moment)
        return await token.value()

    told = [await at(moment) for moment in (0.0, 89.0, 90.0, 91.0, 179.0, 180.5)]
    assert told == ["t1", "t1", "t2", "t2", "t2", "t3"]


async def test_one_that_is_refused_is_fetched_again_once_for_all() -> None:
    issuer = Issuer()
    one = gateway(issuer)
    await one.send(SMS)
    issuer.good = {"t2"}
    await asyncio.gather(*(one.send(SMS) for _ in range(5)))
    assert issuer.issued == 2
    issuer.good = set()
    with pytest.raises(SendLater) as raised:
        await one.send(SMS)
    assert raised.value.code == "401"
    assert issuer.issued == 3, "one more try, and no more"


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        (answer(500, {}), "token"),
        (answer(400, {"error": "invalid_client"}), "token"),
        (answer(200, {"token": "x"}), "token"),
        (answer(200, {"access_token": "a\nb"}), "token"),
        (answer_in_bytes(200, b"<html>"), "token"),
        (NoAnswer("Cut", nothing_written=False), "Cut"),
    ],
)
async def test_without_one_nothing_is_sent(answered: HttpAnswer | NoAnswer, code: str) -> None:
    http = ScriptedHttp(answered)
    with pytest.raises(SendError) as raised:
        await gateway(http).send(SMS)
    assert (type(raised.value), raised.value.code) == (SendLater, code)
    assert [request.url for request in http.requests] == [f"{URL}/token"]


@pytest.mark.parametrize("lifetime", [None, "soon", -5, 0, 1e400])
async def test_a_lifetime_that_is_none_is_taken_for_five_minutes(lifetime: object) -> None:
    moments = [0.0]
    http = ScriptedHttp(answer_in_bytes(200, f'{{"access_token": "t", "expires_in": {_json(lifetime)}}}'.encode()))
    token = ClientToken(TABLE, {}, "utf-8", http, clock=lambda: moments[-1])
    for moment in (0.0, 269.0, 271.0):
        moments.append(moment)
        await token.value()
    assert len(http.requests) == 2


def _json(value: object) -> str:
    return {None: "null", "soon": '"soon"'}.get(value, "1e400" if value == 1e400 else str(value))  # type: ignore[call-overload, no-any-return]


async def test_a_refusal_of_the_message_is_no_refusal_of_the_token() -> None:
    http = ScriptedHttp(answer(200, {"access_token": "t"}), answer(422, {}))
    with pytest.raises(SendRefused):
        await gateway(http).send(SMS)
    assert len(http.requests) == 2
