"""Delivery with the real gateway and mailer and their stand-ins, and with everything that can go wrong in between."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.mail_stand_in import MailFault, SmtpStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.gateways.base import DeliveryStatus, Handed, StatusReport
from smsbot.gateways.failover import Failover
from smsbot.gateways.gateway_records import RecordsOutOfReach
from smsbot.gateways.http import Http, open_http
from smsbot.gateways.twilio import TwilioGateway
from smsbot.outbox import delivery as worker
from smsbot.outbox import doubt
from smsbot.outbox.claim import Capacity, claim_outgoing
from smsbot.outbox.delivery import LEASE_MARGIN, Delivery
from smsbot.outbox.messages import ClaimedMessage, Lane, OutgoingMessage, enqueue
from smsbot.outbox.outcomes import Held, Refused, Reported, record_statuses
from smsbot.outbox.smtp import Mailer, smtp_server
from smsbot.outbox.transports import Transport, by_gateways, by_mail, mail_message_id
from smsbot.policy import Policy, UsualSender
from smsbot.runtime import Supervisor
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from tests.supervised import supervised

T = TypeVar("T")
P = ParamSpec("P")

pytestmark = pytest.mark.anyio

A, B, C = "+33600000001", "+33600000002", "+33600000003"
TAKEN = Handed("fake", "SM")


LONGEST_STEP = LEASE_MARGIN / 2


class Clock:
    """The time, which a test may set forward: directly, or whenever nothing is being sent or written.

    It then wakes the deliveries that use it.
    """

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self.busy = 0
        self.goes_for: list[Supervisor] = []

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        for supervisor in self.goes_for:
            supervisor.wake()

    def advance_when_idle(self, until: datetime | None) -> None:
        """Set the clock forward by a second, or to `until`, but not so far that a lease that was just taken ends."""
        if self.busy == 0:
            step = timedelta(seconds=1) if until is None else min(until - self(), LONGEST_STEP)
            self.advance(max(step.total_seconds(), 0.0))

    def watching(self, work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        async def watched(*arguments: P.args, **more: P.kwargs) -> T:
            self.busy += 1
            try:
                return await work(*arguments, **more)
            finally:
                self.busy -= 1

        return watched


@pytest.fixture
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    name = "sqlite_database" if "sqlite_database" in request.fixturenames else "database"
    database: Database = request.getfixturevalue(name)
    monkeypatch.setattr(database, "write", one.watching(database.write))
    return one


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for due messages twenty times a second, so that a clock set forward is noticed."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def mail_server() -> Iterator[SmtpStandIn]:
    with SmtpStandIn() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


@pytest.fixture
def sms(twilio: TwilioStandIn, http: Http) -> Transport:
    gateway = TwilioGateway(twilio.account_sid, twilio.auth_token, public_url="http://x", http=http, api_url=twilio.url)
    failover = Failover({"twilio": gateway}, Policy(usual=UsualSender(gateways=("twilio",))).routes)
    return by_gateways(failover, {"twilio": gateway.records})


def quick(way: Transport, seconds: float) -> Transport:
    return replace(way, send_seconds=seconds)


@asynccontextmanager
async def delivering(delivery: Delivery, stop_seconds: float = 5.0) -> AsyncIterator[Supervisor]:
    async with supervised(*delivery.works(stop_seconds)) as supervisor:
        if isinstance(clock := delivery._channels[0]._clock, Clock):
            clock.goes_for.append(supervisor)
        await asyncio.sleep(0)
        yield supervisor


class Doomed:
    """A delivery whose process dies: it finishes nothing and writes nothing."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._supervisor = Supervisor()
        self._supervisor.start(*delivery.works())

    async def dies(self) -> None:
        under_way = [task for channel in self._delivery._channels for task in channel._under_way]
        for task in (*self._supervisor._keepers, *under_way):
            task.cancel()
        await asyncio.wait([*self._supervisor._keepers, *under_way])


async def put(database: Database, recipient: str, body: str = "Bonjour", **fields: Any) -> int:
    message = OutgoingMessage(
        **{"channel": "sms", "kind": "reply", "sender": "36123", "recipient": recipient, "body": body} | fields
    )
    return await database.write(lambda connection: enqueue(connection, message, datetime.now(UTC)))


