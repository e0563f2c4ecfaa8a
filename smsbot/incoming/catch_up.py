"""Handles messages that arrived while smsbot was not running. It reads them from the gateway's records.

A gateway tries to post a message for some seconds and then gives up, but keeps it in its records. These are read at
start and once a minute, from shortly before the last reading (`caught_up`). Messages that are not known yet are
handled. If a webhook or another process handles the same message, it counts once, because a turn claims the message's
id. Such a message may have been written long ago, so after a yes in it the bot asks again.

Messages from before the very first start are never handled: in a new database, the whole history of a number would look
missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, bindparam, select, update

from smsbot.gateways.gateway_records import ReadBack, RecordedSms, Records, RecordsOutOfReach
from smsbot.incoming.receiving import LEFT_TO_WEBHOOKS, MessageHandler
from smsbot.runtime import HasToWait, PeriodicWork
from smsbot.store.database import Database, is_about_the_database
from smsbot.store.prepared import upserting
from smsbot.store.tables import caught_up, incoming_messages

EVERY = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)
"""How much is read again each time, because a gateway's list may be late."""
LATEST = 1000
"""How many of the latest incoming messages are searched to find our numbers that people write to."""
LOOKED_UP_AT_ONCE = 1000
PHONES_AT_ONCE = 16
FIRST_START = ""
"""Stands in place of a number in `caught_up`. That row says since when this gateway has been read at all."""
TRIED_FOR = timedelta(minutes=5)
"""For how long a message that could neither be handled nor recorded is tried again."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Catches up with one gateway.

    `numbers` are our numbers that it receives for, as far as the settings name them. Numbers that usagers have written
    to lately are added, because a Messaging Service has numbers that are in no setting.
    """

    gateway: str
    records: Records
    numbers: Collection[str]
    handler: MessageHandler
    clock: Callable[[], datetime]

    async def once(self, database: Database, *, left_to_webhooks: timedelta) -> int:
        """Read the records, handle the missing messages, and return how many there were.

        Messages younger than `left_to_webhooks` are left to the webhooks. Raises `SQLAlchemyError`, and
        `RecordsOutOfReach` after all other numbers are done. The next call handles what this one could not.
        """
        known = await database.write(self._known_numbers)
        handled = 0
        problem: RecordsOutOfReach | None = None
        for number, (since, until) in sorted(known.items()):
            try:
                begins = max(since, until - OVERLAP)
                handled += await self._catch_up(database, number, begins, left_to_webhooks)
            except RecordsOutOfReach as error:
                problem = error
        if problem is not None:
            raise problem
        return handled

    async def _catch_up(self, database: Database, number: str, begins: datetime, left_to_webhooks: timedelta) -> int:
        book = await self.records.received(number, begins)
        missing = await database.read(partial(self._missing, book=book))
        if left_to_webhooks:
            missing = [one for one in missing if one.sent_at <= book.read_at - left_to_webhooks]
        failed = await self._handle_all(missing)
        until = book.read_at
        if failed:
            until = max(min(one.sent_at for one in failed), until - TRIED_FOR)
        await database.write(partial(self._note, number=number, until=until))
        return len(missing) - len(failed)

    def _known_numbers(self, connection: Connection) -> dict[str, tuple[datetime, datetime]]:
        """Our numbers, each with the times (UTC) since when and up to when its records have been read.

        A new number begins now. A number that somebody has just written to begins at the first start.
        """
        lately = set(connection.execute(_LATELY_WRITTEN_TO, {"of": self.gateway, "latest": LATEST}).scalars())
        rows = connection.execute(_CAUGHT_UP, {"of": self.gateway})
        known = {row.number: (row.since, row.until) for row in rows}
        now = self.clock().replace(microsecond=0)  # gateways date messages in whole seconds
        first_start, _ = known.get(FIRST_START, (now, now))
        for number in sorted({FIRST_START, *self.numbers, *lately} - known.keys()):
            known[number] = (first_start if number in lately else now, now)
            since, until = known[number]
            _BEGIN.run(connection, {"gateway": self.gateway, "number": number, "since": since, "until": until})
        del known[FIRST_START]
        return known

    def _missing(self, connection: Connection, book: ReadBack) -> list[RecordedSms]:
        known: set[str] = set()
        for start in range(0, len(book.messages), LOOKED_UP_AT_ONCE):
            ids = [one.sms.gateway_message_id for one in book.messages[start : start + LOOKED_UP_AT_ONCE]]
            known.update(connection.execute(_KNOWN, {"of": self.gateway, "ids": ids}).scalars())
        return [one for one in book.messages if one.sms.gateway_message_id not in known]

    def _note(self, connection: Connection, number: str, until: datetime) -> None:
        connection.execute(_NOTE, {"of": self.gateway, "at": number, "new_until": until})

    async def _handle_all(self, messages: Iterable[RecordedSms]) -> list[RecordedSms]:
        """Handle these messages, those of one telephone one after the other, and return those that could not be
        handled.
        """
        by_phone: dict[str, list[RecordedSms]] = {}
        for one in messages:
            by_phone.setdefault(one.sms.from_number, []).append(one)
        phones = list(by_phone.values())
        failed: list[RecordedSms] = []
        for start in range(0, len(phones), PHONES_AT_ONCE):
            group = phones[start : start + PHONES_AT_ONCE]
            for of_phone in await asyncio.gather(*(self._handle(of_phone) for of_phone in group)):
                failed += of_phone
        return failed

    async def _handle(self, messages: Sequence[RecordedSms]) -> list[RecordedSms]:
        failed = []
        for one in messages:
            try:
                await self.handler.handle(one.sms, came_late=True)
            except Exception as error:
                if is_about_the_database(error):
                    raise
                # A mistake in our code with this message must not hold up the others.
                logger.exception("message not handled", gateway_message_id=one.sms.gateway_message_id)
                failed.append(one)
        return failed


