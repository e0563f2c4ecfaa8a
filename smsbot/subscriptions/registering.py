"""Subscriptions: an agent, usually a service account, registers an address that gets its organisations' events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, TextClause, delete, func, insert, select, text, update

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import events_within_reach
from smsbot.events import EventType
from smsbot.outbox.messages import LANES, REFUSED
from smsbot.outbox.operator_actions import DROPPED
from smsbot.problem import Problem
from smsbot.sealing import Seal
from smsbot.store.tables import event_subscriptions, outgoing_messages
from smsbot.subscriptions.event_list import EventFilter
from smsbot.subscriptions.publishing import SUBSCRIBED, subscription_sender, tell

MOST_OF_AN_AGENT = 20
MOST_AT_ONCE = 10_000
"""One request sends at most so many events again."""
OLD_SECRET_FOR = timedelta(hours=24)
"""For so long the previous secret signs too."""


class TooManySubscriptions(Problem):
    """The agent has as many subscriptions as are allowed."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An address that gets events. `types` is empty if it gets all of them.

    `waiting` deliveries are under way; `resting` ones were tried for long enough and given up. At `ended_at` (UTC) its
    receiver answered that it wants no more events; None if it still gets them.
    """

    id: int
    url: str
    types: tuple[EventType, ...]
    created_at: datetime
    waiting: int
    resting: int
    ended_at: datetime | None

    @property
    def host(self) -> str:
        """The host of the address. The rest of an address may contain a secret."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Adds, changes and removes subscriptions. `seal` encrypts their secrets."""

    seal: Seal = field(repr=False)

    def add(
        self, connection: Connection, agent: Agent, url: str, secret: str, types: Sequence[EventType], now: datetime
    ) -> Subscription:
        """Send the events of the agent's organisations to `url` from now on. Raises TooManySubscriptions."""
        theirs = select(func.count()).where(event_subscriptions.c.agent_id == agent.id)
        if connection.execute(theirs).scalar_one() >= MOST_OF_AN_AGENT:
            raise TooManySubscriptions(f"There are {MOST_OF_AN_AGENT} webhooks already: delete one first.")
        values = {
            "agent_id": agent.id,
            "url": url,
            "secret": self.seal.close(secret),
            "types": sorted({each.value for each in types}),
            "created_at": now,
        }
        statement = insert(event_subscriptions).values(values).returning(event_subscriptions.c.id)
        this: int = connection.execute(statement).scalar_one()
        return subscriptions_of(connection, agent, this)[0]

    def remove(self, connection: Connection, agent: Agent, this: int, now: datetime) -> bool:
        """Send nothing more to this subscription, and drop what waits. False if the agent has no such subscription."""
        theirs = (event_subscriptions.c.id == this) & (event_subscriptions.c.agent_id == agent.id)
        if connection.execute(delete(event_subscriptions).where(theirs)).rowcount != 1:
            return False
        _drop(connection, this, "The webhook was deleted.", now)
        return True

    def rotate(self, connection: Connection, agent: Agent, this: int, secret: str, now: datetime) -> datetime | None:
        """Sign with this secret from now on, and for `OLD_SECRET_FOR` with the previous one too: no event is lost.

        Returns until when (UTC) the previous one signs too; None if the agent has no such subscription.
        """
        theirs = (event_subscriptions.c.id == this) & (event_subscriptions.c.agent_id == agent.id)
        until = now + OLD_SECRET_FOR
        rotated = {
            "old_secret": event_subscriptions.c.secret,
            "old_secret_until": until,
            "secret": self.seal.close(secret),
        }
        found = connection.execute(update(event_subscriptions).where(theirs).values(rotated)).rowcount
        return until if found else None

    def replay(self, connection: Connection, agent: Agent, this: int, wanted: EventFilter, now: datetime) -> int:
        """Send at most `MOST_AT_ONCE` of these events to this subscription of the agent again. Returns how many.

        They keep their ids and their order, and come after the events that wait already.
        """
        again = SUBSCRIBED.where(event_subscriptions.c.id == this, *wanted.conditions(), events_within_reach(agent))
        return tell(connection, connection.execute(again.limit(MOST_AT_ONCE)), now)


def subscriptions_of(connection: Connection, agent: Agent, this: int | None = None) -> list[Subscription]:
    """The agent's subscriptions, or only the one with this id (ours); the oldest first."""
    statement = select(event_subscriptions).where(event_subscriptions.c.agent_id == agent.id)
    if this is not None:
        statement = statement.where(event_subscriptions.c.id == this)
    rows = connection.execute(statement.order_by(event_subscriptions.c.id)).all()
    return [
        Subscription(
            row.id,
            row.url,
            tuple(map(EventType, row.types)),
            row.created_at,
            _deliveries(connection, row.id, _WAITING),
            _deliveries(connection, row.id, _RESTING),
            row.ended_at,
        )
        for row in rows
    ]


def end(connection: Connection, this: int, now: datetime) -> None:
    """The receiver of this subscription (our id) wants no more: send it nothing, and drop what waits."""
    still = event_subscriptions.c.ended_at.is_(None)
    connection.execute(update(event_subscriptions).where(event_subscriptions.c.id == this, still).values(ended_at=now))
    _drop(connection, this, "Its receiver has answered 410: it wants no more.", now)


def _drop(connection: Connection, this: int, why: str, now: datetime) -> None:
    dropped = {"state": REFUSED, "error_code": DROPPED, "error": why, "finished_at": now}
    for unfinished in (_WAITING, _RESTING):
        connection.execute(update(outgoing_messages).where(*_to(this), unfinished).values(dropped))


# The states are constants in the text: with parameters the engines do not use the partial indexes.
_WAITING = text("outgoing_messages.state = 'waiting'")
_RESTING = text("outgoing_messages.state = 'resting'")


def _deliveries(connection: Connection, this: int, state: TextClause) -> int:
    number: int = connection.execute(select(func.count()).where(*_to(this), state)).scalar_one()
    return number


def _to(this: int) -> tuple[ColumnElement[bool], ...]:
    """SQL conditions on `outgoing_messages` for the messages to this subscription, in the words of the indexes."""
    columns = outgoing_messages.c
    return (
        columns.channel == "webhook",
        columns.kind == "event",
        columns.lane == LANES["event"].value,
        columns.sender == subscription_sender(this),
    )
