"""`smsbot import`: appointments from a file into the database. Nobody is ever notified of what an import brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from smsbot.appointments.intake import Arrival, Intake, Kind, take_many
from smsbot.model import DEFAULT_SOURCE
from smsbot.sources.files import read_file
from smsbot.sources.lines import Read, Refused
from smsbot.store.database import Database

TAKEN_TOGETHER = 500
"""Appointments in one transaction: enough to be fast, few enough that a running service hardly waits."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, in numbers of appointments, and what was refused, in the order of the file."""

    new: int
    changed: int
    unchanged: int
    ignored: int  # destroyed at their source, or older than what is known
    refused: tuple[Refused, ...]

    def lines(self) -> Iterator[str]:
        """The report as the shell prints it."""
        yield f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {len(self.refused)} refused."
        if self.ignored:
            yield f"{self.ignored} ignored: destroyed at their source, or older than what is known."
        for refused in self.refused:
            yield f"{refused.where}: {refused.reason}"


def import_file(database: Database, path: Path, source: str = DEFAULT_SOURCE) -> ImportReport:
    """Take in the appointments of the file at `path`; raises `smsbot.sources.lines.UnreadableFile`.

    Done some hundreds at a time: what an interrupted import has done stays done, and to repeat it does the rest.
    """
    refused: list[Refused] = []
    kinds: Counter[Kind] = Counter()
    arrivals = _arrivals(read_file(path), refused)
    while chunk := list(islice(arrivals, TAKEN_TOGETHER)):
        kinds.update(intake.kind for intake in _take(database, source, chunk))
    return ImportReport(
        new=kinds[Kind.NEW],
        changed=kinds[Kind.CHANGED],
        unchanged=kinds[Kind.UNCHANGED],
        ignored=kinds[Kind.IGNORED],
        refused=tuple(refused),
    )


def _take(database: Database, source: str, chunk: list[Arrival]) -> list[Intake]:
    return database.write_now(lambda connection: take_many(connection, source, chunk, now=datetime.now(UTC)))


def _arrivals(lines: Iterable[Read | Refused], refused: list[Refused]) -> Iterator[Arrival]:
    for line in lines:
        if isinstance(line, Refused):
            refused.append(line)
        else:
            yield Arrival(line.record, line.event_at)
