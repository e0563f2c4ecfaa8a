"""Lists of replies: the requests that read them, page after page, and lists that cannot be reached."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from smsbot.gateways.base import Batch, IncomingSms
from smsbot.gateways.gateway_records import RecordsOutOfReach
from smsbot.gateways.http import HttpAnswer, NoAnswer
from tests.gateways.scripted import ScriptedHttp, answer, answer_in_bytes
from tests.gateways.test_described import described

pytestmark = pytest.mark.anyio

SINCE = datetime(2026, 5, 4, 10, tzinfo=UTC)
URL = "https://api.example.fr/v1/received?of=36105"
TABLES: dict[str, Any] = {
    "poll": {"url": URL, "headers": {"X-Key": "k-{hook}"}, "query": {"since": "{since}"}, "next": "next"},
    "incoming": {"each": "all", "sender": "from", "recipient": "to", "text": "text", "id": "id"},
}


def page(*ids: str, following: str | None = None) -> HttpAnswer:
    listed = [{"from": "33612345678", "to": "36105", "text": "OUI", "id": each} for each in ids]
    return answer(200, {"all": listed, "next": following})


async def listed(http: ScriptedHttp, **poll: Any) -> Batch[IncomingSms]:
    gateway = described(http, **TABLES | {"poll": TABLES["poll"] | poll})
    assert gateway.replies is not None
    return await gateway.replies.listed(SINCE)


async def test_pages_are_read_until_the_last() -> None:
    http = ScriptedHttp(page("1", "2", following="/v1/received?page=2"), page(following="?page=3"), page("3"))
    batch = await listed(http)
    assert [one.gateway_message_id for one in batch.read] == ["1", "2", "3"]
    addresses = [request.url.removeprefix("https://api.example.fr/v1/received?") for request in http.requests]
    assert addresses == ["of=36105&since=2026-05-04T10%3A00%3A00Z", "page=2", "page=3"]
    assert {(request.method, request.headers["x-key"]) for request in http.requests} == {("GET", "k-hook-0123")}


async def test_pages_in_a_circle_are_read_once() -> None:
    http = ScriptedHttp(page("1", following="?page=2"), page("2", following="?page=1"), page("1", following="?page=2"))
    assert [one.gateway_message_id for one in (await listed(http)).read] == ["1", "2", "1"]


@pytest.mark.parametrize("following", ["https://elsewhere.example/x", "//elsewhere.example", "http://api.example.fr/"])
async def test_the_secrets_go_to_no_other_host(following: str) -> None:
    http = ScriptedHttp(page("1", following=following), page("2"))
    with pytest.raises(RecordsOutOfReach, match="at another host"):
        await listed(http)
    assert len(http.requests) == 1


@pytest.mark.parametrize(
    ("time_format", "written"),
    [("iso", "2026-05-04T10%3A00%3A00Z"), ("unix", "1777888800"), ("unix-milliseconds", "1777888800000")],
)
async def test_the_time_is_written_as_the_gateway_wants_it(time_format: str, written: str) -> None:
    http = ScriptedHttp(page())
    await listed(http, time_format=time_format)
    assert http.request_sent.url == f"{URL}&since={written}"


async def test_what_cannot_be_read_leaves_the_others() -> None:
    documents = ({"from": "Orange"}, {"from": "33612345678", "to": "36105", "text": "OUI", "id": "2"})
    batch = await listed(ScriptedHttp(answer(200, {"all": list(documents)})))
    assert ([one.gateway_message_id for one in batch.read], len(batch.problems)) == (["2"], 1)
    batch = await listed(ScriptedHttp(answer(200, {"all": [documents[0]]}), page("2")))
    assert (list(batch.read), len(batch.problems)) == ([], 1)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (answer(503), "answered HTTP 503"),
        (answer(302, headers={"location": "https://elsewhere.example"}), "answered HTTP 302"),
        (answer_in_bytes(200, b"<html>"), "could not be read"),
        (answer_in_bytes(200, json.dumps("x").encode()), "could not be read"),
        (NoAnswer("ServerDisconnectedError", nothing_written=False), "cannot be reached"),
    ],
)
async def test_a_list_that_cannot_be_read_is_out_of_reach(given: HttpAnswer | NoAnswer, sentence: str) -> None:
    with pytest.raises(RecordsOutOfReach, match=sentence):
        await listed(ScriptedHttp(given))
