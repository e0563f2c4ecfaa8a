"""Statements that run for each message. They are compiled once per engine, and go straight to its driver.

At each run SQLAlchemy looks the statement up in its cache, makes a context and wraps the result. On SQLite this costs
several times as much as the query itself, and on PostgreSQL it is a large part of the CPU time of a statement in this
process (docs/decisions/0007).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    TextualSelect,
    Update,
    bindparam,
    exc,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from smsbot.store.journeys import JourneyConnection, StatementResult, StatementSent

RowValues: TypeAlias = Sequence[Any]
"""The values of the selected columns, in their order."""

Statement: TypeAlias = (
    Select[Any] | TextualSelect | Insert | Update | Delete | ReturningInsert[Any] | ReturningUpdate[Any]
)
Upsert: TypeAlias = sqlite.Insert | postgresql.Insert | ReturningInsert[Any]

_Process: TypeAlias = Callable[[Any], Any]


class Prepared:
    """One statement. Each run must give a value for every named bind parameter."""

    def __init__(self, statement: Statement, for_postgresql: Statement | None = None) -> None:
        """`for_postgresql` is the same statement for PostgreSQL, if SQLAlchemy needs another object for it."""
        self._statement = statement
        self._for_postgresql = statement if for_postgresql is None else for_postgresql

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[RowValues]:
        """All rows. Raises SQLAlchemy's `DBAPIError`, as the other methods do."""
        return self._on(connection).rows(connection, values)

    def row(self, connection: Connection, values: Mapping[str, Any]) -> RowValues | None:
        """The first row; None if there is none."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows. Returns how many rows it has changed."""
        return self._on(connection).run(connection, values)

    def run_all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement once for each of these values (there may be none)."""
        if values:
            self._on(connection).run_all(connection, values)

    def rows_of_all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> list[RowValues]:
        """`run_all` for a statement that returns rows: the rows of all runs."""
        return [row for rows in in_one_journey(connection, *((self, each) for each in values)) for row in rows]

    def _on(self, connection: Connection) -> _OnSqlite | _OnPostgresql:
        return self.on_sqlite if connection.dialect.name == "sqlite" else self.on_postgresql

    @cached_property
    def on_sqlite(self) -> _OnSqlite:
        return _OnSqlite(self._statement)

    @cached_property
    def on_postgresql(self) -> _OnPostgresql:
        return _OnPostgresql(self._for_postgresql)


StatementWithValues: TypeAlias = tuple[Prepared, Mapping[str, Any]]
"""A statement and its values."""


def in_one_journey(connection: Connection, *asked: StatementWithValues) -> list[list[RowValues]]:
    """Run these statements in their order and return the rows of each. PostgreSQL gets them in one round trip."""
    if not asked:
        return []
    if connection.dialect.name == "sqlite":
        return [prepared.rows(connection, values) for prepared, values in asked]
    return _in_one_journey_to_postgresql(connection, [(prepared.on_postgresql, values) for prepared, values in asked])


def commit_after(connection: Connection, *asked: StatementWithValues) -> None:
    """Run these statements in their order, and commit the transaction. PostgreSQL gets all of it in one round trip."""
    if connection.dialect.name == "sqlite":
        in_one_journey(connection, *asked)
    elif asked:
        _ask(connection, [(prepared.on_postgresql, values) for prepared, values in asked], commits=True)
    connection.commit()  # if PostgreSQL has committed already, this only tells SQLAlchemy so


def inserting(table: Table, *names: str) -> Insert:
    """An INSERT of these columns. Each value comes from the bind parameter with the column's name."""
    return table.insert().values({name: bindparam(name) for name in names})


