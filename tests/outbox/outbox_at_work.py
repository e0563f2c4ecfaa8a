"""Calls the functions of the outbox, each in a transaction of its own, at a time that the test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from smsbot.gateways.base import DeliveryStatus, StatusReport
from smsbot.outbox.claim import Capacity, Claimed, claim_outgoing
from smsbot.outbox.messages import ClaimedMessage, Lane, OutgoingMessage, enqueue, make_up_for_clock
from smsbot.outbox.outcomes import Outcome, Reported, record_statuses, settle
from smsbot.outbox.pacing import pause
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
LEASE = timedelta(seconds=30)
DOUBT_LEASE = timedelta(seconds=25)
A, B, C = "+33600000001", "+33600000002", "+33600000003"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Outbox:
    """One outbox. `slots`, `rate` and `draw` are those of the process that claims."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.slots = 100
        self.rate: Callable[[str], float | None] = lambda sender: None
        self.draw: Callable[[], float] = lambda: 0.0

    def put(self, recipient: str = A, at: datetime = NOW, due_at: datetime | None = None, **fields: Any) -> int:
        message = replace(OutgoingMessage("sms", "reply", recipient, "36123", "Bonjour"), **fields)
        return self.database.write_now(lambda connection: enqueue(connection, message, at, due_at=due_at))

    def claim(
        self,
        at: datetime = NOW,
        *,
        channel: Any = "sms",
        busy: Mapping[tuple[str, Lane], int] | None = None,
        looking: int = 0,
    ) -> Claimed:
        room = Capacity(self.slots, busy or {}, looking, self.rate, self.draw)
        return self.database.write_now(
            lambda connection: claim_outgoing(
                connection, channel, at, room, lease=at + LEASE, doubt_lease=at + DOUBT_LEASE
            )
        )

    def take(self, at: datetime = NOW, **more: Any) -> list[ClaimedMessage]:
        return self.claim(at, **more).messages

    def taken(self, at: datetime = NOW, **more: Any) -> list[int]:
        return [message.id for message in self.take(at, **more)]

    def settle(self, *outcomes: Outcome, at: datetime = NOW) -> None:
        self.database.write_now(lambda connection: settle(connection, outcomes, at))

    def pause(self, sender: str, until: datetime, *, at: datetime = NOW) -> None:
        self.database.write_now(lambda connection: pause(connection, "sms", {sender: until}, at))

    def make_up_for_clock(self, at: datetime) -> None:
        self.database.write_now(lambda connection: make_up_for_clock(connection, at))

    def report(
        self, sid: str, outgoing_id: int | None, status: DeliveryStatus, code: str | None = None, at: datetime = NOW
    ) -> bool:
        reported = Reported(StatusReport("twilio", sid, outgoing_id, status, code), at)
        [recorded] = self.database.write_now(lambda connection: record_statuses(connection, [reported]))
        return recorded is not None

    def row(self, this: int) -> Any:
        query = select(outgoing_messages).where(outgoing_messages.c.id == this)
        return self.database.read_now(lambda connection: connection.execute(query).one())
