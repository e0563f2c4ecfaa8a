"""Doubt: a message may have been taken, or not, because nobody saw the end of its sending.

smsbot finds out instead of guessing. A status callback that names the message ends the doubt at once
(`outcomes.record_statuses`). Otherwise the gateway's own records are read, again and again:

    it is there                          it was taken: sent
    it is not there, and the gateway     it was not taken: sent again, like any failure
    has had `SETTLED` to take it
    nobody could say for too long        a reply, a receipt or an event is sent again, and counted;
                                         a notification or a reminder rests in sight

"Too long" is `UNKNOWN_AFTER` where records exist but cannot be reached, and `SETTLED` where there are none and only a
callback can tell. Both count from the beginning of the attempt, so a doubt ends within three minutes. Where there are
neither callbacks nor records, as with e-mail, it ends at once.
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
from smsbot.outbox.messages import ClaimedMessage
from smsbot.outbox.outcomes import InDoubt, Outcome, Postponed, Resting, Sent, known_ids
from smsbot.outbox.pacing import after_failure, backoff, patience_for
from smsbot.outbox.transports import LookedUpInPart, Transport
from smsbot.store.database import Database

CALLBACK_TIME = timedelta(seconds=5)
"""Most callbacks have arrived after this time, so the records need not be read before."""
SETTLED = timedelta(seconds=40)
"""Longer than any send takes, plus the time in which a gateway finishes a request whose connection was cut."""
UNKNOWN_AFTER = timedelta(minutes=2)
LOOK_EVERY = timedelta(seconds=10)
LOOK_UP_SECONDS = 15.0
MOST_REPEATS = 5

_CLOCKS_DIFFER = timedelta(minutes=1)  # how far our clock may jump when it is set
_CODE = "in-doubt"
_UNSETTLED = "It may have been taken or not: this is being looked into."
_NOT_TAKEN = "It was in doubt, and the gateway's records show that it was not taken."
_NOBODY_KNOWS = (
    "It may have been taken or not: the answer was lost, and neither a status callback nor the gateway's records "
    "could say. smsbot outbox retry sends it again, perhaps a second time."
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordsAnswer:
    """What the records say: `handed` is the message as found there, None where it is not there."""

    handed: Handed | None


def outcome_of_doubt(
    message: ClaimedMessage,
    evidence: RecordsAnswer | None,
    now: datetime,
    draw: Callable[[], float],
    patience: timedelta,
) -> Outcome:
    """Decide about a doubt, for now or finally.

    `evidence` is None where the records could not be read. `patience` is how long after the beginning of the attempt an
    answer may still come. `draw` gives a random number from 0 up to 1, without 1.
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
    if message.kind in ("reply", "receipt", "agents", "event") and message.repeats < MOST_REPEATS and in_time:
        return Postponed(message.id, message.attempt, _CODE, _NOBODY_KNOWS, due_at, is_repetition=True)
    return Resting(message.id, message.attempt, _CODE, _NOBODY_KNOWS)


class Doubts:
    """Looks into the doubts of one transport."""

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

        A gateway that answered, even with an error, has finished with the message. If it is not in the records by then,
        it was not taken.
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
        """What becomes of a message that has been in doubt for a while, or whose sending process died."""
        try:
            evidence, patience = await self._evidence(message)
        except SQLAlchemyError:  # a failure of our own database says nothing about the message
            return InDoubt(message.id, message.attempt, _CODE, _UNSETTLED, self._clock() + LOOK_EVERY, message.gateway)
        return outcome_of_doubt(message, evidence, self._clock(), self._draw, patience)

    async def _evidence(self, message: ClaimedMessage) -> tuple[RecordsAnswer | None, timedelta]:
        """What the records say, None where they could not be read; and the `patience` of `outcome_of_doubt`."""
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
            logger.warning("doubt not settled", outgoing_id=message.id, sentence="The gateway's records did not come.")
        except Exception:  # a mistake in our code does not end the doubt either
            logger.exception("doubt not settled", outgoing_id=message.id)
        else:
            return RecordsAnswer(await self._first_unknown(found)), self._patience
        return None, self._patience

    async def _first_unknown(self, found: Sequence[Handed]) -> Handed | None:
        """The first of these that does not belong to another message of ours; None where there is none."""
        ids: dict[str, list[str]] = {}
        for handed in found:
            ids.setdefault(handed.gateway, []).append(handed.gateway_message_id)

        def known(connection: Connection) -> set[Handed]:
            return {Handed(name, one) for name, these in ids.items() for one in known_ids(connection, name, these)}

        others = await self._database.read(known) if found else set()
        return next((handed for handed in found if handed not in others), None)
