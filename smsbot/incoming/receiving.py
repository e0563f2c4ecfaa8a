"""Receives messages from webhooks, polling and catching up, and hands them to `smsbot.incoming.turn`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from smsbot.gateways.base import IncomingSms
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.turn import Turn, TurnOutcome
from smsbot.logs import about
from smsbot.policy import Policy
from smsbot.store.database import Database, is_about_the_database
from smsbot.store.together import Together
from smsbot.understanding import Keyword

LEFT_TO_WEBHOOKS = timedelta(seconds=30)
"""A message that is older than this counts as written long ago: after a yes in it, the bot asks again.

It is twice the time for which Twilio tries to post a message. If a gateway has both webhooks and records, younger
messages are left to the webhooks (`smsbot.incoming.catch_up`).
"""

logger = structlog.get_logger(__name__)


class Reception:
    """Handles messages. Those that come while others are handled share the next transaction."""

    def __init__(self, database: Database, turn: Turn) -> None:
        self._database = database
        self._turn = turn
        self._together = Together(database, turn.take_together, key=lambda arrived: arrived.phone)

    async def receive(self, arrived: Arrived) -> TurnOutcome | None:
        """Handle one message, and return its outcome once it is durable; None where it was handled before.

        If its turn fails because of a mistake in the program, the message is recorded as a silence for agents, because
        it would fail again each time the gateway repeats it. Raises `SQLAlchemyError` if the database is the cause,
        because another try may then succeed.
        """
        try:
            return await self._together.do(arrived)
        except Exception as error:
            if is_about_the_database(error):
                raise
            logger.exception("message could not be handled", gateway_message_id=arrived.message.gateway_message_id)
        return await self._database.write(lambda connection: self._turn.record_failure(connection, arrived))


@dataclass(frozen=True, slots=True)
class MessageHandler:
    """Hands messages to the reception, with what else it needs to know of them, and logs the outcome of each.

    This is the only way to the reception, whether a message was posted, listed or read back from a gateway's records.
    """

    reception: Reception
    answered_keyword: Callable[[IncomingSms], Keyword | None]
    clock: Callable[[], datetime]

    async def handle(
        self, message: IncomingSms, *, came_late: bool = False, late_after: timedelta = LEFT_TO_WEBHOOKS
    ) -> None:
        """Handle a whole message. Raises what `Reception.receive` raises.

        It counts as written long ago if the caller says that it `came_late`, or if it was written more than
        `late_after` ago.
        """
        with about(message.from_number):
            await self._handle(message, came_late=came_late, late_after=late_after)

    async def _handle(self, message: IncomingSms, *, came_late: bool, late_after: timedelta) -> None:
        now = self.clock()
        age = timedelta(0) if message.written_at is None else now - message.written_at
        if age > late_after:
            logger.warning("message came late", gateway=message.gateway, seconds=round(age.total_seconds()))
        is_old = came_late or age > late_after
        outcome = await self.reception.receive(Arrived(message, now, self.answered_keyword(message), is_old))
        logger.info(
            "message handled",
            outcome="handled before" if outcome is None else outcome.reply or "silence",
            reason=outcome.reason if outcome else None,
            gateway_message_id=message.gateway_message_id,
        )


def answered_keyword(policy: Policy, message: IncomingSms) -> Keyword | None:
    """The STOP, START or HELP that the gateway has answered itself, so the bot must be silent; else None."""
    word = message.opt_out_keyword
    if word is None and policy.gateway_handles_stop(message.gateway, message.to_number):
        word = message.reads_as_keyword
    return _KEYWORDS.get(word.upper()) if word else None


_KEYWORDS = {keyword.value.upper(): keyword for keyword in Keyword}


async def all_done(works: Iterable[Awaitable[None]]) -> None:
    """Begin all of these in this order, and wait until all are done. Then raises the first error, if there was one."""
    begun = list(works)
    if len(begun) == 1:  # the usual case, which needs no task
        await begun[0]
        return
    errors = [error for error in await asyncio.gather(*begun, return_exceptions=True) if error is not None]
    if errors:
        raise errors[0]
