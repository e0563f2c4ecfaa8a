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
"""A good answer is repeated for so long: the check writes to the database, and anybody may ask."""
_LONGEST_WRITE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BackgroundState:
    """`since_success` has the seconds since each piece of work last succeeded, by name, None where it never did.

    `messages` has the seconds for which the oldest due message has been due, by channel, and `reminders` the same for
    reminders that are not written yet. 0 where nothing is due. `sources` has how it stands with each connected source.
    `heard` has the seconds since each source was last heard of, by its name and the way, None for a webhook that is set
    up and has never come.
    """

    since_success: dict[str, float | None]
    messages: dict[str, float]
    reminders: float
    sources: dict[str, SourceState] = field(default_factory=dict)
    heard: dict[tuple[str, Feed], float | None] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, object]:
        """What is told in seconds."""
        heard = {f"{source} {feed}": seconds for (source, feed), seconds in self.heard.items()}
        return {
            "since_success": self.since_success,
            "messages": self.messages,
            "reminders": self.reminders,
            "heard": heard,
        }

    @property
    def source_words(self) -> dict[str, str]:
        """Each connected source in a word or two that anybody may read; the sentence is in `smsbot rdvsp status`."""
        return {name: _word(state) for name, state in self.sources.items()}


@dataclass(frozen=True, slots=True)
class BackgroundWatch:
    """Watches the work with these names, the connected `sources`, and those that may post a webhook (`posting`).

    `reminder_due_since` gives the time since which the oldest due reminder has been due, None for none.
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

    The body of the latter also tells of background work and of the connected sources. The service is ready without
    them, because it can answer usagers, and what they wish can wait.
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
            await self.database.read(schema.check)
            state = await self.database.read(lambda connection: self.background.look(connection, now))
        except schema.SchemaProblem as problem:
            raise _Unready(str(problem)) from None
        except SQLAlchemyError:
            raise _Unready("the database cannot be reached") from None
        try:
            async with asyncio.timeout(_LONGEST_WRITE_SECONDS):
                await self.database.write(lambda connection: note_successes(connection, {"ready": now}))
        except (SQLAlchemyError, TimeoutError):
            raise _Unready("nothing can be written to the database: is its disk full?") from None
        return state


class _Unready(Exception):
    """The message says why."""
