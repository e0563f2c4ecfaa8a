"""Puts events in the order in which they are told, and writes into the outbox which subscriptions are told of them.

An id that the database gives when a row is written cannot be that order: a row with a smaller id may be committed
later, and whoever has read on meanwhile would never see it. So an event gets its position afterwards, when it is
committed. One transaction at a time gives positions, all others wait for it. So whoever sees a position sees all before
it. Of one appointment the order is that in which things happened, because each change of it waits for the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, or_, select, text, update

from smsbot.events.recording import RECORDED
from smsbot.outbox.messages import OutgoingMessage, enqueue_all
from smsbot.runtime import PeriodicWork, woken_by
from smsbot.store.database import Database, insert
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    agent_organisations,
    agents,
    event_order,
    event_subscriptions,
    events,
    organisations,
)

EVERY = timedelta(seconds=5)
"""A round is begun when an event is recorded here or elsewhere. This is for signals that were lost."""
GATHERED_FOR = timedelta(milliseconds=250)
"""A round waits so long before it looks, so that what happens close together is published by one transaction."""
PUBLISHED_AT_ONCE = 500

WORK_NAME = "events"


def publishing(database: Database, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of publishing what was recorded."""

    async def once() -> None:
        await asyncio.sleep(GATHERED_FOR.total_seconds())
        while await database.read(has_unpublished):
            await database.write(lambda connection: publish(connection, clock()))

    return woken_by(database, RECORDED, WORK_NAME, once, EVERY)


def has_unpublished(connection: Connection) -> bool:
    """Whether events wait for their position."""
    return _NEW.row(connection, {"at_most": 1}) is not None


def publish(connection: Connection, now: datetime, at_most: int = PUBLISHED_AT_ONCE) -> int:
    """Give positions to recorded events and have them told. Returns how many there were, `at_most` at once."""
    last = _lock_order(connection)
    placed = _PLACE.run(connection, {"last": last, "at_most": at_most})
    if not placed:
        return 0
    connection.execute(update(event_order).values(last=last + placed))
    tell(connection, connection.execute(SUBSCRIBED.where(events.c.position.between(last + 1, last + placed))), now)
    return placed


def tell(connection: Connection, rows: Iterable[Row[Any]], now: datetime) -> int:
    """Write into the outbox that each subscription is told of its event. Returns how many deliveries that are."""
    wanted = [row for row in rows if not row.types or row.type in row.types]
    enqueue_all(connection, [_delivery(row) for row in wanted], now)
    return len(wanted)


def subscription_sender(subscription_id: int) -> str:
    """What stands as `sender` in the outbox: each subscription has its own slots there."""
    return f"subscription-{subscription_id}"


def subscription_id_of(sender: str) -> int:
    """The subscription (our id) that `subscription_sender` has named."""
    return int(sender.rpartition("-")[2])


def _delivery(row: Row[Any]) -> OutgoingMessage:
    """The outbox keeps the order of each recipient: that is the subscription together with what the event is about."""
    sender = subscription_sender(row.subscription_id)
    matter = row.type.partition(".")[0] if row.appointment_id is None else f"rdv-{row.appointment_id}"
    return OutgoingMessage("webhook", "event", f"{sender}/{matter}", sender, str(row.position))


def _lock_order(connection: Connection) -> int:
    """The last position that was given. Others who ask for it wait until this transaction ends."""
    first = insert(connection, event_order).values(id=1, last=0)
    same = first.on_conflict_do_update(index_elements=["id"], set_={"last": event_order.c.last})
    last: int = connection.execute(same.returning(event_order.c.last)).scalar_one()
    return last


_NEW = Prepared(
    select(events.c.id).where(text("events.position IS NULL")).order_by(events.c.id).limit(bindparam("at_most"))
)
_place = bindparam("last", type_=BigInteger()) + func.row_number().over(order_by=events.c.id)
_new = (
    select(events.c.id, _place.label("place"))
    .where(text("events.position IS NULL"))
    .order_by(events.c.id)
    .limit(bindparam("at_most"))
    .subquery("placed")
)
_PLACE = Prepared(update(events).where(events.c.id == _new.c.id).values(position=_new.c.place))
SUBSCRIBED: Select[Any] = (
    select(
        events.c.position,
        events.c.type,
        events.c.appointment_id,
        event_subscriptions.c.id.label("subscription_id"),
        event_subscriptions.c.types,
    )
    .join(organisations, organisations.c.id == events.c.organisation_id)
    .join(event_subscriptions, event_subscriptions.c.ended_at.is_(None))
    .join(agents, agents.c.id == event_subscriptions.c.agent_id)
    .outerjoin(
        agent_organisations,
        (agent_organisations.c.agent_id == event_subscriptions.c.agent_id)
        & (agent_organisations.c.source == organisations.c.source)
        & (agent_organisations.c.organisation_external_id == organisations.c.external_id),
    )
    .where(or_(agent_organisations.c.agent_id.is_not(None), agents.c.role_everywhere.is_not(None)))
    .order_by(events.c.position, event_subscriptions.c.id)
)
"""Events and the subscriptions that are told of them, in the order in which they are told."""
