"""Reminders: from so long before an appointment for as long as cancelling it is still possible, once.

They are found by looking at the appointments, not by timers: after an outage what is still useful goes out, and what no
longer is does not. `reminded_at` says that nothing is left to do, whether a reminder was written or not wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, update
from sqlalchemy.exc import SQLAlchemyError

from smsbot.appointments.reading import Participation, to_be_reminded
from smsbot.appointments.terms import TermsBook
from smsbot.notifications.herald import Herald, News
from smsbot.store.database import Database, serialise
from smsbot.store.tables import participations

EVERY = timedelta(seconds=60)
AT_ONCE = 200
"""Participations looked at in one transaction, so that messages of conversations hardly wait."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reminders:
    """Writes the reminders that are due. `lead` is how long before its start an appointment is recalled."""

    herald: Herald
    terms: TermsBook
    lead: timedelta

    def remind(self, connection: Connection, now: datetime) -> int:
        """Work off up to `AT_ONCE` participations, the soonest first; how many there were."""
        serialise(connection, "reminders")
        due = to_be_reminded(connection, now, now + self.lead, AT_ONCE)
        for participation in due:
            if self._is_wanted(participation, now):
                self.herald.tell(connection, participation, News.REMINDER, now)
        if due:
            done = participations.c.id.in_([one.id for one in due])
            connection.execute(update(participations).where(done).values(reminded_at=now))
        return len(due)

    def _is_wanted(self, participation: Participation, now: datetime) -> bool:
        """Not once it is too late to cancel, nor for an appointment made so late that it is still on the mind."""
        appointment = participation.appointment
        if appointment.starts_at <= now + self.terms.of(participation).notice:
            return False
        return appointment.created_at is None or appointment.created_at <= appointment.starts_at - self.lead


async def keep_reminding(database: Database, reminders: Reminders, clock: Callable[[], datetime]) -> None:
    """Remind until cancelled. A database that fails is tried again the next time."""
    while True:
        try:
            while await database.write(lambda connection: reminders.remind(connection, clock())) == AT_ONCE:
                pass
        except SQLAlchemyError as error:
            logger.error("reminders have to wait: the database is out of reach", error=type(error).__name__)
        await asyncio.sleep(EVERY.total_seconds())
