"""What some gateways remember, and let us read.

Some keep records of what was sent and received: they have an attribute `records`. The records answer two questions that
webhooks leave open: was a message taken although its answer was lost, and what did usagers write while smsbot was not
running? Others post nothing and have a list to be read again and again: an attribute `replies`.
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
    """The messages to one of our numbers, oldest first, as the records had them at `read_at` (the gateway's clock)."""

    messages: Sequence[RecordedSms]
    read_at: datetime


class RecordsOutOfReach(Problem):
    """The records could not be read, so nothing is known. `sentence` is for operators and names nobody."""


class Records(Protocol):
    """Reads a gateway's records."""

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        """The gateway's ids of messages with this recipient and text that it took during the last `within`, oldest
        first.

        The sender is not compared, because a Messaging Service replaces it by a number of its own. Raises
        `RecordsOutOfReach`.
        """
        ...

    async def received(self, number: str, since: datetime) -> ReadBack:
        """What usagers sent to this number of ours from `since` on. Raises `RecordsOutOfReach`."""
        ...


@runtime_checkable
class KeepsRecords(Protocol):
    """A gateway with records."""

    @property
    def records(self) -> Records: ...


class Replies(Protocol):
    """Reads a gateway's list of messages from usagers, which it posts to nobody."""

    @property
    def every(self) -> timedelta:
        """How often the list is to be read."""
        ...

    async def listed(self, since: datetime) -> Batch[IncomingSms]:
        """The messages in the list, oldest first if the list is so.

        Gateways that can be asked for the messages since a time are asked for those since `since`; the others give what
        they have. Raises `RecordsOutOfReach`.
        """
        ...
