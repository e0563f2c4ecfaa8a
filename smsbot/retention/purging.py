"""The purge: erases what is older than the retention period, a little at a time.

It searches on a snapshot, where nobody has to wait. It erases in transactions of some hundred rows with pauses between
them, so that conversations hardly wait. Every row is checked again when it is erased, so several processes may purge at
once, and an appointment that was just moved is kept. Repeating a purge changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Table, Update, and_, delete, exists, or_, select, text, update

from smsbot.appointments.erasure import (
    erase_addresses,
    erase_incoming,
    erase_outgoing,
    erase_people,
    erase_requests,
    forget_conversations,
    forget_pieces,
)
from smsbot.outbox.pacing import patience_for
from smsbot.runtime import PeriodicWork, work_off
from smsbot.store.database import Database
from smsbot.store.seen import SEEN_FOR, forget_seen
from smsbot.store.tables import (
    appointments,
    audit,
    batch_appointments,
    batches,
    cancellation_requests,
    conversations,
    events,
    incoming_messages,
    incoming_pieces,
    opt_outs,
    outgoing_messages,
    participations,
)

EVERY = timedelta(hours=1)
ERASED_AT_ONCE = 200
"""The most rows in one transaction."""

_FOUND_AT_ONCE = 10_000

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows a purge has erased.

    `people` counts participations, `addresses` places that were no `lieu`, `agents` names in the audit, `requests`
    requests to cancel at a source, `unsent` e-mails to agents that never left, `opt_outs` STOPs of numbers that were
    never known, `pieces` pieces of messages that were never put together, `events` events for other systems.
    """

    people: int = 0
    addresses: int = 0
    sent: int = 0
    received: int = 0
    conversations: int = 0
    agents: int = 0
    requests: int = 0
    pieces: int = 0
    batches: int = 0
    unsent: int = 0
    opt_outs: int = 0
    events: int = 0

    @property
    def is_empty(self) -> bool:
        return self == Purged()


async def purge(database: Database, before: datetime, now: datetime, *, at_most: int = ERASED_AT_ONCE) -> Purged:
    """Erase data about appointments that began before `before`, and data about no appointment that is older than that.

    At most `at_most` rows are erased in one transaction. Times are in UTC.
    """
    return Purged(**{kept.name: await _purge(database, kept, before, now, at_most) for kept in _KEPT})


