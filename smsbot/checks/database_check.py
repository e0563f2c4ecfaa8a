"""Checks the database: can it be used, does its schema fit, and does it know the ids in `smsbot.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.policy import Policy
from smsbot.store.database import Database
from smsbot.store.engines import cause_of
from smsbot.store.schema import SchemaProblem, is_current, refuse_a_later_one
from smsbot.store.schema import check as check_schema
from smsbot.store.tables import appointments, organisations


def look_at_database(database_url: str, file: Path | None, policy: Policy) -> Iterator[CheckFinding]:
    """Findings about the database at `database_url`; `file` is the SQLite file, None for PostgreSQL."""
    where = "PostgreSQL" if file is None else str(file.absolute())
    if file is not None and not file.exists():
        yield well("database", f"there is none yet at {where}: smsbot serve creates it")
        return
    try:
        database = Database(database_url)
        try:
            yield from database.read_now(lambda connection: list(_look(connection, where, file is not None, policy)))
        finally:
            database.close()
    except SQLAlchemyError as error:
        yield wrong("database", f"{where} cannot be used ({cause_of(error)}): check SMSBOT_DATABASE_URL")


def _look(connection: Connection, where: str, is_sqlite: bool, policy: Policy) -> Iterator[CheckFinding]:
    try:
        refuse_a_later_one(connection)
        if is_sqlite and not is_current(connection):
            yield well("database", f"{where}, whose schema smsbot serve will bring up to date")
            return
        check_schema(connection)
    except SchemaProblem as problem:
        yield wrong("database", problem.sentence)
        return
    yield well("database", f"{where}, with the schema of this version")
    yield from _named_but_unknown(connection, policy)


def _named_but_unknown(connection: Connection, policy: Policy) -> Iterator[CheckFinding]:
    """Ids in `smsbot.toml` that no record has. If there is no record at all of their source, nothing is said."""
    columns: Mapping[str, tuple[object, object]] = {
        "organisations": (organisations.c.source, organisations.c.external_id),
        "services": (appointments.c.source, appointments.c.service_external_id),
        "motifs": (appointments.c.source, appointments.c.motif_external_id),
    }
    known: dict[str, set[tuple[str, str]]] = {}
    for source, kind, external_id in policy.named_ids:
        if kind not in known:
            rows = connection.execute(select(*columns[kind]).distinct())  # type: ignore[call-overload]
            known[kind] = {(row[0], row[1]) for row in rows if row[1] is not None}
        if any(of == source for of, _ in known[kind]) and (source, external_id) not in known[kind]:
            yield warning("smsbot.toml", f"no appointment has {kind} {external_id} of {source}: is it the right id?")
