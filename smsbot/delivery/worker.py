"""Delivery: takes messages from the outbox and hands them to the gateway or the mail server, for as long as it runs.

Each channel has a lane of its own, with so many sends at once. A lane turns in one circle: write down what has become
of the sends that ended, claim as many due messages as there are free slots, both in one transaction, and begin those.
So the cost of transactions is shared by all that happened meanwhile, and nothing ever waits claimed. A commit that
enqueued something wakes the lane at once; behind that it looks by itself every second. If the process dies, leases end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import structlog
from sqlalchemy import Connection

from smsbot.delivery import outbox
from smsbot.delivery.mail import Mailer
from smsbot.delivery.outbox import Channel, ClaimedMessage, Outcome, Postponed, Refused, Resting, Sent
from smsbot.delivery.retries import after_failure
from smsbot.gateways.base import Gateway, OutgoingSms, SendError, SendInDoubt
from smsbot.gateways.failover import Failover, Taken
from smsbot.store.database import Database

POLL_SECONDS = 1.0
LEASE_MARGIN = timedelta(seconds=15)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """How one channel's messages leave: by whom, how many at once, and how long one send may take.

    `send` gives the message's id there, or `Taken` where it is not always `name` that takes it. A lease outlives its
    send by `LEASE_MARGIN`, so that the end of a send is written down before it counts as lost.
    """

    channel: Channel
    name: str
    send: Callable[[ClaimedMessage], Awaitable[str | Taken]]
    slots: int
    send_seconds: float


def by_gateway(gateway: Gateway, *, slots: int = 64, send_seconds: float = 25.0) -> Way:
    """SMS through a telecom gateway."""

    async def send(message: ClaimedMessage) -> str:
        return await gateway.send(OutgoingSms(message.id, message.sender, message.recipient, message.body))

    return Way("sms", gateway.name, send, slots, send_seconds)


def by_gateways(gateways: Failover, *, slots: int = 64, send_seconds: float = 25.0) -> Way:
    """SMS by the gateways of each sender's channel; a reply only from a sender whose answers reach us."""

    async def send(message: ClaimedMessage) -> Taken:
        sms = OutgoingSms(message.id, message.sender, message.recipient, message.body)
        return await gateways.send(sms, answerable=message.kind == "reply")

    return Way("sms", "gateways", send, slots, send_seconds)


def by_mail(
    mailer: Mailer,
    build_email: Callable[[ClaimedMessage, str], EmailMessage],
    *,
    slots: int = 8,
    send_seconds: float = 75.0,
) -> Way:
    """E-mail through an SMTP server. `build_email` takes the message and its Message-ID."""

    async def send(message: ClaimedMessage) -> str:
        identifier = message_id(message)
        await mailer.send(build_email(message, identifier), message.recipient)
        return identifier

    return Way("email", mailer.name, send, slots, send_seconds)


