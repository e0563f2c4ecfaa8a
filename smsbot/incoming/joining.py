"""Puts messages together that a gateway delivers in pieces.

A piece is stored before it is acknowledged, and waits for the others. When the last one is there, the message is
handled like any other, and its pieces are deleted. Only their ids are remembered, so that a piece that comes again
changes nothing. Pieces may come in any order, and through several processes.

If a piece does not come, the others are handled after some minutes, with a mark in place of what is missing. The
missing part may change the meaning, so after a yes in such a message the bot asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter

import structlog
from sqlalchemy import Connection, Row, delete, select

from smsbot.gateways.base import IncomingSms
from smsbot.incoming.receiving import LEFT_TO_WEBHOOKS, MessageHandler
from smsbot.runtime import PeriodicWork
from smsbot.store.database import Database, serialise
from smsbot.store.prepared import upserting
from smsbot.store.seen import mark_seen, seen_among
from smsbot.store.tables import incoming_pieces

WAITED_FOR = timedelta(minutes=3)
"""The pieces of a message come within seconds, unless the gateway has to repeat one."""
EVERY = timedelta(seconds=10)
MISSING = "[…]"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JoinedMessage:
    """A message that was put together. `ids` are our ids of its pieces, `piece_ids` are the gateway's."""

    message: IncomingSms
    ids: tuple[int, ...]
    piece_ids: tuple[str, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Joining:
    """Handles messages that are whole. Stores pieces until they are, or have waited long enough."""

    database: Database
    handler: MessageHandler
    clock: Callable[[], datetime]

    async def take(
        self, message: IncomingSms, *, came_late: bool = False, late_after: timedelta = LEFT_TO_WEBHOOKS
    ) -> None:
        """Handle a message as `MessageHandler.handle` does, or store it if it is a piece of one.

        Returns when the piece is stored; after the last piece, when the message was handled.
        """
        if message.piece is None:
            await self.handler.handle(message, came_late=came_late, late_after=late_after)
        else:
            await self._take_piece(message)

    async def _take_piece(self, piece: IncomingSms) -> None:
        joined = await self.database.write(partial(_keep, piece=piece, now=self.clock()))
        if joined is None:
            logger.info("piece of a message kept", gateway=piece.gateway, gateway_message_id=piece.gateway_message_id)
        else:
            await self._hand_over(joined)

    async def once(self) -> None:
        """Handle messages that have waited long enough, and whole ones that were left when their process ended."""
        for joined in await self.database.read(partial(_due, now=self.clock())):
            if not joined.is_whole:
                logger.warning("pieces of a message are missing", gateway=joined.message.gateway)
            await self._hand_over(joined)

    async def _hand_over(self, joined: JoinedMessage) -> None:
        # The pieces are deleted last. If the message is handled twice, it counts once: a turn claims its id.
        await self.handler.handle(joined.message, came_late=not joined.is_whole)
        await self.database.write(partial(_forget, joined=joined, now=self.clock()))

    def work(self) -> PeriodicWork:
        """The work of looking after pieces that wait."""
        return PeriodicWork("pieces", self.once, EVERY)


def _keep(connection: Connection, piece: IncomingSms, now: datetime) -> JoinedMessage | None:
    """Store a piece. Returns its message if it is whole now. A piece that is known already changes nothing."""
    assert piece.piece is not None
    # If two pieces come at once, the second transaction sees the first piece.
    serialise(connection, f"pieces:{piece.gateway}:{piece.from_number}")
    known, _ = seen_among(connection, piece.gateway, [piece.gateway_message_id], now)
    if known:
        return None
    _KEEP.run(
        connection,
        {
            "gateway": piece.gateway,
            "gateway_message_id": piece.gateway_message_id,
            "received_at": now,
            "written_at": piece.written_at,
            "from_number": piece.from_number,
            "to_number": piece.to_number,
            "reference": piece.piece.reference,
            "number": piece.piece.number,
            "total": piece.piece.total,
            "body": piece.body,
        },
    )
    columns = incoming_pieces.c
    rows = connection.execute(
        select(incoming_pieces)
        .where(
            columns.gateway == piece.gateway,
            columns.from_number == piece.from_number,
            columns.to_number == piece.to_number,
            columns.reference == piece.piece.reference,
            columns.total == piece.piece.total,
        )
        .order_by(columns.number, columns.id)
    ).all()
    joined = _joined(rows)
    return joined if joined.is_whole else None


def _due(connection: Connection, now: datetime) -> list[JoinedMessage]:
    """The messages that are whole, and those that got no piece for some minutes."""
    columns = incoming_pieces.c
    message = attrgetter(*_OF_A_MESSAGE)
    by_message = (*(columns[name] for name in _OF_A_MESSAGE), columns.number, columns.id)
    rows = connection.execute(select(incoming_pieces).order_by(*by_message)).all()
    due = []
    for _, pieces in groupby(rows, key=message):
        of_one = list(pieces)
        joined = _joined(of_one)
        if joined.is_whole or max(row.received_at for row in of_one) <= now - WAITED_FOR:
            due.append(joined)
    return due


def _joined(rows: Sequence[Row[tuple[object, ...]]]) -> JoinedMessage:
    """The message of these pieces, which are in order. If a piece came twice with two ids, the first counts."""
    first = rows[0]
    texts: dict[int, str] = {}
    for row in rows:
        texts.setdefault(row.number, row.body)
    body = ""
    for number in range(1, first.total + 1):
        if number in texts:
            body += texts[number]
        elif not body.endswith(MISSING):
            body += MISSING
    piece_ids = tuple(row.gateway_message_id for row in rows)
    message = IncomingSms(
        gateway=first.gateway,
        gateway_message_id=hashlib.sha256("\0".join(piece_ids).encode()).hexdigest(),
        from_number=first.from_number,
        to_number=first.to_number,
        body=body,
        written_at=max((row.written_at for row in rows if row.written_at is not None), default=None),
    )
    return JoinedMessage(message, tuple(row.id for row in rows), piece_ids, len(texts) == first.total)


def _forget(connection: Connection, joined: JoinedMessage, now: datetime) -> None:
    mark_seen(connection, joined.message.gateway, joined.piece_ids, now)
    connection.execute(delete(incoming_pieces).where(incoming_pieces.c.id.in_(joined.ids)))


_OF_A_MESSAGE = ("gateway", "from_number", "to_number", "reference", "total")
_KEEP = upserting(
    incoming_pieces,
    (
        *("gateway", "gateway_message_id", "received_at", "written_at", "from_number", "to_number"),
        *("reference", "number", "total", "body"),
    ),
    lambda insert: insert.on_conflict_do_nothing(),
)
