"""What a file of appointments yields, one by one: what could be read, and why the rest could not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smsbot.model import AppointmentRecord


class UnreadableFile(ValueError):
    """Nothing of the file can be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Read:
    """An appointment. `event_at` is in UTC, None where the file does not give the time of the event."""

    record: AppointmentRecord
    event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be read: `where` ("line 7", "record 3"), and why, in one sentence without personal data."""

    where: str
    reason: str
