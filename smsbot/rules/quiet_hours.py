"""The hours of the night in which messages that can wait are not sent, as wall-clock times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_OFF = "off"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` up to `end` of each day, in local time. Across midnight if `begin` is later than `end`."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours | None:
        """Read `21-8` or `21:30-7:45`; `off` gives None. Raises `ValueError`."""
        if text.strip().lower() == _OFF:
            return None
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise ValueError("no hours")
        begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
        begin, end = time(begin_hour, begin_minute), time(end_hour, end_minute)
        if begin == end:
            raise ValueError("the whole day")
        return cls(begin, end)

    @property
    def length(self) -> timedelta:
        """How long they last in a night without a change of the clocks."""
        return (_since_midnight(self.end) - _since_midnight(self.begin)) % timedelta(days=1)

    def around(self, moment: datetime, zone: str) -> tuple[datetime, datetime] | None:
        """The begin and end (UTC) of the quiet hours around `moment`; None if it is outside of them.

        `zone` is the IANA time zone of the wall clock.
        """
        there = ZoneInfo(zone)
        local = moment.astimezone(there)
        for days in (-1, 0):
            day = local.date() + timedelta(days=days)
            last_day = day if self.begin < self.end else day + timedelta(days=1)
            begin = datetime.combine(day, self.begin, there).astimezone(UTC)
            end = datetime.combine(last_day, self.end, there).astimezone(UTC)
            if begin <= moment < end:
                return begin, end
        return None


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute)