async def row(database: Database, this: int) -> Any:
    query = select(outgoing_messages).where(outgoing_messages.c.id == this)
    return await database.read(lambda connection: connection.execute(query).one())


async def states(database: Database) -> list[str]:
    query = select(outgoing_messages.c.state).order_by(outgoing_messages.c.id)
    return await database.read(lambda connection: list(connection.execute(query).scalars()))


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until `condition`, which may be a coroutine function, holds."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.01)


is_unfinished = outgoing_messages.c.state.in_(("waiting", "sending"))


def all_in(database: Database, state: str, while_advancing: Clock | None = None) -> Callable[[], Any]:
    """Whether all messages are in this state. Each look may set the clock forward to when the next message is due."""
    due_at = outgoing_messages.c.due_at

    async def check() -> bool:
        if while_advancing is not None:
            later = select(func.min(due_at)).where(is_unfinished, due_at > while_advancing())
            due = await database.read(lambda connection: connection.execute(later).scalar_one())
            while_advancing.advance_when_idle(due)
        return set(await states(database)) == {state}

    return check


class TestDelivering:
    async def test_an_sms_and_an_email_leave(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, mail_server: SmtpStandIn
    ) -> None:
        mailer = Mailer(smtp_server(mail_server.url))
        first = await put(database, A, "Votre RDV est annulé")
        second = await put(
            database, "usager@example.fr", "Texte", channel="email", sender="RDV <rdv@example.org>", subject="Annulé"
        )
        async with delivering(Delivery(database, sms, by_mail(mailer))):
            await until(all_in(database, "sent"))
        await mailer.close()
        assert [(message.to, message.from_, message.body) for message in twilio.messages] == [
            (A, "36123", "Votre RDV est annulé")
        ]
        mail = mail_server.wait_for(1)[0]
        assert (mail.recipients, mail.message["Subject"]) == (("usager@example.fr",), "Annulé")
        one, other = await row(database, first), await row(database, second)
        assert (one.gateway, one.gateway_message_id) == ("twilio", twilio.messages[0].sid)
        assert (other.gateway, other.gateway_message_id) == ("smtp", mail.message["Message-ID"])

    async def test_the_commit_wakes_it(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "POLL_SECONDS", 60.0)
        async with delivering(Delivery(database, sms)):
            await asyncio.sleep(0.2)
            await put(database, A)
            await until(lambda: len(twilio.messages) == 1, seconds=10)

    async def test_what_another_process_wrote_is_found_by_looking(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, often: None
    ) -> None:
        other = Database(database.url.render_as_string(hide_password=False))
        async with delivering(Delivery(database, sms)):
            await asyncio.sleep(0.2)
            await put(other, A)
            await until(lambda: len(twilio.messages) == 1)
        other.close()

    async def test_no_more_at_once_than_there_are_slots_and_all_of_them_used(self, sqlite_database: Database) -> None:
        at_once = most = 0

        async def send(_message: ClaimedMessage) -> Handed:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.02)
            at_once -= 1
            return TAKEN

        for n in range(40):
            await put(sqlite_database, f"+336000001{n:02}")
        async with delivering(Delivery(sqlite_database, Transport("sms", send, slots=8, send_seconds=5))):
            await until(all_in(sqlite_database, "sent"))
        assert most == 8

    @pytest.mark.parametrize("slots", [1, 2])
    async def test_a_full_lane_goes_on_as_soon_as_a_slot_is_free(
        self, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, slots: int
    ) -> None:
        monkeypatch.setattr(worker, "POLL_SECONDS", 60.0)

        async def send(_message: ClaimedMessage) -> Handed:
            return TAKEN

        for n in range(20):
            await put(sqlite_database, f"+336000001{n:02}")
        async with delivering(Delivery(sqlite_database, Transport("sms", send, slots, send_seconds=5))):
            await until(all_in(sqlite_database, "sent"), seconds=10)


