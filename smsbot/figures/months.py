"""Calendar months, which begin and end in an organisation's own time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

_FORM = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month. `str` and `parse` use ISO 8601's YYYY-MM."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month written as 2026-05. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if found is None or not 1970 <= int(found[1]) <= 9000:
            raise ValueError(f"{text!r} is not a month written as 2026-05")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> Self:
        """The month that this instant is in, in this zone."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The first instant of this month and of the next one in this zone, both in UTC."""
        return self._begins(zone), self.plus(1)._begins(zone)

    def plus(self, months: int) -> Month:
        """The month so many months later, or earlier for a negative number."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    def and_before(self, months: int) -> tuple[Month, ...]:
        """The last `months` months up to and with this one, oldest first."""
        return tuple(self.plus(back) for back in range(1 - months, 1))

    def _begins(self, zone: ZoneInfo) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"
