from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.figures.results import Month
from tests.lines import every_line

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")


def test_it_is_written_as_in_iso_8601() -> None:
    assert Month.parse("2026-05") == Month(2026, 5)
    assert str(Month(2026, 5)) == "2026-05"


@every_line("written", ["", "2026-13", "2026-00", "2026-5", "26-05", "mai 2026", "2026-05-01", "0000-01"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a month written as 2026-05"):
        Month.parse(written)


@every_line(
    ("month", "zone", "begins", "ends"),
    [
        (Month(2026, 1), PARIS, "2025-12-31T23:00", "2026-01-31T23:00"),
        (Month(2026, 3), PARIS, "2026-02-28T23:00", "2026-03-31T22:00"),
        (Month(2026, 12), REUNION, "2026-11-30T20:00", "2026-12-31T20:00"),
    ],
)
def test_it_begins_and_ends_where_it_is(month: Month, zone: ZoneInfo, begins: str, ends: str) -> None:
    expected = tuple(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (begins, ends))
    assert month.bounds(zone) == expected


@given(st.integers(2000, 2100), st.integers(1, 12), st.sampled_from([PARIS, REUNION]))
def test_months_follow_each_other_without_a_gap(year: int, number: int, zone: ZoneInfo) -> None:
    month = Month(year, number)
    begins, ends = month.bounds(zone)
    assert month.plus(1).bounds(zone)[0] == ends
    assert Month.of(begins, zone) == Month.of(ends - timedelta(seconds=1), zone) == month
    assert month.plus(1).plus(-1) == month


def test_the_last_months_end_with_this_one() -> None:
    assert Month(2026, 2).and_before(3) == (Month(2025, 12), Month(2026, 1), Month(2026, 2))
