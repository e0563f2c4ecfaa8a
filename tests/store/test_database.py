"""The promises of a transaction, on both engines."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from smsbot.store import schema
from smsbot.store.database import Database, serialise, signal, upsert
from smsbot.store.tables import former_agent_organisations, metadata, opt_outs

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


def opt_out(connection: Connection, number: str) -> bool:
    """Insert the number. Returns whether it was new."""
    row = {"number": number, "opted_out_at": NOW}
    statement = upsert(connection, opt_outs).values(row).on_conflict_do_nothing().returning(opt_outs.c.number)
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
async def test_what_is_refused_makes_nobody_else_do_their_work_again(database: Database) -> None:
    done: list[int] = []

    def work(connection: Connection, number: int) -> int:
        done.append(number)
        opt_out(connection, f"+3361{number}")
        signal(connection, f"of {number}")
        if number % 10 == 0:
            raise LookupError(number)
        return number

    heard: list[int] = []
    for number in range(64):
        database.subscribe(f"of {number}", partial(heard.append, number))
    outcomes = await asyncio.gather(
        *(database.write(partial(work, number=n)) for n in range(64)), return_exceptions=True
    )
    assert sorted(done) == list(range(64)), "each once"
    refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, LookupError)]
    assert refused == list(range(0, 64, 10))
    if database.is_sqlite:  # on PostgreSQL the listener may report other signals, and the same one twice
        assert set(heard) == {number for number in range(64) if number % 10}
    assert await database.read(numbers) == 57


async def _among_others(database: Database, work: Callable[[Connection], None]) -> list[Any]:
    """The outcomes of eleven writes at the same time. The sixth does `work`."""
    works: list[Callable[[Connection], Any]] = [partial(opt_out, number=f"+3361{number}") for number in range(10)]
    works.insert(5, work)
    return await asyncio.gather(*map(database.write, works), return_exceptions=True)


@pytest.mark.anyio
async def test_a_commit_that_fails_fails_for_whose_work_it_was_alone(sqlite_database: Database) -> None:
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # the commit notices the violation, and not before
        row = {"agent_id": 17, "source": "rdvsp", "organisation_external_id": "1"}
        connection.execute(upsert(connection, former_agent_organisations).values(row))

    outcomes = await _among_others(sqlite_database, orphan)
    assert isinstance(outcomes.pop(5), IntegrityError)
    assert outcomes == [True] * 10
    assert await sqlite_database.read(numbers) == 10


@pytest.mark.anyio
async def test_work_that_ends_the_transaction_takes_nobody_with_it(sqlite_database: Database) -> None:
    def end(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")  # as SQLite itself may do if the disk is full
        raise OSError("no space left")

    outcomes = await _among_others(sqlite_database, end)
    assert isinstance(outcomes.pop(5), OSError)
    assert outcomes == [True] * 10
    assert await sqlite_database.read(numbers) == 10


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


@pytest.mark.anyio
async def test_who_listens_goes_on_whatever_has_failed(
    postgresql_url: str, open_database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsbot.store.database._RECONNECT_SECONDS", 0.01)
    there, heard = open_database(postgresql_url), threading.Event()
    failures = [ReadOnlySqlTransaction("after a failover"), *(RuntimeError("the loop is closed") for _ in range(3))]

    def hear() -> None:
        if failures:
            raise failures.pop()
        heard.set()

    with capture_logs() as logs:
        there.subscribe("outgoing", hear)
        assert await asyncio.to_thread(heard.wait, 10)
    assert [log["error"] for log in logs if "error" in log] == ["RuntimeError", "ReadOnlySqlTransaction"]


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
async def test_however_many_wait_for_another_process_they_wait_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'smsbot.db'}", busy_seconds=0.5)
    metadata.create_all(database.engine)
    begun: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _cursor, words, *_rest: begun.append(words))
    with closing(sqlite3.connect(tmp_path / "smsbot.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        works = (partial(opt_out, number=f"+3361{number}") for number in range(150))
        loop = asyncio.get_running_loop()
        all_at = loop.time()
        with monkeypatch.context() as while_they_come:  # all at the same moment, however slow the machine is
            while_they_come.setattr(loop, "time", lambda: all_at)
            writes = [asyncio.create_task(database.write(work)) for work in works]
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        another.execute("ROLLBACK")
    assert {type(outcome) for outcome in outcomes} == {OperationalError}
    assert begun == ["BEGIN IMMEDIATE"] * 2, "at once, and in a thread that waited"
    assert await database.write(partial(opt_out, number="+33612345678"))
    database.close()


@pytest.mark.anyio
async def test_who_came_later_has_all_their_time_to_wait(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'smsbot.db'}", busy_seconds=2)
    metadata.create_all(database.engine)
    with closing(sqlite3.connect(tmp_path / "smsbot.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        first = asyncio.create_task(database.write(partial(opt_out, number="+33611111111")))
        await asyncio.sleep(1)
        second = asyncio.create_task(database.write(partial(opt_out, number="+33622222222")))
        with pytest.raises(OperationalError, match="locked"):
            await first
        assert not second.done()
        another.execute("ROLLBACK")
        assert await second
    database.close()


@pytest.mark.anyio
async def test_reads_that_take_long_hold_up_no_write(database: Database) -> None:
    """These are pages and reports, and far more of them than threads."""
    may_end = threading.Event()
    lock = text("SELECT pg_advisory_lock_shared(1)")

    def read(connection: Connection) -> None:
        if database.is_sqlite:
            connection.execute(select(opt_outs)).all()
            may_end.wait()
        else:
            connection.execute(lock)  # the connection below holds it

    with database.engine.connect() as holder:
        if not database.is_sqlite:
            holder.execute(text("SELECT pg_advisory_lock(1)"))
        reading = [asyncio.create_task(database.read(read)) for _ in range(40)]
        with _a_process_that_writes(database):
            writing = [asyncio.create_task(database.write(partial(opt_out, number=f"+336{n}"))) for n in range(40)]
            await asyncio.sleep(0.1)
        assert await asyncio.gather(*writing) == [True] * 40
        assert not any(task.done() for task in reading)
        may_end.set()
        if not database.is_sqlite:
            holder.execute(text("SELECT pg_advisory_unlock(1)"))
        await asyncio.gather(*reading)


@contextmanager
def _a_process_that_writes(database: Database) -> Iterator[None]:
    """While the block runs, another process holds SQLite.

    On PostgreSQL nothing is held, because writers need not wait.
    """
    if not database.is_sqlite:
        yield
        return
    assert database.url.database is not None
    with closing(sqlite3.connect(database.url.database, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        yield
        another.execute("ROLLBACK")


@pytest.mark.parametrize("behind_a_link", [False, True])
def test_a_new_database_is_its_owners_alone_from_the_first_moment(tmp_path: Path, behind_a_link: bool) -> None:
    link = tmp_path.with_name(f"{tmp_path.name}-link")
    link.symlink_to(tmp_path / "smsbot.db")
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{link if behind_a_link else tmp_path / 'smsbot.db'}")
        with database.engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
            made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert made == dict.fromkeys(("smsbot.db", "smsbot.db-wal", "smsbot.db-shm"), 384)


@pytest.mark.anyio
async def test_the_log_is_emptied_once_nobody_looks_at_it_any_more(sqlite_database: Database) -> None:
    log = Path(f"{sqlite_database.url.database}-wal")
    await sqlite_database.write(partial(opt_out, number="+33612345678"))
    assert log.stat().st_size
    with sqlite_database.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        assert numbers(reader) == 1
        await sqlite_database.write(partial(opt_out, number="+33622222222"))
        emptying = asyncio.create_task(sqlite_database.truncate_log())
        await asyncio.sleep(0.3)
        assert await sqlite_database.write(partial(opt_out, number="+33633333333")), "writers wait little"
        reader.rollback()
    assert await emptying
    assert log.stat().st_size == 0
    assert await sqlite_database.read(numbers) == 3


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
