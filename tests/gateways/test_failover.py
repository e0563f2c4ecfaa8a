"""Failover: which gateway is tried, passed over and used again, and which messages are never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.gateways import failover
from smsbot.gateways.base import (
    Batch,
    Gateway,
    Handed,
    IncomingSms,
    OutgoingSms,
    SendError,
    SendInDoubt,
    SendLater,
    SendRefused,
    StatusReport,
    VerifiedWebhook,
    WebhookHabits,
    WebhookRequest,
)
from smsbot.gateways.circuit import FIRST_PAUSE_SECONDS
from smsbot.gateways.failover import Failover, InDoubtAt
from smsbot.gateways.http import Http, open_http
from smsbot.policy import SendingRoute
from tests.gateways.peers import SignedJsonPeer, TwilioPeer, VonagePeer

pytestmark = pytest.mark.anyio

SMS = OutgoingSms(1, "+33937000000", "+33612345678", "Bonjour")
DOWN = SendLater("ClientConnectorError", "The gateway cannot be reached.")
BROKEN = SendInDoubt("500", "It answered HTTP 500.", answered=True)
SILENT = SendInDoubt("SocketTimeoutError", "The connection broke.")
REFUSES = SendRefused("21610", "The recipient has opted out with STOP.")
LIMITS = SendLater("429", "It limits the rate.", 2.0)
CLOSED = SendLater("63038", "The daily limit.", 3600.0)
BUSY = SendLater("503", "It is unavailable.", 50.0)
ONE_LIMITED = SendLater("1241", "It limits the messages to this recipient.", 4.0, only_this_message=True)


class Taken(NamedTuple):
    """Which gateway has taken a message, its id there, and the sender from which it left."""

    gateway: str
    gateway_message_id: str
    sender: str


class Scripted:
    """A gateway that answers as the test says, and keeps the messages that it got."""

    habits = WebhookHabits()

    def __init__(self, name: str) -> None:
        self.name = name
        self.failure: SendError | None = None
        self.sent: list[OutgoingSms] = []
        self.tries = 0
        self.takes_time: Callable[[], None] = lambda: None

    async def send(self, message: OutgoingSms) -> str:
        self.tries += 1
        self.takes_time()
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)
        return f"{self.name}-{len(self.sent)}"

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        raise NotImplementedError

    def messages(self, webhook: VerifiedWebhook) -> Batch[IncomingSms]:
        raise NotImplementedError

    def statuses(self, webhook: VerifiedWebhook) -> Batch[StatusReport]:
        raise NotImplementedError


class Scene:
    """Three gateways: the second has another number, and nobody can answer the sender of the third.

    A clock, and rates.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.first, self.second, self.third = Scripted("first"), Scripted("second"), Scripted("third")
        self.routes = [
            SendingRoute("first", SMS.sender, two_way=True),
            SendingRoute("second", "36105", two_way=True),
            SendingRoute("third", "RdvSoli", two_way=False),
        ]
        self.by_name = {one.name: one for one in (self.first, self.second, self.third)}
        gateways: dict[str, Gateway] = {**self.by_name}
        self.rates: dict[str, float] = {}
        self.failover = Failover(gateways, lambda _: self.routes, clock=lambda: self.now)
        self.written = SMS.outgoing_id

    async def send(self, this: int | None = None, *, answerable: bool = False, sender: str = SMS.sender) -> Any:
        """Send a new message, or the one with this id once more. Returns `Taken`, or the error."""
        self.written += 1
        message = replace(SMS, outgoing_id=this or self.written, sender=sender)
        try:
            handed = await self.failover.send(message, answerable=answerable, rate=self.rates.get)
        except SendError as error:
            return error
        [left] = [sms for sms in self.by_name[handed.gateway].sent if sms.outgoing_id == message.outgoing_id]
        return Taken(handed.gateway, handed.gateway_message_id, left.sender)

    def hang(self) -> None:
        self.now += 10.0

    async def fail_for_long(self) -> None:
        """Let the first gateway fail until it is passed over."""
        for _ in range(3):
            await self.send()
            self.now += 2.5
        await self.send()


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_first_takes_it_and_says_so(scene: Scene) -> None:
    assert await scene.send() == Taken("first", "first-1", SMS.sender)
    assert [message.sender for message in scene.first.sent] == [SMS.sender]
    assert scene.failover.passed_over == []


@pytest.mark.parametrize("failure", [DOWN, BROKEN, SILENT, LIMITS])
async def test_one_failure_goes_back_to_delivery(scene: Scene, failure: SendError) -> None:
    scene.first.failure = failure
    error = await scene.send()
    assert isinstance(error, type(failure))
    assert (error.code, error.sentence) == (failure.code, failure.sentence)
    assert scene.second.tries == 0


