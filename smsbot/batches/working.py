"""Carries out batches: one appointment after the other, each in its own transaction, no faster than SMS may leave.

The outcome is stored in the same transaction as its effects. So if a process is killed, an appointment is done
completely or not at all, the next process goes on from there, and each person is told once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from smsbot.agents.accounts import find_agent
from smsbot.agents.appointment_actions import AgentCancellation, NotCancellable, cancel_as_agent
from smsbot.agents.permissions import OutOfReach, require_within_reach
from smsbot.appointments.cancellation import Door
from smsbot.appointments.participation_queries import hold_participations_of
from smsbot.batches.records import (
    BatchAct,
    BatchOutcome,
    BatchRecord,
    BatchTask,
    finish_batches,
    finish_task,
    has_ended_batches,
    hold_task,
    waiting_tasks,
)
from smsbot.model import Actor, Canceller, Status
from smsbot.notifications.herald import Herald
from smsbot.runtime import DATABASE_OUTAGE, PeriodicWork
from smsbot.store.database import Database

EVERY = timedelta(seconds=1)
logger = structlog.get_logger(__name__)
USUAL_RATE = 10.0
"""Appointments per second where SMS have no limit."""


@dataclass(frozen=True, slots=True)
class BatchWorker:
    """Does the appointments of batches. `rate` is how many SMS per second the usual sender may send; None: no limit."""

    door: Door
    herald: Herald
    rate: float | None = None

    @property
    def at_once(self) -> int:
        """How many appointments are done in a round, which is one second."""
        return max(1, math.floor(self.rate or USUAL_RATE))

    def do(self, connection: Connection, task: BatchTask, now: datetime) -> BatchOutcome | None:
        """Do one appointment; None where another process has done it, or the batch was stopped."""
        batch = hold_task(connection, task)
        if batch is None:
            return None
        try:
            with connection.begin_nested():
                outcome = self._outcome(connection, batch, task.appointment_id, now)
        except DATABASE_OUTAGE:
            raise
        except Exception as error:  # noqa: BLE001 - one failure must not hold up the rest of the batch
            logger.error("an appointment of a batch failed", error=type(error).__name__, batch_id=task.batch_id)
            outcome = BatchOutcome.FAILED
        finish_task(connection, task, outcome, now)
        return outcome

    def _outcome(self, connection: Connection, batch: BatchRecord, appointment_id: int, now: datetime) -> BatchOutcome:
        agent = None if batch.agent is None else find_agent(connection, batch.agent)
        known = hold_participations_of(connection, appointment_id)
        try:
            if batch.agent is not None:
                if agent is None:
                    return BatchOutcome.GONE
                require_within_reach(connection, agent, appointment_id)
        except OutOfReach:
            return BatchOutcome.GONE
        active = [one for one in known if one.is_active]
        if not active:
            return BatchOutcome.ALREADY
        if active[0].appointment.starts_at <= now:
            return BatchOutcome.BEGUN
        if batch.act is BatchAct.WRITE:
            word = batch.word or ""
            number = self.herald.write(connection, active, word, now, agent=batch.agent, via=batch.via)
            return BatchOutcome.WRITTEN if number else BatchOutcome.UNREACHED
        canceller = Canceller(
            Actor.AGENT, batch.via, batch.status or Status.REVOKED, agent=batch.agent, word=batch.word or None
        )
        try:
            return _OUTCOMES[cancel_as_agent(connection, self.door, appointment_id, None, canceller, now)]
        except NotCancellable:
            return BatchOutcome.ALREADY


_OUTCOMES = {
    AgentCancellation.CANCELLED: BatchOutcome.CANCELLED,
    AgentCancellation.REQUESTED: BatchOutcome.REQUESTED,
    AgentCancellation.ALREADY_CANCELLED: BatchOutcome.ALREADY,
}


def working_batches_off(database: Database, worker: BatchWorker, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of doing the appointments of batches, at the rate of the usual sender."""

    async def once() -> None:
        tasks = await database.read(partial(waiting_tasks, now=clock(), at_most=worker.at_once))
        for task in tasks:
            await database.write(partial(worker.do, task=task, now=clock()))
        # Checked in each round, because the process that did the last appointment may have been killed before this.
        if await database.read(has_ended_batches):
            await database.write(partial(finish_batches, now=clock()))

    return PeriodicWork("batches", once, EVERY)
