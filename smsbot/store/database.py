"""Transactions on the one database, whatever its engine.

All work is plain synchronous code on a `Connection`; the asynchronous edges hand a function to `Database.write` or
`Database.read` and await it in one hop to a thread. SQLite has one writer at a time, so its writes queue for one thread
and whatever is waiting is committed together: one fsync for all of it. PostgreSQL has a pool, and a transaction each.

Work may be run a second time, on a database in which the first never happened: after a deadlock, or because something
that was committed together with it failed. So it does nothing but read and write on its connection.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection, CursorResult, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql.dml import ReturningInsert

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


Upsert: TypeAlias = sqlite.Insert | postgresql.Insert | ReturningInsert[Any]


class PreparedInsert:
    """A statement with an ON CONFLICT clause, built once for each engine: building it costs more than running it."""

    def __init__(self, table: Table, build: Callable[[sqlite.Insert | postgresql.Insert], Upsert]) -> None:
        self._by_dialect = {"sqlite": build(sqlite.insert(table)), "postgresql": build(postgresql.insert(table))}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        return connection.execute(self._by_dialect[connection.dialect.name], values)


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
        self._writer = _GroupCommit(self) if self.is_sqlite else None
        self._listener = None if self.is_sqlite else _Listener(self)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; when this returns, what it did is durable. An exception in it undoes it."""
        if self._writer is not None:
            return await self._writer.submit(work)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write_now, work)

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
        """Finish what was submitted, then let go of every connection."""
        if self._writer is not None:
            self._writer.close()
        if self._listener is not None:
            self._listener.stop()
        self._threads.shutdown(wait=True)
        self.engine.dispose()


_NOTIFY = text("SELECT pg_notify('smsbot', :topic)")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Answer whoever awaits it; they may be gone, and their loop with them."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class _GroupCommit:
    """SQLite's one writing thread: whatever waits is committed together, and each answer is given after the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                    self._thread.start()
        self._jobs.put(_Job(work, loop, future))
        return future

    def close(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        with self._database.engine.connect() as connection:
            while (first := self._jobs.get()) is not None:
                jobs = [first]
                closing = False
                while len(jobs) < MOST_COMMITTED_TOGETHER:
                    try:
                        job = self._jobs.get_nowait()
                    except queue.Empty:
                        break
                    if job is None:
                        closing = True
                        break
                    jobs.append(job)
                self._commit(connection, jobs)
                if closing:
                    return

    def _commit(self, connection: Connection, jobs: list[_Job]) -> None:
        """Run the jobs in one transaction. If one fails, each has its own after all, and fails alone."""
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            results = [job.work(connection) for job in jobs]
            topics = self._database.take_signals(connection)
            connection.commit()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it
            connection.info.pop("signals", None)
            connection.rollback()
            if len(jobs) > 1:
                for job in jobs:
                    self._commit(connection, [job])
            else:
                jobs[0].finish(None, error)
            return
        self._database.dispatch(topics)
        for job, result in zip(jobs, results, strict=True):
            job.finish(result, None)


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
