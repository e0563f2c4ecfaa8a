"""Whether the service is alive, whether it can serve, and how its background work is doing.

`/health/ready` and `/metrics` tell when each piece of work last succeeded, and how long due things have been waiting
for it. All of it is read from the database, so it does not matter which process does the work, or if none does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.appointments.intake import Feed, last_words_heard
from smsbot.connected.source_state import SourceState, source_states
from smsbot.figures.present import oldest_due
from smsbot.runtime import last_successes, note_successes
from smsbot.store import schema
from smsbot.store.database import Database

GOOD_FOR_SECONDS = 5.0
"""For how long a good answer is given again without a new check.

The check writes to the database, and anybody can ask.
"""
_LONGEST_WRITE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BackgroundState:
    """How the background work is doing, for all processes together.

    - `since_success`: seconds since each piece of work last succeeded, by its name. None if it never did.
    - `messages`: seconds for which the oldest due message has been due, by channel. 0 if none is due.
    - `reminders`: the same for reminders that are not written yet.
    - `sources`: the state of each connected source, by its name.
    - `heard`: seconds since each source last sent something, by its name and the way it came. None for a webhook that
      is set up and has never come.
    """

    since_success: dict[str, float | None]
    messages: dict[str, float]
    reminders: float
    sources: dict[str, SourceState] = field(default_factory=dict)
    heard: dict[tuple[str, Feed], float | None] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, object]:
        """All values that are seconds, for the body of `/health/ready`."""
        heard = {f"{source} {feed}": seconds for (source, feed), seconds in self.heard.items()}
        return {
            "since_success": self.since_success,
            "messages": self.messages,
            "reminders": self.reminders,
            "heard": heard,
        }

    @property
    def source_words(self) -> dict[str, str]:
        """One or two words for each connected source, by its name. Anybody may read them.

        The full sentence is only in `smsbot rdvsp status`.
        """
        return {name: _word(state) for name, state in self.sources.items()}


@dataclass(frozen=True, slots=True)
class BackgroundWatch:
    """Reads the state of the background work.

    `works` are the names of the pieces of work, `sources` the connected sources, and `posting` the sources that may
    post a webhook. `reminder_due_since` returns since when the oldest due reminder has been due (UTC), or None.
    """

    works: Sequence[str]
    reminder_due_since: Callable[[Connection, datetime], datetime | None]
    sources: Sequence[str] = ()
    posting: Sequence[str] = ()

    def look(self, connection: Connection, now: datetime) -> BackgroundState:
        """The state at `now`. Raises `SQLAlchemyError`."""
        beats = last_successes(connection)
        since = self.reminder_due_since(connection, now)
        never: dict[tuple[str, Feed], float | None] = {(source, Feed.WEBHOOK): None for source in self.posting}
        heard: dict[tuple[str, Feed], float | None] = {
            key: _seconds(at, now) for key, at in last_words_heard(connection).items()
        }
        return BackgroundState(
            since_success={name: _seconds(beats[name], now) if name in beats else None for name in self.works},
            messages={channel: _seconds(due_at, now) for channel, due_at in oldest_due(connection, now).items()},
            reminders=0.0 if since is None else _seconds(since, now),
            sources=source_states(connection, self.sources, now) if self.sources else {},
            heard=never | heard,
        )


def _word(state: SourceState) -> str:
    if not state.is_signed_in:
        return "not signed in"
    return "well" if state.problem is None else "refused"


def _seconds(since: datetime, now: datetime) -> float:
    return max(round((now - since).total_seconds(), 1), 0.0)


@dataclass(slots=True)
class Health:
    """`/health/live`: the process answers. `/health/ready`: the database can be written and has this version's schema.

    The body of `/health/ready` also tells how background work and connected sources are doing. They do not decide
    whether the service is ready: without them it still answers usagers, and the rest can wait.
    """

    database: Database
    background: BackgroundWatch
    clock: Callable[[], datetime]
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _well: BackgroundState | None = None
    _well_until: float = float("-inf")

    def routes(self) -> list[Route]:
        return [
            Route("/health/live", self.live, methods=["GET"]),
            Route("/health/ready", self.ready, methods=["GET"]),
        ]

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        async with self._one_at_a_time:
            if self._well is None or time.monotonic() >= self._well_until:
                try:
                    self._well = await self._look()
                except _Unready as unready:
                    self._well = None
                    return JSONResponse({"status": "unready", "reason": str(unready)}, status_code=503)
                self._well_until = time.monotonic() + GOOD_FOR_SECONDS
            sources = {"sources": self._well.source_words} if self._well.sources else {}
            return JSONResponse({"status": "ready", "seconds": self._well.seconds, **sources})

    async def _look(self) -> BackgroundState:
        now = self.clock()
        try:
            await self.database.read(schema.check_schema)
            state = await self.database.read(lambda connection: self.background.look(connection, now))
        except schema.SchemaProblem as problem:
            raise _Unready(str(problem)) from None
        except SQLAlchemyError:
            raise _Unready("the database cannot be reached") from None
        try:
            async with asyncio.timeout(_LONGEST_WRITE_SECONDS):
                await self.database.write(lambda connection: note_successes(connection, {"ready": now}, now))
        except (SQLAlchemyError, TimeoutError):
            raise _Unready("nothing can be written to the database: is its disk full?") from None
        return state


class _Unready(Exception):
    """The service is not ready. The message says why."""
