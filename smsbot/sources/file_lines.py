"""What the reading of a file yields: appointments, values that were left out of them, and lines that were refused."""

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
    """Something that could not be read. `where` is its place ("line 7", "record 3").

    `reason` says why, in one sentence without personal data.
    """

    where: str
    reason: str


class Unusable(StrEnum):
    """The kind of contact that cannot be used."""

    PHONE = "telephone number"
    EMAIL = "e-mail address"


@dataclass(frozen=True, slots=True)
class TakenWithout:
    """An appointment was taken, but without a number or address that is unusable.

    `where` is as in RefusedLine; `whose` is the person's place in the record, None where that is clear.
    """

    where: str
    what: Unusable
    whose: str | None = None

    @property
    def reason(self) -> str:
        """The reason, in one sentence without personal data."""
        left_out = f"its {self.what}" if self.whose is None else f"the {self.what} of {self.whose}"
        return (
            f"taken without {left_out}: what stands there is no {self.what} that can be written to; "
            "correct it and import the file again."
        )


Remark = RefusedLine | TakenWithout
FileEntry = Read | Remark
