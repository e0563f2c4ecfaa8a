"""A last check before a notification or reminder leaves: it may have waited for hours, and things may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from smsbot.notifications.reminders import Reminders
from smsbot.outbox.messages import OPTED_OUT, ClaimedMessage
from smsbot.outbox.outcomes import Held, Refused
from smsbot.store.tables import opt_outs


@dataclass(frozen=True, slots=True)
class LastLook:
    """Checks notifications and reminders that delivery is about to send."""

    reminders: Reminders

    def review(self, connection: Connection, messages: Sequence[ClaimedMessage], now: datetime) -> list[Refused | Held]:
        """Say which of `messages` must not leave at all, and which must wait."""
        stopped = _stopped(connection, messages)
        refused = [Refused(one.id, one.attempt, OPTED_OUT, "Its recipient has written STOP.") for one in stopped]
        others = [one for one in messages if one.kind == "reminder" and one not in stopped]
        return [*refused, *(self.reminders.review(connection, others, now) if others else ())]


def _stopped(connection: Connection, messages: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """The SMS to numbers that have sent STOP since. STOP also holds for messages that were written before it."""
    numbers = {one.recipient for one in messages if one.channel == "sms"}
    opted_out = set(connection.execute(_OPTED_OUT, {"numbers": list(numbers)}).scalars()) if numbers else set()
    return [one for one in messages if one.channel == "sms" and one.recipient in opted_out]


_OPTED_OUT = select(opt_outs.c.number).where(opt_outs.c.number.in_(bindparam("numbers", expanding=True)))
