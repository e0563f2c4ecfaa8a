"""`smsbot import` takes appointments from a file into the database, `smsbot cancel` cancels one as agents do.

Nobody is notified of what an import brings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from smsbot.agents.accounts import find_agent, within_reach
from smsbot.agents.appointment_actions import (
    AgentCancellation,
    NotCancellable,
    NotFound,
    cancel,
    find,
    find_appointment,
    public_appointment_id,
)
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import IncomingRecord, Intake, IntakeKind, take_many
from smsbot.cli.common import CommandFailed
from smsbot.connected.connections import connected_sources
from smsbot.model import DEFAULT_SOURCE, Actor, Canceller, Status, Via
from smsbot.policy import Policy
from smsbot.settings import Settings
from smsbot.sources.file_lines import FileEntry, Read, RefusedLine, Remark
from smsbot.sources.files import read_file
from smsbot.store.database import Database

TAKEN_TOGETHER = 500
"""So many appointments in one transaction: enough to be fast, few enough that a running service hardly waits."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, in numbers of appointments, and the remarks about the file, in its order."""

    new: int
    changed: int
    unchanged: int
    ignored: int  # destroyed at the source, or older than what is known
    remarks: tuple[Remark, ...]

    @property
    def refused(self) -> int:
        """How many lines or records could not be read or taken."""
        return sum(isinstance(remark, RefusedLine) for remark in self.remarks)

    @property
    def left_out(self) -> int:
        """How many telephone numbers and e-mail addresses could not be used."""
        return len(self.remarks) - self.refused

    def lines(self) -> Iterator[str]:
        """The report as the shell prints it."""
        yield f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {self.refused} refused."
        if self.ignored:
            yield f"{self.ignored} ignored: destroyed at their source, or older than what is known."
        if self.left_out:
            yield f"{self.left_out} left out: telephone numbers and e-mail addresses that nobody can be written to at."
        for remark in self.remarks:
            yield f"{remark.where}: {remark.reason}"


def refuse_connected(settings: Settings, source: str) -> None:
    """Raise `CommandFailed` where the source owns its appointments, so that a file must not change them."""
    if source in connected_sources(settings, Policy.load(settings.config)):
        raise CommandFailed(
            f"The source {source} is connected: its appointments change only by what RDV Service Public says. "
            "smsbot rdvsp sync reads them there; for a file of other appointments give another --source."
        )


def import_file(database: Database, path: Path, source: str = DEFAULT_SOURCE) -> ImportReport:
    """Take in the appointments of the file at `path`. Raises `smsbot.sources.file_lines.UnreadableFile`.

    They are committed some hundreds at a time. After an interruption, importing again does the rest.
    """
    remarks: list[Remark] = []
    kinds: Counter[IntakeKind] = Counter()
    arrivals = _arrivals(read_file(path), remarks)
    while chunk := list(islice(arrivals, TAKEN_TOGETHER)):
        for read, intake in zip(chunk, _take(database, source, chunk), strict=True):
            kinds[intake.kind] += 1
            if intake.kind is IntakeKind.REFUSED:
                remarks.append(RefusedLine(read.where, intake.reason or ""))
    return ImportReport(
        new=kinds[IntakeKind.NEW],
        changed=kinds[IntakeKind.CHANGED],
        unchanged=kinds[IntakeKind.UNCHANGED],
        ignored=kinds[IntakeKind.IGNORED],
        remarks=tuple(remarks),
    )


def _take(database: Database, source: str, chunk: list[Read]) -> list[Intake]:
    records = [IncomingRecord(read.record, read.event_at) for read in chunk]
    return database.write_now(lambda connection: take_many(connection, source, records, now=datetime.now(UTC)))


def _arrivals(lines: Iterable[FileEntry], remarks: list[Remark]) -> Iterator[Read]:
    for line in lines:
        if isinstance(line, Remark):
            remarks.append(line)
        else:
            yield line


def cancel_appointment(database: Database, door: Door, name: str, source: str, agent: str | None, now: datetime) -> str:
    """Cancel the appointment or participation `name` and return a line that says so.

    `name` is `rdv-12`, a single participation `part-34`, or the id at `source`. `agent` is the e-mail address of the
    agent who cancels, for the audit; agents may cancel only in their organisations. None is for the operator of the
    service. Raises CommandFailed.
    """

    def work(connection: Connection) -> str:
        try:
            appointment_id, participation_id = find(connection, name, source=source)
            public = public_appointment_id(appointment_id)
            canceller = Canceller(Actor.AGENT, Via.SHELL, Status.REVOKED, agent=_agent(connection, agent, public))
            outcome = cancel(connection, door, appointment_id, participation_id, canceller, now)
        except NotFound:
            raise CommandFailed(f"There is no appointment {name} of the source {source}.") from None
        except NotCancellable as problem:
            raise CommandFailed(f"{name} cannot be cancelled: {problem.sentence}") from None
        return f"{_SAID[outcome]}: {public if participation_id is None else name}."

    return database.write_now(work)


_SAID = {
    AgentCancellation.CANCELLED: "Cancelled",
    AgentCancellation.ALREADY_CANCELLED: "Already cancelled before",
    AgentCancellation.REQUESTED: "Not cancelled yet, its source has been asked to cancel it",
}


def _agent(connection: Connection, email: str | None, appointment: str) -> str | None:
    if email is None:
        return None
    agent = find_agent(connection, email)
    if agent is None:
        raise CommandFailed(f"There is no agent {email}: see smsbot agent list.")
    try:
        find_appointment(connection, appointment, within_reach(agent))
    except NotFound:
        raise CommandFailed(f"{appointment} is not in an organisation of {agent.email}.") from None
    return agent.email
