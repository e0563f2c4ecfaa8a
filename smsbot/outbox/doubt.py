"""Decides about doubts: a gateway may or may not have taken a message, because the answer to its sending is missing.

smsbot finds out instead of guessing. A status callback for the message ends the doubt at once
(`outcomes.record_statuses`). Otherwise the gateway's own records are read, again and again:

    the message is there                 it was taken: sent
    it is not there, and the gateway     it was not taken: sent again, as after any failure
    has had `SETTLED` to take it
    no answer for too long               a reply, a receipt or an event is sent again, and this is counted;
                                         a notification or a reminder rests, where operators see it

"Too long" is `UNKNOWN_AFTER` if there are records but they cannot be read, and `SETTLED` if there are no records and
only a callback can tell. Both count from the beginning of the attempt, so a doubt ends within three minutes. If there
are neither callbacks nor records, as for e-mails, a doubt ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from smsbot.gateways.base import Handed, SendInDoubt, SendLater
from smsbot.gateways.failover import InDoubtAt
from smsbot.gateways.gateway_records import RecordsOutOfReach
from smsbot.outbox.messages import UNASKED, ClaimedMessage
from smsbot.outbox.outcomes import InDoubt, Outcome, Postponed, Resting, Sent, known_ids
from smsbot.outbox.pacing import after_failure, backoff, patience_for
from smsbot.outbox.transports import LookedUpInPart, Transport
from smsbot.store.database import Database

CALLBACK_TIME = timedelta(seconds=5)
"""Most callbacks arrive within this time, so the records are not read earlier."""
SETTLED = timedelta(seconds=40)
"""Longer than any send, plus the time in which a gateway finishes a request whose connection was cut."""
UNKNOWN_AFTER = timedelta(minutes=2)
LOOK_EVERY = timedelta(seconds=10)
LOOK_UP_SECONDS = 15.0
MOST_REPEATS = 5

_CLOCKS_DIFFER = timedelta(minutes=1)  # how far our clock may jump when it is corrected
_CODE = "in-doubt"
_UNSETTLED = "The gateway may have taken it or not: smsbot is finding out."
_NOT_TAKEN = "It was in doubt, and the gateway's records show that it was not taken."
_NOBODY_KNOWS = (
    "The gateway may have taken it or not: the answer was lost, and neither a status callback nor the gateway's "
    "records could tell. smsbot outbox retry sends it again, perhaps for the second time."
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordsAnswer:
    """What the records say: `handed` is the message as it is in the records, None if it is not there."""

    handed: Handed | None


def outcome_of_doubt(
    message: ClaimedMessage,
    evidence: RecordsAnswer | None,
    now: datetime,
    draw: Callable[[], float],
    patience: timedelta,
) -> Outcome:
    """Decide about a doubt: the final outcome, or `InDoubt` again.

    `evidence` is None if the records could not be read. `patience` is how long after the beginning of the attempt an
    answer may still come. `draw` returns a random number x with 0 <= x < 1.
    """
    if evidence is not None and evidence.handed is not None:
        return Sent(message.id, message.attempt, evidence.handed)
    age = now - message.attempted_at
    if evidence is not None and age >= SETTLED:
        return after_failure(message, SendLater(_CODE, _NOT_TAKEN), now, lambda: 0.0)
    if age >= patience:
        return _unknown(message, now, draw)
    again_at = now + LOOK_EVERY
    if age < SETTLED:
        again_at = min(again_at, message.attempted_at + SETTLED)
    return InDoubt(message.id, message.attempt, _CODE, _UNSETTLED, again_at, message.gateway)


def _unknown(message: ClaimedMessage, now: datetime, draw: Callable[[], float]) -> Postponed | Resting:
    due_at = max(now + backoff(message, draw), message.attempted_at + SETTLED)
    in_time = due_at <= message.created_at + patience_for(message.kind).for_this_long
    if message.kind not in UNASKED and message.repeats < MOST_REPEATS and in_time:
        return Postponed(message.id, message.attempt, _CODE, _NOBODY_KNOWS, due_at, is_repetition=True)
    return Resting(message.id, message.attempt, _CODE, _NOBODY_KNOWS)


class Doubts:
    """Looks into the doubts of one transport: reads the gateway's records and decides."""

    def __init__(
        self, database: Database, transport: Transport, clock: Callable[[], datetime], draw: Callable[[], float]
    ) -> None:
        self._database = database
        self._look_up = transport.look_up
        self._clock = clock
        self._draw = draw
        self._patience = UNKNOWN_AFTER if transport.look_up else SETTLED if transport.reports else timedelta(0)

    async def arisen(self, message: ClaimedMessage, doubt: SendInDoubt) -> Outcome:
        """What becomes of a message whose sending has just ended in `doubt`.

        A gateway that has answered, even with an error, has finished with the message. If the message is not in its
        records then, it was not taken.
        """
        message = replace(message, gateway=doubt.gateway if isinstance(doubt, InDoubtAt) else None)
        evidence, patience = None, self._patience
        if doubt.answered:
            with suppress(SQLAlchemyError):
                evidence, patience = await self._evidence(message)
        now = self._clock()
        if evidence is not None and evidence.handed is None:
            return after_failure(message, SendLater(doubt.code, doubt.sentence), now, self._draw)
        if evidence is None and patience:
            due_at = now + CALLBACK_TIME
            return InDoubt(message.id, message.attempt, doubt.code, doubt.sentence, due_at, message.gateway)
        return outcome_of_doubt(message, evidence, now, self._draw, patience)

    async def look_into(self, message: ClaimedMessage) -> Outcome:
        """What becomes of a message that has been in doubt for a while, or whose sending process has died."""
        try:
            evidence, patience = await self._evidence(message)
        except SQLAlchemyError:  # our own database failed, which says nothing about the message
            return InDoubt(message.id, message.attempt, _CODE, _UNSETTLED, self._clock() + LOOK_EVERY, message.gateway)
        return outcome_of_doubt(message, evidence, self._clock(), self._draw, patience)

    async def _evidence(self, message: ClaimedMessage) -> tuple[RecordsAnswer | None, timedelta]:
        """What the records say (None if they could not be read), and the `patience` for `outcome_of_doubt`."""
        if self._look_up is None:
            return None, self._patience
        within = self._clock() - message.attempted_at + _CLOCKS_DIFFER
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                found = await self._look_up(message, within)
        except LookedUpInPart as problem:
            if (handed := await self._first_unknown(problem.found)) is not None:
                return RecordsAnswer(handed), self._patience
            logger.warning("doubt not settled", outgoing_id=message.id, sentence=problem.sentence)
            return None, SETTLED if problem.final else self._patience
        except RecordsOutOfReach as problem:
            logger.warning("doubt not settled", outgoing_id=message.id, sentence=problem.sentence)
        except TimeoutError:
            logger.warning("doubt not settled", outgoing_id=message.id, sentence="The gateway gave no records in time.")
        except Exception:  # a bug in our code does not end the doubt either
            logger.exception("doubt not settled", outgoing_id=message.id)
        else:
            return RecordsAnswer(await self._first_unknown(found)), self._patience
        return None, self._patience

    async def _first_unknown(self, found: Sequence[Handed]) -> Handed | None:
        """The first of these that does not belong to another message of ours; None if there is none."""
        ids: dict[str, list[str]] = {}
        for handed in found:
            ids.setdefault(handed.gateway, []).append(handed.gateway_message_id)

        def known(connection: Connection) -> set[Handed]:
            return {Handed(name, one) for name, these in ids.items() for one in known_ids(connection, name, these)}

        others = await self._database.read(known) if found else set()
        return next((handed for handed in found if handed not in others), None)
