"""The statements that go to PostgreSQL in one journey, and what happens if a statement or the connection fails."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import BigInteger, Connection, Integer, Text, bindparam, cast, exc, func, select, text

from smsbot.store.daily_counts import count
from smsbot.store.database import Database
from smsbot.store.journeys import MOST_PREPARED
from smsbot.store.prepared import Prepared, RowValues, in_one_journey
from smsbot.store.tables import opt_outs

NOW = datetime(2026, 5, 4, tzinfo=UTC)

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

    def work(connection: Connection) -> list[list[RowValues]]:
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


def test_a_server_keeps_only_so_many_statements(postgresql_database: Database) -> None:
    many = [Prepared(text(f"SELECT {number}").columns()) for number in range(2 * MOST_PREPARED)]
    kept = Prepared(text("SELECT count(*) FROM pg_prepared_statements").columns())

    def work(connection: Connection) -> list[RowValues]:
        for number, one in enumerate(many):
            assert one.rows(connection, {}) == [(number,)]
        return kept.rows(connection, {})

    [[number]] = postgresql_database.write_now(work)
    assert number <= MOST_PREPARED


def test_numbers_of_any_size_go_in(postgresql_database: Database) -> None:
    def work(connection: Connection) -> list[Any]:
        return [SEVENTH.row(connection, {"by": by}) for by in (1, 2**20, 2**40, None)]

    assert postgresql_database.write_now(work) == [(7,), (0,), (0,), (None,)]


def test_what_fails_together_with_the_commit_undoes_the_work(postgresql_database: Database) -> None:
    def work(connection: Connection, what: str) -> None:
        _opt_out(connection, "+33612345678")
        count(connection, what, now=NOW)

    with pytest.raises(exc.DBAPIError):
        postgresql_database.write_now(partial(work, what="no text has a zero\0"))
    assert postgresql_database.read_now(_numbers) == []
    postgresql_database.write_now(partial(work, what="something"))
    assert postgresql_database.read_now(_numbers) == ["+33612345678"]


def test_work_whose_connection_ends_with_its_commit_is_not_done_again(postgresql_database: Database) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(connection)
        for sql in (
            "CREATE FUNCTION pg_temp.end_it() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'",
            "CREATE TRIGGER ending BEFORE INSERT ON daily_counts EXECUTE FUNCTION pg_temp.end_it()",
        ):
            connection.execute(text(sql))
        count(connection, "something", now=NOW)

    with pytest.raises(exc.OperationalError):
        postgresql_database.write_now(work)
    assert len(tries) == 1


def _opt_out(connection: Connection, number: str) -> None:
    connection.execute(opt_outs.insert(), {"number": number, "opted_out_at": NOW})


def _numbers(connection: Connection) -> list[str]:
    return list(connection.execute(select(opt_outs.c.number)).scalars())
