"""Statements that run for each message. They are compiled once per engine, and on SQLite go straight to its driver.

SQLAlchemy looks a statement up in its cache, makes a context and wraps the result at each run. This costs several times
what SQLite needs to answer from memory (docs/decisions/0007). On PostgreSQL a statement goes to another process, so
this cost matters little, and SQLAlchemy runs it as usual.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from sqlalchemy import Connection, Delete, Insert, Select, Table, TextualSelect, Update, bindparam, exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

Row: TypeAlias = Sequence[Any]
"""The values of the selected columns, in their order."""

Statement: TypeAlias = (
    Select[Any] | TextualSelect | Insert | Update | Delete | ReturningInsert[Any] | ReturningUpdate[Any]
)
Upsert: TypeAlias = sqlite.Insert | postgresql.Insert | ReturningInsert[Any]

_Process: TypeAlias = Callable[[Any], Any]


class Prepared:
    """One statement. Its values are those of its named bind parameters, all of which must be given."""

    def __init__(self, statement: Statement, for_postgresql: Statement | None = None) -> None:
        """`for_postgresql` is the same statement for PostgreSQL, where the engines need different objects for it."""
        self._statement = statement
        self._for_postgresql = statement if for_postgresql is None else for_postgresql

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        """All rows. Like the other methods, raises SQLAlchemy's `DBAPIError`."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._for_postgresql, values))
        return self._on_sqlite.rows(connection, values)

    def row(self, connection: Connection, values: Mapping[str, Any]) -> Row | None:
        """The first row; None where there is none."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run a statement that gives no rows, and return how many rows it has changed."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._for_postgresql, values).rowcount
        return self._on_sqlite.run(connection, values)

    def run_all(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement once for each of these values; there may be none."""
        if connection.dialect.name != "sqlite":
            if values:
                connection.execute(self._for_postgresql, values)
            return
        for each in values:
            self._on_sqlite.run(connection, each)

    @cached_property
    def _on_sqlite(self) -> _OnSqlite:
        return _OnSqlite(self._statement)


def inserting(table: Table, *names: str) -> Insert:
    """An INSERT of these columns, each from the bind parameter with its name."""
    return table.insert().values({name: bindparam(name) for name in names})


def upserting(table: Table, names: Sequence[str], build: Callable[[Any], Upsert]) -> Prepared:
    """`inserting` with the ON CONFLICT clause that `build` adds. Both engines have it, each with its own object."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return Prepared(build(sqlite.insert(table).values(values)), build(postgresql.insert(table).values(values)))


class _OnSqlite:
    """The SQL of a statement for SQLite, with the conversions of values in and out that SQLAlchemy would do."""

    def __init__(self, statement: Statement) -> None:
        dialect = sqlite.dialect()
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._parameters: list[_Parameter] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            value = bind.effective_value
            fixed = None if bind.required else process(value) if process is not None else value
            self._parameters.append((name if bind.required else None, process, fixed))
        self._results: list[tuple[int, _Process]] = []
        for position, column in enumerate(statement.exported_columns):
            process = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if process is not None:
                self._results.append((position, process))

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        found = self._execute(connection, values).fetchall()
        return [self._converted(row) for row in found] if self._results else found

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        return self._execute(connection, values).rowcount

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        parameters = [
            fixed if name is None else values[name] if process is None else process(values[name])
            for name, process, fixed in self._parameters
        ]
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            return driver.execute(self._sql, parameters)
        except sqlite3.Error as error:
            kind = getattr(exc, type(error).__name__, exc.DBAPIError)
            raise kind(self._sql, None, error, hide_parameters=True) from error

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for position, process in self._results:
            values[position] = process(values[position])
        return values


_Parameter: TypeAlias = tuple[str | None, _Process | None, Any]
"""The name of the value to give, or None; its conversion for SQLite; the value that is fixed in the statement."""