@pytest.mark.parametrize("failure", [DOWN, BROKEN, SILENT, LIMITS])
async def test_who_fails_for_long_is_replaced(scene: Scene, failure: SendError) -> None:
    scene.first.failure = failure
    await scene.fail_for_long()
    tries = scene.first.tries
    assert await scene.send() == Taken("second", f"second-{len(scene.second.sent)}", "36105")
    assert scene.second.sent[-1].sender == "36105"
    assert scene.second.sent[-1].outgoing_id == scene.written
    assert scene.first.tries == tries
    assert scene.failover.passed_over == ["first"]


async def test_many_at_once_are_one_blip(scene: Scene) -> None:
    scene.first.failure = DOWN
    results = await asyncio.gather(*(scene.send() for _ in range(64)))
    assert all(isinstance(result, SendLater) for result in results)
    assert scene.failover.passed_over == []


async def test_a_limit_on_the_rate_under_which_some_pass_replaces_nobody(scene: Scene) -> None:
    for _ in range(20):
        scene.first.failure = LIMITS
        assert isinstance(await scene.send(), SendLater)
        assert isinstance(await scene.send(), SendLater)
        scene.now += 4
        scene.first.failure = None
        assert isinstance(await scene.send(), Taken)
    assert scene.second.tries == 0


async def test_a_long_wait_that_is_asked_for_is_not_waited(scene: Scene) -> None:
    scene.first.failure = CLOSED
    assert await scene.send() == Taken("second", "second-1", "36105")


async def test_the_shortest_wait_counts_where_all_want_one(scene: Scene) -> None:
    scene.first.failure, scene.second.failure = CLOSED, LIMITS
    error = await scene.send()
    assert isinstance(error, SendLater)
    assert error.retry_after == 2.0
    assert scene.third.tries == 0  # the second has not failed yet


async def test_a_refusal_is_final_and_shows_that_the_gateway_works(scene: Scene) -> None:
    scene.first.failure = DOWN
    for _ in range(2):
        await scene.send()
        scene.now += 10
    scene.first.failure = REFUSES
    assert await scene.send() is REFUSES
    assert scene.second.tries == 0
    scene.first.failure = DOWN
    assert isinstance(await scene.send(), SendLater)  # the count begins anew
    assert scene.failover.passed_over == []


@pytest.mark.parametrize("doubt", [BROKEN, SILENT])
async def test_a_doubt_is_nobody_elses_and_names_who_can_settle_it(scene: Scene, doubt: SendInDoubt) -> None:
    scene.first.failure = doubt
    for _ in range(4):
        error = await scene.send()
        assert isinstance(error, InDoubtAt)
        assert (error.gateway, error.answered) == ("first", doubt.answered)
        assert scene.second.tries == 0
        scene.now += 2


@pytest.mark.parametrize("doubt", [BROKEN, SILENT])
async def test_what_was_in_doubt_is_repeated_by_the_next(scene: Scene, doubt: SendInDoubt) -> None:
    scene.first.failure = doubt
    assert isinstance(await scene.send(7, answerable=True), InDoubtAt)
    assert await scene.send(7, answerable=True) == Taken("second", "second-1", "36105")
    assert scene.first.tries == 1
    scene.first.failure = None
    assert await scene.send() == Taken("first", "first-1", SMS.sender)  # a doubt does not affect other messages


async def test_what_was_in_doubt_with_all_goes_round(scene: Scene) -> None:
    for one in (scene.first, scene.second, scene.third):
        one.failure = SILENT
    doubts = [await scene.send(7) for _ in range(7)]
    assert [doubt.gateway for doubt in doubts] == ["first", "second", "third", "first", "second", "third", "first"]


async def test_a_doubt_with_the_only_one_is_repeated_there(scene: Scene) -> None:
    scene.routes = scene.routes[:1]
    scene.first.failure = SILENT
    assert isinstance(await scene.send(7), InDoubtAt)
    scene.first.failure = None
    assert await scene.send(7) == Taken("first", "first-1", SMS.sender)


async def test_so_many_doubts_are_remembered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "DOUBTS_REMEMBERED", 2)
    scene.first.failure = SILENT
    for this in (7, 8, 9):
        assert isinstance(await scene.send(this), InDoubtAt)
    scene.first.failure = None
    assert [(await scene.send(this)).gateway for this in (7, 8, 9)] == ["first", "second", "second"]


@pytest.mark.parametrize("failure", [DOWN, SILENT])
async def test_the_second_send_that_hangs_is_the_last(scene: Scene, failure: SendError) -> None:
    scene.first.failure, scene.first.takes_time = failure, scene.hang
    assert isinstance(await scene.send(), SendError)
    assert scene.failover.passed_over == []
    await scene.send()
    assert scene.failover.passed_over == ["first"]
    assert (await scene.send()).gateway == "second"


