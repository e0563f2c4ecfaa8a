"""Messages that came while nobody here was listening: read back from the gateway's records, and handled like any other.

A gateway posts a message for some seconds and then never again, but it remembers it. So at start and once a minute its
list of what came in is read, from where it was last read on (`caught_up`) and a little before, and what is not among
the incoming messages takes its turn. The turn claims message ids, so it does no harm if a webhook or another process is
just as fast. What was written in such a case may be long ago: a yes is asked again, and not carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from smsbot.gateways.base import IncomingSms
from smsbot.gateways.records import ReadBack, RecordedSms, Records, RecordsOutOfReach
from smsbot.runtime.supervisor import HasToWait, PeriodicWork
from smsbot.store.database import Database
from smsbot.store.prepared import upserting
from smsbot.store.tables import caught_up, incoming_messages
from smsbot.turn import Turn, TurnOutcome, receive
from smsbot.understanding import Keyword

EVERY = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)
"""Read again each time: a gateway's list may be late."""
LEFT_TO_WEBHOOKS = timedelta(seconds=30)
"""Twice what Twilio takes for all attempts at a webhook. At start nothing is left to them: nobody was there.
What a webhook says was written longer ago than this was written long ago, too (`web.gateway_webhooks`)."""
LATEST = 1000
"""Incoming messages, among which the numbers of ours that are written to are found."""
LOOKED_UP_AT_ONCE = 1000
PHONES_AT_ONCE = 16
TRIED_FOR = timedelta(minutes=5)
"""So long a message is read again that could be neither handled nor recorded as such."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Catches up on one gateway. `numbers` are those of ours that it may receive for, as far as settings name them;
    what usagers have lately written to comes to these, since a Messaging Service has numbers that nobody names.
    """

    gateway: str
    records: Records
    numbers: Collection[str]
    turn: Turn
    answered_keyword: Callable[[IncomingSms], Keyword | None]
    clock: Callable[[], datetime]

    async def once(self, database: Database, *, left_to_webhooks: timedelta) -> int:
        """Read back and handle what is missing; how many messages that were. Messages that are younger are left alone.

        Raises `SQLAlchemyError`, and `RecordsOutOfReach` once all numbers are done that could be; what was not handled
        is, the next time.
        """
        caught_up_until = await database.write(self._caught_up_until)
        handled = 0
        problem: RecordsOutOfReach | None = None
        for number, until in sorted(caught_up_until.items()):
            try:
                handled += await self._catch_up(database, number, until, left_to_webhooks)
            except RecordsOutOfReach as error:
                problem = error
        if problem is not None:
            raise problem
        return handled

    async def _catch_up(self, database: Database, number: str, until: datetime, left_to_webhooks: timedelta) -> int:
        book = await self.records.received(number, until - OVERLAP)
        missing = await database.read(partial(self._missing, book=book))
        if left_to_webhooks:
            missing = [one for one in missing if one.sent_at <= book.read_at - left_to_webhooks]
        failed = await self._handle_all(database, missing)
        until = book.read_at
        if failed:
            until = max(min(one.sent_at for one in failed), until - TRIED_FOR)
        await database.write(partial(self._note, number=number, until=until))
        return len(missing) - len(failed)

    def _caught_up_until(self, connection: Connection) -> dict[str, datetime]:
        """Our numbers, and until when each has been read; for one that is new it begins now."""
        lately = connection.execute(_LATELY_WRITTEN_TO, {"of": self.gateway, "latest": LATEST}).scalars()
        known = {row.number: row.until for row in connection.execute(_CAUGHT_UP, {"of": self.gateway})}
        for number in sorted({*self.numbers, *lately} - known.keys()):
            known[number] = self.clock()
            _BEGIN.run(connection, {"gateway": self.gateway, "number": number, "until": known[number]})
        return known

    def _missing(self, connection: Connection, book: ReadBack) -> list[RecordedSms]:
        known: set[str] = set()
        for start in range(0, len(book.messages), LOOKED_UP_AT_ONCE):
            ids = [one.sms.gateway_message_id for one in book.messages[start : start + LOOKED_UP_AT_ONCE]]
            known.update(connection.execute(_KNOWN, {"of": self.gateway, "ids": ids}).scalars())
        return [one for one in book.messages if one.sms.gateway_message_id not in known]

    def _note(self, connection: Connection, number: str, until: datetime) -> None:
        _NOTE.run(connection, {"gateway": self.gateway, "number": number, "until": until})

    async def _handle_all(self, database: Database, messages: Iterable[RecordedSms]) -> list[RecordedSms]:
        """Each phone's messages one after the other, several phones at a time; those that could not be handled."""
        by_phone: dict[str, list[RecordedSms]] = {}
        for one in messages:
            by_phone.setdefault(one.sms.from_number, []).append(one)
        phones = list(by_phone.values())
        failed: list[RecordedSms] = []
        for start in range(0, len(phones), PHONES_AT_ONCE):
            group = phones[start : start + PHONES_AT_ONCE]
            for of_phone in await asyncio.gather(*(self._handle(database, of_phone) for of_phone in group)):
                failed += of_phone
        return failed

    async def _handle(self, database: Database, messages: Sequence[RecordedSms]) -> list[RecordedSms]:
        failed = []
        for one in messages:
            message = one.sms
            try:
                outcome = await self._take(database, message)
            except Exception as error:
                if isinstance(error, SQLAlchemyError) and not isinstance(error, _ABOUT_THE_MESSAGE):
                    raise
                # A mistake of ours in this one keeps nobody else waiting.
                logger.exception("message not handled", gateway_message_id=message.gateway_message_id)
                failed.append(one)
                continue
            logger.info(
                "message caught up",
                outcome="handled before" if outcome is None else outcome.reply or "silence",
                reason=outcome.reason if outcome else None,
                gateway_message_id=message.gateway_message_id,
            )
        return failed

    async def _take(self, database: Database, message: IncomingSms) -> TurnOutcome | None:
        keyword = self.answered_keyword(message)
        return await receive(database, self.turn, message, self.clock(), keyword, written_long_ago=True)