def message_id(message: ClaimedMessage) -> str:
    """The Message-ID of an e-mail (RFC 5322, 3.6.4): the same for each attempt, so that repeats can be recognised."""
    domain = message.sender.rpartition("@")[2].rstrip("> ")
    written = int(message.created_at.timestamp() * 1_000_000)
    return f"<outgoing-{message.id}.{written}@{domain or 'localhost'}>"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Delivery:
    """All lanes of one process. `run` until `stop`; a process that dies instead loses nothing."""

    def __init__(
        self,
        database: Database,
        *ways: Way,
        clock: Callable[[], datetime] = _utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._lanes = [_Lane(database, way, clock, draw) for way in ways]

    async def run(self) -> None:
        """Deliver until `stop`. A failing database is waited for; nothing else ends it but being cancelled."""
        async with asyncio.TaskGroup() as lanes:
            for lane in self._lanes:
                lanes.create_task(lane.run())

    async def stop(self, seconds: float = 5.0) -> None:
        """Claim nothing more, let sends end for up to `seconds`, and write down what became of them."""
        await asyncio.gather(*(lane.stop(seconds) for lane in self._lanes))


class _Lane:
    def __init__(self, database: Database, way: Way, clock: Callable[[], datetime], draw: Callable[[], float]) -> None:
        self._database = database
        self._way = way
        self._clock = clock
        self._draw = draw
        self._lease = timedelta(seconds=way.send_seconds) + LEASE_MARGIN
        self._sends: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._seconds_to_end = 0.0
        self._ended = asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        self._ended.clear()
        loop = asyncio.get_running_loop()
        self._database.subscribe(outbox.topic(self._way.channel), lambda: _wake(loop, self._wake))
        try:
            while not self._stopping:
                self._wake.clear()
                if await self._turn(free=self._way.slots - len(self._sends)):
                    await self._woken(POLL_SECONDS)
                else:
                    await asyncio.sleep(POLL_SECONDS)
            if self._sends:
                await asyncio.wait(self._sends, timeout=self._seconds_to_end)
            await self._turn(free=0)
        finally:
            for send in self._sends:
                send.cancel()
            self._ended.set()

    async def stop(self, seconds: float) -> None:
        self._seconds_to_end = seconds
        self._stopping = True
        self._wake.set()
        await self._ended.wait()

    async def _woken(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _turn(self, free: int) -> bool:
        """Once around; False where the database would not have it, and then all is as before."""
        outcomes, self._outcomes = self._outcomes, []
        now = self._clock()

        def exchange(connection: Connection) -> list[ClaimedMessage]:
            outbox.settle(connection, outcomes, now)
            return outbox.claim(connection, self._way.channel, now, at_most=free, lease_until=now + self._lease)

        try:
            claimed = await self._database.write(exchange)
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane lives on and tries again
            self._outcomes = outcomes + self._outcomes
            logger.error("outbox out of reach", channel=self._way.channel, error=type(error).__name__)
            return False
        if self._clock() - now > LEASE_MARGIN:  # the commit took so long that a send could outlive its lease
            self._outcomes += [_not_begun(message, now) for message in claimed]
            self._wake.set()
            return True
        for message in claimed:
            self._sends.add(asyncio.create_task(self._send(message)))
        return True

    async def _send(self, message: ClaimedMessage) -> None:
        if message.in_doubt:
            logger.warning("sent again, may have been taken before", outgoing_id=message.id, attempt=message.attempt)
        try:
            outcome = await self._outcome_of(message)
            self._outcomes.append(outcome)
        finally:
            self._sends.discard(_this_task())  # the slot is free before the lane wakes
            self._wake.set()
        _tell(outcome)
        if isinstance(outcome, Postponed):
            wait = (outcome.due_at - self._clock()).total_seconds()
            asyncio.get_running_loop().call_later(max(wait, 0.0), self._wake.set)

    async def _outcome_of(self, message: ClaimedMessage) -> Outcome:
        try:
            async with asyncio.timeout(self._way.send_seconds):
                taken = await self._way.send(message)
        except SendError as error:
            return after_failure(message, error, self._clock(), self._draw)
        except TimeoutError:
            late = SendInDoubt("timeout", f"There was no answer within {self._way.send_seconds:g} seconds.")
            return after_failure(message, late, self._clock(), self._draw)
        except Exception:
            # A mistake of ours, in this message or in the code, that no repetition mends: what follows it may go.
            logger.exception("sending failed unexpectedly", outgoing_id=message.id)
            return Resting(message.id, message.attempt, "unexpected", "Sending failed unexpectedly: see the log.")
        if isinstance(taken, str):
            taken = Taken(self._way.name, taken, message.sender)
        return Sent(message.id, message.attempt, taken.gateway, taken.gateway_message_id)


def _not_begun(message: ClaimedMessage, due_at: datetime) -> Postponed:
    why = "The database was too slow for a send to begin."
    return Postponed(message.id, message.attempt, "late", why, due_at, message.in_doubt)


def _tell(outcome: Outcome) -> None:
    if isinstance(outcome, Sent):
        logger.debug("sent", outgoing_id=outcome.id, gateway=outcome.gateway, attempt=outcome.attempt)
        return
    how = {"outgoing_id": outcome.id, "attempt": outcome.attempt, "code": outcome.code, "sentence": outcome.sentence}
    if isinstance(outcome, Refused):
        logger.warning("refused for good", **how)
    elif isinstance(outcome, Resting):
        logger.error("given up, resting in sight", **how)
    else:
        logger.info("not sent yet", **how, in_doubt=outcome.in_doubt)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """From the thread that has committed. A loop that is gone has nobody to wake."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task
