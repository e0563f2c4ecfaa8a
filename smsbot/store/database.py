"""Transactions on the one database, SQLite or PostgreSQL.

All work is plain synchronous code on a `Connection`. Asynchronous code passes a function to `Database.write` or
`Database.read` and awaits it. SQLite has one writer at a time, so writes queue there, and all that wait are done and
committed together, with one fsync. PostgreSQL has a pool of threads, with a transaction for each write. Reads have
their own threads on both engines, so that no write waits for a slow read.

Work that raises an exception is undone alone, and the exception goes to its caller. So a refusal, such as a 404 of the
console, may be raised as well as returned: nothing that is committed together with it is undone or repeated.

Work may run a second time, on a database where the first run has left nothing: after a deadlock, or after the commit of
several failed. So work must do nothing but read and write on its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection, Engine, Table, Text, bindparam, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from smsbot.store.prepared import Prepared

T = TypeVar("T")

MOST_COMMITTED_TOGETHER = 64
BUSY_SECONDS = 30.0
"""How long a write on SQLite waits for another process that is writing."""

_TRIES = 4
_LISTEN_SECONDS = 0.5  # closing may have to wait for this long
_RECONNECT_SECONDS = 1.0
_TRUSTED_SECONDS = 1.0  # how long a connection to PostgreSQL is believed to be alive after its last use
_TRUNCATING_SECONDS = 0.1  # writers wait meanwhile
_TRIES_AT_TRUNCATING = 50


def signal(connection: Connection, topic: str) -> None:
    """Tell subscribers of `topic`, once this transaction is committed, that there is something new
    (`Database.subscribe`).
    """
    connection.info.setdefault("signals", set()).add(topic)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with the ON CONFLICT clauses that both engines have."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def serialise(connection: Connection, key: str) -> None:
    """Make other transactions that ask for the same `key` wait until this one ends.

    SQLite has a single writer, so nothing is needed there. PostgreSQL takes an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        _ADVISORY_LOCK.rows(connection, {"key": key})


_ADVISORY_LOCK = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key", type_=Text), 0))))


class _RunAgain(Exception):
    """A transaction has failed with `error`, and nothing of it was committed."""

    def __init__(self, error: OperationalError) -> None:
        super().__init__()
        self.error = error


def _may_succeed_again(cause: BaseException | None, is_committing: bool) -> bool:
    """Whether the transaction was certainly undone, for a reason that another try may not meet."""
    if isinstance(cause, (DeadlockDetected, SerializationFailure)):
        return True
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate in _LOST and not is_committing


_LOST = (None, "57P01", "57P02", "57P03")
"""SQLSTATEs of a connection that has broken (psycopg gives none) and of a server that is stopped or starts."""


