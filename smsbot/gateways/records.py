"""What a gateway may offer besides the four verbs: its own records of what was sent and received.

A gateway that keeps them has an attribute `records`. They settle the two questions that the verbs leave open: was a
message taken whose answer was lost, and what did usagers write while nobody here was listening?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from smsbot.gateways.base import IncomingSms, OutgoingSms
from smsbot.problem import Problem


@dataclass(frozen=True, slots=True)
class RecordedSms:
    """A message from an usager, and when it was sent (UTC, by the gateway's clock)."""

    sms: IncomingSms
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was sent to a number of ours, oldest first, as the records had it at `read_at`, by the gateway's clock."""

    messages: Sequence[RecordedSms]
    read_at: datetime


class RecordsOutOfReach(Problem):
    """The records could not be read, so nothing is known. `sentence` is for operators and names nobody."""


class Records(Protocol):
    """A gateway's memory."""

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        """The gateway's ids of what it took for this recipient, with this text, during the last `within`; oldest first.

        Who sent it plays no part: a Messaging Service puts a number of its own in its place. Raises
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
