"""Carries out, at their sources, the requests that were made here: to cancel, or to take a cancellation back.

    claim a request  ->  attempt (`carrying_attempt`)  ->  write the outcome, or put the request back for later

The outcome is written in one transaction with all messages about it, and only by the process that still has the lease.
If a process dies, the lease of its request ends, and the next attempt reads how far it came.

Before the request ends, the source's answer is taken in like a webhook (`smsbot.incoming.arrival`). This tells the
other people concerned. The usager who made the request is told here, and only here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, update

from smsbot.appointments.audit import note
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import Arrivals, lock, take_record
from smsbot.appointments.participation_queries import hold_participations_of
from smsbot.appointments.request_attempts import claim_requests, finish_request, is_any_due, postpone
from smsbot.appointments.requests import TOPIC, CancellationRequest, note_registered, unregistered
from smsbot.appointments.undoing import taken_back_there
from smsbot.connected.carrying_attempt import LEASE, AttemptEnding, CarryingAttempt, LeaseLost
from smsbot.connected.connections import SourceConnection
from smsbot.connected.judging import RequestOutcome, statuses
from smsbot.connected.request_answers import RequestAnswers
from smsbot.connected.source_api import CallFailedForNow, SourceApi, SourceCallFailed
from smsbot.logs import about
from smsbot.model import Actor, Status, Via
from smsbot.runtime import DATABASE_OUTAGE, PeriodicWork, wake_in
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent
from smsbot.store.database import Database
from smsbot.store.tables import appointments

CARRYING_OUT = "carrying_out"
"""The name of this work for the supervisor."""
POLL_SECONDS = 1.0
AT_ONCE = 32
"""How many requests one process carries out at the same time."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)
LONGEST_ASKED_PAUSE = timedelta(minutes=10)
"""If a source asks for a longer Retry-After, we only wait this long."""
UNTIL_SIGNED_IN = timedelta(seconds=15)

logger = structlog.get_logger(__name__)


