"""Puts events in the order in which they are sent, and writes into the outbox which subscriptions get them.

The id that the database gives to a new row cannot be this order. A row with a smaller id may be committed later, and a
reader who is already further would never see it. So an event gets its position later, when it is committed. Only one
transaction at a time gives positions, and others wait for it. So a reader who sees a position sees all positions before
it. The events of one appointment are in the order in which they happened, because each change of an appointment waits
for the change before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, or_, select, text, update

from smsbot.agents.public_ids import PublicId
from smsbot.events import RECORDED
from smsbot.outbox.messages import OutgoingMessage, enqueue_all
from smsbot.runtime import PeriodicWork, woken_by
from smsbot.store.database import Database, upsert
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
"""A round begins when an event is recorded here or in another process. This is for signals that were lost."""
GATHERED_FOR = timedelta(milliseconds=250)
"""How long a round waits before it begins, so that events close together are published by one transaction."""
PUBLISHED_AT_ONCE = 500

WORK_NAME = "events"


def publishing(database: Database, clock: Callable[[], datetime]) -> PeriodicWork:
    """The periodic work that publishes recorded events."""

    async def once() -> None:
        await asyncio.sleep(GATHERED_FOR.total_seconds())
        while await database.read(has_unpublished):
            await database.write(lambda connection: publish(connection, clock()))

    return woken_by(database, RECORDED, WORK_NAME, once, EVERY)


def has_unpublished(connection: Connection) -> bool:
    """Whether there are events without a position."""
    return _NEW.row(connection, {"at_most": 1}) is not None


def publish(connection: Connection, now: datetime, at_most: int = PUBLISHED_AT_ONCE) -> int:
    """Give positions to at most `at_most` recorded events, and enqueue them. Returns how many they are."""
    last = _lock_order(connection)
    placed = _PLACE.run(connection, {"last": last, "at_most": at_most})
    if not placed:
        return 0
    connection.execute(update(event_order).values(last=last + placed))
    tell(connection, connection.execute(SUBSCRIBED.where(events.c.position.between(last + 1, last + placed))), now)
    return placed


def tell(connection: Connection, rows: Iterable[Row[Any]], now: datetime) -> int:
    """Enqueue each event for its subscription, if the subscription wants its type. Returns how many were enqueued."""
    wanted = [row for row in rows if not row.types or row.type in row.types]
    enqueue_all(connection, [_delivery(row) for row in wanted], now)
    return len(wanted)


def subscription_sender(subscription_id: int) -> str:
    """The `sender` of its messages in the outbox. Each subscription has its own, and so its own slots."""
    return f"subscription-{subscription_id}"


def subscription_id_of(sender: str) -> int:
    """The subscription (our id) of a `sender` that `subscription_sender` has made."""
    return int(sender.rpartition("-")[2])


def _delivery(row: Row[Any]) -> OutgoingMessage:
    """The outbox keeps the order for each recipient: the subscription together with the appointment or the type."""
    sender = subscription_sender(row.subscription_id)
    kind_of_event = row.type.partition(".")[0]
    matter = kind_of_event if row.appointment_id is None else PublicId.APPOINTMENT.of(row.appointment_id)
    return OutgoingMessage("webhook", "event", f"{sender}/{matter}", sender, str(row.position))


def _lock_order(connection: Connection) -> int:
    """The last position that was given. Other callers wait until this transaction ends."""
    first = upsert(connection, event_order).values(id=1, last=0)
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
"""Events and the subscriptions that get them, in the order in which they are sent."""
