"""Delivery: takes messages from the outbox and hands them to the gateway or the mail server, as long as it runs.

Each channel works in rounds. In each round, one transaction records how the last sends ended and claims as many
messages as can be sent at once. Then they are sent. So one transaction serves many messages, and no claimed message has
to wait. A round begins when a commit has enqueued something or a send has ended, and at least once a second. If the
process dies, its leases end and another process continues.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from smsbot.gateways.base import SendInDoubt, SendLater, SendRefused
from smsbot.instants import utc_now
from smsbot.logs import about
from smsbot.outbox.claim import Capacity, Claimed, claim_outgoing
from smsbot.outbox.doubt import LOOK_UP_SECONDS, Doubts
from smsbot.outbox.messages import UNASKED, ClaimedMessage, Lane, make_up_for_clock, topic
from smsbot.outbox.outcomes import Held, InDoubt, Outcome, Postponed, Refused, Resting, Sent, settle
from smsbot.outbox.pacing import after_failure, pause
from smsbot.outbox.transports import Transport
from smsbot.runtime import PeriodicWork, wake_in
from smsbot.store.database import Database

POLL_SECONDS = 1.0
LEASE_MARGIN = timedelta(seconds=10)
"""A lease lasts this much longer than its send can take, so that the result is recorded before the lease ends."""
CLOCK_CHECKED_EVERY = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
"""The longest pause of a sender, whatever its gateway asks for. Then it is tried again: it may work by then."""

Review = Callable[[Connection, Sequence[ClaimedMessage], datetime], Sequence[Refused | Held]]
"""Checks notifications and reminders just before they are sent. Returns those that must never be sent (Refused) or
must not be sent now (Held).
"""

logger = structlog.get_logger(__name__)


def _all_may_leave(_connection: Connection, _messages: Sequence[ClaimedMessage], _now: datetime) -> tuple[()]:
    return ()


def work_name(channel: str) -> str:
    """The name by which the supervisor knows the delivery of this channel."""
    return f"delivery_{channel}"


class Delivery:
    """Delivers on all channels in one process. Nothing is lost when the process dies."""

    def __init__(
        self,
        database: Database,
        *transports: Transport,
        review: Review = _all_may_leave,
        clock: Callable[[], datetime] = utc_now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._channels = [_ChannelRounds(database, transport, review, clock, draw) for transport in transports]

    def works(self, seconds_to_end: float = 5.0) -> list[PeriodicWork]:
        """The work for a supervisor, one piece for each channel. Call this inside the event loop that will run it.

        When the work is stopped, no more messages are claimed. Sends under way get `seconds_to_end` to finish, and
        their results are recorded.
        """
        return [channel_rounds.work(seconds_to_end) for channel_rounds in self._channels]


class _ChannelRounds:
    def __init__(
        self,
        database: Database,
        transport: Transport,
        review: Review,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
    ) -> None:
        self._database = database
        self._transport = transport
        self._review = review
        self._clock = clock
        self._draw = draw
        self._doubts = Doubts(database, transport, clock, draw)
        self._lease = timedelta(seconds=transport.send_seconds) + LEASE_MARGIN
        self._doubt_lease = timedelta(seconds=LOOK_UP_SECONDS) + LEASE_MARGIN
        self._under_way: set[asyncio.Task[None]] = set()
        self._sending: set[int] = set()
        self._busy: Counter[tuple[str, Lane]] = Counter()
        self._looking = 0
        self._outcomes: list[Outcome] = []
        self._pauses: dict[str, datetime] = {}
        self._clock_checked_at: datetime | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    def work(self, seconds_to_end: float) -> PeriodicWork:
        loop = asyncio.get_running_loop()
        self._database.subscribe(topic(self._transport.channel), lambda: wake_in(loop, self._wake))
        every = timedelta(seconds=POLL_SECONDS)
        finish = partial(self._finish, seconds_to_end)
        return PeriodicWork(work_name(self._transport.channel), self._round, every, finish, self._wake)

    async def _finish(self, seconds: float) -> None:
        self._stopping = True
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=seconds)
            await self._round()
        finally:
            for task in self._under_way:
                task.cancel()

    async def _round(self) -> None:
        """One round, as the module's docstring explains.

        If the database fails, nothing has changed, and the next round does the same again.
        """
        outcomes, self._outcomes = self._outcomes, []
        sending = frozenset(self._sending)
        pauses, self._pauses = self._pauses, {}
        now = self._clock()
        checks_clock = self._clock_checked_at is None or abs(now - self._clock_checked_at) >= CLOCK_CHECKED_EVERY

        def exchange(connection: Connection) -> Claimed:
            settle(connection, outcomes, now)
            pause(connection, self._transport.channel, pauses, now)
            if checks_clock:
                make_up_for_clock(connection, now)
            return Claimed() if self._stopping else self._claim(connection, now)

        try:
            claimed = await self._database.write(exchange)
        except BaseException:
            self._outcomes = outcomes + self._outcomes
            self._pauses = pauses | self._pauses
            raise
        if checks_clock:
            self._clock_checked_at = now
        for message in claimed.messages:
            # If a lease ends while its send is under way, the clock was set forward: the send goes on.
            if not (message.in_doubt and message.id in sending):
                self._begin(message)
        if claimed.again_at is not None:
            self._wake_at(claimed.again_at)

    def _claim(self, connection: Connection, now: datetime) -> Claimed:
        """Claim what may be sent, and put back notifications and reminders that must not be sent now."""
        room = Capacity(self._transport.slots, self._busy, self._looking, self._transport.rate, self._draw)
        claimed = claim_outgoing(
            connection,
            self._transport.channel,
            now,
            room,
            lease=now + self._lease,
            doubt_lease=now + self._doubt_lease,
        )
        unasked = [one for one in claimed.messages if one.kind in UNASKED and not one.in_doubt]
        if unasked and (verdicts := self._review(connection, unasked, now)):
            settle(connection, verdicts, now)
            kept_back = {verdict.id for verdict in verdicts}
            claimed.messages = [one for one in claimed.messages if one.id not in kept_back]
        return claimed

    def _begin(self, message: ClaimedMessage) -> None:
        if message.in_doubt:
            self._looking += 1
        else:
            self._sending.add(message.id)
            self._busy[message.sender, message.lane] += 1
        self._under_way.add(asyncio.create_task(self._work_on(message)))

    async def _work_on(self, message: ClaimedMessage) -> None:
        with about(message.recipient):
            await self._bring_to_an_end(message)

    async def _bring_to_an_end(self, message: ClaimedMessage) -> None:
        try:
            outcome = await (self._doubts.look_into(message) if message.in_doubt else self._send(message))
            self._outcomes.append(outcome)
        finally:
            self._under_way.discard(_this_task())  # before the wake-up, so that the next round can use this slot
            if message.in_doubt:
                self._looking -= 1
            else:
                self._sending.discard(message.id)
                self._busy[message.sender, message.lane] -= 1
            self._wake.set()
        _tell(outcome)
        if isinstance(outcome, Postponed | InDoubt):
            self._wake_at(outcome.due_at)

    async def _send(self, message: ClaimedMessage) -> Outcome:
        if (now := self._clock()) - message.attempted_at > LEASE_MARGIN:
            return Held(message.id, message.attempt, now)  # the commit was slow; the send could last beyond the lease
        try:
            async with asyncio.timeout(self._transport.send_seconds):
                handed = await self._transport.send(message)
        except SendInDoubt as doubt:
            return await self._doubts.arisen(message, doubt)
        except TimeoutError:
            late = SendInDoubt("timeout", f"There was no answer within {self._transport.send_seconds:g} seconds.")
            return await self._doubts.arisen(message, late)
        except (SendRefused, SendLater) as error:
            now = self._clock()
            if isinstance(error, SendLater) and error.retry_after is not None and not error.only_this_message:
                self._pauses[message.sender] = now + min(timedelta(seconds=error.retry_after), LONGEST_PAUSE)
            return after_failure(message, error, now, self._draw)
        except Exception:
            # A bug, or something odd in this message. Trying again does not help: the message rests, and the next
            # messages are sent.
            logger.exception("sending failed unexpectedly", outgoing_id=message.id)
            return Resting(message.id, message.attempt, "unexpected", "Sending failed unexpectedly: see the log.")
        return Sent(message.id, message.attempt, handed)

    def _wake_at(self, moment: datetime) -> None:
        """Wake up at `moment`, if it is before the next regular round."""
        wait = (moment - self._clock()).total_seconds()
        if wait < POLL_SECONDS:
            asyncio.get_running_loop().call_later(max(wait, 0.0), self._wake.set)


def _tell(outcome: Outcome) -> None:
    if isinstance(outcome, Held):
        return
    if isinstance(outcome, Sent):
        logger.debug("sent", outgoing_id=outcome.id, gateway=outcome.handed.gateway, attempt=outcome.attempt)
        return
    how = {"outgoing_id": outcome.id, "attempt": outcome.attempt, "code": outcome.code, "sentence": outcome.sentence}
    if isinstance(outcome, Refused):
        logger.warning("refused for good", **how)
    elif isinstance(outcome, Resting):
        logger.error("given up, resting", **how)
    elif isinstance(outcome, InDoubt):
        logger.info("in doubt", **how)
    elif outcome.is_repetition:
        logger.warning("sent again, may have been taken before", **how)
    else:
        logger.info("not sent yet", **how)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task
