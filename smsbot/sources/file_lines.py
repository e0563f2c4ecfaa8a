"""What a file of appointments yields, one by one: what could be read, without what, and why the rest could not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smsbot.model import AppointmentRecord
from smsbot.problem import Problem


class UnreadableFile(Problem):
    """Nothing of the file can be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """An appointment. `event_at` is in UTC, None where the file does not give the time of the event."""

    record: AppointmentRecord
    event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """What could not be read: `where` ("line 7", "record 3"), and why, in one sentence without personal data."""

    where: str
    reason: str


class Unusable(StrEnum):
    """What somebody cannot be written to at."""

    PHONE = "telephone number"
    EMAIL = "e-mail address"


@dataclass(frozen=True, slots=True)
class TakenWithout:
    """A number or an address that what was read goes without: `where` as of RefusedLine, and of whom in there."""

    where: str
    what: Unusable
    whose: str | None = None

    @property
    def reason(self) -> str:
        """Of RefusedLine: in one sentence without personal data."""
        left_out = f"its {self.what}" if self.whose is None else f"the {self.what} of {self.whose}"
        return (
            f"taken without {left_out}: what stands there is no {self.what} that can be written to; "
            "correct it and import the file again."
        )


Remark = RefusedLine | TakenWithout
FileEntry = Read | Remark
