"""What goes to PostgreSQL in one journey, and what becomes of it when a statement or the connection fails."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import BigInteger, Connection, Integer, Text, bindparam, cast, exc, func, select, text

from smsbot.store.database import Database
from smsbot.store.prepared import Prepared, Row, in_one_journey

ECHO = Prepared(select(cast(bindparam("said", type_=Text), Text)))
SEVENTH = Prepared(select(7 // cast(bindparam("by", type_=BigInteger), BigInteger)))
PID = Prepared(select(func.pg_backend_pid()))
END = Prepared(select(func.pg_terminate_backend(bindparam("pid", type_=Integer), 10_000)))  # milliseconds to wait
EVERYTHING = Prepared(text("SELECT * FROM changing").columns())


def test_the_error_is_that_of_the_statement_that_failed(postgresql_database: Database) -> None:
    def work(connection: Connection) -> None:
        in_one_journey(connection, (ECHO, {"said": "a"}), (SEVENTH, {"by": 0}), (ECHO, {"said": "b"}))

    with pytest.raises(exc.DataError, match="division by zero"):
        postgresql_database.write_now(work)
    said = postgresql_database.write_now(lambda connection: ECHO.rows(connection, {"said": "after it"}))
    assert [tuple(row) for row in said] == [("after it",)]


def test_within_a_transaction_the_rest_goes_on_from_the_savepoint(postgresql_database: Database) -> None:
    def work(connection: Connection) -> Any:
        ECHO.rows(connection, {"said": "before"})
        with pytest.raises(exc.DataError), connection.begin_nested():
            SEVENTH.rows(connection, {"by": 0})
        return in_one_journey(connection, (SEVENTH, {"by": 1}), (ECHO, {"said": "after"}))

    assert postgresql_database.write_now(work) == [[(7,)], [("after",)]]


def test_a_statement_that_a_change_of_the_tables_has_broken_works_again(postgresql_database: Database) -> None:
    def change(connection: Connection, sql: str) -> None:
        connection.execute(text(sql))

    def read(connection: Connection) -> list[Any]:
        return EVERYTHING.rows(connection, {})

    postgresql_database.write_now(
        lambda connection: change(connection, "CREATE TEMP TABLE changing AS SELECT 1 AS one")
    )
    assert postgresql_database.write_now(read) == [(1,)]
    postgresql_database.write_now(lambda connection: change(connection, "ALTER TABLE changing ADD two int DEFAULT 2"))
    with pytest.raises(exc.NotSupportedError, match="cached plan"):
        postgresql_database.write_now(read)
    assert postgresql_database.write_now(read) == [(1, 2)]


@pytest.mark.parametrize("ended_by", ["itself", "another"])
def test_work_whose_connection_ends_before_its_commit_is_done_again(
    postgresql_database: Database, ended_by: str
) -> None:
    tries = []

    def work(connection: Connection) -> list[list[Row]]:
        tries.append(connection)
        [[[pid]]] = in_one_journey(connection, (PID, {}))
        if len(tries) == 1 and ended_by == "itself":
            in_one_journey(connection, (ECHO, {"said": "a"}), (END, {"pid": pid}), (ECHO, {"said": "b"}))
        elif len(tries) == 1:
            with postgresql_database.engine.connect() as another:
                END.rows(another, {"pid": pid})
        return in_one_journey(connection, (ECHO, {"said": "a"}), (ECHO, {"said": "b"}))

    assert postgresql_database.write_now(work) == [[("a",)], [("b",)]]
    assert len(tries) == 2


def test_a_journey_may_carry_more_than_both_ways_hold(postgresql_database: Database) -> None:
    said = "é" * 50_000
    asked = [(ECHO, {"said": f"{number}{said}"}) for number in range(200)]
    answers = postgresql_database.write_now(lambda connection: in_one_journey(connection, *asked))
    assert answers == [[(f"{number}{said}",)] for number in range(200)]


def test_numbers_of_any_size_go_in(postgresql_database: Database) -> None:
    def work(connection: Connection) -> list[Any]:
        return [SEVENTH.row(connection, {"by": by}) for by in (1, 2**20, 2**40, None)]

    assert postgresql_database.write_now(work) == [(7,), (0,), (0,), (None,)]
