"""Copies a SQLite database while the service writes to it, and checks that a copy can be restored.

A backup is one compact file: it needs no `-wal` file beside it, and contains no pages that were freed by erasing. Only
its owner may read it. PostgreSQL has its own tools, so nothing here handles it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, func, select
from sqlalchemy.exc import DatabaseError

from smsbot.problem import Problem
from smsbot.store.schema import current, is_current, refuse_a_later_one
from smsbot.store.tables import agents, appointments, incoming_messages, metadata, opt_outs, outgoing_messages

_SQLITE_BEGINS_WITH = b"SQLite format 3\0"
_DUMP_BEGINS_WITH = b"PGDMP"  # pg_dump --format=custom


class BackupProblem(Problem):
    """A backup cannot be made, or a file is not a usable backup. The sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What is in a checked backup. `newest` is the time (UTC) of its newest message, None if it has no messages.

    `waiting` counts messages that were not sent yet. After a restore they would be sent, perhaps for the second time.
    """

    appointments: int
    coming: int
    received: int
    sent: int
    waiting: int
    stopped_numbers: int
    agents: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class ProvenBackup:
    """A backup that is intact. `contents` is None if `revision` is older; then run smsbot migrate after restoring."""

    file: Path
    revision: str
    contents: BackupContents | None


def make_backup(database: Path, target: Path, now: datetime) -> ProvenBackup:
    """Copy the SQLite file `database` to the new file `target`, and check the copy (see `prove_backup`).

    The copy is what was committed at one moment; other processes may read and write meanwhile. It gets its name only
    when it is checked and flushed to the disk. Raises `BackupProblem` if a file `target` exists or the copy is not
    intact, and `OSError` if the folder cannot be written to.
    """
    if target.exists():
        raise BackupProblem(f"{target} exists already, and a backup never overwrites: give another name.")
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupProblem(
            f"{unfinished} exists: another backup is being made, or one was cut off. Remove it if none is running."
        ) from None
    try:
        _copy(database, unfinished)
        proven = prove_backup(unfinished, now)
        _flush(unfinished)
        unfinished.rename(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _flush(target.parent)
    return ProvenBackup(target, proven.revision, proven.contents)


def prove_backup(file: Path, now: datetime) -> ProvenBackup:
    """Read the whole backup and return what is in it. Nothing is changed.

    SQLite's `integrity_check` and `foreign_key_check` must find no fault, and this version of smsbot must be able to
    read every table. Otherwise raises `BackupProblem`. Raises `OSError` if the file cannot be read.
    """
    _refuse_others(file)
    try:
        with _opened(file) as connection:
            faults = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalars().all()
            if faults != ["ok"]:
                raise BackupProblem(f"{file} is damaged ({faults[0]}): use another backup.")
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise BackupProblem(f"{file} has rows that refer to missing rows: use another backup.")
            revision = current(connection)
            if revision is None:
                raise BackupProblem(f"{file} is not a database of smsbot, or is empty.")
            refuse_a_later_one(connection)
            return ProvenBackup(file, revision, _contents(connection, now) if is_current(connection) else None)
    except DatabaseError as error:
        raise BackupProblem(f"{file} cannot be read ({error.orig}): use another backup.") from None


def _copy(database: Path, unfinished: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
    except sqlite3.Error as error:
        raise BackupProblem(f"{database} cannot be copied ({error}): is there room in {unfinished.parent}?") from None


def _refuse_others(file: Path) -> None:
    with file.open("rb") as opened:
        beginning = opened.read(len(_SQLITE_BEGINS_WITH))
    if beginning.startswith(_DUMP_BEGINS_WITH):
        raise BackupProblem(f"{file} is a dump of PostgreSQL: check it with pg_restore --dbname EMPTY_DATABASE.")
    if beginning != _SQLITE_BEGINS_WITH:
        raise BackupProblem(f"{file} is not a SQLite database, or an incomplete copy of one: use another backup.")
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size > 0:
        raise BackupProblem(
            f"{file} is in use, or is an incomplete copy: its newest rows are in {log.name}. "
            "smsbot backup makes a complete copy."
        )


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    """The backup, opened read-only, without the files that SQLite normally writes beside a database."""
    uri = f"{file.absolute().as_uri()}?immutable=1"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool, hide_parameters=True
    )
    with engine.connect() as connection:
        yield connection


def _contents(connection: Connection, now: datetime) -> BackupContents:
    for table in metadata.sorted_tables:
        connection.execute(select(table).limit(1)).all()

    def number(query: object) -> int:
        return int(connection.execute(query).scalar_one())  # type: ignore[call-overload]

    outgoing, every = outgoing_messages.c, select(func.count())
    newest = (
        connection.execute(select(func.max(column))).scalar_one()
        for column in (incoming_messages.c.received_at, outgoing.created_at)
    )
    return BackupContents(
        appointments=number(every.select_from(appointments)),
        coming=number(every.where(appointments.c.starts_at > now)),
        received=number(every.select_from(incoming_messages)),
        sent=number(every.where(outgoing.state == "sent")),
        waiting=number(every.where(outgoing.state.in_(("waiting", "sending")))),
        stopped_numbers=number(every.select_from(opt_outs)),
        agents=number(every.select_from(agents)),
        newest=max((moment for moment in newest if moment is not None), default=None),
    )


def _flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk, so that it survives a power cut."""
    with contextlib.suppress(PermissionError):  # Windows cannot open folders
        descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
