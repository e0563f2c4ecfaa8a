"""SQLite has one writer at a time, so waiting writes are done in one transaction and committed together."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from smsbot.store.daily_counts import adding, take_counts
from smsbot.store.prepared import in_one_journey

T = TypeVar("T")

MOST_COMMITTED_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class _Job:
    """Work that a caller awaits.

    `deadline` is by the loop's clock: if the transaction has not begun by then, the work fails. `alone` is True after
    a shared commit has failed.
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


class GroupCommit:
    """SQLite's writes from one event loop: all waiting writes are done in one transaction and committed together.

    The work runs on the loop. In a thread it took a sixth longer, because two busy threads compete for the interpreter
    at every statement. Only the waiting is done in a thread: for the disk when committing, and for another process
    when beginning.
    """

    def __init__(
        self,
        engine: Engine,
        busy_seconds: float,
        *,
        waiting: ThreadPoolExecutor,
        committing: ThreadPoolExecutor,
        take_signals: Callable[[Connection], set[str]],
        forget_pending: Callable[[Connection], None],
        dispatch: Callable[[set[str]], None],
    ) -> None:
        """`take_signals` returns the topics signalled in a transaction, `dispatch` calls their subscribers after it,
        and `forget_pending` drops the signals and counts of work that has failed.

        `busy_seconds` is how long a write waits for another process.
        """
        self._engine = engine
        self._busy_seconds = busy_seconds
        self._take_signals = take_signals
        self._forget_pending = forget_pending
        self._dispatch = dispatch
        self._waiting = waiting
        self._committing = committing  # a thread of its own, because all other writes wait for the commit
        self._jobs: deque[_Job] = deque()
        self._working: asyncio.Task[None] | None = None

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(_Job(work, future, loop.time() + self._busy_seconds))
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return future

    async def _work_off(self) -> None:
        try:
            with (
                self._engine.connect() as connection,
                waiting_at_most(connection, 0, self._busy_seconds),
            ):
                while self._jobs:
                    if await self._begin(connection):
                        await self._commit(connection, self._take())
                    await asyncio.sleep(0)  # a caller that got its answer often submits its next write now
        except Exception as error:  # noqa: BLE001 - the file cannot be opened: all waiting callers get the error
            self._fail(error, len(self._jobs))
        finally:
            self._working = None

    async def _begin(self, connection: Connection) -> bool:
        """Begin a transaction for all waiting jobs. Returns False if another process has been writing for too long;
        then all jobs whose deadline has passed get the error at once.
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
        """Do the jobs in the transaction that has begun, and commit it. If a job fails, only that job is undone.

        If the transaction itself fails, each job is done again in its own transaction.
        """
        topics: set[str] = set()
        counts: Counter[tuple[str, str, str]] = Counter()
        answers: list[Callable[[], None]] = []
        try:
            for job in jobs:
                answers.append(self._do(connection, job, is_alone=len(jobs) == 1))
                topics |= self._take_signals(connection)
                counts.update(take_counts(connection))
            in_one_journey(connection, *adding(connection, counts))
            await asyncio.get_running_loop().run_in_executor(self._committing, connection.commit)
        except Exception as error:  # noqa: BLE001 - given to the callers that await the jobs
            self._forget_pending(connection)
            connection.rollback()
            _driver(connection).rollback()  # SQLAlchemy believes that a failed commit has ended the transaction
            if len(jobs) > 1:
                self._jobs.extendleft(replace(job, alone=True) for job in reversed(jobs))
            else:
                jobs[0].fail(error)
            return
        self._dispatch(topics)
        for answer in answers:
            answer()

    def _do(self, connection: Connection, job: _Job, *, is_alone: bool) -> Callable[[], None]:
        """Do one job. Returns a function that gives its caller the result or the error, to be called after the commit.

        Raises an error that has ended the whole transaction.
        """
        if is_alone:
            return partial(job.answer, job.work(connection))
        driver = _driver(connection)
        driver.execute("SAVEPOINT job")
        try:
            result = job.work(connection)
        except Exception as error:
            if not driver.in_transaction:  # the error has ended it, as a full disk may
                raise
            self._forget_pending(connection)
            driver.execute("ROLLBACK TO job")
            driver.execute("RELEASE job")
            return partial(job.fail, error)
        driver.execute("RELEASE job")
        return partial(job.answer, result)


@contextmanager
def waiting_at_most(connection: Connection, seconds: float, usual: float) -> Iterator[None]:
    """Within the block this connection waits at most `seconds` while another process writes, and after the block
    `usual` seconds again.
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
    """Begin a transaction. Waits up to `seconds` while another process writes, so it is called in a thread."""
    with waiting_at_most(connection, seconds, 0):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
