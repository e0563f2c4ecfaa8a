"""One attempt to carry out a request at its source: to cancel, or to take a cancellation back.

The first attempt cancels at once. Every later one first reads the appointment there (`judging`), because an earlier
attempt may have succeeded without an answer, and an agent may have changed the appointment. Then the agent's change
counts. The first attempt also reads first if the request is old, or if it takes a cancellation back, unless that
cancellation was never sent. If an agent changes the appointment between our reading and our cancelling, the change is
lost. RDV Service Public offers no way to prevent this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participation_of, participations_of
from smsbot.appointments.request_attempts import extend_lease
from smsbot.appointments.requests import CancellationRequest
from smsbot.appointments.taking_back_requests import cancellation_before
from smsbot.connected.judging import Judgement, RequestOutcome, Wish, judge, judge_taking_back, statuses
from smsbot.connected.source_api import (
    Answered,
    CallFailedForNow,
    CallRefused,
    NotSignedIn,
    SourceApi,
    SourceCallFailed,
)
from smsbot.model import Actor, AppointmentRecord, Status
from smsbot.problem import Problem
from smsbot.store.database import Database

CALL_SECONDS = 20.0
"""The longest time for one call. After it the source counts as not having answered."""
LEASE = timedelta(seconds=CALL_SECONDS + 10)
FRESH = timedelta(seconds=10)
"""If a request is older than this, its first attempt reads first, too."""
NOT_SHOWN_AGAIN_SECONDS = 1.0
"""An appointment that the source does not show is read once more after this time, before it counts as gone."""
TAKING_BACK_FOR = timedelta(minutes=30)
"""How long taking a cancellation back is tried, about twelve times. After that the place may have been given away."""
FOR_AGENTS = timedelta(hours=1)
"""How long an agent's request is tried after its appointment has begun."""


class LeaseLost(Problem):
    """Another process has taken the request over."""

    def __init__(self) -> None:
        super().__init__("Another process has taken the request over.")


@dataclass(frozen=True, slots=True)
class AttemptEnding:
    """How an attempt ended a request. `answered` is the source's last answer about the appointment, if there is one.

    `half` says that some of its participations are cancelled there and others are not.
    """

    outcome: RequestOutcome
    answered: Answered | None
    problem: str | None = None
    half: bool = False


