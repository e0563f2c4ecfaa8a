"""What is looked at once more when a message that nobody waits for is about to leave: it may have waited for hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from smsbot.notifications.reminders import Reminders
from smsbot.outbox.messages import OPTED_OUT, ClaimedMessage, Held, Refused
from smsbot.store.tables import opt_outs


@dataclass(frozen=True, slots=True)
class LastLook:
    """At notifications and reminders that delivery has just claimed."""

    reminders: Reminders

    def review(self, connection: Connection, messages: Sequence[ClaimedMessage], now: datetime) -> list[Refused | Held]:
        """Which had better not leave, or not now."""
        stopped = _stopped(connection, messages)
        refused = [Refused(one.id, one.attempt, OPTED_OUT, "Its recipient has written STOP.") for one in stopped]
        others = [one for one in messages if one.kind == "reminder" and one not in stopped]
        return [*refused, *(self.reminders.review(connection, others, now) if others else ())]


def _stopped(connection: Connection, messages: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """STOP ends SMS to that number, those included that were written before."""
    numbers = {one.recipient for one in messages if one.channel == "sms"}
    opted_out = set(connection.execute(_OPTED_OUT, {"numbers": list(numbers)}).scalars()) if numbers else set()
    return [one for one in messages if one.channel == "sms" and one.recipient in opted_out]


_OPTED_OUT = select(opt_outs.c.number).where(opt_outs.c.number.in_(bindparam("numbers", expanding=True)))