class Database:
    """The store behind one URL: `sqlite:///path` or `postgresql://…` (see `SMSBOT_DATABASE_URL`)."""

    def __init__(self, url: str, *, threads: int = 8, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the database. Up to `threads` reads may run at once, and as many writes beside them.

        Raises ValueError for a URL of another engine. A file that does not exist is made at the first connection.
        """
        self.url = _with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.busy_seconds = busy_seconds
        self.engine = (
            _sqlite_engine(self.url, busy_seconds) if self.is_sqlite else _postgresql_engine(self.url, 2 * threads)
        )
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._reading = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-read")
        # SQLite's writes run on the event loop; these threads only wait for other processes.
        self._writing = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-write")
        self._committing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-commit")
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, _GroupCommit] = WeakKeyDictionary()
        self._listener = None if self.is_sqlite else _Listener(self)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable. An exception in it undoes it."""
        loop = asyncio.get_running_loop()
        if not self.is_sqlite:
            return await loop.run_in_executor(self._writing, self.write_now, work)
        if loop not in self._writers:
            self._writers[loop] = _GroupCommit(self, self._writing, self._committing)
        return await self._writers[loop].submit(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot, in a thread, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.read_now, work)

    async def truncate_log(self) -> bool:
        """`truncate_log_now`, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.truncate_log_now)

    def truncate_log_now(self) -> bool:
        """Move what SQLite's write-ahead log holds into the file and empty the log, so that erased data is gone from it
        too.

        Returns False where a reader or writer has prevented it for some seconds. For PostgreSQL, which recycles its log
        by itself, does nothing and returns True.
        """
        if not self.is_sqlite:
            return True
        with self.engine.connect() as connection, _waiting_at_most(connection, _TRUNCATING_SECONDS, self.busy_seconds):
            for _ in range(_TRIES_AT_TRUNCATING):
                busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if not busy:
                    return True
                time.sleep(_TRUNCATING_SECONDS)
        return False

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for synchronous callers: the shell and the tests.

        Where two transactions wait for each other, PostgreSQL ends one of them. That one is run again here. So is one
        whose connection was lost before its commit began, as when the server was restarted.
        """
        for _ in range(_TRIES):
            try:
                return self._write_once(work)
            except _RunAgain:
                continue
        try:
            return self._write_once(work)
        except _RunAgain as again:
            raise again.error from None

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        """Raises `_RunAgain` where nothing was committed and another try may succeed."""
        is_committing = False
        with self.engine.connect() as connection:
            try:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                topics = self.take_signals(connection)
                is_committing = True
                connection.commit()
            except BaseException as error:
                connection.info.pop("signals", None)
                connection.rollback()
                if isinstance(error, OperationalError) and _may_succeed_again(error.orig, is_committing):
                    raise _RunAgain(error) from error
                raise
        self.dispatch(topics)
        return result

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for synchronous callers."""
        with self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            return work(connection)  # leaving the block rolls back

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        """Call `callback` after each commit that signalled `topic`. It runs in any thread and must be quick.

        On PostgreSQL, commits of other processes count too. A signal can get lost with a connection, so subscribers
        must also look for news by themselves from time to time.
        """
        self._subscribers.setdefault(topic, []).append(callback)
        if self._listener is not None:
            self._listener.start()

    def take_signals(self, connection: Connection) -> set[str]:
        """The topics signalled in this transaction.

        PostgreSQL tells the other processes when the transaction is committed.
        """
        topics: set[str] = connection.info.pop("signals", set())
        if not self.is_sqlite:
            for topic in topics:
                _NOTIFY.rows(connection, {"topic": topic})
        return topics

    @property
    def topics(self) -> set[str]:
        """All topics that this process has subscribed to."""
        return set(self._subscribers)

    def dispatch(self, topics: set[str]) -> None:
        """Call the subscribers of these topics in this process."""
        for topic in topics:
            for callback in self._subscribers.get(topic, ()):
                callback()

    def close(self) -> None:
        """Close every connection, once nobody waits for an answer any more."""
        self._committing.shutdown(wait=True)
        if self._listener is not None:
            self._listener.stop()
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        self.engine.dispose()


_NOTIFY = Prepared(select(func.pg_notify("smsbot", bindparam("topic", type_=Text))))


@dataclass(frozen=True, slots=True)
class _Job:
    """Work that a caller awaits.

    `deadline` is by the loop's clock: if its transaction has not begun by then, the work fails. `alone` is set after a
    commit together with others has failed.
    """

    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    deadline: float
    alone: bool = False

    def answer(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _GroupCommit:
    """SQLite's writes from one event loop: all that wait are done in one transaction and committed together.

    The work runs on the loop. In a thread it took a sixth longer, because two busy threads take the interpreter from
    each other at every statement. Only waiting is left to a thread: for the disk when committing, and for another
    process when beginning.
    """

    def __init__(self, database: Database, waiting: ThreadPoolExecutor, committing: ThreadPoolExecutor) -> None:
        self._database = database
        self._waiting = waiting
        self._committing = committing  # separate, because all the others wait for the commit
        self._jobs: deque[_Job] = deque()
        self._working: asyncio.Task[None] | None = None

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(_Job(work, future, loop.time() + self._database.busy_seconds))
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return future

    async def _work_off(self) -> None:
        try:
            with (
                self._database.engine.connect() as connection,
                _waiting_at_most(connection, 0, self._database.busy_seconds),
            ):
                while self._jobs:
                    if await self._begin(connection):
                        await self._commit(connection, self._take())
        except Exception as error:  # noqa: BLE001 - the file cannot be opened: told to all who wait
            self._fail(error, len(self._jobs))
        finally:
            self._working = None

    async def _begin(self, connection: Connection) -> bool:
        """Begin a transaction for all who wait by then; False where another process has been writing for too long.

        Then all whose deadline has passed get the error at once.
        """
        if _begins_at_once(connection):
            return True
        loop = asyncio.get_running_loop()
        patience = max(self._jobs[0].deadline - loop.time(), 0)
        try:
            await loop.run_in_executor(self._waiting, _begin, connection, patience)
        except OperationalError as error:
            connection.rollback()
            if not _is_busy(error):
                raise
            now = loop.time()
            self._fail(error, max(1, sum(job.deadline <= now for job in self._jobs)))
            return False
        return True

    def _take(self) -> list[_Job]:
        """The next jobs to be committed together."""
        jobs = [self._jobs.popleft()]
        while not jobs[0].alone and self._jobs and len(jobs) < MOST_COMMITTED_TOGETHER and not self._jobs[0].alone:
            jobs.append(self._jobs.popleft())
        return jobs

    def _fail(self, error: Exception, number: int) -> None:
        """Give this error to the first `number` jobs that wait."""
        for _ in range(number):
            self._jobs.popleft().fail(error)

    async def _commit(self, connection: Connection, jobs: list[_Job]) -> None:
        """Do the jobs in the transaction that has begun, and commit it. A job that fails is undone alone.

        Where the transaction itself fails, each job is done again in a transaction of its own.
        """
        topics: set[str] = set()
        answers: list[Callable[[], None]] = []
        try:
            for job in jobs:
                answers.append(self._do(connection, job, is_alone=len(jobs) == 1))
                topics |= self._database.take_signals(connection)
            await asyncio.get_running_loop().run_in_executor(self._committing, connection.commit)
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            connection.info.pop("signals", None)
            connection.rollback()
            _driver(connection).rollback()  # after a failed commit SQLAlchemy believes that the transaction has ended
            if len(jobs) > 1:
                self._jobs.extendleft(replace(job, alone=True) for job in reversed(jobs))
            else:
                jobs[0].fail(error)
            return
        self._database.dispatch(topics)
        for answer in answers:
            answer()

    def _do(self, connection: Connection, job: _Job, *, is_alone: bool) -> Callable[[], None]:
        """Do one job, and return the function that tells its caller the outcome, to be called after the commit.

        Raises what has ended the whole transaction.
        """
        if is_alone:
            return partial(job.answer, job.work(connection))
        driver = _driver(connection)
        driver.execute("SAVEPOINT job")
        try:
            result = job.work(connection)
        except Exception as error:
            if not driver.in_transaction:  # a full disk, for example, may end it
                raise
            connection.info.pop("signals", None)
            driver.execute("ROLLBACK TO job")
            driver.execute("RELEASE job")
            return partial(job.fail, error)
        driver.execute("RELEASE job")
        return partial(job.answer, result)


@contextmanager
def _waiting_at_most(connection: Connection, seconds: float, usual: float) -> Iterator[None]:
    """Within the block this connection waits at most `seconds` for another process that is writing, then `usual`
    again.
    """
    _wait_for_others(connection, seconds)
    try:
        yield
    finally:
        _wait_for_others(connection, usual)


def _wait_for_others(connection: Connection, seconds: float) -> None:
    _driver(connection).execute(f"PRAGMA busy_timeout={math.ceil(seconds * 1000)}")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _begins_at_once(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        connection.rollback()
        if not _is_busy(error):
            raise
        return False
    return True


def _begin(connection: Connection, seconds: float) -> None:
    """Begin a transaction, waiting in a thread where another process is writing."""
    with _waiting_at_most(connection, seconds, 0):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


class _Listener:
    """PostgreSQL's LISTEN on a connection of its own: gets the signals of other processes' commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.OperationalError:
                self._stopping.wait(_RECONNECT_SECONDS)

    def _listen(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("LISTEN smsbot")
            self._database.dispatch(self._database.topics)  # signals may have been missed while nobody listened
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=_LISTEN_SECONDS):
                    self._database.dispatch({notification.payload})


def _with_driver(url: URL) -> URL:
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+pysqlite")
    raise ValueError("a database URL is sqlite:///path or postgresql://user:password@host/db")


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": busy_seconds, "check_same_thread": False}
    )

    @event.listens_for(engine, "do_connect")
    def make(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
        """Make a new file that only its owner can read. SQLite gives its log and shared memory the same permissions."""
        if not options.get("uri"):
            with contextlib.suppress(OSError):  # it exists, or cannot be made: connecting will tell which
                os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # only Database begins transactions, with BEGIN
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # erased data does not stay in free pages
        cursor.execute("PRAGMA temp_store=MEMORY")  # nor in temporary files
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    return engine


def _postgresql_engine(url: URL, connections: int) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_size=connections, max_overflow=2)

    @event.listens_for(engine, "checkin")
    def rests(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["at_rest_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def is_alive(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
        """Ask a connection that has rested whether the server still answers: one that was in use just now is not asked,
        since the journey would cost as much as a statement."""
        if time.monotonic() - record.info.get("at_rest_since", 0.0) < _TRUSTED_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise DisconnectionError from error  # the pool makes another

    return engine
