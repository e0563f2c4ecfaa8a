"""Doubt: a message may have been taken, or not, because nobody saw the end of its sending.

It is resolved, not guessed. A status callback that names the message ends it at once (`outbox.record_status`). Else the
gateway's own records are asked, again and again:

    it is there                          it was taken: sent
    it is not there, and the gateway     it was not taken: sent again, like any failure
    has had `SETTLED` to take it
    nobody could say for too long        a reply or a receipt is sent again, and counted;
                                         a notification or a reminder rests in sight

Too long is `UNKNOWN_AFTER` where records are out of reach for the moment, and `SETTLED` where there are none, so that
only a callback can still say. Both count from the beginning of the attempt, leases included, so that the last word is
spoken within three minutes. Where neither callbacks nor records exist, as with e-mail, nothing is to be waited for.
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
from smsbot.gateways.records import RecordsOutOfReach
from smsbot.outbox.messages import ClaimedMessage, InDoubt, Outcome, Postponed, Resting, Sent, known_ids
from smsbot.outbox.retries import after_failure, backoff, patience_with
from smsbot.outbox.transports import LookedUpInPart, Transport
from smsbot.store.database import Database

CALLBACK_TIME = timedelta(seconds=5)
"""Most callbacks have come by then, and nobody need be asked."""
SETTLED = timedelta(seconds=40)
"""Longer than any send takes, with time for the gateway to finish what it had begun when the connection was cut."""
UNKNOWN_AFTER = timedelta(minutes=2)
LOOK_EVERY = timedelta(seconds=10)
LOOK_UP_SECONDS = 15.0
MOST_REPEATS = 5

_CLOCKS_DIFFER = timedelta(minutes=1)  # ours from one moment to another, when it is set
_CODE = "in-doubt"
_UNSETTLED = "It may have been taken or not: this is being looked into."
_NOT_TAKEN = "It was in doubt, and the gateway's records show that it was not taken."
_NOBODY_KNOWS = (
    "It may have been taken or not: the answer was lost, and neither a status callback nor the gateway's records "
    "could say. smsbot outbox retry sends it again, perhaps a second time."
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Testimony:
    """What the records say: `handed` is the message there, None where it is not."""

    handed: Handed | None


def judge(
    message: ClaimedMessage, evidence: Testimony | None, now: datetime, draw: Callable[[], float], patience: timedelta
) -> Outcome:
    """The word on a doubt, for now or for good.

    `evidence` is None where nobody could say; `patience` is how long after the beginning of the attempt somebody may.
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
    in_time = due_at <= message.created_at + patience_with(message.kind).for_this_long
    if message.kind in ("reply", "receipt", "agents") and message.repeats < MOST_REPEATS and in_time:
        return Postponed(message.id, message.attempt, _CODE, _NOBODY_KNOWS, due_at, is_repetition=True)
    return Resting(message.id, message.attempt, _CODE, _NOBODY_KNOWS)


class Doubts:
    """Looks into the doubts of one way out."""

    def __init__(
        self, database: Database, way: Transport, clock: Callable[[], datetime], draw: Callable[[], float]
    ) -> None:
        self._database = database
        self._look_up = way.look_up
        self._clock = clock
        self._draw = draw
        self._patience = UNKNOWN_AFTER if way.look_up else SETTLED if way.reports else timedelta(0)

    async def arisen(self, message: ClaimedMessage, doubt: SendInDoubt) -> Outcome:
        """What becomes of a message whose sending has just ended in `doubt`.

        A gateway that has answered, if only with an error, has done with it: what is not in its records by then was not
        taken.
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
        return judge(message, evidence, now, self._draw, patience)

    async def look_into(self, message: ClaimedMessage) -> Outcome:
        """What becomes of a message that has been in doubt for a while, or whose sender has not lived to tell."""
        try:
            evidence, patience = await self._evidence(message)
        except SQLAlchemyError:  # it is no evidence that our own database is out of reach
            return InDoubt(message.id, message.attempt, _CODE, _UNSETTLED, self._clock() + LOOK_EVERY, message.gateway)
        return judge(message, evidence, self._clock(), self._draw, patience)

    async def _evidence(self, message: ClaimedMessage) -> tuple[Testimony | None, timedelta]:
        """What the records say, if they do; and for how long after the beginning of the attempt somebody still may."""
        if self._look_up is None:
            return None, self._patience
        within = self._clock() - message.attempted_at + _CLOCKS_DIFFER
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                found = await self._look_up(message, within)
        except LookedUpInPart as problem:
            if (handed := await self._first_unknown(problem.found)) is not None:
                return Testimony(handed), self._patience
            logger.warning("doubt not settled", outgoing_id=message.id, sentence=problem.sentence)
            return None, SETTLED if problem.final else self._patience
        except RecordsOutOfReach as problem:
            logger.warning("doubt not settled", outgoing_id=message.id, sentence=problem.sentence)
        except TimeoutError:
            logger.warning("doubt not settled", outgoing_id=message.id, sentence="The gateway's records did not come.")
        except Exception:  # a mistake of ours settles nothing either
            logger.exception("doubt not settled", outgoing_id=message.id)
        else:
            return Testimony(await self._first_unknown(found)), self._patience
        return None, self._patience

    async def _first_unknown(self, found: Sequence[Handed]) -> Handed | None:
        """The first of these that is not another message of ours: each there counts for one here."""
        ids: dict[str, list[str]] = {}
        for handed in found:
            ids.setdefault(handed.gateway, []).append(handed.gateway_message_id)

        def known(connection: Connection) -> set[Handed]:
            return {Handed(name, one) for name, these in ids.items() for one in known_ids(connection, name, these)}

        others = await self._database.read(known) if found else set()
        return next((handed for handed in found if handed not in others), None)
