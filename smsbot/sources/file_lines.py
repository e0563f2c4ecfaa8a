"""The kinds of results of reading a file: appointments, omitted values, refused lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from smsbot.model import AppointmentRecord
from smsbot.problem import Problem


class UnreadableFile(Problem):
    """Nothing in the file can be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """An appointment. `where` is its place ("line 7", "record 3"); if it has several, the first one.

    `event_at` is in UTC, None if the file does not give the time of the event. `text` has its rows in the CSV file,
    unchanged.
    """

    where: str
    record: AppointmentRecord
    event_at: datetime | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """Something that could not be read or taken. `where` is its place ("line 7", "record 3").

    `reason` says why, in one sentence without personal data. `text` is the text in the file, if it is CSV.
    """

    where: str
    reason: str
    text: str = field(default="", compare=False)


class Unusable(StrEnum):
    """The kind of a contact that cannot be used."""

    PHONE = "telephone number"
    EMAIL = "e-mail address"


@dataclass(frozen=True, slots=True)
class TakenWithout:
    """An appointment was taken, but without a telephone number or e-mail address that cannot be used.

    `where` is as in RefusedLine. `whose` is the person's place in the record; None if there is only one person.
    """

    where: str
    what: Unusable
    whose: str | None = None

    @property
    def reason(self) -> str:
        """The reason, in one sentence without personal data."""
        left_out = f"its {self.what}" if self.whose is None else f"the {self.what} of {self.whose}"
        return (
            f"taken without {left_out}: the value in the file is not a usable {self.what}; "
            "correct it and import the file again."
        )


@dataclass(frozen=True, slots=True)
class TakesNoSms:
    """An appointment was taken with a telephone number that cannot get SMS. `has_email` is whether there is an address.

    `where` and `whose` are as in TakenWithout.
    """

    where: str
    has_email: bool
    whose: str | None = None

    @property
    def reason(self) -> str:
        """The reason, in one sentence without personal data."""
        number = "its telephone number" if self.whose is None else f"the telephone number of {self.whose}"
        instead = (
            "messages go by e-mail only" if self.has_email else "nobody gets a message, as there is no e-mail address"
        )
        return f"{number} cannot get SMS, like a landline: {instead}; give a mobile number and import the file again."


Remark = RefusedLine | TakenWithout | TakesNoSms
FileEntry = Read | Remark
