"""How it stands with each connected source: who is signed in, what the last calls met, when it was last heard of.

It is kept in the database, so that every process tells the same (`smsbot rdvsp status`, `/health/ready`, `/metrics`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, func, update

from smsbot.connected.source_api import CallRefused, NotSignedIn, SourceCallFailed
from smsbot.store.database import Database, insert
from smsbot.store.tables import connected_sources

LOOKED_AT_AGAIN_SECONDS = 60.0
"""So often a successful call ends a problem that another process has noted."""

logger = structlog.get_logger(__name__)


@dataclass
class SourceNotes:
    """Notes what becomes of the calls of one process to a source. Only changes are written."""

    source: str
    database: Database
    clock: Callable[[], datetime]
    _noted: str | None = None
    _well_until: float = float("-inf")

    async def failed(self, problem: SourceCallFailed) -> None:
        """A call brought nothing. What passes by itself is logged alone; a refusal is kept until a call succeeds."""
        if not isinstance(problem, (CallRefused, NotSignedIn)):
            logger.warning("source does not answer", source=self.source, sentence=problem.sentence)
            return
        logger.error("source refuses", source=self.source, sentence=problem.sentence)
        if self._noted != problem.sentence:
            await self.database.write(
                lambda connection: note_problem(connection, self.source, problem.sentence, self.clock())
            )
        self._noted, self._well_until = problem.sentence, float("-inf")

    async def succeeded(self) -> None:
        """A call was answered."""
        if self._noted is None and time.monotonic() < self._well_until:
            return
        await self.database.write(lambda connection: forget_problem(connection, self.source))
        self._noted, self._well_until = None, time.monotonic() + LOOKED_AT_AGAIN_SECONDS


def note_problem(connection: Connection, source: str, sentence: str, now: datetime) -> None:
    """The last call was refused, or nobody is signed in. `problem_at` is since when."""
    statement = insert(connection, connected_sources).values(source=source, version=0, problem=sentence, problem_at=now)
    since = func.coalesce(connected_sources.c.problem_at, now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["source"], set_={"problem": sentence, "problem_at": since})
    )


def forget_problem(connection: Connection, source: str) -> None:
    """A call was answered: there is no problem any more."""
    problem = update(connected_sources).where(
        connected_sources.c.source == source, connected_sources.c.problem.is_not(None)
    )
    connection.execute(problem.values(problem=None, problem_at=None))