async def test_a_reply_does_not_wait_where_it_need_not(scene: Scene) -> None:
    scene.first.failure = BUSY
    assert await scene.send() is BUSY
    assert await scene.send(answerable=True) == Taken("second", "second-1", "36105")
    scene.first.failure = LIMITS
    assert await scene.send(answerable=True) is LIMITS


async def test_a_limit_on_one_recipient_says_nothing_of_the_gateway(scene: Scene) -> None:
    scene.first.failure = DOWN
    for _ in range(2):
        await scene.send()
        scene.now += 10
    scene.first.failure = ONE_LIMITED
    for _ in range(5):
        assert await scene.send() is ONE_LIMITED
        scene.now += 10
    assert scene.failover.passed_over == []
    scene.first.failure = DOWN
    assert await scene.send() is DOWN  # the count begins anew


async def test_who_stands_in_keeps_its_own_rate(scene: Scene) -> None:
    scene.rates["36105"] = 0.2
    scene.first.failure = CLOSED
    assert (await scene.send()).gateway == "second"
    for seconds in (4.9, 1.9):
        limited = await scene.send()
        assert isinstance(limited, SendLater)
        assert limited.only_this_message
        assert limited.retry_after == pytest.approx(seconds)
        scene.now += 3
    assert (await scene.send()).gateway == "second"
    assert scene.second.tries == 2
    assert "second" not in scene.failover.passed_over


async def test_what_it_sends_as_itself_counts_and_is_not_held_up_here(scene: Scene) -> None:
    scene.rates["36105"] = 0.2
    scene.routes = [SendingRoute("second", "36105", two_way=True)]
    for _ in range(3):
        assert (await scene.send(sender="36105")).gateway == "second"
    limited = await scene.send()
    assert isinstance(limited, SendLater)
    assert limited.retry_after == pytest.approx(14.9)


async def test_one_that_has_reached_its_rate_is_no_probe(scene: Scene) -> None:
    second, first = SendingRoute("second", "36105", two_way=True), SendingRoute("first", SMS.sender, two_way=True)
    scene.routes = [second]
    scene.second.failure = DOWN
    await scene.fail_for_long()
    scene.now += FIRST_PAUSE_SECONDS
    scene.second.failure = None
    scene.rates["36105"] = 0.2
    scene.routes = [SendingRoute("third", "36105", two_way=True)]
    assert (await scene.send()).gateway == "third"
    scene.routes = [second, first]
    assert (await scene.send()).gateway == "first"
    scene.now += 5
    assert (await scene.send()).gateway == "second"


async def test_a_reply_goes_on_where_who_stands_in_has_to_wait_for_long(scene: Scene) -> None:
    scene.routes[2] = replace(scene.routes[2], two_way=True)
    scene.rates["36105"] = 0.1
    scene.first.failure = CLOSED
    replies = [await scene.send(answerable=True) for _ in range(2)]
    assert [reply.gateway for reply in replies] == ["second", "third"]


async def test_a_doubt_of_the_replacement_is_not_carried_on_either(scene: Scene) -> None:
    scene.first.failure = DOWN
    await scene.fail_for_long()
    scene.second.failure = SILENT
    error = await scene.send()
    assert isinstance(error, InDoubtAt)
    assert error.gateway == "second"
    assert scene.third.tries == 0


async def test_it_comes_back_by_a_probe_that_costs_no_message(scene: Scene) -> None:
    scene.first.failure = DOWN
    with capture_logs() as logs:
        await scene.fail_for_long()
        scene.now += FIRST_PAUSE_SECONDS
        tries = scene.first.tries
        assert isinstance(await scene.send(), Taken)  # the probe fails, and the second takes the message at once
        assert scene.first.tries == tries + 1
        assert isinstance(await scene.send(), Taken)
        assert scene.first.tries == tries + 1
        scene.now += FIRST_PAUSE_SECONDS * 2
        scene.first.failure = None
        assert await scene.send() == Taken("first", "first-1", SMS.sender)
    assert scene.failover.passed_over == []
    assert [(log["event"], log["gateway"]) for log in logs] == [
        ("gateway fails, passed over", "first"),
        ("gateway works again", "first"),
    ]


async def test_one_probe_at_a_time(scene: Scene) -> None:
    scene.first.failure = DOWN
    await scene.fail_for_long()
    scene.now += FIRST_PAUSE_SECONDS
    tries = scene.first.tries
    results = await asyncio.gather(*(scene.send() for _ in range(20)))
    assert all(isinstance(result, Taken) and result.gateway == "second" for result in results)
    assert scene.first.tries == tries + 1


