"""A token with too many requests gets 429 and the time to wait; others are not affected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from httpx import ASGITransport, Response

from smsbot.agents.tokens import ApiScope
from smsbot.store.database import Database
from smsbot.web.api import RequestLimits
from tests.web.api.office import ADA, BOB, Office, problem

pytestmark = pytest.mark.anyio

PER_MINUTE, FAILURES = 4, 3


@dataclass
class Counter:
    """An office with small limits, and the clock of these limits."""

    database: Database
    now: timedelta = timedelta(hours=1)
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.office = Office(self.database, limits=RequestLimits(PER_MINUTE, FAILURES, lambda: self.now))

    async def ask(self, agent: str = ADA) -> Response:
        return await self.office.get(agent=agent)

    async def ask_badly(self, address: str = "192.0.2.1", token: str | None = "Bearer smsbot_x") -> Response:
        client = self.office.client
        client._transport = ASGITransport(self.office.app, client=(address, 1))
        return await client.get("/api/v1/appointments", headers={"Authorization": token} if token else {})


@pytest.fixture
async def counter(sqlite_database: Database) -> AsyncIterator[Counter]:
    counter = Counter(sqlite_database)
    async with counter.office.client:
        yield counter


async def test_each_token_has_its_own_quota_and_is_told_what_is_left(counter: Counter) -> None:
    answers = [await counter.ask() for _ in range(PER_MINUTE)]
    assert [each.status_code for each in answers] == [200] * PER_MINUTE
    assert {each.headers["ratelimit-policy"] for each in answers} == {'"token";q=4;w=60'}
    left = [(3, 15), (2, 30), (1, 45), (0, 60)]
    assert [each.headers["ratelimit"] for each in answers] == [f'"token";r={r};t={t}' for r, t in left]
    refused = await counter.ask()
    assert problem(refused, 429)["detail"] == "More than 4 requests in a minute: wait 15 seconds."
    assert (refused.headers["retry-after"], refused.headers["ratelimit"]) == ("15", '"token";r=0;t=60')
    assert (await counter.ask(BOB)).status_code == 200
    counter.now += timedelta(seconds=15)
    assert [(await counter.ask()).status_code for _ in range(2)] == [200, 429]
    counter.now += timedelta(minutes=10)
    assert [(await counter.ask()).status_code for _ in range(PER_MINUTE + 1)] == [200] * PER_MINUTE + [429]


async def test_what_is_refused_for_its_scope_or_does_not_exist_counts_too(counter: Counter) -> None:
    office = counter.office
    office.connect("agenda", ApiScope.EVENTS_READ)
    answers = [await counter.ask("agenda") for _ in range(PER_MINUTE + 1)]
    assert [each.status_code for each in answers] == [403] * PER_MINUTE + [429]
    assert [(await office.get("/nothing")).headers["ratelimit"] for _ in range(2)][-1] == '"token";r=2;t=30'


async def test_an_address_that_fails_too_often_waits_but_a_token_that_worked_there_does_not(counter: Counter) -> None:
    assert (await counter.ask()).status_code == 200
    tries = [await counter.ask_badly(token=each) for each in ("Bearer smsbot_x", None, "Basic eDp5")]
    assert [each.status_code for each in tries] == [401] * FAILURES
    assert "ratelimit" not in tries[0].headers
    refused = await counter.ask_badly()
    assert problem(refused, 429)["detail"] == (
        "Too many requests without a valid token came from this address: wait 20 seconds."
    )
    assert refused.headers["retry-after"] == "20"
    assert (await counter.ask_badly(token=None)).status_code == 429
    assert (await counter.ask_badly("192.0.2.2")).status_code == 401
    assert (await counter.ask_badly("2001:db8::1")).status_code == 401
    await counter.ask_badly("192.0.2.1")
    assert (await counter.ask()).status_code == 200  # this token was valid here before
    assert (await counter.ask(BOB)).status_code == 429  # this one cannot be told from a guess before it is looked up
    counter.now += timedelta(seconds=20)
    assert [(await counter.ask_badly()).status_code for _ in range(2)] == [401, 429]
    counter.now += timedelta(seconds=20)
    assert [(await counter.ask(BOB)).status_code for _ in range(2)] == [200, 200]