def catching_up(database: Database, catch_up: CatchUp) -> PeriodicWork:
    """The work of catching up on one gateway, at once and then once a minute."""
    left_to_webhooks = timedelta(0)

    async def once() -> None:
        nonlocal left_to_webhooks
        left, left_to_webhooks = left_to_webhooks, LEFT_TO_WEBHOOKS  # by the next time they have had it, come what may
        try:
            handled = await catch_up.once(database, left_to_webhooks=left)
        except RecordsOutOfReach as problem:
            logger.warning("missed messages cannot be looked for", gateway=catch_up.gateway, sentence=problem.sentence)
            raise HasToWait(problem.sentence) from problem
        if handled:
            logger.warning("messages came while nobody was listening", gateway=catch_up.gateway, messages=handled)

    return PeriodicWork(f"catch_up_{catch_up.gateway}", once, EVERY)


# The database's other complaints are about itself, and what it could not take now it may the next time.
_ABOUT_THE_MESSAGE = (DataError, IntegrityError)

_messages = incoming_messages.c
_latest = (
    select(_messages.gateway, _messages.to_number).order_by(_messages.id.desc()).limit(bindparam("latest")).subquery()
)
_LATELY_WRITTEN_TO = select(_latest.c.to_number).where(_latest.c.gateway == bindparam("of")).distinct()
_CAUGHT_UP = select(caught_up.c.number, caught_up.c.until).where(caught_up.c.gateway == bindparam("of"))
_KNOWN = select(_messages.gateway_message_id).where(
    _messages.gateway == bindparam("of"), _messages.gateway_message_id.in_(bindparam("ids", expanding=True))
)
_COLUMNS = ("gateway", "number", "until")
_BEGIN = upserting(caught_up, _COLUMNS, lambda insert: insert.on_conflict_do_nothing())
# Back, too: where a clock of ours was ahead when a number was new, and where a message could not be handled.
_NOTE = upserting(
    caught_up,
    _COLUMNS,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["gateway", "number"], set_={"until": insert.excluded.until}
    ),
)
