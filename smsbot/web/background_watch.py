"""The state of background work, for `/metrics` and `/health/ready`.

They tell when each piece of work last succeeded, and how long due things have been waiting for it. All of it is read
from the database, so it does not matter which process does the work, or if none does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsbot.figures.present import oldest_due
from smsbot.runtime.heartbeats import last_successes


@dataclass(frozen=True, slots=True)
class BackgroundState:
    """`since_success` has the seconds since each piece of work last succeeded, by name, None where it never did.

    `messages` has the seconds for which the oldest due message has been due, by channel, and `reminders` the same for
    reminders that are not written yet. 0 where nothing is due.
    """

    since_success: dict[str, float | None]
    messages: dict[str, float]
    reminders: float


@dataclass(frozen=True, slots=True)
class BackgroundWatch:
    """Watches the work with these names.

    `reminder_due_since` gives the time since which the oldest due reminder has been due, None for none.
    """

    works: Sequence[str]
    reminder_due_since: Callable[[Connection, datetime], datetime | None]

    def look(self, connection: Connection, now: datetime) -> BackgroundState:
        """The state at `now`. Raises `SQLAlchemyError`."""
        beats = last_successes(connection)
        since = self.reminder_due_since(connection, now)
        return BackgroundState(
            since_success={name: _seconds(beats[name], now) if name in beats else None for name in self.works},
            messages={channel: _seconds(due_at, now) for channel, due_at in oldest_due(connection, now).items()},
            reminders=0.0 if since is None else _seconds(since, now),
        )


def _seconds(since: datetime, now: datetime) -> float:
    return max(round((now - since).total_seconds(), 1), 0.0)
