"""No request reads a whole table that grows: tests the plan of every statement of every request, on both engines."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Self

import psycopg
from sqlalchemy import event, insert, text

from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import export, forget
from smsbot.store.database import Database
from smsbot.store.journeys import JourneyConnection, StatementResult, StatementSent
from smsbot.store.tables import (
    appointments,
    audit,
    conversations,
    events,
    incoming_messages,
    metadata,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)
from tests.store.requests_walked import Walk
from tests.web.console_site import NOW, PHONE, Office
from tests.web.test_console_walls import Building

BIG = {
    table.name
    for table in (
        *(appointments, participations, incoming_messages, outgoing_messages, conversations, audit, opt_outs, events),
    )
}
SMALL_INDEXES = {
    index.name
    for table in metadata.sorted_tables
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
"""Partial indexes: messages that wait, names to search, failures. They may be read as a whole."""

UNREACHED = ("/health/ready", "/agents/connexion/openid")
"""The routes that answer 503 here, because the tests run no migrations and have no identity provider."""

MAY_SCAN: dict[str, str] = {
    "SELECT opt_outs.number, opt_outs.opted_out_at": "the STOP list in its order, which is all that is asked for",
}
"""Parts of the statements that may read a whole big table, and why."""


def _in_sqlite(seen: dict[str, Any]) -> type[sqlite3.Connection]:
    """A class of SQLite connections that note every statement, by whichever method it comes."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = ()) -> Self:
            seen.setdefault(sql, parameters)
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any) -> Self:
            rows = list(parameters)
            if rows:
                seen.setdefault(sql, rows[0])
            return super().executemany(sql, rows)

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            seen.setdefault(sql, parameters)
            return super().execute(sql, parameters)

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    return Connection


def _in_postgresql(seen: dict[str, Any]) -> type[JourneyConnection]:
    """A class of PostgreSQL connections that note prepared statements. SQLAlchemy reports the others."""

    class Connection(JourneyConnection):
        def ask(self, statements: Sequence[StatementSent], *, commits: bool = False) -> list[StatementResult]:
            for sql, values in statements:
                seen.setdefault(sql.decode(), list(values))
            return super().ask(statements, commits=commits)

    return Connection


