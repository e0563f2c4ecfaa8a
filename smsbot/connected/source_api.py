"""What other modules ask of a connected source, and the possible results, without the HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from smsbot.model import AppointmentRecord, Status
from smsbot.problem import Problem


@dataclass(frozen=True, slots=True)
class Answered:
    """Appointments as they are at the source, and when it said so, in UTC (its header `Date`).

    `unreadable` are the ids of appointments whose answer we cannot read.
    """

    records: tuple[AppointmentRecord, ...]
    at: datetime
    unreadable: frozenset[str] = frozenset()

    def of(self, external_id: str) -> AppointmentRecord | None:
        """The appointment with this id at the source; None where the source does not show it.

        Raises `CallFailedForNow` for one that cannot be read.
        """
        if external_id in self.unreadable:
            raise CallFailedForNow("The source's answer about an appointment cannot be read.")
        return next((record for record in self.records if record.external_id == external_id), None)


class SourceCallFailed(Problem):
    """A call has failed. The sentence is for operators and holds no personal data."""


class CallRefused(SourceCallFailed):
    """A definite refusal: 403, 404 or 422. Repeating the call is of no use.

    `reasons` are the codes in the answer, such as `taken`; never its texts, which may be about a person.
    """

    def __init__(self, sentence: str, status_code: int, reasons: frozenset[str] = frozenset()) -> None:
        super().__init__(sentence)
        self.status_code = status_code
        self.reasons = reasons


class CallFailedForNow(SourceCallFailed):
    """No answer, 429 or 5xx. It is not known whether the call was carried out; only reading can show it.

    `retry_after` is how long the source asks us to wait; None where it does not say.
    """

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class NotSignedIn(SourceCallFailed):
    """Nobody is signed in there (any more). Nothing was carried out, and an operator has to act."""


class SourceApi(Protocol):
    """One connected source. All its methods raise `SourceCallFailed`."""

    async def read(self, external_ids: Sequence[str]) -> Answered:
        """The appointments with these ids that our account there can see."""
        ...

    async def set_status(self, participation_external_id: str, status: Status) -> Answered:
        """Give a participation this status. The answer has the appointment as it is afterwards."""
        ...