def purging(database: Database, retention: timedelta, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of purging, once an hour, what is older than the `retention` period.

    SQLite's log is emptied each time, so that none of our files still has what was erased.
    """

    async def once() -> None:
        now = clock()
        purged = await purge(database, now - retention, now)
        await database.write(partial(forget_seen, before=now - SEEN_FOR))
        if not purged.is_empty:
            logger.info("erased what was kept long enough", people=purged.people, sent=purged.sent)
        if not await database.truncate_log():
            logger.warning("what was erased is in SQLite's log for another hour: it is being read all the time")

    return PeriodicWork("purge", once, EVERY)


@dataclass(frozen=True, slots=True)
class _Kept:
    """One kind of row with personal data: which rows are due, and how they are erased.

    `name` is its field in Purged.
    """

    name: str
    table: Table
    is_due: Callable[[datetime, datetime], ColumnElement[bool]]  # takes `before` and `now`
    erase: Callable[[Connection, ColumnElement[bool], datetime], int]

    @property
    def key(self) -> ColumnElement[Any]:
        [column] = self.table.primary_key.columns
        return column


async def _purge(database: Database, kept: _Kept, before: datetime, now: datetime, at_most: int) -> int:
    find, erase = partial(_find, kept, before, now), partial(_erase, kept, before, now)
    return await work_off(database, find, erase, at_most)


def _find(kept: _Kept, before: datetime, now: datetime, connection: Connection) -> Sequence[Any]:
    ids = select(kept.key).where(kept.is_due(before, now)).limit(_FOUND_AT_ONCE)
    return connection.execute(ids).scalars().all()


def _erase(kept: _Kept, before: datetime, now: datetime, ids: Sequence[Any], connection: Connection) -> int:
    return kept.erase(connection, and_(kept.key.in_(ids), kept.is_due(before, now)), now)


# What is due ---------------------------------------------------------------------------------------------------------


def _is_due_participation(before: datetime, _now: datetime) -> ColumnElement[bool]:
    began = exists().where(appointments.c.id == participations.c.appointment_id, appointments.c.starts_at < before)
    return and_(participations.c.erased_at.is_(None), began)


def _is_due_appointment(before: datetime, _now: datetime) -> ColumnElement[bool]:
    return and_(appointments.c.address.is_not(None), appointments.c.starts_at < before)


def _is_due_outgoing(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """Older than `before`, and not about an appointment that is still kept."""
    remembered = exists().where(
        appointments.c.id == outgoing_messages.c.appointment_id, appointments.c.starts_at >= before
    )
    return and_(text("outgoing_messages.recipient <> ''"), outgoing_messages.c.created_at < before, ~remembered)


def _is_due_to_agents(_before: datetime, now: datetime) -> ColumnElement[bool]:
    """An e-mail to an agent that could not be sent in its time. It must go, because it may hold a link with a token.

    The text of those that were sent is not stored at all.
    """
    unsent = text("outgoing_messages.kind = 'agents' AND outgoing_messages.body <> ''")
    return and_(unsent, outgoing_messages.c.created_at < now - _TO_AGENTS)


def _is_due_incoming(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """Older than `before`, and not answered by a message about an appointment that is still kept."""
    remembered = exists().where(
        outgoing_messages.c.recipient == incoming_messages.c.from_number,  # lets the index be used
        outgoing_messages.c.in_reply_to == incoming_messages.c.id,
        appointments.c.id == outgoing_messages.c.appointment_id,
        appointments.c.starts_at >= before,
    )
    return and_(text("incoming_messages.from_number <> ''"), incoming_messages.c.received_at < before, ~remembered)


def _is_due_event(before: datetime, _now: datetime) -> ColumnElement[bool]:
    return events.c.at < before


def _is_due_piece(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """A piece that is so old was left when no process was putting pieces together."""
    return incoming_pieces.c.received_at < before


def _is_due_conversation(before: datetime, _now: datetime) -> ColumnElement[bool]:
    return conversations.c.updated_at < before


def _is_due_opt_out(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """The STOP of a stranger who still has no appointment. The STOP of a person with an appointment stays for good."""
    somebody = exists().where(participations.c.phone == opt_outs.c.number)
    return and_(opt_outs.c.by_stranger, opt_outs.c.opted_out_at < before, ~somebody)


def _is_due_audit(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """An agent's act on an appointment that is no longer kept. Acts on accounts keep the agent's address."""
    began = exists().where(appointments.c.id == audit.c.appointment_id, appointments.c.starts_at < before)
    return and_(audit.c.agent.is_not(None), audit.c.at < before, began)


def _is_due_request(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """A request to cancel an appointment that is no longer kept, with personal data."""
    request = cancellation_requests.c
    began = exists().where(appointments.c.id == request.appointment_id, appointments.c.starts_at < before)
    return and_(or_(request.agent.is_not(None), request.word.is_not(None), request.in_reply_to.is_not(None)), began)


def _is_due_batch(before: datetime, _now: datetime) -> ColumnElement[bool]:
    """The text that an agent wrote to many people at once, if none of their appointments is still kept."""
    kept = exists().where(
        batch_appointments.c.batch_id == batches.c.id,
        appointments.c.id == batch_appointments.c.appointment_id,
        appointments.c.starts_at >= before,
    )
    return and_(text("batches.word IS NOT NULL"), batches.c.created_at < before, ~kept)


# How it is erased ----------------------------------------------------------------------------------------------------


def _erase_agents(connection: Connection, these: ColumnElement[bool]) -> int:
    return connection.execute(update(audit).where(these).values(agent=None)).rowcount


def _without_word(these: ColumnElement[bool]) -> Update:
    return update(batches).where(these).values(word=None)


_TO_AGENTS = patience_for("agents").for_this_long

# Messages come before the people and appointments that they are about.
_KEPT = (
    _Kept("sent", outgoing_messages, _is_due_outgoing, erase_outgoing),
    _Kept("unsent", outgoing_messages, _is_due_to_agents, erase_outgoing),
    _Kept("received", incoming_messages, _is_due_incoming, lambda c, these, _: erase_incoming(c, these)),
    _Kept("events", events, _is_due_event, lambda c, these, _: c.execute(delete(events).where(these)).rowcount),
    _Kept("pieces", incoming_pieces, _is_due_piece, lambda c, these, _: forget_pieces(c, these)),
    _Kept("conversations", conversations, _is_due_conversation, lambda c, these, _: forget_conversations(c, these)),
    _Kept("agents", audit, _is_due_audit, lambda c, these, _: _erase_agents(c, these)),
    _Kept("requests", cancellation_requests, _is_due_request, lambda c, these, _: erase_requests(c, these)),
    _Kept("batches", batches, _is_due_batch, lambda c, these, _: c.execute(_without_word(these)).rowcount),
    _Kept("opt_outs", opt_outs, _is_due_opt_out, lambda c, these, _: c.execute(delete(opt_outs).where(these)).rowcount),
    _Kept("people", participations, _is_due_participation, erase_people),
    _Kept("addresses", appointments, _is_due_appointment, lambda c, these, _: erase_addresses(c, these)),
)
