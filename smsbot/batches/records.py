"""Stores batches, with the outcome for each of their appointments.

A batch is stored as a whole before anything is done. Then each appointment is done in a transaction of its own, which
also stores its outcome. So after a crash every appointment is either done, with all its messages, or still waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, insert, select, text, update

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, within_reach
from smsbot.model import Status, Via
from smsbot.store.tables import agents, appointments, batch_appointments, batches


class BatchAct(StrEnum):
    """What is done to each appointment."""

    CANCEL = "cancel"
    WRITE = "write"


class BatchState(StrEnum):
    """The state of a batch."""

    RUNNING = "running"
    STOPPED = "stopped"  # by an agent; the appointments that were not done yet stay as they are
    DONE = "done"


class BatchOutcome(StrEnum):
    """The outcome for one appointment."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"  # its source was asked, and has not answered yet
    ALREADY = "already"  # it was cancelled before, or nothing is left to cancel
    WRITTEN = "written"
    UNREACHED = "unreached"  # none of its participants can be written to
    BEGUN = "begun"
    FAILED = "failed"  # because of a mistake in smsbot; nothing was done
    GONE = "gone"  # it no longer exists, or is no longer the agent's


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to store. `agent` is None for the operator. `status` is the status that cancelled appointments get."""

    act: BatchAct
    via: Via
    agent: Agent | None
    status: Status | None
    word: str | None
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One appointment of a batch that is not done yet."""

    batch_id: int
    appointment_id: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One appointment of a batch. `outcome` is None until it is done."""

    appointment_id: int
    outcome: BatchOutcome | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch with its appointments, in the order in which they are done."""

    id: int
    act: BatchAct
    via: Via
    agent: str | None
    status: Status | None
    word: str | None
    created_at: datetime
    begins_at: datetime
    state: BatchState
    finished_at: datetime | None
    items: Sequence[BatchItem]

    @property
    def done(self) -> int:
        """How many appointments are done."""
        return sum(item.outcome is not None for item in self.items)

    def number(self, outcome: BatchOutcome | None) -> int:
        """How many appointments had this outcome; None for those that were not done."""
        return sum(item.outcome is outcome for item in self.items)


def begin_batch(connection: Connection, new: NewBatch, appointment_ids: Sequence[int], now: datetime) -> int:
    """Store a batch, which is done from `begins_at` on. Returns our id of it. It must have appointments."""
    values = {
        "act": new.act.value,
        "way": new.via.value,
        "agent_id": new.agent.id if new.agent is not None else None,
        "status": new.status.value if new.status is not None else None,
        "word": new.word,
        "created_at": now,
        "begins_at": new.begins_at,
        "state": BatchState.RUNNING.value,
    }
    batch_id: int = connection.execute(insert(batches).values(values).returning(batches.c.id)).scalar_one()
    rows = [
        {"batch_id": batch_id, "appointment_id": each, "position": position}
        for position, each in enumerate(appointment_ids)
    ]
    connection.execute(insert(batch_appointments), rows)
    return batch_id


def read_batch(connection: Connection, batch_id: int, agent: Agent | None) -> BatchRecord:
    """The batch with this id (our own). An agent sees a batch if all its appointments are in their organisations.

    `agent` None sees all batches. Raises OutOfReach.
    """
    reach = [_is_within_reach(agent)] if agent is not None else []
    row = connection.execute(_BATCH.where(batches.c.id == batch_id, *reach)).mappings().one_or_none()
    if row is None:
        raise OutOfReach("no such batch")
    items = connection.execute(_ITEMS.where(batch_appointments.c.batch_id == batch_id)).mappings()
    return _batch(row, [_item(item) for item in items])


def stop_batch(connection: Connection, batch_id: int, now: datetime) -> bool:
    """Stop a batch: its other appointments are not done. False where it had ended before."""
    running = (batches.c.id == batch_id) & (batches.c.state == BatchState.RUNNING.value)
    stopped = update(batches).where(running).values(state=BatchState.STOPPED.value, finished_at=now)
    return connection.execute(stopped).rowcount == 1


