"""`smsbot import` takes appointments from a file into the database.

Nobody is notified of what an import brings. Reminders leave when they are due, unless they are held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from smsbot.app import Service
from smsbot.appointments.intake import Feed, IncomingRecord, Intake, IntakeKind, note_last_word, take_many
from smsbot.appointments.intake.taking import keep_quiet
from smsbot.cli.common import CommandFailed, ready_database
from smsbot.connected.connections import connected_sources
from smsbot.model import DEFAULT_SOURCE
from smsbot.notifications.reminders import Reminders
from smsbot.policy import Policy
from smsbot.settings import ServiceSettings, Settings, SettingsProblem
from smsbot.sources.csv_appointments import column_names, header_of
from smsbot.sources.file_lines import FileEntry, Read, RefusedLine, Remark, TakenWithout
from smsbot.sources.files import bytes_of, read_content
from smsbot.store.database import Database

TAKEN_TOGETHER = 500
"""So many appointments in one transaction: enough to be fast, few enough that a running service hardly waits."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, in numbers of appointments, and the remarks about the file, in its order.

    `reminders` is how many people get a reminder within a minute of it; None where it is not known. `to_correct` is the
    text of all rows that have to be imported again once they are corrected.
    """

    new: int
    changed: int
    unchanged: int
    ignored: int  # destroyed at the source, or older than what is known
    remarks: tuple[Remark, ...]
    reminders: int | None = None
    to_correct: tuple[str, ...] = field(default=(), compare=False)
    begun: int = field(default=0, compare=False)  # new ones that begin before now

    @property
    def refused(self) -> int:
        """How many lines or records could not be read or taken."""
        return sum(isinstance(remark, RefusedLine) for remark in self.remarks)

    @property
    def left_out(self) -> int:
        """How many telephone numbers and e-mail addresses could not be used."""
        return sum(isinstance(remark, TakenWithout) for remark in self.remarks)

    def lines(self) -> Iterator[str]:
        """The report as the shell prints it."""
        yield f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {self.refused} refused."
        if self.ignored:
            yield f"{self.ignored} ignored: destroyed at their source, or older than what is known."
        if self.begun:
            yield (
                f"{self.begun} new have begun already, so nobody hears of them or can cancel them: look at the years "
                "in the file."
            )
        if self.left_out:
            yield f"{self.left_out} left out: telephone numbers and e-mail addresses that nobody can be written to at."
        for remark in self.remarks:
            yield f"{remark.where}: {remark.reason}"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is taken in.

    `columns` tells which heading is which column. With `dry_run` nothing is kept. For `quiet_for` no reminder of these
    appointments leaves. `reminders` tells how many would leave at once; None where that cannot be told.
    """

    source: str = DEFAULT_SOURCE
    columns: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    quiet_for: timedelta | None = None
    reminders: Reminders | None = None


def refuse_connected(settings: Settings, source: str) -> None:
    """Raise `CommandFailed` where the source owns its appointments, so that a file must not change them."""
    if source in connected_sources(settings, Policy.load(settings.config)):
        raise CommandFailed(
            f"The source {source} is connected: its appointments change only by what RDV Service Public says. "
            "smsbot rdvsp sync reads them there; for a file of other appointments give another --source."
        )


def import_file(database: Database, path: Path, options: ImportOptions | None = None) -> ImportReport:
    """Take in the appointments of the file at `path`. Raises `smsbot.sources.file_lines.UnreadableFile`.

    They are committed some hundreds at a time. After an interruption, importing again does the rest.
    """
    options = options or ImportOptions()
    remarks: list[Remark] = []
    to_correct: list[str] = []
    kinds: Counter[IntakeKind] = Counter()
    reminders = begun = 0
    now = datetime.now(UTC)
    arrivals = _arrivals(read_content(bytes_of(path), options.columns), remarks, to_correct)
    while chunk := list(islice(arrivals, TAKEN_TOGETHER)):
        taken = _take(database, chunk, options)
        reminders += taken.reminders
        for read, intake in zip(chunk, taken.intakes, strict=True):
            kinds[intake.kind] += 1
            begun += intake.kind is IntakeKind.NEW and read.record.starts_at <= now
            if intake.kind is IntakeKind.REFUSED:
                remarks.append(RefusedLine(read.where, intake.reason or ""))
                to_correct.append(read.text)
            elif not read.record.participations_complete:
                to_correct.append(read.text)  # without them, who is not refused would be thought gone
    return ImportReport(
        new=kinds[IntakeKind.NEW],
        changed=kinds[IntakeKind.CHANGED],
        unchanged=kinds[IntakeKind.UNCHANGED],
        ignored=kinds[IntakeKind.IGNORED],
        remarks=tuple(remarks),
        reminders=reminders if options.reminders is not None else None,
        to_correct=tuple(filter(None, to_correct)),
        begun=begun,
    )