async def test_a_reply_leaves_only_from_a_sender_that_can_be_answered(scene: Scene) -> None:
    scene.first.failure = scene.second.failure = DOWN
    await scene.fail_for_long()
    await scene.fail_for_long()
    assert isinstance(await scene.send(answerable=True), SendLater)
    before = len(scene.third.sent)
    assert await scene.send() == Taken("third", f"third-{before + 1}", "RdvSoli")
    assert isinstance(await scene.send(answerable=True), SendLater)
    assert len(scene.third.sent) == before + 1


async def test_who_may_have_taken_a_message_is_known(scene: Scene) -> None:
    assert scene.failover.gateways_of(SMS.sender, answerable=False) == ["first", "second", "third"]
    assert scene.failover.gateways_of(SMS.sender, answerable=True) == ["first", "second"]


async def test_a_reply_without_any_such_way_is_refused(scene: Scene) -> None:
    scene.routes = scene.routes[2:]
    error = await scene.send(answerable=True)
    assert isinstance(error, SendRefused)
    assert scene.third.tries == 0


async def test_a_single_gateway_is_never_given_up(scene: Scene) -> None:
    scene.routes = scene.routes[:1]
    scene.first.failure = DOWN
    await scene.fail_for_long()
    assert scene.failover.passed_over == ["first"]
    assert isinstance(await scene.send(), SendLater)
    scene.first.failure = None
    assert isinstance(await scene.send(), Taken)
    assert scene.failover.passed_over == []


async def test_where_all_are_passed_over_all_are_tried(scene: Scene) -> None:
    for one in (scene.first, scene.second, scene.third):
        one.failure = DOWN
    for _ in range(5):
        await scene.fail_for_long()
    assert scene.failover.passed_over == ["first", "second", "third"]
    scene.second.failure = None
    assert isinstance(await scene.send(), Taken)
    assert scene.failover.passed_over == ["first", "third"]


async def test_a_send_that_is_cut_off_counts_as_a_failure(scene: Scene) -> None:
    class Hanging(Scripted):
        async def send(self, message: OutgoingSms) -> str:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits for so long")

    failing = Failover(
        {"first": Hanging("first"), "second": scene.second}, lambda _: scene.routes[:2], clock=lambda: scene.now
    )
    for number in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await failing.send(replace(SMS, outgoing_id=number), answerable=True)
        scene.now += 2.5
    assert failing.passed_over == ["first"]
    taken = await failing.send(SMS, answerable=True)
    assert taken.gateway == "second"


@pytest.fixture
async def one_more_http() -> AsyncIterator[Callable[[], Awaitable[Http]]]:
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(open_http())


async def send_until_taken(failing: Failover, message: OutgoingSms, tick: Callable[[], None]) -> Handed:
    """Send like delivery: again if it was certainly not taken, and again after a doubt was resolved."""
    for _ in range(30):
        try:
            return await failing.send(message, answerable=True)
        except (SendLater, SendInDoubt):
            tick()
    raise AssertionError("nobody took it")


@pytest.mark.parametrize(
    "fault",
    [
        StandInFault(status=500),
        StandInFault(status=503),
        StandInFault(status=429),
        StandInFault(cuts=True),
        StandInFault(status=401),
    ],
)
async def test_over_real_http_a_failing_gateway_is_replaced_and_returns(
    one_more_http: Callable[[], Awaitable[Http]], fault: StandInFault
) -> None:
    now = 0.0

    def tick() -> None:
        nonlocal now
        now += 2.0

    first, second, third = VonagePeer(), SignedJsonPeer(), TwilioPeer()
    aggregator = second.stand_in().start()
    with first.stand_in() as vonage, third.stand_in() as twilio:
        gateways: dict[str, Gateway] = {
            "vonage": first.gateway(await one_more_http(), vonage.url),
            "aggregator": second.gateway(await one_more_http(), aggregator.url),
            "twilio": third.gateway(await one_more_http(), twilio.url),
        }
        ways: Sequence[SendingRoute] = [
            SendingRoute("vonage", SMS.sender, two_way=True),
            SendingRoute("aggregator", "36105", two_way=True),
            SendingRoute("twilio", SMS.sender, two_way=True),
        ]
        failing = Failover(gateways, lambda _: ways, clock=lambda: now)
        assert (await failing.send(SMS, answerable=True)).gateway == "vonage"
        vonage.fail(fault, times=1000)
        for number in range(10):
            taken = await send_until_taken(failing, OutgoingSms(number, SMS.sender, SMS.recipient, "x"), tick)
            assert taken.gateway == "aggregator"
        assert [message.sender for message in aggregator.messages] == ["36105"] * 10
        assert [message.reference for message in aggregator.messages] == [str(number) for number in range(10)]
        assert len(vonage.messages) == 1
        aggregator.stop()
        assert (await send_until_taken(failing, SMS, tick)).gateway == "twilio"
        vonage.recover()
        now += 700
        assert (await failing.send(SMS, answerable=True)).gateway == "vonage"
