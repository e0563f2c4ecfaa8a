"""What is told of background work, in `/metrics` and `/health/ready`: how long ago each piece of it went well, and how
long what is due has been waiting for it. Whichever process does it, or none: all of it is read in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsbot.figures.present import oldest_due
from smsbot.runtime.heartbeats import last_successes


@dataclass(frozen=True, slots=True)
class BackgroundState:
    """Seconds since each piece of work went well, by its name, None where it never did; and since what is due longest
    was due: `messages` by channel, and `reminders` that nobody has written. 0 where nothing is due."""

    since_success: dict[str, float | None]
    messages: dict[str, float]
    reminders: float


@dataclass(frozen=True, slots=True)
class BackgroundWatch:
    """Looks after the work of these names. `reminder_due_since` says since when the reminder that is due longest has
    been due, None where none is."""

    works: Sequence[str]
    reminder_due_since: Callable[[Connection, datetime], datetime | None]

    def look(self, connection: Connection, now: datetime) -> BackgroundState:
        """How it stands at `now`. Raises `SQLAlchemyError`."""
        beats = last_successes(connection)
        since = self.reminder_due_since(connection, now)
        return BackgroundState(
            since_success={name: _seconds(beats[name], now) if name in beats else None for name in self.works},
            messages={channel: _seconds(due_at, now) for channel, due_at in oldest_due(connection, now).items()},
            reminders=0.0 if since is None else _seconds(since, now),
        )


def _seconds(since: datetime, now: datetime) -> float:
    return max(round((now - since).total_seconds(), 1), 0.0)
