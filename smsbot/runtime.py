"""Runs the background work of a process, notices when a piece of it fails, and records when it last succeeded.

A piece of work is a function that does one round, such as writing the reminders that are due. The supervisor calls it,
waits, and calls it again. Two kinds of things can go wrong:

- **Something cannot be reached**, such as the database or a gateway's list. This is temporary, and the work waits for
  as long as it lasts.
- **Any other error** is a bug, or a mistake in the installation. It is logged with its kind and place, and the work is
  restarted after a pause that grows. If it fails again and again, the supervisor gives up and the process ends: a
  service that sends no reminders would look healthy without being so.

The last successes are recorded in the database, so that every process can show those of the others: `smsbot deliver`
has no HTTP port, and `serve --no-delivery` must notice if no process delivers.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import structlog
from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from smsbot.problem import Problem
from smsbot.store.database import Database
from smsbot.store.prepared import upserting
from smsbot.store.tables import heartbeats

DATABASE_OUTAGE = (OperationalError, InterfaceError, InternalError, NoConnectionFree)
"""SQLAlchemy's errors if the database is unreachable, full, locked or read-only. Its other errors are bugs."""

Round: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

logger = structlog.get_logger(__name__)

SUCCESSES_NOTED_EVERY = timedelta(seconds=15)


class HasToWait(Problem):
    """Raised by a round when something cannot be reached. The round has already logged what."""


