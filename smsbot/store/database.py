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
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection, Table, Text, bindparam, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, SQLAlchemyError, StatementError

from smsbot.store.daily_counts import adding, take_counts
from smsbot.store.engines import postgresql_engine, sqlite_engine, with_driver
from smsbot.store.group_commit import GroupCommit, waiting_at_most
from smsbot.store.many import ListOf
from smsbot.store.prepared import Prepared, StatementWithValues, commit_after, in_one_journey

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long a write on SQLite waits for another process that is writing."""

_TRIES = 4
_LISTEN_SECONDS = 0.5  # closing may have to wait for this long
_RECONNECT_SECONDS = 1.0
_TRUNCATING_SECONDS = 0.1  # writers wait meanwhile
_TRIES_AT_TRUNCATING = 50


def signal(connection: Connection, topic: str) -> None:
    """Tell subscribers of `topic`, once this transaction is committed, that there is something new
    (`Database.subscribe`).
    """
    connection.info.setdefault("signals", set()).add(topic)


def take_signals(connection: Connection) -> set[str]:
    """The topics that were signalled in this transaction since the last time."""
    topics: set[str] = connection.info.pop("signals", set())
    return topics


def forget_pending(connection: Connection) -> None:
    """Forget what was signalled and counted in work that has failed."""
    take_signals(connection)
    take_counts(connection)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with the ON CONFLICT clauses that both engines have."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def serialise(connection: Connection, key: str) -> None:
    """Make other transactions that ask for the same `key` wait until this one ends.

    SQLite has a single writer, so nothing is needed there. PostgreSQL takes an advisory lock.
    """
    in_one_journey(connection, *serialising(connection, [key]))


def serialising(connection: Connection, keys: Iterable[str]) -> list[StatementWithValues]:
    """The statement that does what `serialise` does, for all these keys, to be sent together with others.

    The keys are taken in one order by everybody, so that nobody waits for somebody who waits for them.
    """
    return [] if connection.dialect.name == "sqlite" else [(_ADVISORY_LOCKS, {"keys": sorted(keys)})]


_keys = func.unnest(bindparam("keys", type_=ListOf(Text()))).column_valued("key")
_ADVISORY_LOCKS = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended(_keys, 0))))


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


def is_about_the_database(error: Exception) -> bool:
    """Whether the database has failed, so that the same work may succeed later, and not the work itself.

    A bare `StatementError` is the work's: it has a value that cannot be written.
    """
    is_of_the_work = isinstance(error, (DataError, IntegrityError)) or type(error) is StatementError
    return isinstance(error, SQLAlchemyError) and not is_of_the_work


class Database:
    """The store behind one URL: `sqlite:///path` or `postgresql://…` (see `SMSBOT_DATABASE_URL`)."""

    def __init__(self, url: str, *, threads: int = 8, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the database. Up to `threads` reads may run at once, and as many writes beside them.

        Raises ValueError for a URL of another engine. A file that does not exist is made at the first connection.
        """
        self.url = with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.busy_seconds = busy_seconds
        self.engine = (
            sqlite_engine(self.url, busy_seconds) if self.is_sqlite else postgresql_engine(self.url, 2 * threads)
        )
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._reading = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-read")
        # SQLite's writes run on the event loop; these threads only wait for other processes.
        self._writing = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-write")
        self._committing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-commit")
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, GroupCommit] = WeakKeyDictionary()
        self._listener = None if self.is_sqlite else _Listener(self)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable. An exception in it undoes it."""
        loop = asyncio.get_running_loop()
        if not self.is_sqlite:
            return await loop.run_in_executor(self._writing, self.write_now, work)
        if loop not in self._writers:
            self._writers[loop] = GroupCommit(
                self.engine,
                self.busy_seconds,
                waiting=self._writing,
                committing=self._committing,
                take_signals=take_signals,
                forget_pending=forget_pending,
                dispatch=self.dispatch,
            )
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
        with self.engine.connect() as connection, waiting_at_most(connection, _TRUNCATING_SECONDS, self.busy_seconds):
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
                topics = take_signals(connection)
                told = [] if self.is_sqlite else [(_NOTIFY, {"topic": topic}) for topic in sorted(topics)]
                last = adding(connection, take_counts(connection)) + told
                is_committing = True
                commit_after(connection, *last)
            except BaseException as error:
                if not connection.invalidated:  # a lost connection has taken with it what was pending
                    forget_pending(connection)
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
