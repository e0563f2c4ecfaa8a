"""When each source of appointments was last heard of, by webhook, API or file.

When a source falls silent, there is no error: nothing comes, so nothing fails. Operators see it only by this time
(`/metrics`, `/health/ready`, `smsbot rdvsp status`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from smsbot.store.database import Database, upsert
from smsbot.store.tables import last_words

NOTED_EVERY = timedelta(minutes=1)
MOST_TOLD = 50
"""An import may name any source. Only the newest are returned, so that there are not too many metrics."""


class Feed(StrEnum):
    """The way in which a source tells us of appointments."""

    WEBHOOK = "webhook"
    API = "api"
    FILE = "file"


@dataclass
class LastWords:
    """Notes when sources are heard of, at most once a minute for each feed, so that a flood costs nothing."""

    database: Database
    clock: Callable[[], datetime]
    _noted_at: dict[tuple[str, Feed], datetime] = field(default_factory=dict)

    async def heard(self, source: str, feed: Feed) -> None:
        """This source has just told us something."""
        now = self.clock()
        noted_at = self._noted_at.get((source, feed))
        if noted_at is not None and now - noted_at < NOTED_EVERY:
            return
        self._noted_at[source, feed] = now
        await self.database.write(lambda connection: note_last_word(connection, source, feed, now))


def note_last_word(connection: Connection, source: str, feed: Feed, now: datetime) -> None:
    """The source has told us something at `now` (UTC)."""
    statement = upsert(connection, last_words).values(source=source, feed=feed.value, at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "feed"], set_={"at": now}))


def last_words_heard(connection: Connection) -> dict[tuple[str, Feed], datetime]:
    """When each source was last heard of (UTC), exact to a minute, newest first. Others are left out."""
    newest = select(last_words).order_by(last_words.c.at.desc(), last_words.c.source).limit(MOST_TOLD)
    return {(row.source, Feed(row.feed)): row.at for row in connection.execute(newest)}
