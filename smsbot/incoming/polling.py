"""Handles messages from gateways that list them instead of posting them.

The list is read every few seconds. It may show the same messages for weeks, so each id is remembered while it is
listed. A turn claims the id too, so nothing is handled twice, even if several processes read the list. A message that
could not be handled is not remembered, and the next round finds it again.

Messages that are in the list when it is first read are history, and are not answered. If the list was not read for a
while, the bot asks again after a yes, because it may be old.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, bindparam, select

from smsbot.gateways.base import IncomingSms, MalformedMessage
from smsbot.gateways.gateway_records import RecordsOutOfReach, Replies
from smsbot.incoming.joining import Joining
from smsbot.incoming.receiving import LEFT_TO_WEBHOOKS, all_done
from smsbot.runtime import HasToWait, PeriodicWork
from smsbot.store.database import Database
from smsbot.store.prepared import upserting
from smsbot.store.seen import mark_seen, seen_among
from smsbot.store.tables import caught_up

OVERLAP = timedelta(minutes=10)
"""How much is read again each time, because a list may be late."""
WHOLE_LIST = "*"
"""Stands in place of a number in `caught_up`, because the list has the messages to all numbers."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Polling:
    """Reads the list of one gateway."""

    gateway: str
    replies: Replies
    joining: Joining
    clock: Callable[[], datetime]
    _told: set[str] = field(default_factory=set)

    async def once(self, database: Database) -> int:
        """Read the list, handle what is new, and return how many messages there were.

        Raises `RecordsOutOfReach`, and `SQLAlchemyError` where the database fails. The next round does what is left.
        """
        now = self.clock()
        until = await database.read(partial(_until, gateway=self.gateway))
        listed = await self.replies.listed((until or now) - OVERLAP)
        self._tell(listed.problems)
        messages = {one.gateway_message_id: one for one in listed.read}
        seen, fading = await database.read(lambda connection: seen_among(connection, self.gateway, list(messages), now))
        new = [one for identifier, one in messages.items() if identifier not in seen]
        if until is not None:
            paused = now - until > self._late_after
            await all_done(self._take(one, paused) for one in new)
        marked = [one.gateway_message_id for one in new] + sorted(fading)
        await database.write(partial(self._note, marked=marked, now=now))
        return 0 if until is None else len(new)

    @property
    def _late_after(self) -> timedelta:
        return 2 * self.replies.every + LEFT_TO_WEBHOOKS

    async def _take(self, message: IncomingSms, paused: bool) -> None:
        """Take a new message. `paused` says that the list had not been read for a while."""
        # If the list has no time for the message, only the pause can show that it may be old.
        came_late = paused and message.written_at is None
        await self.joining.take(message, came_late=came_late, late_after=self._late_after)

    def _note(self, connection: Connection, marked: Sequence[str], now: datetime) -> None:
        mark_seen(connection, self.gateway, marked, now)
        _NOTE.run(connection, {"gateway": self.gateway, "number": WHOLE_LIST, "since": now, "until": now})

    def _tell(self, problems: Sequence[MalformedMessage]) -> None:
        """Log why messages could not be read: each reason once, because they are listed again each time."""
        for problem in problems:
            if problem.sentence not in self._told:
                self._told.add(problem.sentence)
                logger.warning("message of a list unreadable", gateway=self.gateway, reason=problem.sentence)


def polling(database: Database, poll: Polling) -> PeriodicWork:
    """The work of reading the list of one gateway."""

    async def once() -> None:
        try:
            await poll.once(database)
        except RecordsOutOfReach as problem:
            logger.warning("messages cannot be polled", gateway=poll.gateway, sentence=problem.sentence)
            raise HasToWait(problem.sentence) from problem

    return PeriodicWork(f"poll_{poll.gateway}", once, poll.replies.every)


def _until(connection: Connection, gateway: str) -> datetime | None:
    """When the list was last read; None where it never was."""
    return connection.execute(_UNTIL, {"of": gateway, "number": WHOLE_LIST}).scalar_one_or_none()


_UNTIL = select(caught_up.c.until).where(
    caught_up.c.gateway == bindparam("of"), caught_up.c.number == bindparam("number")
)
_NOTE = upserting(
    caught_up,
    ("gateway", "number", "since", "until"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["gateway", "number"], set_={"until": insert.excluded.until}
    ),
)
