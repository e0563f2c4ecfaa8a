"""Statements about many rows at once. Their text is the same for any number of rows, so they can be prepared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from smsbot.store.prepared import Prepared, RowValues, StatementWithValues, in_one_journey


class ListOf(TypeDecorator[list[Any]]):
    """A list of texts or numbers as one value: an array in PostgreSQL, JSON in SQLite.

    The array literal for PostgreSQL is written here. psycopg calls a function for each value of an array, which took
    longer than the rest of its work on the statement.
    """

    impl = Text
    cache_ok = True

    def __init__(self, each: TypeEngine[Any]) -> None:
        super().__init__()
        self.each = each

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = Text() if dialect.name == "sqlite" else ARRAY(self.each)
        return dialect.type_descriptor(kind)

    def bind_processor(self, dialect: Dialect) -> Callable[[list[Any] | None], Any]:
        return json.dumps if dialect.name == "sqlite" else _as_array


def _as_array(values: list[Any] | None) -> str | None:
    """The literal of an array in PostgreSQL (section 8.15.6 of its manual)."""
    if values is None:
        return None
    return "{" + ",".join(["NULL" if value is None else _quoted(str(value)) for value in values]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class is_one_of(FunctionElement[bool]):  # noqa: N801 - it is written like any SQL function
    """`is_one_of(column, "phones")` in SQL: whether the column's value is in the list given as `phones`.

    With `values` the list is fixed in the statement; such a statement is not prepared. `column.in_(values)` would give
    another text for each length of the list.
    """

    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # otherwise it becomes "… = 1" in SQLite, which then uses no index

    def __init__(self, column: ColumnElement[Any], parameter: str, values: Sequence[Any] | None = None) -> None:
        kind = ListOf(column.type)
        given = None if values is None else bindparam(parameter, list(values), type_=kind, unique=True)
        super().__init__(column, bindparam(parameter, type_=kind) if given is None else given)


@compiles(is_one_of)
def _in_postgresql(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(is_one_of, "sqlite")
def _in_sqlite(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both parts come from the compiler


class Inserts:
    """An INSERT of any number of rows into these columns of a table.

    `conflict` is an ON CONFLICT clause in SQL. `returning` names the columns that are returned for each written row, in
    the order of the rows.
    """

    def __init__(self, table: Table, *names: str, conflict: str = "", returning: Sequence[str] = ()) -> None:
        into = f"INSERT INTO {table.name} ({', '.join(names)})"
        ending = f"{conflict} RETURNING {', '.join(returning)}" if returning else conflict
        given = [bindparam(name, type_=table.c[name].type) for name in names]
        back = [table.c[name] for name in returning]
        one = text(f"{into} VALUES ({', '.join(f':{name}' for name in names)}) {ending}").bindparams(*given)
        # SQLite runs in this process, so one statement for each row costs less there than packing and unpacking JSON.
        rows = f"json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json))"
        selected = f"SELECT {', '.join(names)} FROM {rows} {ending}"  # noqa: S608 - names of our own tables
        many = text(f"{into} {selected}").bindparams(bindparam("rows", type_=Text()))
        self._names = names
        self.prepared = Prepared(one.columns(*back), many.columns(*back))

    def rows(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[RowValues]:
        """Write these rows (there may be none). Returns the columns in `returning` of each written row."""
        [written] = insert_together(connection, (self, rows))
        return written

    def statements(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[StatementWithValues]:
        """The statements that write these rows (there may be none): one per row in SQLite, else one for all."""
        if connection.dialect.name == "sqlite":
            return [(self.prepared, one) for one in rows]
        return [(self.prepared, _as_json(rows, self._names))] if rows else []


Given: TypeAlias = Callable[[str], ColumnElement[Any]]
"""Gives the SQL of a row's value in an `Updates`, by the value's name."""


class Updates:
    """An UPDATE of any number of rows, each with its own values.

    `build` makes the statement from the values that each row is given. `types` has the names of these values and their
    types. The names must differ from the table's columns. `build` selects the row by one of them:
    `table.c.id == given("this")`.
    """

    def __init__(
        self, build: Callable[[Given], Update | ReturningUpdate[Any]], **types: TypeEngine[Any] | type[TypeEngine[Any]]
    ) -> None:
        # As in `Inserts`: one statement per row in SQLite, one for all rows in PostgreSQL.
        one = build(lambda name: bindparam(name, type_=types[name]))
        rows = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON))
        given = rows.table_valued(*(column(name, kind) for name, kind in types.items()))
        self._names = tuple(types)
        self._prepared = Prepared(one, build(given.render_derived("given", with_types=True).c.__getitem__))

    def rows(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[RowValues]:
        """Change these rows (there may be none). Returns what the statement returns for them, in any order."""
        if connection.dialect.name == "sqlite":
            return self._prepared.rows_of_all(connection, rows)
        return self._prepared.rows(connection, self._values(rows)) if rows else []

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """`rows` for a statement that returns nothing."""
        if connection.dialect.name == "sqlite":
            self._prepared.run_all(connection, rows)
        elif rows:
            self._prepared.run(connection, self._values(rows))

    def _values(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return _as_json(rows, self._names)


def _as_json(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """These columns of the rows as JSON, which PostgreSQL unpacks."""
    chosen = [{name: row[name] for name in names} for row in rows]
    return {"rows": json.dumps(chosen, default=str, ensure_ascii=False)}


InsertsWithRows: TypeAlias = tuple[Inserts, Sequence[Mapping[str, Any]]]
"""An INSERT and the rows that it writes (there may be none)."""


def insert_together(connection: Connection, *wanted: InsertsWithRows) -> list[list[RowValues]]:
    """Run these INSERTs in their order, in one round trip for PostgreSQL. Returns the rows that each returns."""
    asked = [inserts.statements(connection, rows) for inserts, rows in wanted]
    found = iter(in_one_journey(connection, *(one for each in asked for one in each)))
    return [[row for _ in each for row in next(found)] for each in asked]