@dataclass(frozen=True, slots=True)
class PeriodicWork:
    """A piece of background work. Logs and metrics use its `name`.

    `once` does one round. The next follows after `every`, or earlier if `wake` is set. Work with a `finish` is not
    cut off when the process stops: its current round ends, and then `finish` is awaited.
    """

    name: str
    once: Round
    every: timedelta
    finish: Round | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How failing work is restarted: after `first_pause` seconds, doubled each time up to `longest_pause`.

    The supervisor gives up after `failures` failures in a row, if the first of them was at least `seconds` ago.
    """

    first_pause: float = 1.0
    longest_pause: float = 60.0
    failures: int = 10
    seconds: float = 600.0


class Supervisor:
    """All background work of one process. Call `start` and `stop` in the same event loop."""

    def __init__(self, restarts: RestartPolicy | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` returns seconds that never go back."""
        self._restarts = restarts or RestartPolicy()
        self._monotonic = monotonic
        self._keepers: dict[asyncio.Task[None], PeriodicWork] = {}
        self._succeeded_at: dict[str, float] = {}
        self._stopping = asyncio.Event()
        self._given_up: str | None = None
        self._told: list[Callable[[], None]] = []
        self._told_of_first: list[Callable[[], None]] = []

    @property
    def given_up(self) -> str | None:
        """The name of the work that was given up; None if none was."""
        return self._given_up

    def when_given_up(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as work is given up. It has to end the process."""
        self._told.append(callback)

    def when_first_succeeded(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time that a piece of work has succeeded for the first time."""
        self._told_of_first.append(callback)

    def start(self, *works: PeriodicWork) -> None:
        """Run each piece of work, round after round, until `stop`."""
        for work in works:
            keeper = asyncio.create_task(self._keep(work), name=work.name)
            self._keepers[keeper] = work
            keeper.add_done_callback(self._ended)

    def wake(self) -> None:
        """Let each piece of work begin its next round at once, for example after the service's clock was set."""
        for work in self._keepers.values():
            work.wake.set()

    async def stop(self) -> None:
        """Begin no more rounds. Rounds that are running are cancelled, except for work with a `finish`."""
        self._stopping.set()
        for keeper, work in self._keepers.items():
            if work.finish is None:
                keeper.cancel()
            else:
                work.wake.set()
        if self._keepers:
            await asyncio.wait(self._keepers)

    def seconds_since_success(self) -> dict[str, float]:
        """Seconds since the end of each work's last successful round, by name. Work without one is left out."""
        now = self._monotonic()
        return {name: now - then for name, then in self._succeeded_at.items()}

    async def _keep(self, work: PeriodicWork) -> None:
        failing = _Failing(self._restarts)
        while not self._stopping.is_set():
            work.wake.clear()
            try:
                await work.once()
            except HasToWait:
                await self._pause(self._shortened(work))
            except DATABASE_OUTAGE as error:
                logger.error("database out of reach, work has to wait", work=work.name, error=type(error).__name__)
                await self._pause(self._shortened(work))
            except Exception as error:  # noqa: BLE001 - any error is logged and counted
                pause = failing.again(self._monotonic())
                logger.error("work failed", work=work.name, failures=failing.failures, **_described(error))
                if pause is None:
                    break
                await self._pause(pause)
            else:
                failing = _Failing(self._restarts)
                self._note_success(work)
                if not self._stopping.is_set():
                    await _happens_within(work.wake, work.every.total_seconds())
        if work.finish is not None:
            await work.finish()

    def _note_success(self, work: PeriodicWork) -> None:
        is_first = work.name not in self._succeeded_at
        self._succeeded_at[work.name] = self._monotonic()
        if is_first:
            for callback in self._told_of_first:
                callback()

    def _shortened(self, work: PeriodicWork) -> float:
        """The pause in seconds of work that waits for something. Hourly work must not wait an hour for it."""
        return min(work.every.total_seconds(), self._restarts.longest_pause)

    async def _pause(self, seconds: float) -> None:
        """Wait, and ignore `wake`: a new commit does not repair what has failed."""
        await _happens_within(self._stopping, seconds)

    def _ended(self, keeper: asyncio.Task[None]) -> None:
        """Give up the work of a task that ended before `stop`, for any reason."""
        error = None if keeper.cancelled() else keeper.exception()
        if error is not None:
            logger.error("work ended with an error", work=keeper.get_name(), **_described(error))
        if self._stopping.is_set() or self._given_up is not None:
            return
        self._given_up = keeper.get_name()
        logger.error("work given up: the process ends", work=self._given_up)
        for callback in self._told:
            callback()


class _Failing:
    """The failures of one piece of work since its last success."""

    def __init__(self, restarts: RestartPolicy) -> None:
        self._restarts = restarts
        self._began: float | None = None
        self.failures = 0

    def again(self, now: float) -> float | None:
        """Count one more failure. Returns how many seconds to pause, or None to give up."""
        restarts = self._restarts
        self.failures += 1
        if self._began is None:
            self._began = now
        if self.failures >= restarts.failures and now - self._began >= restarts.seconds:
            return None
        return min(restarts.first_pause * 2.0 ** min(self.failures - 1, 32), restarts.longest_pause)


def wake_in(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    """Set the `wake` of a piece of work, from any thread. Does nothing if the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(wake.set)


PAUSE_BETWEEN_PIECES = 0.02  # seconds


async def work_off(
    database: Database,
    find: Callable[[Connection], Sequence[Any]],
    work: Callable[[Sequence[Any], Connection], int],
    at_most: int,
) -> int:
    """Handle all rows that are due, in transactions of `at_most` rows with pauses between them.

    The pauses let other writers through. `find` gives the ids of rows that are due, all or some of them. `work` handles
    these ids and returns how many it could handle. Ends when `find` gives none, or when `work` could handle none of
    them. Returns how many were handled.
    """
    total = 0
    while found := await database.read(find):
        done = 0
        for start in range(0, len(found), at_most):
            done += await database.write(partial(work, found[start : start + at_most]))
            await asyncio.sleep(PAUSE_BETWEEN_PIECES)
        total += done
        if not done:
            break
    return total


def woken_by(database: Database, topic: str, name: str, once: Round, every: timedelta) -> PeriodicWork:
    """Work that does a round every `every`, and at once when `topic` is signalled in the database.

    It may be made outside the event loop: it subscribes in its first round.
    """
    wake, is_subscribed = asyncio.Event(), False

    async def listening() -> None:
        nonlocal is_subscribed
        if not is_subscribed:
            loop = asyncio.get_running_loop()
            database.subscribe(topic, lambda: wake_in(loop, wake))
            is_subscribed = True
        await once()

    return PeriodicWork(name, listening, every, wake=wake)


async def _happens_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but at most `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _described(error: BaseException) -> dict[str, object]:
    """The kind of an error and its lines of code, without its text, which may contain personal data."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {"error": type(error).__name__, "at": [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]}


def note_successes(connection: Connection, moments: Mapping[str, datetime], now: datetime) -> None:
    """Record when each piece of work, by name, last succeeded in this process (UTC).

    A later success that another process recorded is kept.
    """
    for name in sorted(moments):  # always in the same order, so that two processes cannot wait for each other
        _BEAT.run(connection, {"name": name, "at": moments[name], "now": now})


def last_successes(connection: Connection) -> dict[str, datetime]:
    """When each piece of work last succeeded in any process (UTC), by name. Work that never succeeded is absent."""
    return {row.name: row.at for row in connection.execute(select(heartbeats))}


def noting_successes(database: Database, supervisor: Supervisor, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of recording when the other work of this process last succeeded.

    A first success is recorded at once. Otherwise, for 15 seconds after a start, it would look as if no process did it.
    """

    async def once() -> None:
        now = clock()
        since = supervisor.seconds_since_success()
        moments = {name: now - timedelta(seconds=seconds) for name, seconds in since.items()}
        await database.write(lambda connection: note_successes(connection, moments, now))

    work = PeriodicWork("heartbeat", once, SUCCESSES_NOTED_EVERY)
    supervisor.when_first_succeeded(work.wake.set)
    return work


# If the work hangs in one process and succeeds in another, the later success is kept. A recorded time in the future is
# overwritten: the clock has been set back since.
_BEAT = upserting(
    heartbeats,
    ("name", "at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["name"],
        set_={"at": insert.excluded.at},
        where=or_(heartbeats.c.at < insert.excluded.at, heartbeats.c.at > bindparam("now")),
    ),
)