def run_import(file: Path, source: str, columns: str, *, dry_run: bool, quiet_for: timedelta | None) -> None:
    """Import a file and print the report. Raises `CommandFailed` where something was refused, and any `Problem`."""
    settings, means = Settings.load(), column_names(columns)
    refuse_connected(settings, source)
    with ready_database(settings, make=not dry_run) as database:
        options = ImportOptions(source, means, dry_run, quiet_for, _reminders(database))
        report = import_file(database, file, options)
        if not dry_run:
            database.write_now(lambda connection: note_last_word(connection, source, Feed.FILE, datetime.now(UTC)))
    for line in report.lines():
        print(line)
    for line in _about_reminders(report, options):
        print(line)
    if dry_run:
        print("This was a dry run: nothing has been kept.")
    refused = None if dry_run else write_refused(file, report)
    if report.refused:
        where = f"the refused rows are in {refused}: correct them there and import that file" if refused else None
        raise CommandFailed(f"{report.refused} refused; {where or 'correct them and import the file again'}.")


def _reminders(database: Database) -> Reminders | None:
    """What would send the reminders; None where the service's settings are not here, so that nobody can tell."""
    try:
        return Service(ServiceSettings.load(), database).reminders
    except SettingsProblem:
        return None


def _about_reminders(report: ImportReport, options: ImportOptions) -> Iterator[str]:
    if options.quiet_for is not None:
        yield f"Their reminders are held for {options.quiet_for.total_seconds() / 3600:.0f} hours."
    elif options.reminders is None:
        yield "How many reminders leave at once is not known: that needs the settings of smsbot serve."
    elif report.reminders:
        yield (
            f"{report.reminders} reminders are due, and leave within a minute where the service runs; "
            f"--quiet-for HOURS holds them. The others leave {_hours(options.reminders.lead)} hours before their "
            "appointment."
        )
    elif report.new or report.changed:
        yield f"No reminder is due now: they leave {_hours(options.reminders.lead)} hours before their appointment."


def _hours(lead: timedelta) -> str:
    return f"{lead.total_seconds() / 3600:g}"


def write_refused(path: Path, report: ImportReport) -> Path | None:
    """Write the rows that have to be corrected beside the file at `path`, under its headings, readable by us alone.

    Returns the path of the new file; None where nothing has to be corrected, or the file is JSON.
    """
    if not report.to_correct:
        return None
    refused = path.with_name(f"{path.stem}-refused{path.suffix}")
    rows = (header_of(bytes_of(path)), *report.to_correct)
    text = "".join(row if row.endswith(("\r", "\n")) else f"{row}\n" for row in rows)
    refused.unlink(missing_ok=True)
    refused.touch(mode=0o600)
    refused.write_bytes(text.encode("utf-8-sig"))
    return refused


@dataclass(frozen=True, slots=True)
class _Taken:
    intakes: Sequence[Intake]
    reminders: int


class _NotKept(Exception):
    """Undoes what a dry run has written, and carries what it was."""

    def __init__(self, taken: _Taken) -> None:
        super().__init__()
        self.taken = taken


def _take(database: Database, chunk: list[Read], options: ImportOptions) -> _Taken:
    records = [IncomingRecord(read.record, read.event_at) for read in chunk]
    now = datetime.now(UTC)

    def work(connection: Connection) -> _Taken:
        intakes = take_many(connection, options.source, records, now=now)
        known = [(intake, read.record.starts_at) for read, intake in zip(chunk, intakes, strict=True)]
        leaving = 0
        if options.quiet_for is not None:  # also of those that are as known: a first import may have held nothing
            ids = [intake.appointment_id for intake, _ in known if intake.appointment_id is not None]
            keep_quiet(connection, ids, now + options.quiet_for)
        elif options.reminders is not None:
            before = now + options.reminders.longest_lead
            soon = {
                intake.appointment_id
                for intake, starts_at in known
                if intake.kind in (IntakeKind.NEW, IntakeKind.CHANGED)
                and intake.appointment_id is not None
                and now < starts_at <= before
            }
            leaving = options.reminders.leaving_now(connection, now, soon)
        taken = _Taken(intakes, leaving)
        if options.dry_run:
            raise _NotKept(taken)
        return taken

    try:
        return database.write_now(work)
    except _NotKept as undone:
        return undone.taken


def _arrivals(lines: Iterable[FileEntry], remarks: list[Remark], to_correct: list[str]) -> Iterator[Read]:
    for line in lines:
        if isinstance(line, Read):
            yield line
            continue
        remarks.append(line)
        if isinstance(line, RefusedLine):
            to_correct.append(line.text)