class TestTrouble:
    @pytest.mark.parametrize(
        "fault",
        [StandInFault(status=503), StandInFault(code=20429), StandInFault(status=500), StandInFault(code=20003)],
        ids=["503", "429", "500", "wrong credentials"],
    )
    async def test_what_passes_is_tried_again(
        self,
        sqlite_database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        clock: Clock,
        often: None,
        fault: StandInFault,
    ) -> None:
        twilio.fail(fault, times=3)
        this = await put(sqlite_database, A)
        way = replace(sms, send=clock.watching(sms.send))
        async with delivering(Delivery(sqlite_database, way, clock=clock)):
            await until(all_in(sqlite_database, "sent", while_advancing=clock))
        assert (await row(sqlite_database, this)).attempts == 4
        assert len(twilio.messages) == 1

    async def test_retry_after_is_honoured(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(code=20429, retry_after=1))
        begun = time.monotonic()
        await put(sqlite_database, A)
        async with delivering(Delivery(sqlite_database, sms)):
            await until(lambda: len(twilio.messages) == 1)
        assert time.monotonic() - begun >= 1.0

    async def test_a_refusal_is_final_visible_and_lets_the_next_go(
        self, database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(code=21610), on=A)
        first, _ = await put(database, A, "1"), await put(database, A, "2")
        with capture_logs() as logs:
            async with delivering(Delivery(database, sms)):
                await until(lambda: len(twilio.messages) == 1)
        refused = await row(database, first)
        assert (refused.state, refused.error_code, refused.attempts) == ("refused", "21610", 1)
        assert refused.error == "The recipient has opted out with STOP."
        assert twilio.messages[0].body == "2"
        told = [log for log in logs if log["log_level"] == "warning"]
        assert [(log["event"], log["code"]) for log in told] == [("refused for good", "21610")]
        assert A not in str(logs)

    async def test_it_rests_in_sight_when_its_time_is_over(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        twilio.fail(StandInFault(status=503), times=1000)
        this = await put(sqlite_database, A, "1")
        async with delivering(Delivery(sqlite_database, sms, clock=clock)):
            await until(_has_failed(sqlite_database, this))
            clock.advance(3601)
            await until(all_in(sqlite_database, "resting"))
            twilio.recover()
            await put(sqlite_database, A, "2")
            await until(lambda: len(twilio.messages) == 1)
        assert (await row(sqlite_database, this)).state == "resting"
        assert twilio.messages[0].body == "2"

    async def test_a_mistake_of_ours_rests_and_is_logged(self, sqlite_database: Database) -> None:
        async def send(message: ClaimedMessage) -> Handed:
            if message.body == "1":
                raise LookupError("no such template")
            return TAKEN

        this, _ = await put(sqlite_database, A, "1"), await put(sqlite_database, A, "2")
        with capture_logs() as logs:
            async with delivering(Delivery(sqlite_database, Transport("sms", send, 4, 5.0))):
                await until(lambda: _ended(sqlite_database))
        assert await states(sqlite_database) == ["resting", "sent"]
        assert (await row(sqlite_database, this)).error_code == "unexpected"
        assert any(log["event"] == "sending failed unexpectedly" and log.get("exc_info") for log in logs)

    async def test_one_slow_recipient_holds_up_nobody_else(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(hangs_seconds=60, status=500), on=A)
        await put(sqlite_database, A, "slow")
        await put(sqlite_database, A, "behind it")
        for n in range(30):
            await put(sqlite_database, f"+336000001{n:02}")
        async with delivering(Delivery(sqlite_database, sms), stop_seconds=0.1):
            await until(lambda: len(twilio.messages) == 30)
        assert A not in {message.to for message in twilio.messages}

    async def test_one_slow_sender_holds_up_no_other_and_the_mass_no_reply(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        mass = [f"+336000001{n:02}" for n in range(60)]
        for number in mass:
            twilio.fail(StandInFault(hangs_seconds=60, status=500), on=number)
            await put(sqlite_database, number, kind="notification")
        async with delivering(Delivery(sqlite_database, replace(sms, slots=32)), stop_seconds=0.1):
            await until(lambda: twilio.requests == 24)
            await put(sqlite_database, A, "reply")
            await put(sqlite_database, B, "from another sender", kind="notification", sender="RdvSoli")
            await until(lambda: len(twilio.messages) == 2)
        assert {message.to for message in twilio.messages} == {A, B}

    async def test_a_slow_mail_server_holds_up_no_sms(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        async def stuck(_message: ClaimedMessage) -> Handed:
            await asyncio.sleep(3600)
            return TAKEN

        for n in range(20):
            await put(sqlite_database, f"{n}@example.fr", channel="email", kind="receipt")
        mail = Transport("email", stuck, slots=8, send_seconds=60)
        async with delivering(Delivery(sqlite_database, mail, sms), stop_seconds=0.1):
            await until(lambda: _being_sent(sqlite_database, 8))
            await put(sqlite_database, A)
            await until(lambda: len(twilio.messages) == 1)

    async def test_retry_after_pauses_the_sender_and_not_only_the_message(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(code=20429, retry_after=1), on=A)
        await put(sqlite_database, A)
        begun = time.monotonic()
        async with delivering(Delivery(sqlite_database, sms)):
            await until(lambda: twilio.requests == 1)
            await until(lambda: _code(sqlite_database, 1, "20429"))
            await put(sqlite_database, B)
            await put(sqlite_database, C, sender="36999")
            await until(lambda: len(twilio.messages) == 1)
            assert twilio.messages[0].to == C
            assert time.monotonic() - begun < 1.0
            await until(lambda: len(twilio.messages) == 3)
        assert time.monotonic() - begun >= 1.0

    async def test_a_rate_is_kept_and_kept_up(self, database: Database, sms: Transport, twilio: TwilioStandIn) -> None:
        for n in range(21):
            await put(database, f"+336000001{n:02}")
        way = replace(sms, rate=lambda sender: 20.0)
        begun = time.monotonic()
        async with delivering(Delivery(database, way)), delivering(Delivery(database, way)):
            await until(lambda: len(twilio.messages) == 21)
        assert 0.85 <= time.monotonic() - begun < 5

    async def test_what_nobody_waits_for_is_looked_at_once_more(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        def review(_connection: Connection, them: Sequence[ClaimedMessage], now: datetime) -> list[Refused | Held]:
            assert {message.kind for message in them} <= {"reminder", "notification"}
            dropped = [Refused(one.id, one.attempt, "overtaken", "No more.") for one in them if one.body == "stale"]
            if now < morning:
                return [*dropped, *(Held(one.id, one.attempt, morning) for one in them if one.body == "held")]
            return [*dropped]

        morning = clock() + timedelta(hours=9)
        held = await put(sqlite_database, A, "held", kind="reminder")
        stale = await put(sqlite_database, B, "stale", kind="reminder")
        await put(sqlite_database, A, "a reply meanwhile")
        await put(sqlite_database, C, "news", kind="notification")
        async with delivering(Delivery(sqlite_database, sms, review=review, clock=clock)):
            await until(lambda: len(twilio.messages) == 2)
            assert (await row(sqlite_database, held)).attempts == 0
            assert (await row(sqlite_database, stale)).state == "refused"
            clock.advance(9 * 3600)
            await until(lambda: len(twilio.messages) == 3)
        assert twilio.messages[2].body == "held"

    async def test_a_clock_that_was_ahead_delays_nothing(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        clock.advance(3600)
        message = OutgoingMessage("sms", "reply", A, "36123", "Bonjour")
        await sqlite_database.write(lambda connection: enqueue(connection, message, clock()))
        clock.advance(-3600)
        async with delivering(Delivery(sqlite_database, sms, clock=clock)):
            await until(all_in(sqlite_database, "sent"))

    async def test_a_clock_that_is_set_forward_while_it_sends_repeats_nothing(
        self, sqlite_database: Database, clock: Clock, often: None
    ) -> None:
        sends: list[int] = []
        looks: list[int] = []
        may_end = asyncio.Event()

        async def send(message: ClaimedMessage) -> Handed:
            sends.append(message.id)
            await may_end.wait()
            return TAKEN

        async def look_up(message: ClaimedMessage, _within: timedelta) -> Sequence[Handed]:
            looks.append(message.id)
            return []

        async def claimed_again() -> bool:
            due_at = select(outgoing_messages.c.due_at)
            found: datetime = await sqlite_database.read(lambda connection: connection.execute(due_at).scalar_one())
            return found > clock()

        this = await put(sqlite_database, A)
        way = Transport("sms", send, slots=4, send_seconds=60.0, look_up=look_up)
        async with delivering(Delivery(sqlite_database, way, clock=clock)):
            await until(lambda: bool(sends))
            clock.advance(3600)
            await until(claimed_again)
            may_end.set()
            await until(all_in(sqlite_database, "sent"))
        assert (sends, looks) == ([this], [])

    async def test_a_failing_database_is_waited_for_and_no_outcome_is_lost(
        self,
        sqlite_database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        often: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write = sqlite_database.write
        failures = iter([False, True, True, True])

        async def failing_write(work: Callable[[Connection], T]) -> T:
            if next(failures, False):
                raise OperationalError("COMMIT", {}, Exception("disk full"))
            return await write(work)

        await put(sqlite_database, A)
        monkeypatch.setattr(sqlite_database, "write", failing_write)
        with capture_logs() as logs:
            async with delivering(Delivery(sqlite_database, sms)):
                await until(all_in(sqlite_database, "sent"))
        assert len(twilio.messages) == 1
        assert sum(log["event"] == "database out of reach, work has to wait" for log in logs) == 3

    async def test_what_was_claimed_too_slowly_is_claimed_anew_before_it_is_sent(
        self,
        sqlite_database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        clock: Clock,
        often: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write = sqlite_database.write
        delays = iter([11, 0])

        async def slow_write(work: Callable[[Connection], T]) -> T:
            result = await write(work)
            clock.advance(next(delays, 0))
            return result

        this = await put(sqlite_database, A)
        monkeypatch.setattr(sqlite_database, "write", slow_write)
        async with delivering(Delivery(sqlite_database, sms, clock=clock)):
            await until(all_in(sqlite_database, "sent"))
        assert len(twilio.messages) == 1
        settled = await row(sqlite_database, this)
        assert (settled.attempts, settled.repeats) == (1, 0)


async def _being_sent(database: Database, number: int) -> bool:
    return (await states(database)).count("sending") == number


async def _ended(database: Database) -> bool:
    return set(await states(database)) <= {"sent", "refused", "resting"}


def _has_failed(database: Database, this: int) -> Callable[[], Any]:
    """Whether a failure of this message is in the database."""

    async def check() -> bool:
        return (await row(database, this)).error_code is not None

    return check


class TestDoubt:
    """Messages in doubt.

    A status callback or Twilio's list of messages resolves it; otherwise the kind of message decides.
    """

    async def test_a_callback_settles_it(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        twilio.fail(StandInFault(cuts=True, acts=True))
        this = await put(sqlite_database, A, "1")
        await put(sqlite_database, A, "2")
        async with delivering(Delivery(sqlite_database, replace(sms, look_up=None), clock=clock)):
            await until(lambda: _code(sqlite_database, this, "ServerDisconnectedError"))
            report = StatusReport("twilio", twilio.messages[0].sid, this, DeliveryStatus.SENT)
            [recorded] = await sqlite_database.write(lambda c: record_statuses(c, [Reported(report, clock())]))
            assert recorded is not None
            clock.advance(60)
            await until(lambda: len(twilio.messages) == 2)
        assert [message.body for message in twilio.messages] == ["1", "2"]
        settled = await row(sqlite_database, this)
        assert (settled.state, settled.repeats, settled.gateway_message_id) == ("sent", 0, twilio.messages[0].sid)

    @pytest.mark.parametrize("kind", ["reply", "notification"])
    @pytest.mark.parametrize("fault", [StandInFault(cuts=True, acts=True), StandInFault(hangs_seconds=60, acts=True)])
    async def test_what_twilio_lists_was_taken(
        self,
        database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        clock: Clock,
        often: None,
        kind: str,
        fault: StandInFault,
    ) -> None:
        twilio.fail(fault)
        this = await put(database, A, "1", kind=kind)
        await put(database, A, "2")
        async with delivering(Delivery(database, quick(sms, 1.0), clock=clock)):
            await until(lambda: _in_doubt(database, this))
            clock.advance(5)
            await until(all_in(database, "sent"))
        assert [message.body for message in twilio.messages] == ["1", "2"]
        settled = await row(database, this)
        assert (settled.attempts, settled.repeats, settled.gateway_message_id) == (1, 0, twilio.messages[0].sid)

    @pytest.mark.parametrize("kind", ["reply", "notification"])
    async def test_what_twilio_does_not_list_is_sent_again_and_no_repetition(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None, kind: str
    ) -> None:
        twilio.fail(StandInFault(cuts=True))
        this = await put(database, A, "1", kind=kind)
        await put(database, A, "2")
        async with delivering(Delivery(database, sms, clock=clock)):
            await until(lambda: _in_doubt(database, this))
            clock.advance(30)
            await asyncio.sleep(0.5)
            assert twilio.messages == []
            clock.advance(10)
            await until(all_in(database, "sent"))
        assert [message.body for message in twilio.messages] == ["1", "2"]
        settled = await row(database, this)
        assert (settled.attempts, settled.repeats) == (2, 0)

    async def test_each_message_there_counts_for_one_of_ours(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        first = await put(sqlite_database, A, "the same")
        async with delivering(Delivery(sqlite_database, sms, clock=clock)):
            await until(all_in(sqlite_database, "sent"))
            twilio.fail(StandInFault(cuts=True))
            second = await put(sqlite_database, A, "the same")
            await until(lambda: _in_doubt(sqlite_database, second))
            clock.advance(45)
            await until(all_in(sqlite_database, "sent"))
        assert len(twilio.messages) == 2
        sids = [(await row(sqlite_database, this)).gateway_message_id for this in (first, second)]
        assert sids == [message.sid for message in twilio.messages]

    @pytest.mark.parametrize("takes", [True, False])
    async def test_an_error_is_an_answer_so_the_list_is_believed_at_once(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, often: None, takes: bool
    ) -> None:
        twilio.fail(StandInFault(status=500, acts=takes))
        this = await put(sqlite_database, A)
        async with delivering(Delivery(sqlite_database, sms)):
            await until(all_in(sqlite_database, "sent"), seconds=10)
        assert len(twilio.messages) == 1
        settled = await row(sqlite_database, this)
        assert (settled.attempts, settled.repeats) == (1 if takes else 2, 0)

    @pytest.mark.parametrize(
        ("kind", "state", "taken"), [("reply", "sent", 2), ("notification", "resting", 1), ("reminder", "resting", 1)]
    )
    async def test_what_nobody_can_say_is_repeated_and_counted_or_rests_in_sight(
        self,
        sqlite_database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        clock: Clock,
        often: None,
        kind: str,
        state: str,
        taken: int,
    ) -> None:
        twilio.fail(StandInFault(cuts=True, acts=True))
        this = await put(sqlite_database, A, kind=kind)
        begun = clock()
        with capture_logs() as logs:
            async with delivering(Delivery(sqlite_database, replace(sms, look_up=out_of_reach), clock=clock)):
                await until(all_in(sqlite_database, state, while_advancing=clock))
        assert clock() - begun < timedelta(minutes=3)
        assert len(twilio.messages) == taken
        settled = await row(sqlite_database, this)
        assert settled.repeats == taken - 1
        if state == "resting":
            assert settled.error_code == "in-doubt"
            assert "taken it or not" in settled.error
        else:
            assert any(log["event"] == "sent again, may have been taken before" for log in logs)

    async def test_a_callback_settles_what_rests_too(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        twilio.fail(StandInFault(cuts=True, acts=True))
        this = await put(sqlite_database, A, kind="notification")
        async with delivering(Delivery(sqlite_database, replace(sms, look_up=out_of_reach), clock=clock)):
            await until(all_in(sqlite_database, "resting", while_advancing=clock))
        report = StatusReport("twilio", twilio.messages[0].sid, this, DeliveryStatus.DELIVERED)
        await sqlite_database.write(lambda connection: record_statuses(connection, [Reported(report, clock())]))
        assert await states(sqlite_database) == ["sent"]

    async def test_a_mistake_in_looking_settles_nothing(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        async def mistaken(_message: ClaimedMessage, _within: timedelta) -> list[Handed]:
            raise ZeroDivisionError

        twilio.fail(StandInFault(cuts=True, acts=True))
        await put(sqlite_database, A, kind="notification")
        async with delivering(Delivery(sqlite_database, replace(sms, look_up=mistaken), clock=clock)):
            await until(all_in(sqlite_database, "resting", while_advancing=clock))

    async def test_a_look_that_never_ends_is_none(
        self,
        sqlite_database: Database,
        sms: Transport,
        twilio: TwilioStandIn,
        clock: Clock,
        often: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def endless(_message: ClaimedMessage, _within: timedelta) -> list[Handed]:
            await asyncio.sleep(3600)
            return []

        monkeypatch.setattr(doubt, "LOOK_UP_SECONDS", 0.02)
        twilio.fail(StandInFault(cuts=True, acts=True))
        await put(sqlite_database, A, kind="reply")
        async with delivering(Delivery(sqlite_database, replace(sms, look_up=clock.watching(endless)), clock=clock)):
            await until(all_in(sqlite_database, "sent", while_advancing=clock))
        assert len(twilio.messages) == 2

    @pytest.mark.parametrize(("kind", "state", "received"), [("receipt", "sent", 2), ("reminder", "resting", 1)])
    async def test_of_an_email_nobody_can_say_and_it_is_recognisable_when_it_comes_twice(
        self,
        sqlite_database: Database,
        mail_server: SmtpStandIn,
        clock: Clock,
        often: None,
        kind: str,
        state: str,
        received: int,
    ) -> None:
        mail_server.fail(MailFault("DATA", cuts=True, takes=True))
        mailer = Mailer(smtp_server(mail_server.url))
        this = await put(sqlite_database, "a@example.fr", channel="email", kind=kind, sender="rdv@example.org")
        async with delivering(Delivery(sqlite_database, by_mail(mailer), clock=clock)):
            await until(lambda: _code(sqlite_database, this, "in-doubt"))
            clock.advance(41)
            await until(all_in(sqlite_database, state))
        await mailer.close()
        assert (await row(sqlite_database, this)).repeats == received - 1
        ids = {mail.message["Message-ID"] for mail in mail_server.messages}
        assert len(mail_server.messages) == received
        assert len(ids) == 1
        identifier = ids.pop()
        assert identifier.startswith(f"<outgoing-{this}.")
        assert identifier.endswith("@example.org>")


async def out_of_reach(_message: ClaimedMessage, _within: timedelta) -> list[Handed]:
    raise RecordsOutOfReach("The list cannot be reached.")


async def _in_doubt(database: Database, this: int) -> bool:
    found = await row(database, this)
    return found.state == "sending" and found.error_code is not None


async def _code(database: Database, this: int, code: str) -> bool:
    return bool((await row(database, this)).error_code == code)


@pytest.mark.parametrize(
    ("sender", "domain"),
    [("rdv@example.org", "example.org"), ("RDV Soli <rdv@example.org>", "example.org"), ("", "localhost")],
)
async def test_the_message_id_has_the_senders_domain(sender: str, domain: str) -> None:
    written = datetime(2026, 5, 4, 10, tzinfo=UTC)
    message = ClaimedMessage(
        id=7,
        channel="email",
        lane=Lane.CONVERSATION,
        kind="receipt",
        recipient="a@b.fr",
        sender=sender,
        subject=None,
        body="",
        html=None,
        calendar=None,
        calendar_method=None,
        reply_to=None,
        participation_id=None,
        created_at=written,
        attempt=3,
        attempted_at=written,
        repeats=0,
        gateway=None,
        in_doubt=False,
    )
    assert mail_message_id(message) == f"<outgoing-7.1777888800000000@{domain}>"


class TestEnding:
    async def test_stopping_lets_sends_end_and_writes_them_down(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(hangs_seconds=0.3), times=5)
        for n in range(5):
            await put(sqlite_database, f"+3360000000{n}")
        delivery = Delivery(sqlite_database, sms)
        async with delivering(delivery) as supervisor:
            await until(lambda: twilio.requests == 5)
            stopping = asyncio.create_task(supervisor.stop())
            await asyncio.sleep(0)
            await put(sqlite_database, C, "too late for this process")
            await stopping
        assert await states(sqlite_database) == ["sent"] * 5 + ["waiting"]

    async def test_stopping_does_not_wait_for_ever(
        self, sqlite_database: Database, sms: Transport, twilio: TwilioStandIn
    ) -> None:
        twilio.fail(StandInFault(hangs_seconds=60))
        await put(sqlite_database, A)
        begun = time.monotonic()
        async with delivering(Delivery(sqlite_database, sms), stop_seconds=0.2):
            await until(lambda: twilio.requests == 1)
        assert time.monotonic() - begun < 10
        assert await states(sqlite_database) == ["sending"]

    @pytest.mark.parametrize("takes", [True, False])
    async def test_one_that_dies_between_claim_and_answer_loses_nothing_and_repeats_nothing(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None, takes: bool
    ) -> None:
        twilio.fail(StandInFault(hangs_seconds=60, status=500, acts=takes))
        this = await put(database, A, "1")
        await put(database, A, "2")
        dying = Doomed(Delivery(database, sms, clock=clock))
        await until(lambda: twilio.requests == 1)
        await dying.dies()
        assert (await row(database, this)).state == "sending"
        async with delivering(Delivery(database, sms, clock=clock)):
            await asyncio.sleep(0.3)
            assert len(twilio.messages) == takes  # the lease has not ended yet
            clock.advance(41)
            await until(all_in(database, "sent"))
        assert [message.body for message in twilio.messages] == ["1", "2"]
        assert (await row(database, this)).repeats == 0

    async def test_one_that_dies_right_after_the_claim_loses_nothing(
        self, database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None
    ) -> None:
        await put(database, A)
        lease_until = clock() + timedelta(seconds=40)
        room = Capacity(9, {}, 0, lambda sender: None, lambda: 0.0)
        await database.write(
            lambda connection: claim_outgoing(
                connection, "sms", clock(), room, lease=lease_until, doubt_lease=lease_until
            )
        )
        async with delivering(Delivery(database, sms, clock=clock)):
            clock.advance(41)
            await until(all_in(database, "sent"))
        assert len(twilio.messages) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_order_per_phone_survives_any_weather_and_nothing_is_lost(
    database: Database, sms: Transport, twilio: TwilioStandIn, clock: Clock, often: None, seed: int
) -> None:
    """Two deliveries share one database, one of them dies, and all kinds of faults happen."""
    chance = random.Random(seed)
    faults = [
        StandInFault(status=500),
        StandInFault(status=503),
        StandInFault(code=20429, retry_after=1),
        StandInFault(cuts=True),
        StandInFault(cuts=True, acts=True),
        StandInFault(code=20500, acts=True),
        StandInFault(hangs_seconds=5),
    ]
    for fault in chance.choices(faults, k=30):
        twilio.fail(fault)
    phones = [f"+3360000010{n}" for n in range(6)]
    written: dict[str, list[str]] = defaultdict(list)
    for number in range(60):
        phone = chance.choice(phones)
        written[phone].append(str(number))
        await put(database, phone, str(number))
    assert sms.look_up is not None
    way = replace(sms, send=clock.watching(sms.send), look_up=clock.watching(sms.look_up), send_seconds=0.5)
    doomed = Doomed(Delivery(database, way, clock=clock))
    async with delivering(Delivery(database, way, clock=clock)):
        await asyncio.sleep(chance.random())
        await doomed.dies()

        await until(all_in(database, "sent", while_advancing=clock), seconds=150)
    arrived: dict[str, list[str]] = defaultdict(list)
    for message in twilio.messages:
        arrived[message.to].append(message.body)
    for phone in phones:
        assert arrived[phone] == written[phone], "in order, and every doubt settled without a repetition"
    repeats = select(outgoing_messages.c.repeats)
    assert await database.read(lambda connection: sum(connection.execute(repeats).scalars())) == 0
