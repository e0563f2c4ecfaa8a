"""What of signing in has had its time: nothing of it is kept for longer than it counts, but for an hour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from smsbot.agents.sessions import forget_ended_sessions
from smsbot.agents.sign_in_resets import forget_old_resets
from smsbot.agents.sign_in_throttle import forget_old_tries


def sweep(connection: Connection, now: datetime) -> None:
    """Forget sessions that have ended, links that are too old and tries that count no longer."""
    forget_ended_sessions(connection, now)
    forget_old_resets(connection, now)
    forget_old_tries(connection, now)
