"""Receives messages from gateways: the way to `smsbot.incoming.turn` that webhooks and catching up share."""

from __future__ import annotations

import structlog

from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.turn import Turn, TurnOutcome
from smsbot.store.database import Database, is_about_the_database
from smsbot.store.together import Together

logger = structlog.get_logger(__name__)


class Reception:
    """Handles messages. Those that come while others are handled share the next transaction."""

    def __init__(self, database: Database, turn: Turn) -> None:
        self._database = database
        self._turn = turn
        self._together = Together(database, turn.take_together, key=lambda arrived: arrived.phone)

    async def receive(self, arrived: Arrived) -> TurnOutcome | None:
        """Handle one message, and return its outcome once it is durable; None where it was handled before.

        Where its turn fails because of a mistake in the program, this is recorded as a silence for agents: the same
        message would fail again each time the gateway repeats it. Raises `SQLAlchemyError` where the database is the
        cause, because another try can then succeed.
        """
        try:
            return await self._together.do(arrived)
        except Exception as error:
            if is_about_the_database(error):
                raise
            logger.exception("message could not be handled", gateway_message_id=arrived.message.gateway_message_id)
        return await self._database.write(lambda connection: self._turn.record_failure(connection, arrived))