class Carrying:
    """Carries requests out in one process. `apis` and `connections` are the connected sources by name."""

    def __init__(
        self,
        database: Database,
        door: Door,
        arrivals: Arrivals,
        answers: RequestAnswers,
        apis: Mapping[str, SourceApi],
        connections: Mapping[str, SourceConnection],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._door = door
        self._arrivals = arrivals
        self._answers = answers
        self._apis = apis
        self._connections = connections
        self._clock = clock
        self._under_way: dict[asyncio.Task[None], CarryingAttempt] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    def work(self, seconds_to_end: float = 5.0) -> PeriodicWork:
        """The work for a supervisor to run. Call this inside the event loop in which it will run.

        When it is stopped, running attempts have `seconds_to_end` to end. The others are left to the next start.
        """
        loop = asyncio.get_running_loop()
        self._database.subscribe(TOPIC, lambda: wake_in(loop, self._wake))
        finish = partial(self._finish, seconds_to_end)
        return PeriodicWork(CARRYING_OUT, self.once, timedelta(seconds=POLL_SECONDS), finish, self._wake)

    async def once(self) -> None:
        """One round: tell usagers who have waited too long, and begin requests that are due. Waits for no source."""
        now = self._clock()
        due, impatient = await self._database.read(partial(self._look, now=now))
        if impatient:
            await self._database.write(partial(self._tell_registered, requests=impatient, now=now))
        room = AT_ONCE - len(self._under_way)
        if due and room > 0 and not self._stopping:
            claim = partial(claim_requests, now=now, lease=now + LEASE, at_most=room, sources=list(self._apis))
            for request in await self._database.write(claim):
                self._begin(request)

    async def settled(self) -> None:
        """Wait until no attempt is running."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _finish(self, seconds: float) -> None:
        self._stopping = True
        if self._under_way:
            await asyncio.wait(list(self._under_way), timeout=seconds)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(list(left))
        for attempt in left.values():
            problem = CallFailedForNow("The service was stopped in the meantime.")
            await self._database.write(partial(_put_back, attempt=attempt, due_at=self._clock(), problem=problem))

    # Patience -------------------------------------------------------------------------------------------------------

    def _look(self, connection: Connection, now: datetime) -> tuple[bool, list[CancellationRequest]]:
        impatient = [
            request
            for name, source in self._connections.items()
            for request in unregistered(connection, name, now - source.patience)
        ]
        return is_any_due(connection, now, sources=list(self._apis)), impatient

    def _tell_registered(self, connection: Connection, requests: Sequence[CancellationRequest], now: datetime) -> None:
        for request in requests:
            if note_registered(connection, request.id, now):
                self._answers.registered(connection, request, now)

    # One attempt ----------------------------------------------------------------------------------------------------

    def _begin(self, request: CancellationRequest) -> None:
        attempt = CarryingAttempt(request, self._apis[request.source], self._database, self._clock)
        task = asyncio.create_task(self._make(attempt))
        self._under_way[task] = attempt
        task.add_done_callback(self._ended)
        patience = self._connections[request.source].patience
        self._wake_at(request.requested_at + patience, within=patience.total_seconds() + POLL_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease ends by itself, and the next attempt reads the appointment at the source.
            logger.error("the outcome of a request could not be written", error=type(error).__name__)

    async def _make(self, attempt: CarryingAttempt) -> None:
        try:
            try:
                ending = await attempt.make()
            except SourceCallFailed as problem:
                await self._postpone(attempt, problem)
                return
            except (LeaseLost, *DATABASE_OUTAGE):
                raise
            except Exception:
                with about(attempt.contact):
                    logger.exception("an attempt failed unexpectedly", request_id=attempt.request.id)
                await self._postpone(attempt, CallFailedForNow("The attempt failed unexpectedly: see the log."))
                return
            await self._database.write(partial(self._conclude, attempt=attempt, ending=ending, now=self._clock()))
        except LeaseLost:
            logger.warning("another process has taken a request over", request_id=attempt.request.id)
        else:
            with about(attempt.contact):
                _log_ending(attempt.request, ending)

    async def _postpone(self, attempt: CarryingAttempt, problem: SourceCallFailed) -> None:
        now = self._clock()
        due_at = now + (_pause(attempt.request, problem) if attempt.counts(problem) else UNTIL_SIGNED_IN)
        if now < attempt.ends_at < due_at:
            due_at = attempt.ends_at  # the appointment begins before that, and the request is then given up
        how = {"request_id": attempt.request.id, "source": attempt.request.source, "sentence": problem.sentence}
        with about(attempt.contact):
            logger.info("not carried out yet", attempt=attempt.request.attempts, **how)
        await self._database.write(partial(_put_back, attempt=attempt, due_at=due_at, problem=problem))
        self._wake_at(due_at)

    def _wake_at(self, moment: datetime, within: float = POLL_SECONDS) -> None:
        """Wake up at `moment`, if this is not later than `within` seconds from now."""
        wait = (moment - self._clock()).total_seconds()
        if wait <= within:
            asyncio.get_running_loop().call_later(max(wait, 0.0), self._wake.set)

    # The outcome ----------------------------------------------------------------------------------------------------

    def _conclude(self, connection: Connection, attempt: CarryingAttempt, ending: AttemptEnding, now: datetime) -> None:
        request, outcome = attempt.request, ending.outcome
        source, external_id = request.source, request.appointment_external_id
        lock(connection, source, [external_id])
        known = hold_participations_of(connection, request.appointment_id)
        never_sent = request.takes_back and outcome is RequestOutcome.DONE and ending.answered is None
        if never_sent and not attempt.stands_here(known):
            # The source was not asked to cancel, but somebody there has just changed the appointment.
            _put_back(connection, attempt, now, CallFailedForNow("It has changed there in the meantime."))
            return
        record = None if ending.answered is None else ending.answered.of(external_id)
        if record is not None and ending.answered is not None:
            event = AppointmentEvent(SourceEvent.UPDATED, external_id, record, ending.answered.at, None)
            self._arrivals.take(connection, source, event, now)
        if not finish_request(connection, request, outcome.state, ending.problem, now):
            raise LeaseLost
        if ending.half:
            note(
                connection,
                now,
                "cancellation_half_done",
                Actor.SOURCE,
                Via.WEBHOOK,
                appointment_id=request.appointment_id,
                participation_id=request.participation_id,
            )
        if request.takes_back and outcome is RequestOutcome.DONE:
            there = {} if record is None else statuses(attempt.wish, record)
            marked = [one for one in known if one.external_id in attempt.wish.taken_back]
            stand = {one.id for one in marked if there.get(one.external_id, Status.UNKNOWN) is Status.UNKNOWN}
            taken_back_there(connection, self._door.announcer, request, stand, now)
        elif record is None:
            _have_read(connection, request, now)
        elif outcome is RequestOutcome.DONE:
            there = statuses(attempt.wish, record)
            theirs = {one.id: there[one.external_id] for one in known if one.external_id in there}
            cancelled = {each: status for each, status in theirs.items() if status.is_cancelled}
            self._door.carried_out(connection, request, cancelled, now)
        elif ending.answered is not None:
            if request.takes_back:  # the cancellation itself may have been in doubt until now
                there = statuses(attempt.wish, record)
                ended = {one.id for one in known if there.get(one.external_id) is Status.EXCUSED}
                self._door.carried_out(connection, request, dict.fromkeys(ended, Status.EXCUSED), now)
            # The request has ended, so what the source says now counts. The usager who asked is told below.
            take_record(connection, source, record, event_at=ending.answered.at, now=now, owned=True)
        self._answers.ended(connection, request, outcome, now)


def _pause(request: CancellationRequest, problem: SourceCallFailed) -> timedelta:
    """How long to wait before the next attempt: longer each time, and at least as long as the source asks."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(request.attempts - 1, 16), LONGEST_PAUSE)
    asked = problem.retry_after if isinstance(problem, CallFailedForNow) else None
    return pause if asked is None else max(pause, min(asked, LONGEST_ASKED_PAUSE))


def _put_back(connection: Connection, attempt: CarryingAttempt, due_at: datetime, problem: SourceCallFailed) -> None:
    counts = attempt.counts(problem)
    if not postpone(connection, attempt.request, due_at, problem.sentence, counts=counts):
        raise LeaseLost


def _have_read(connection: Connection, request: CancellationRequest, now: datetime) -> None:
    """Have the appointment read again, because its state at the source is not known."""
    this = update(appointments).where(appointments.c.id == request.appointment_id)
    connection.execute(this.values(to_read_at=now))


def _log_ending(request: CancellationRequest, ending: AttemptEnding) -> None:
    how = {"request_id": request.id, "source": request.source, "outcome": ending.outcome.value}
    if ending.outcome in (RequestOutcome.REFUSED, RequestOutcome.UNCONFIRMED):
        logger.error("the source refuses a cancellation", sentence=ending.problem, **how)
    else:
        logger.info("a request to cancel has ended", **how)
