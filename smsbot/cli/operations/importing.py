"""`smsbot import`: takes appointments from a file into the database.

Nobody is notified about imported appointments. But their reminders are sent when they are due, unless they are held.
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
"""How many appointments are in one transaction: enough to be fast, and few enough not to block a running service."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, in numbers of appointments, and the remarks about the file, in the order of the file.

    `reminders` is how many people get a reminder within a minute; None if that is not known. `to_correct` has the text
    of all rows that must be corrected and imported again.
    """

    new: int
    changed: int
    unchanged: int
    ignored: int  # destroyed at the source, or older than what we have
    remarks: tuple[Remark, ...]
    reminders: int | None = None
    to_correct: tuple[str, ...] = field(default=(), compare=False)
    begun: int = field(default=0, compare=False)  # new appointments in the past

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
            yield f"{self.ignored} ignored: destroyed at their source, or older than what is stored."
        if self.begun:
            yield (
                f"{self.begun} new have begun already, so nobody is told about them or can cancel them: look at "
                "the years in the file."
            )
        if self.left_out:
            yield f"{self.left_out} left out: telephone numbers and e-mail addresses that cannot be used."
        for remark in self.remarks:
            yield f"{remark.where}: {remark.reason}"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to take a file in.

    `columns` says which heading is which column. With `dry_run` nothing is kept. For `quiet_for`, no reminder of these
    appointments is sent. `reminders` counts the reminders that would be sent at once; None if that is not possible.
    """

    source: str = DEFAULT_SOURCE
    columns: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    quiet_for: timedelta | None = None
    reminders: Reminders | None = None


def refuse_connected(settings: Settings, source: str) -> None:
    """Raise `CommandFailed` if the source owns its appointments, because then a file must not change them."""
    if source in connected_sources(settings, Policy.load(settings.config)):
        raise CommandFailed(
            f"The source {source} is connected: only RDV Service Public changes its appointments. smsbot rdvsp sync "
            "reads them there; for a file of other appointments give another --source."
        )


def import_file(database: Database, path: Path, options: ImportOptions | None = None) -> ImportReport:
    """Import the appointments of the file at `path`. Raises `smsbot.sources.file_lines.UnreadableFile`."""
    options = options or ImportOptions()
    return import_entries(database, read_content(bytes_of(path), options.columns), options)


def import_entries(database: Database, entries: Iterable[FileEntry], options: ImportOptions) -> ImportReport:
    """Import the appointments of a file with these entries (`read_content`).

    They are committed some hundreds at a time. After an interruption, importing again does the rest.
    """
    remarks: list[Remark] = []
    to_correct: list[str] = []
    kinds: Counter[IntakeKind] = Counter()
    reminders = begun = 0
    now = datetime.now(UTC)
    arrivals = _arrivals(entries, remarks, to_correct)
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
                to_correct.append(read.text)  # an import without these rows would remove these people
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
    """Import a file and print the report. Raises `CommandFailed` if something was refused, and other `Problem`s."""
    settings, means = Settings.load(), column_names(columns)
    refuse_connected(settings, source)
    # Before a database is created: a wrong file may mean a wrong folder.
    entries = read_content(bytes_of(file), means)
    with ready_database(settings, make=not dry_run) as database:
        options = ImportOptions(source, means, dry_run, quiet_for, _reminders(database))
        report = import_entries(database, entries, options)
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
    """The service's reminders; None if the settings of the service are missing here."""
    try:
        return Service(ServiceSettings.load(), database).reminders
    except SettingsProblem:
        return None


def _about_reminders(report: ImportReport, options: ImportOptions) -> Iterator[str]:
    if options.quiet_for is not None:
        yield f"Their reminders are held for {options.quiet_for.total_seconds() / 3600:.0f} hours."
    elif options.reminders is None:
        yield "How many reminders are sent at once is not known: that needs the settings of smsbot serve."
    elif report.reminders:
        yield (
            f"{report.reminders} reminders are due, and are sent within a minute if the service runs; "
            f"--quiet-for HOURS holds them. The others are sent {_hours(options.reminders.lead)} hours before their "
            "appointment."
        )
    elif report.new or report.changed:
        yield f"No reminder is due now: they are sent {_hours(options.reminders.lead)} hours before their appointment."


def _hours(lead: timedelta) -> str:
    return f"{lead.total_seconds() / 3600:g}"


def write_refused(path: Path, report: ImportReport) -> Path | None:
    """Write the rows that must be corrected beside the file at `path`, with its headings, readable only by us.

    Returns the path of the new file; None if nothing must be corrected, or the file is JSON.
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
    """Undoes what a dry run has written, and carries the result."""

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
        if options.quiet_for is not None:  # also for unchanged ones: an earlier import may not have held them
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