def upserting(table: Table, names: Sequence[str], build: Callable[[Any], Upsert]) -> Prepared:
    """`inserting` with the ON CONFLICT clause that `build` adds. `build` runs for each engine's own INSERT object."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return Prepared(build(sqlite.insert(table).values(values)), build(postgresql.insert(table).values(values)))


class _Compiled:
    """The SQL of a statement for one engine. It converts parameters and results as SQLAlchemy would."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        given = [name for name, bind in compiled.binds.items() if bind.required]
        # Each value of a list that is fixed in the statement (`IN (…)`) becomes a parameter of its own.
        expanded = compiled.construct_expanded_state(dict.fromkeys(given))
        processes: dict[str, Any] = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        processes.update(expanded.processors)
        self.sql = expanded.statement
        self._parameters: list[_Parameter] = []
        for name in expanded.positiontup or ():
            process, value = processes.get(name), expanded.parameters[name]
            if name in given:
                self._parameters.append((name, process, None))
            else:
                self._parameters.append((None, None, value if process is None else process(value)))
        self._results: list[tuple[int, _Process]] = []
        for position, column in enumerate(statement.exported_columns):
            process = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if process is not None:
                self._results.append((position, process))

    def given(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the statement's parameters."""
        return [
            fixed if name is None else values[name] if process is None else process(values[name])
            for name, process, fixed in self._parameters
        ]

    def converted(self, rows: list[RowValues]) -> list[RowValues]:
        return [_converted(row, self._results) for row in rows] if self._results else rows


class _OnSqlite(_Compiled):
    def __init__(self, statement: Statement) -> None:
        super().__init__(statement, sqlite.dialect())

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[RowValues]:
        return self.converted(self._execute(connection, values).fetchall())

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        return self._execute(connection, values).rowcount

    def run_all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
        for each in values:
            self._execute(connection, each)

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            return driver.execute(self.sql, self.given(values))
        except sqlite3.Error as error:
            kind = getattr(exc, type(error).__name__, exc.DBAPIError)
            raise kind(self.sql, None, error, hide_parameters=True) from error


class _OnPostgresql(_Compiled):
    def __init__(self, statement: Statement) -> None:
        super().__init__(statement, PGDialect_psycopg(dbapi=psycopg, paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
        self._bytes = self.sql.encode()

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[RowValues]:
        [rows] = _in_one_journey_to_postgresql(connection, [(self, values)])
        return rows

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        [result] = _ask(connection, [(self, values)])
        return result.number

    def run_all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
        _ask(connection, [(self, each) for each in values])

    def sent(self, values: Mapping[str, Any]) -> StatementSent:
        return self._bytes, self.given(values)


def _in_one_journey_to_postgresql(
    connection: Connection, asked: Sequence[tuple[_OnPostgresql, Mapping[str, Any]]]
) -> list[list[RowValues]]:
    results = _ask(connection, asked)
    return [prepared.converted(result.rows) for (prepared, _), result in zip(asked, results, strict=True)]


def _ask(
    connection: Connection, asked: Sequence[tuple[_OnPostgresql, Mapping[str, Any]]], *, commits: bool = False
) -> list[StatementResult]:
    if not connection.in_transaction():
        connection.begin()  # SQLAlchemy commits only a transaction that it knows
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, JourneyConnection)
    try:
        return driver.ask([prepared.sent(values) for prepared, values in asked], commits=commits)
    except psycopg.Error as error:
        named = (getattr(exc, each.__name__, None) for each in type(error).__mro__)
        kind = next((found for found in named if found is not None), exc.DBAPIError)
        if driver.closed:
            connection.invalidate(error)
        raise kind(asked[0][0].sql, None, error, hide_parameters=True) from error


def _converted(row: RowValues, processes: Sequence[tuple[int, _Process]]) -> RowValues:
    values = list(row)
    for position, process in processes:
        if values[position] is not None:  # None needs no conversion, and most times are NULL
            values[position] = process(values[position])
    return values


_Parameter: TypeAlias = tuple[str | None, _Process | None, Any]
"""The name of the value to give, or None; its conversion for the engine; the fixed value in the statement."""
