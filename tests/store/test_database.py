"""What a transaction promises, on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from smsbot.store import schema
from smsbot.store.database import Database, insert, serialise, signal
from smsbot.store.tables import opt_outs

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


def opt_out(connection: Connection, number: str) -> bool:
    """Whether this insert won."""
    row = {"number": number, "opted_out_at": NOW}
    statement = insert(connection, opt_outs).values(row).on_conflict_do_nothing().returning(opt_outs.c.number)
    return connection.execute(statement).one_or_none() is not None


def numbers(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(opt_outs)).scalar_one()


@pytest.mark.anyio
async def test_many_writes_at_once_are_all_durable_and_each_gets_its_own_answer(database: Database) -> None:
    def work(connection: Connection, number: int) -> tuple[bool, int]:
        return opt_out(connection, f"+3361{number}"), number

    answers = await asyncio.gather(*(database.write(partial(work, number=n)) for n in range(200)))
    assert answers == [(True, n) for n in range(200)]
    assert await database.read(numbers) == 200


@pytest.mark.anyio
async def test_a_failure_undoes_its_own_work_and_nobody_elses(database: Database) -> None:
    def work(connection: Connection, number: int) -> None:
        opt_out(connection, f"+3361{number}")
        if number % 10 == 0:
            raise ValueError(number)

    outcomes = await asyncio.gather(
        *(database.write(partial(work, number=n)) for n in range(100)), return_exceptions=True
    )
    assert sum(isinstance(outcome, ValueError) for outcome in outcomes) == 10
    assert await database.read(numbers) == 90


@pytest.mark.anyio
async def test_an_insert_wins_or_not(database: Database) -> None:
    wins = await asyncio.gather(*(database.write(lambda c: opt_out(c, "+33600000000")) for _ in range(50)))
    assert sorted(wins) == [False] * 49 + [True]


def test_what_was_read_under_a_serialised_key_still_holds_at_the_commit(database: Database) -> None:
    def count_and_add(connection: Connection) -> None:
        serialise(connection, "counter")
        opt_out(connection, f"+{numbers(connection)}")

    threads = [threading.Thread(target=database.write_now, args=(count_and_add,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.read_now(numbers) == 8


@pytest.mark.anyio
async def test_a_signal_comes_after_the_commit_and_only_if_there_is_one(database: Database) -> None:
    seen: list[int] = []
    database.subscribe("outgoing", lambda: seen.append(database.read_now(numbers)))

    def good(connection: Connection) -> None:
        opt_out(connection, "+33600000001")
        signal(connection, "outgoing")

    def bad(connection: Connection) -> None:
        opt_out(connection, "+33600000002")
        signal(connection, "outgoing")
        raise ValueError("undo this")

    with pytest.raises(ValueError, match="undo"):
        await database.write(bad)
    assert 1 not in seen
    await database.write(good)
    database.write_now(good)
    assert seen.count(1) >= 2
    assert database.is_sqlite is False or seen == [1, 1], "only other processes' signals can come twice"


@pytest.mark.anyio
async def test_another_process_hears_of_a_commit(postgresql_url: str, open_database: Callable[[str], Database]) -> None:
    here, there = open_database(postgresql_url), open_database(postgresql_url)
    heard = threading.Event()
    there.subscribe("outgoing", heard.set)
    assert await asyncio.to_thread(heard.wait, 10), "what may have been missed before counts as heard"
    heard.clear()
    await here.write(lambda connection: signal(connection, "something else"))
    await here.write(lambda connection: signal(connection, "outgoing"))
    assert await asyncio.to_thread(heard.wait, 10)


def test_another_engine_is_refused() -> None:
    for url in ("mysql://root@localhost/db", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="sqlite:///path or postgresql://"):
            Database(url)


@pytest.mark.anyio
async def test_while_another_process_is_writing_only_writes_wait(sqlite_database: Database) -> None:
    path = sqlite_database.url.database
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(sqlite_database.write(partial(opt_out, number="+33612345678")))
        for _ in range(20):
            assert await sqlite_database.read(numbers) == 0
        assert not writing.done()
        another.execute("ROLLBACK")
        assert await writing
    assert await sqlite_database.read(numbers) == 1


@pytest.mark.anyio
async def test_a_database_that_cannot_be_opened_fails_those_who_ask_and_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    database = Database(f"sqlite:///{folder / 'smsbot.db'}")
    outcomes = await asyncio.gather(*(database.write(numbers) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OperationalError] * 3
    folder.mkdir()
    schema.upgrade(database)
    assert await database.write(partial(opt_out, number="+33612345678"))
    database.close()


@pytest.mark.anyio
async def test_who_has_gone_away_keeps_nobody_waiting(sqlite_database: Database) -> None:
    gone = asyncio.create_task(sqlite_database.write(partial(opt_out, number="+33611111111")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await sqlite_database.write(partial(opt_out, number="+33622222222"))
    with pytest.raises(asyncio.CancelledError):
        await gone


def test_several_event_loops_on_one_file_wait_for_each_other_and_no_longer(sqlite_database: Database) -> None:
    async def write(loop: int) -> None:
        for number in range(20):
            await sqlite_database.write(partial(opt_out, number=f"+336{loop}{number}"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda loop: asyncio.run(write(loop)), range(4)))
    assert sqlite_database.read_now(numbers) == 80
