"""What some gateways remember and let us read.

Some keep records of the messages that were sent and received; they have an attribute `records`. The records answer two
questions: was a message taken although its answer was lost, and what did usagers write while smsbot was not running?
Other gateways have no webhooks, but a list that must be read again and again; they have an attribute `replies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from smsbot.gateways.base import Batch, IncomingSms, OutgoingSms
from smsbot.problem import Problem


@dataclass(frozen=True, slots=True)
class RecordedSms:
    """A message from an usager, and when it was sent (UTC, by the gateway's clock)."""

    sms: IncomingSms
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Messages to one of our numbers, oldest first, as the records were at `read_at` (the gateway's clock)."""

    messages: Sequence[RecordedSms]
    read_at: datetime


class RecordsOutOfReach(Problem):
    """The records could not be read, so nothing is known. `sentence` is for operators and has no personal data."""


class Records(Protocol):
    """Reads a gateway's records."""

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        """The ids of the messages with this recipient and text that the gateway took in the last `within`, oldest
        first.

        The sender is not compared, because a Messaging Service of Twilio replaces it by a number of its own. Raises
        `RecordsOutOfReach`.
        """
        ...

    async def received(self, number: str, since: datetime) -> ReadBack:
        """What usagers sent to this number of ours since `since`. Raises `RecordsOutOfReach`."""
        ...


@runtime_checkable
class KeepsRecords(Protocol):
    """A gateway with records."""

    @property
    def records(self) -> Records: ...


class Replies(Protocol):
    """Reads a gateway's list of messages from usagers, for gateways without webhooks."""

    @property
    def every(self) -> timedelta:
        """How often the list should be read."""
        ...

    async def listed(self, since: datetime) -> Batch[IncomingSms]:
        """The messages in the list, in the list's order.

        If the gateway can filter by time, only messages since `since`; otherwise all that it has. Raises
        `RecordsOutOfReach`.
        """
        ...