def _record(database: Database) -> dict[str, Any]:
    """Note every statement from now on, with the first values that came with it."""
    seen: dict[str, Any] = {}
    database.engine.dispose()
    if not database.is_sqlite:
        dialect: Any = database.engine.dialect
        dialect.connect = partial(_in_postgresql(seen).connect, prepare_threshold=None)

    @event.listens_for(database.engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        if database.is_sqlite:
            options["factory"] = _in_sqlite(seen)

    @event.listens_for(database.engine, "before_cursor_execute")
    def execute(_c: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        seen.setdefault(sql, parameters[0] if many else parameters)

    return seen


def _fill(database: Database, number: int = 20_000) -> None:
    """Add rows of other people, so many that PostgreSQL treats the tables as big."""
    now = NOW - timedelta(days=1)
    with database.engine.begin() as connection:
        if database.is_sqlite:
            return  # SQLite needs no rows: without statistics it chooses by its rules
        own = [{"source": "x", "external_id": str(each), "name": f"x{each}"} for each in range(50)]
        ids = list(connection.execute(insert(organisations).returning(organisations.c.id), own).scalars())
        connection.execute(
            text(
                "INSERT INTO appointments (source, external_id, organisation_id, uuid, starts_at, status, collective,"
                " location_type, bookable_by_everyone, changed_at) SELECT 'x', n, :first + n % 50, n, CAST(:now AS"
                " timestamptz) + n * interval '1 minute', 'unknown', false, 'public_office', false, :now"
                " FROM generate_series(1, :number) AS n"
            ),
            {"first": min(ids), "now": now, "number": number},
        )
        connection.execute(
            text(
                "INSERT INTO participations (appointment_id, source, external_id, usager_external_id,"
                " responsible_external_id, status, surnames, first_names, folded_names, phone, email, notify_by_sms,"
                " notify_by_email, send_lifecycle_notifications, send_reminder_notification) SELECT id, 'x',"
                " external_id, 'u' || id, 'r' || id, 'unknown', '[]', '[]', 'N' || id, '+336' || (10000000 + id),"
                " id || '@x.fr', true, true, true, true FROM appointments WHERE source = 'x'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO events (position, at, type, organisation_id, appointment_id) SELECT id + 1000000,"
                " starts_at, 'appointment.announced', organisation_id, id FROM appointments WHERE source = 'x'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO incoming_messages (gateway, gateway_message_id, received_at, from_number, to_number, body,"
                " outcome, for_agents, organisation_id) SELECT 'x', id, starts_at, '+336' || (10000000 + id), '+339',"
                " 'b', 'x', id % 50 = 0, organisation_id FROM appointments WHERE source = 'x'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO outgoing_messages (channel, kind, recipient, sender, body, appointment_id,"
                " participation_id, in_reply_to, created_at, state, due_at) SELECT 'sms', 'reply', phone, '+339', 'b',"
                " appointment_id, id, (SELECT min(id) FROM incoming_messages), :now, 'sent', :now FROM participations"
                " WHERE source = 'x'"
            ),
            {"now": now},
        )
        connection.execute(
            text(
                "INSERT INTO conversations (usager_number, our_number, memory, updated_at) SELECT phone, '+339', '{}',"
                " :now FROM participations WHERE source = 'x'"
            ),
            {"now": now},
        )
        connection.execute(
            text(
                "INSERT INTO opt_outs (number, opted_out_at) SELECT phone, :now FROM participations WHERE source = 'x'"
            ),
            {"now": now},
        )
        connection.execute(
            text(
                'INSERT INTO audit (at, act, "by", way, agent, appointment_id, participation_id) SELECT :now,'
                " 'cancelled', 'usager', 'sms', NULL, appointment_id, id FROM participations WHERE source = 'x'"
            ),
            {"now": now},
        )
        connection.execute(text("ANALYZE"))


def _scans(database: Database, seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The statements that read a whole big table: the line of the plan, and the statement."""
    explain = _explained_by_sqlite if database.is_sqlite else _explained_by_postgresql
    for sql, parameters in list(seen.items()):
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH|INSERT)", sql):
            for line in explain(database, sql, parameters):
                yield line, sql


def _explained_by_sqlite(database: Database, sql: str, parameters: Any) -> Iterator[str]:
    assert database.url.database is not None
    tables = {alias: table for table, alias in re.findall(r"\b(\w+) AS (\w+)", sql) if table in BIG}
    connection = sqlite3.connect(database.url.database)
    for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall():
        found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if found and tables.get(found[1], found[1]) in BIG and found[2] not in SMALL_INDEXES:
            yield line
    connection.close()


def _explained_by_postgresql(database: Database, sql: str, parameters: Any) -> Iterator[str]:
    with database.engine.connect() as connection:
        # Then PostgreSQL prefers any index. A table that it still reads as a whole has no suitable index.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_indexonlyscan = on")
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, psycopg.Connection)
        with (psycopg.RawCursor if isinstance(parameters, list) else psycopg.Cursor)(driver) as cursor:
            [(plans,)] = cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        connection.rollback()
    for plan in plans if isinstance(plans, list) else json.loads(plans):
        yield from _nodes(plan["Plan"])


def _nodes(node: Mapping[str, Any]) -> Iterator[str]:
    kind, table, index = node["Node Type"], node.get("Relation Name"), node.get("Index Name")
    if table in BIG and kind == "Seq Scan":
        yield f"{kind} on {table}: {node.get('Filter')}"
    if kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and "Index Cond" not in node:
        of_big = any(index == each.name for name in BIG for each in _indexes(name)) or f"{index}".startswith("pk_")
        if of_big and index not in SMALL_INDEXES and f"{table}" in BIG | {"None"}:
            yield f"{kind} on {table} through {index}: {node.get('Filter')}"
    for each in node.get("Plans", ()):
        yield from _nodes(each)


def _indexes(table: str) -> Sequence[Any]:
    return tuple(metadata.tables[table].indexes)


def test_no_request_reads_through_a_table_that_grows(database: Database) -> None:
    building = Building(Office(database))
    _fill(database)
    seen = _record(database)
    walk = Walk(building)
    walk.everything()
    for contact in (ContactAddress(phone=PHONE), ContactAddress(email="sophie@example.fr")):
        database.read_now(partial(export, contact=contact, now=NOW))
        database.write_now(partial(forget, contact=contact, now=NOW, including_coming=True))
    missing = set(walk.routes()) - walk.visited
    assert missing == set()
    assert [each for each in walk.statuses if each[2] >= 500 and each[1] not in UNREACHED] == []
    assert len(seen) > 100
    assert any("INSERT INTO incoming_messages" in sql for sql in seen), "prepared statements are among them"
    found = [
        f"{line}\n    {sql}" for line, sql in _scans(database, seen) if not any(words in sql for words in MAY_SCAN)
    ]
    assert found == [], "\n".join(["", *found])
