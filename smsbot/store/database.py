"""Transactions on the one database, whatever its engine.

All work is plain synchronous code on a `Connection`; the asynchronous edges hand a function to `Database.write` or
`Database.read` and await it. SQLite has one writer at a time, so its writes queue, and whatever is waiting is done and
committed together: one fsync for all of it. PostgreSQL has a pool of threads, and a transaction each.

Work may be run a second time, on a database in which the first never happened: after a deadlock, or because something
that was committed together with it failed. So it does nothing but read and write on its connection.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

T = TypeVar("T")

MOST_COMMITTED_TOGETHER = 64
_BUSY_SECONDS = 30
_TRIES_AT_DEADLOCK = 4
_LISTEN_SECONDS = 0.5  # how long closing may have to wait
_RECONNECT_SECONDS = 1.0


def signal(connection: Connection, topic: str) -> None:
    """Say, once this transaction is committed, that there is something new under `topic` (see `Database.subscribe`)."""
    connection.info.setdefault("signals", set()).add(topic)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with the ON CONFLICT clauses that both engines have."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def serialise(connection: Connection, key: str) -> None:
    """Let no other transaction that asks for the same `key` pass until this one ends.

    SQLite has a single writer, so there is nothing to do; PostgreSQL takes an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ADVISORY_LOCK, {"key": key})


_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


class Database:
    """The store behind one URL: `sqlite:///path` or `postgresql://…` (see `SMSBOT_DATABASE_URL`)."""

    def __init__(self, url: str, *, threads: int = 8) -> None:
        self.url = _with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url, threads)
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store")
        self._committing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-commit")
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, _GroupCommit] = WeakKeyDictionary()
        self._listener = None if self.is_sqlite else _Listener(self)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; when this returns, what it did is durable. An exception in it undoes it."""
        loop = asyncio.get_running_loop()
        if not self.is_sqlite:
            return await loop.run_in_executor(self._threads, self.write_now, work)
        if loop not in self._writers:
            self._writers[loop] = _GroupCommit(self, self._threads, self._committing)
        return await self._writers[loop].submit(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, work)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for synchronous callers: the shell and the tests.

        Where two transactions each wait for the other, PostgreSQL ends one of them; that one is simply run again.
        """
        for _ in range(_TRIES_AT_DEADLOCK):
            try:
                return self._write_once(work)
            except OperationalError as error:
                if not isinstance(error.orig, (DeadlockDetected, SerializationFailure)):
                    raise
        return self._write_once(work)

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            try:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(connection)
                topics = self.take_signals(connection)
                connection.commit()
            except BaseException:
                connection.info.pop("signals", None)
                connection.rollback()
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
        """Call `callback` (from any thread; it must be quick) after each commit that signalled `topic`.

        On PostgreSQL those of other processes count too. A signal can get lost with a connection, so whoever waits for
        one also looks by itself from time to time.
        """
        self._subscribers.setdefault(topic, []).append(callback)
        if self._listener is not None:
            self._listener.start()

    def take_signals(self, connection: Connection) -> set[str]:
        """The topics signalled in this transaction; PostgreSQL tells the other processes when it commits."""
        topics: set[str] = connection.info.pop("signals", set())
        if not self.is_sqlite:
            for topic in topics:
                connection.execute(_NOTIFY, {"topic": topic})
        return topics

    @property
    def topics(self) -> set[str]:
        """Everything that somebody here subscribed to."""
        return set(self._subscribers)

    def dispatch(self, topics: set[str]) -> None:
        """Call whoever subscribed to one of these topics in this process."""
        for topic in topics:
            for callback in self._subscribers.get(topic, ()):
                callback()

    def close(self) -> None:
        """Let go of every connection, once nobody waits for an answer any more."""
        self._committing.shutdown(wait=True)
        if self._listener is not None:
            self._listener.stop()
        self._threads.shutdown(wait=True)
        self.engine.dispose()


_NOTIFY = text("SELECT pg_notify('smsbot', :topic)")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]

    def answer(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _GroupCommit:
    """SQLite's writes from one event loop: whatever waits is done together and committed together.

    The work itself is done on the loop. In a thread of its own it took a sixth longer: two threads that both have work
    take the interpreter from each other at every statement. What has to wait is left to a thread: committing waits for
    the disk, and beginning does where another process is writing.
    """

    def __init__(self, database: Database, waiting: ThreadPoolExecutor, committing: ThreadPoolExecutor) -> None:
        self._database = database
        self._waiting = waiting
        self._committing = committing  # apart: whoever commits is whom the others wait for
        self._jobs: deque[_Job] = deque()
        self._working: asyncio.Task[None] | None = None

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(_Job(work, future))
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return future

    async def _work_off(self) -> None:
        jobs: list[_Job] = []
        try:
            with self._database.engine.connect() as connection, _not_waiting(connection):
                while self._jobs:
                    together = min(len(self._jobs), MOST_COMMITTED_TOGETHER)
                    jobs = [self._jobs.popleft() for _ in range(together)]
                    await self._commit(connection, jobs)
        except Exception as error:  # noqa: BLE001 - the file cannot be opened: told to all who wait
            for job in (*jobs, *self._jobs):
                job.fail(error)
            self._jobs.clear()
        finally:
            self._working = None

    async def _commit(self, connection: Connection, jobs: list[_Job]) -> None:
        """Run the jobs in one transaction. If one fails, each has its own after all, and fails alone."""
        try:
            loop = asyncio.get_running_loop()
            if not _begins_at_once(connection):
                await loop.run_in_executor(self._waiting, _begin, connection)
            results = [job.work(connection) for job in jobs]
            topics = self._database.take_signals(connection)
            await loop.run_in_executor(self._committing, connection.commit)
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            connection.info.pop("signals", None)
            connection.rollback()
            if len(jobs) > 1:
                for job in jobs:
                    await self._commit(connection, [job])
            else:
                jobs[0].fail(error)
            return
        self._database.dispatch(topics)
        for job, result in zip(jobs, results, strict=True):
            job.answer(result)


@contextmanager
def _not_waiting(connection: Connection) -> Iterator[None]:
    """Where another process is writing, this connection is told so at once instead of waiting for it."""
    _wait_for_others(connection, 0)
    try:
        yield
    finally:
        _wait_for_others(connection, _BUSY_SECONDS)


def _wait_for_others(connection: Connection, seconds: int) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA busy_timeout={seconds * 1000}")


def _begins_at_once(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        connection.rollback()
        return False
    return True


def _begin(connection: Connection) -> None:
    """Begin once the other process has finished, in a thread that may wait for that."""
    _wait_for_others(connection, _BUSY_SECONDS)
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _wait_for_others(connection, 0)


class _Listener:
    """PostgreSQL's LISTEN on a connection of its own: hears what other processes signalled when they committed."""

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
            self._database.dispatch(self._database.topics)  # whatever was signalled while nobody listened
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


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun in words, by Database alone
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is erased does not stay behind in free pages
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    return engine


def _postgresql_engine(url: URL, threads: int) -> Engine:
    return create_engine(url, hide_parameters=True, pool_size=threads, max_overflow=2, pool_pre_ping=True)