def waiting_tasks(connection: Connection, now: datetime, at_most: int, batch_id: int | None = None) -> list[BatchTask]:
    """The next appointments to do, of batches that have begun, the oldest batch first; or only of `batch_id`."""
    only = [batches.c.id == batch_id] if batch_id is not None else []
    rows = connection.execute(_WAITING.where(batches.c.begins_at <= now, *only).limit(at_most))
    return [BatchTask(row.batch_id, row.appointment_id) for row in rows]


def hold_task(connection: Connection, task: BatchTask) -> BatchRecord | None:
    """Lock a task to do it, and return its batch without items. None where it was done, or the batch was stopped.

    The lock lasts until the transaction ends, so that nobody else does the task, and a stop comes before or after it.
    """
    this = (batch_appointments.c.batch_id == task.batch_id) & (
        batch_appointments.c.appointment_id == task.appointment_id
    )
    # The item is locked before the batch is read, so that we see what others have written in the meantime.
    held = select(batch_appointments.c.outcome).where(this).with_for_update()
    if connection.execute(held).scalar_one_or_none() is not None:
        return None
    shared = _BATCH.where(batches.c.id == task.batch_id, _IS_RUNNING).with_for_update(of=batches, read=True)
    row = connection.execute(shared).mappings().one_or_none()
    return None if row is None else _batch(row, [])


def finish_task(connection: Connection, task: BatchTask, outcome: BatchOutcome, now: datetime) -> None:
    """Store the outcome of a task that is locked in this transaction."""
    this = (batch_appointments.c.batch_id == task.batch_id) & (
        batch_appointments.c.appointment_id == task.appointment_id
    )
    connection.execute(update(batch_appointments).where(this).values(outcome=outcome.value, done_at=now))


def has_ended_batches(connection: Connection) -> bool:
    """Whether there are running batches without waiting appointments. If so, call `finish_batches`."""
    return connection.execute(select(batches.c.id).where(*_ENDED).limit(1)).one_or_none() is not None


def finish_batches(connection: Connection, now: datetime) -> None:
    """Mark the running batches without waiting appointments as done."""
    connection.execute(update(batches).where(*_ENDED).values(state=BatchState.DONE.value, finished_at=now))


def _is_within_reach(agent: Agent) -> ColumnElement[bool]:
    theirs = exists().where(appointments.c.id == batch_appointments.c.appointment_id, within_reach(agent))
    outside = exists().where(batch_appointments.c.batch_id == batches.c.id, ~theirs)
    return ~outside


# The values are written out, not bound. Otherwise the engines do not use the partial indexes.
_IS_RUNNING = text("batches.state = 'running'")
_IS_WAITING = text("batch_appointments.outcome IS NULL")
_ENDED = (_IS_RUNNING, ~exists().where(batch_appointments.c.batch_id == batches.c.id, _IS_WAITING))
_BATCH = select(batches, agents.c.email.label("agent")).select_from(batches.outerjoin(agents))
_ITEMS = select(
    batch_appointments.c.appointment_id, batch_appointments.c.outcome, batch_appointments.c.done_at
).order_by(batch_appointments.c.position)
_WAITING = (
    select(batch_appointments.c.batch_id, batch_appointments.c.appointment_id)
    .select_from(batches.join(batch_appointments))
    .where(_IS_RUNNING, _IS_WAITING)
    .order_by(batches.c.id, batch_appointments.c.position)
)


def _item(row: RowMapping) -> BatchItem:
    outcome = row["outcome"]
    return BatchItem(row["appointment_id"], None if outcome is None else BatchOutcome(outcome), row["done_at"])


def _batch(row: RowMapping, items: Sequence[BatchItem]) -> BatchRecord:
    return BatchRecord(
        id=row["id"],
        act=BatchAct(row["act"]),
        via=Via(row["way"]),
        agent=row["agent"],
        status=None if row["status"] is None else Status(row["status"]),
        word=row["word"],
        created_at=row["created_at"],
        begins_at=row["begins_at"],
        state=BatchState(row["state"]),
        finished_at=row["finished_at"],
        items=items,
    )
