"""Transactions on the one database, SQLite or PostgreSQL.

All work is plain synchronous code on a `Connection`. Asynchronous code passes a function to `Database.write` or
`Database.read` and awaits it. SQLite allows one writer at a time, so writes form a queue there, and all waiting writes
are committed together, with one fsync. PostgreSQL has a pool of threads and one transaction for each write. Reads have
threads of their own on both engines, so that no write waits for a slow read.

If the work raises an exception, only this work is undone, and its caller gets the exception. So a refusal, such as a
404 of the console, may be raised or returned: other work in the same commit is neither undone nor repeated.

The work may run a second time after a deadlock, or after a shared commit has failed. The first run has then left
nothing in the database. So the work must do nothing except read and write on its connection.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

import psycopg
import structlog
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

logger = structlog.get_logger(__name__)

BUSY_SECONDS = 30.0
"""How long a write on SQLite waits while another process writes."""

_TRIES = 4
_RECONNECT_SECONDS = 1.0
_TRUNCATING_SECONDS = 0.1  # short, because writers have to wait meanwhile
_TRIES_AT_TRUNCATING = 50


def signal(connection: Connection, topic: str) -> None:
    """Notify the subscribers of `topic` (see `Database.subscribe`) as soon as this transaction is committed."""
    connection.info.setdefault("signals", set()).add(topic)


def take_signals(connection: Connection) -> set[str]:
    """The topics that were signalled in this transaction since the last call."""
    topics: set[str] = connection.info.pop("signals", set())
    return topics


def forget_pending(connection: Connection) -> None:
    """Drop the signals and counts of work that has failed."""
    take_signals(connection)
    take_counts(connection)


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can take an ON CONFLICT clause: SQLAlchemy has a class of its own for each engine."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def serialise(connection: Connection, key: str) -> None:
    """Make other transactions that ask for the same `key` wait until this one ends.

    SQLite has a single writer, so nothing is needed there. PostgreSQL takes an advisory lock.
    """
    in_one_journey(connection, *serialising(connection, [key]))


def serialising(connection: Connection, keys: Iterable[str]) -> list[StatementWithValues]:
    """The statement with which `serialise` locks these keys, to be sent together with other statements.

    The keys are always locked in the same order, so that two transactions cannot wait for each other.
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
    """Whether the transaction was certainly undone, and running it again may succeed."""
    if isinstance(cause, (DeadlockDetected, SerializationFailure)):
        return True
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate in _LOST and not is_committing


_LOST = (None, "57P01", "57P02", "57P03")
"""SQLSTATEs of a broken connection (psycopg gives None) and of a server that is stopping or starting."""


def is_about_the_database(error: Exception) -> bool:
    """Whether the database has failed, and not the work itself. Then the same work may succeed later.

    A bare `StatementError` is an error of the work: it gave a value that cannot be written.
    """
    is_of_the_work = isinstance(error, (DataError, IntegrityError)) or type(error) is StatementError
    return isinstance(error, SQLAlchemyError) and not is_of_the_work


class Database:
    """The database behind one URL: `sqlite:///path` or `postgresql://…` (see `SMSBOT_DATABASE_URL`)."""

    def __init__(self, url: str, *, threads: int = 8, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the database. At most `threads` reads run at once, and as many writes beside them.

        Raises ValueError for a URL of another engine. A missing SQLite file is made at the first connection.
        """
        self.url = with_driver(make_url(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.busy_seconds = busy_seconds
        self.engine = (
            sqlite_engine(self.url, busy_seconds) if self.is_sqlite else postgresql_engine(self.url, 2 * threads)
        )
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._reading = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-read")
        # SQLite's writes run on the event loop. These threads only wait while another process writes.
        self._writing = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="store-write")
        self._committing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-commit")
        self._writers: WeakKeyDictionary[asyncio.AbstractEventLoop, GroupCommit] = WeakKeyDictionary()
        self._listener = None if self.is_sqlite else _Listener(self)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, and return its result when it is committed. An exception undoes the work."""
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
        """Run `work` on a consistent snapshot, in a thread, and return its result. What it writes is rolled back."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.read_now, work)

    async def truncate_log(self) -> bool:
        """Run `truncate_log_now` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.truncate_log_now)

    def truncate_log_now(self) -> bool:
        """Move the content of SQLite's write-ahead log into the database file and empty the log, so that erased data
        is gone from the log too.

        Returns False if a reader or writer has prevented it for some seconds. Does nothing for PostgreSQL, which
        recycles its log by itself, and returns True.
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
        """`write` for synchronous callers: the commands of the shell, and tests.

        If two transactions wait for each other, PostgreSQL ends one of them, and it is run again here. It is also run
        again if its connection was lost before the commit began, for example because the server was restarted.
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
        """Raises `_RunAgain` if nothing was committed and another try may succeed."""
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
                if not connection.invalidated:  # what was pending is gone with a lost connection
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

        On PostgreSQL this includes commits of other processes. A signal is lost if its connection breaks, so
        subscribers must also check for news from time to time.
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
        """Wait until all work is finished, then close every connection."""
        self._committing.shutdown(wait=True)
        if self._listener is not None:
            self._listener.stop()
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        self.engine.dispose()


_NOTIFY = Prepared(select(func.pg_notify("smsbot", bindparam("topic", type_=Text))))


class _Listener:
    """Receives the signals of other processes through PostgreSQL's LISTEN, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell: socket.socket | None = None  # closing it wakes the thread, which reads the other end
        self._problem: str | None = None  # the kind of the last error, until signals are received again

    def start(self) -> None:
        if self._thread is None:
            heard, self._bell = socket.socketpair()
            self._thread = threading.Thread(target=self._run, args=(heard,), name="store-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None and self._bell is not None:
            self._bell.close()
            self._thread.join()

    def _run(self, bell: socket.socket) -> None:
        with bell:
            while not self._stopping.is_set():
                try:
                    self._listen(bell)
                except Exception as error:  # noqa: BLE001 - after any error the thread must go on
                    self._note_problem(type(error).__name__)
                    self._stopping.wait(_RECONNECT_SECONDS)

    def _note_problem(self, problem: str | None) -> None:
        """Log a problem once, and not at every try to connect again; and its end."""
        if problem == self._problem:
            return
        self._problem = problem
        if problem is None:
            logger.info("signals of other processes are received again")
        else:
            logger.warning("signals of other processes are not received", error=problem)

    def _listen(self, bell: socket.socket) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection, selectors.DefaultSelector() as selector:
            selector.register(bell, selectors.EVENT_READ)
            selector.register(connection, selectors.EVENT_READ)
            connection.execute("LISTEN smsbot")
            self._database.dispatch(self._database.topics)  # signals may have been missed before the connection
            self._note_problem(None)
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=0):
                    self._database.dispatch({notification.payload})
                selector.select()