def catching_up(database: Database, catch_up: CatchUp) -> PeriodicWork:
    """The work of catching up with one gateway, at once and then once a minute.

    In the first round nothing is left to the webhooks, because no process was there to receive them.
    """
    left_to_webhooks = timedelta(0)

    async def once() -> None:
        nonlocal left_to_webhooks
        left, left_to_webhooks = (
            left_to_webhooks,
            LEFT_TO_WEBHOOKS,
        )  # the first round leaves nothing to webhooks, the later ones do
        try:
            handled = await catch_up.once(database, left_to_webhooks=left)
        except RecordsOutOfReach as problem:
            logger.warning("missed messages cannot be looked for", gateway=catch_up.gateway, sentence=problem.sentence)
            raise HasToWait(problem.sentence) from problem
        if handled:
            logger.warning("messages came while nobody was listening", gateway=catch_up.gateway, messages=handled)

    return PeriodicWork(f"catch_up_{catch_up.gateway}", once, EVERY)


_messages = incoming_messages.c
_latest = (
    select(_messages.gateway, _messages.to_number).order_by(_messages.id.desc()).limit(bindparam("latest")).subquery()
)
_LATELY_WRITTEN_TO = select(_latest.c.to_number).where(_latest.c.gateway == bindparam("of")).distinct()
_CAUGHT_UP = select(caught_up.c.number, caught_up.c.since, caught_up.c.until).where(
    caught_up.c.gateway == bindparam("of")
)
_KNOWN = select(_messages.gateway_message_id).where(
    _messages.gateway == bindparam("of"), _messages.gateway_message_id.in_(bindparam("ids", expanding=True))
)
_BEGIN = upserting(caught_up, ("gateway", "number", "since", "until"), lambda insert: insert.on_conflict_do_nothing())
# `until` may also move back: if our clock was ahead when a number was new, or if a message could not be handled.
_NOTE = (
    update(caught_up)
    .where(caught_up.c.gateway == bindparam("of"), caught_up.c.number == bindparam("at"))
    .values(until=bindparam("new_until"))
)
