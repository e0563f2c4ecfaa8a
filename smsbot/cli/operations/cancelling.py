"""Does the work of `smsbot cancel`: cancels one appointment as agents do, or many at once.

For many, it shows which appointments and asks for confirmation. Then it works on the batch and shows the results. A
service that runs at the same time does the same work, and continues it if this command is ended.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import partial

import typer
from sqlalchemy import Connection, select

from smsbot.agents.accounts import Agent, find_agent
from smsbot.agents.appointment_actions import (
    AgentCancellation,
    NotCancellable,
    NotFound,
    cancel_as_agent,
    find_appointment,
    find_meant,
)
from smsbot.agents.permissions import within_reach
from smsbot.agents.public_ids import PublicId
from smsbot.appointments.cancellation import Door
from smsbot.batches.choosing import BatchChoice, BatchForetold, choose, foretell
from smsbot.batches.records import (
    BatchAct,
    BatchOutcome,
    NewBatch,
    begin_batch,
    finish_batches,
    read_batch,
    stop_batch,
    waiting_tasks,
)
from smsbot.batches.working import BatchWorker
from smsbot.cli.common import CommandFailed
from smsbot.messages.fitting import one_line
from smsbot.messages.french_dates import local
from smsbot.messages.sms import MOST_WORD_SEPTETS, excess_of_word
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import appointments, organisations

PAUSE_SECONDS = 1.0


def cancel_appointment(database: Database, door: Door, name: str, source: str, agent: str | None, now: datetime) -> str:
    """Cancel the appointment or participation `name` and return a line that says so.

    `name` is `rdv-12`, a single participation `part-34`, or the id at `source`. `agent` is the e-mail address of the
    agent who cancels, for the audit; agents may cancel only in their organisations. None means the operator of the
    service. Raises CommandFailed.
    """

    def work(connection: Connection) -> str:
        try:
            appointment_id, participation_id = find_meant(connection, name, source=source)
            public = PublicId.APPOINTMENT.of(appointment_id)
            by = None if agent is None else _name_of_agent(connection, agent, public)
            canceller = Canceller(Actor.AGENT, Via.SHELL, Status.REVOKED, agent=by)
            outcome = cancel_as_agent(connection, door, appointment_id, participation_id, canceller, now)
        except NotFound:
            raise CommandFailed(f"There is no appointment {name} of the source {source}.") from None
        except NotCancellable as problem:
            raise CommandFailed(f"{name} cannot be cancelled: {problem.sentence}") from None
        return f"{_SAID_OF_ONE[outcome]}: {public if participation_id is None else name}."

    return database.write_now(work)


_SAID_OF_ONE = {
    AgentCancellation.CANCELLED: "Cancelled",
    AgentCancellation.ALREADY_CANCELLED: "Already cancelled before",
    AgentCancellation.REQUESTED: "Not cancelled yet, its source has been asked to cancel it",
}


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What the operator asks for. `organisation` is its id at `source`. `agent` is an e-mail address, or None for the
    operator.
    """

    day: date
    organisation: str
    source: str
    place: str | None = None
    begins_from: time_of_day | None = None
    begins_before: time_of_day | None = None
    word: str | None = None
    only_write: bool = False
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch that is ready to begin, and what it would do."""

    new: NewBatch
    foretold: BatchForetold

    def lines(self, segment_price: Decimal | None) -> Iterator[str]:
        """What the shell shows before it asks for confirmation."""
        foretold = self.foretold
        for one in foretold.each:
            begins = local(one.entry.appointment.starts_at, one.entry.terms.time_zone)
            ways = f"{len(one.sms)} SMS, {one.emails} e-mail" if one.sms or one.emails else "nobody can be told"
            people = len(one.people)
            name = PublicId.APPOINTMENT.of(one.entry.appointment.id)
            yield f"{name}, {begins:%Y-%m-%d %H:%M}, people: {people}, {ways}"
        price = "" if segment_price is None else f" ({foretold.segments * segment_price:.2f} EUR)"
        does = "cancelled" if self.new.act is BatchAct.CANCEL else "written to"
        yield (
            f"{len(foretold.each)} appointments would be {does}: {foretold.people} people, {foretold.sms} SMS in "
            f"{foretold.segments} segments{price}, {foretold.emails} e-mails; {foretold.unreached} cannot be told."
        )


def prepare(connection: Connection, worker: BatchWorker, order: BatchOrder, now: datetime) -> PreparedBatch:
    """Find out which appointments the order means. Nothing is written. Raises CommandFailed."""
    word = one_line(order.word or "")
    if excess := excess_of_word(word):
        raise CommandFailed(f"--word is {excess} characters too long: it may have {MOST_WORD_SEPTETS}.")
    if order.only_write and not word:
        raise CommandFailed("--only-write needs the text for people: add --word TEXT.")
    agent = None if order.agent is None else _agent(connection, order.agent)
    organisation_id = connection.execute(
        select(organisations.c.id).where(
            organisations.c.source == order.source, organisations.c.external_id == order.organisation
        )
    ).scalar_one_or_none()
    if organisation_id is None:
        raise CommandFailed(f"There is no organisation {order.organisation} of the source {order.source}.")
    reach = appointments.c.organisation_id == organisation_id
    choice = BatchChoice(order.day, order.begins_from, order.begins_before, organisation_id, order.place)
    if agent is not None:
        reach &= within_reach(agent)
    entries = choose(connection, worker.door.terms, choice, reach, now)
    if not entries:
        raise CommandFailed("There is no such appointment, apart from those that have begun or are cancelled.")
    act = BatchAct.WRITE if order.only_write else BatchAct.CANCEL
    status = None if order.only_write else Status.REVOKED
    canceller = None if status is None else Canceller(Actor.AGENT, Via.SHELL, status, word=word or None)
    new = NewBatch(act, Via.SHELL, agent, status, word or None, now)
    return PreparedBatch(new, foretell(connection, worker.herald, entries, canceller, word, now))


def carry_out(
    database: Database,
    worker: BatchWorker,
    prepared: PreparedBatch,
    clock: Callable[[], datetime],
    pause_seconds: float = PAUSE_SECONDS,
) -> Counter[BatchOutcome | None]:
    """Do the work, one appointment after the other, at the rate of the sender. Returns how many had which outcome.

    Ctrl-C stops it: the appointments that were not done stay as they are, and have the outcome None.
    """
    ids = [one.entry.appointment.id for one in prepared.foretold.each]
    batch_id = database.write_now(lambda connection: begin_batch(connection, prepared.new, ids, clock()))
    try:
        with typer.progressbar(length=len(ids), label="Appointments", file=sys.stderr) as bar:
            while tasks := database.read_now(
                partial(waiting_tasks, now=clock(), at_most=worker.at_once, batch_id=batch_id)
            ):
                for task in tasks:
                    database.write_now(partial(worker.do, task=task, now=clock()))
                    bar.update(1)
                time.sleep(pause_seconds)
    except KeyboardInterrupt:
        database.write_now(lambda connection: stop_batch(connection, batch_id, clock()))
    database.write_now(partial(finish_batches, now=clock()))
    batch = database.read_now(lambda connection: read_batch(connection, batch_id, None))
    return Counter(item.outcome for item in batch.items)


def _agent(connection: Connection, email: str) -> Agent:
    agent = find_agent(connection, email)
    if agent is None:
        raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
    return agent


SAID_OF_MANY: dict[BatchOutcome | None, str] = {
    BatchOutcome.CANCELLED: "cancelled",
    BatchOutcome.REQUESTED: "not cancelled yet, their source has been asked to cancel them",
    BatchOutcome.ALREADY: "already cancelled before, or marked",
    BatchOutcome.WRITTEN: "written to",
    BatchOutcome.UNREACHED: "not written to: nobody can be told",
    BatchOutcome.BEGUN: "left alone: they have begun",
    BatchOutcome.GONE: "left alone: no longer there, or no longer in an organisation of the agent",
    BatchOutcome.FAILED: "failed: see the log",
    None: "not done: stopped",
}
"""What the shell says for each outcome."""


def _name_of_agent(connection: Connection, email: str, appointment: str) -> str:
    """The agent's address as it is stored. Raises CommandFailed if the appointment is not in their organisations."""
    agent = _agent(connection, email)
    try:
        find_appointment(connection, appointment, within_reach(agent))
    except NotFound:
        raise CommandFailed(f"{appointment} is not in an organisation of {agent.email}.") from None
    return agent.email