class CarryingAttempt:
    """One attempt at one request. `ends_at` is when the request is given up."""

    def __init__(
        self, request: CancellationRequest, api: SourceApi, database: Database, clock: Callable[[], datetime]
    ) -> None:
        self.request = request
        self.wish = Wish(request.canceller, None, collective=False, starts_at=request.starts_at)
        self.ends_at = request.starts_at
        self.contact = ""  # for `logs.about`, if the request is about one person
        self._api = api
        self._database = database
        self._clock = clock
        self._answered: Answered | None = None
        self._has_asked = False  # this attempt may have changed something at the source
        self._is_never_sent = False  # the request takes back a cancellation that was never sent to the source
        self._is_in_doubt = False  # the request takes back a cancellation that the source may have made or not
        self._is_cancelled_by_others = False  # an agent has cancelled here what the request takes back

    def counts(self, problem: SourceCallFailed) -> bool:
        """Whether this failure counts as an attempt. It does not if the source was not asked."""
        return self._has_asked or not isinstance(problem, NotSignedIn)

    async def make(self) -> AttemptEnding:
        """Make the attempt and return how the request ends.

        Raises `SourceCallFailed` if another attempt has to follow, and `LeaseLost`.
        """
        marked = await self._database.read(self._load)
        try:
            if self._is_never_sent:
                return self._ending(RequestOutcome.DONE)
            if self._is_cancelled_by_others:
                return self._ending(RequestOutcome.REVOKED)
            is_fresh = self.request.attempts <= 1 and self._clock() - self.request.requested_at <= FRESH
            if not marked or not is_fresh or self.request.takes_back:
                judgement = await self._read()
            else:
                judgement = Judgement(None, marked)
            return await self._change(judgement)
        except CallRefused as refusal:
            is_unknown = self._answered is None and (self.request.attempts > 1 or self._is_in_doubt)
            outcome = RequestOutcome.UNCONFIRMED if is_unknown else RequestOutcome.REFUSED
            return self._ending(outcome, refusal)
        except SourceCallFailed as problem:
            if self._clock() >= self.ends_at:
                return self._ending(RequestOutcome.GIVEN_UP, problem)
            raise

    def _load(self, connection: Connection) -> tuple[str, ...]:
        """Load what the request is about. Returns the ids (at the source) of the participations that it concerns."""
        request, known = self.request, participations_of(connection, self.request.appointment_id)
        meant = None if request.participation_id is None else participation_of(connection, request.participation_id)
        appointment = (meant or known[0]).appointment if meant or known else None
        self.contact = meant.contact if meant is not None else ""
        if appointment is not None:
            external_id = None if meant is None else meant.external_id
            taken_back = tuple(one.external_id for one in known if one.taking_back_requested_at is not None)
            self.wish = Wish(request.canceller, external_id, appointment.collective, request.starts_at, taken_back)
            self.ends_at = max(appointment.starts_at, request.starts_at)
        if request.takes_back:
            self.ends_at = min(self.ends_at, request.requested_at + TAKING_BACK_FOR)
            before = cancellation_before(connection, request)
            cancelled_by = meant.cancelled_by if meant is not None and meant.status.is_cancelled else None
            self._is_cancelled_by_others = cancelled_by not in (None, Actor.USAGER.value)
            self._is_never_sent = before is not None and before.was_never_sent and self.stands_here(known)
            self._is_in_doubt = meant is not None and meant.is_active
        elif request.canceller.by is not Actor.USAGER:
            self.ends_at = max(self.ends_at, request.requested_at + FOR_AGENTS)
        return tuple(
            one.external_id
            for one in known
            if one.is_active
            and one.cancellation_requested_at is not None
            and (meant is None or not self.wish.collective or one.id == meant.id)
        )

    def stands_here(self, known: Sequence[Participation]) -> bool:
        """Whether all participations whose cancellation is taken back stand here. `known` are the appointment's."""
        marked = [one for one in known if one.taking_back_requested_at is not None]
        is_there = any(one.id == self.request.participation_id for one in marked)
        return is_there and all(one.is_active for one in marked)

    async def _read(self) -> Judgement:
        external_id = self.request.appointment_external_id
        answered = await self._call(self._api.read([external_id]))
        if answered.of(external_id) is None:
            await asyncio.sleep(NOT_SHOWN_AGAIN_SECONDS)
            answered = await self._call(self._api.read([external_id]))
        self._answered = answered
        return self._judge(answered.of(external_id))

    def _judge(self, record: AppointmentRecord | None) -> Judgement:
        return judge_taking_back(self.wish, record) if self.request.takes_back else judge(self.wish, record)

    async def _change(self, judgement: Judgement) -> AttemptEnding:
        """Change one participation after the other. The source's answer to each decides about the next."""
        asked: set[str] = set()
        while judgement.outcome is None:
            if self._clock() >= self.ends_at:
                return self._ending(RequestOutcome.GIVEN_UP)
            left = next((each for each in judgement.to_change if each not in asked), None)
            if left is None and self.request.takes_back:  # an agent has closed the appointment as a whole there
                return self._ending(RequestOutcome.REFUSED)
            if left is None:
                raise CallFailedForNow("The source has answered the cancellation, but does not show it.")
            asked.add(left)
            await self._hold()
            self._has_asked = True
            self._answered = await self._call(self._api.set_status(left, self.request.canceller.status))
            judgement = self._judge(self._answered.of(self.request.appointment_external_id))
        return self._ending(judgement.outcome)

    def _ending(self, outcome: RequestOutcome, problem: SourceCallFailed | None = None) -> AttemptEnding:
        record = None if self._answered is None else self._answered.of(self.request.appointment_external_id)
        there = set() if record is None else set(statuses(self.wish, record).values())
        is_half = Status.UNKNOWN in there and any(each.is_cancelled for each in there)
        half = is_half and not self.request.takes_back
        return AttemptEnding(outcome, self._answered, None if problem is None else problem.sentence, half)

    async def _hold(self) -> None:
        """Extend our lease on the request until the next call has ended. Raises `LeaseLost`."""
        until = self._clock() + LEASE
        extended = await self._database.write(partial(extend_lease, request=self.request, lease=until))
        if extended is None:
            raise LeaseLost
        self.request = extended

    async def _call(self, call: Awaitable[Answered]) -> Answered:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await call
        except TimeoutError:
            raise CallFailedForNow(f"The source did not answer within {CALL_SECONDS:g} seconds.") from None
