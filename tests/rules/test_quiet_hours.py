"""The hours of the night, in several time zones, and when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.rules.quiet_hours import QuietHours

NIGHT = QuietHours(time(21), time(8))
PARIS, REUNION, GUADELOUPE = "Europe/Paris", "Indian/Reunion", "America/Guadeloupe"


def utc(day: int, hour: int, minute: int = 0, month: int = 5) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("21-8", NIGHT),
        (" 21:30-7:45 ", QuietHours(time(21, 30), time(7, 45))),
        ("0-6", QuietHours(time(0), time(6))),
        ("off", None),
        ("OFF", None),
    ],
)
def test_how_they_are_written(text: str, hours: QuietHours | None) -> None:
    assert QuietHours.parse(text) == hours


@pytest.mark.parametrize("text", ["", "21", "21-", "8-8", "25-8", "21:60-8", "21h-8h", "-1-8", "night", "21-8-9"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message is right: the settings have the sentence
        QuietHours.parse(text)


@pytest.mark.parametrize(
    ("moment", "zone", "until"),
    [
        (utc(4, 18, 59), PARIS, None),
        (utc(4, 19), PARIS, utc(5, 6)),
        (utc(4, 23), PARIS, utc(5, 6)),
        (utc(5, 5, 59), PARIS, utc(5, 6)),
        (utc(5, 6), PARIS, None),
        (utc(4, 17), REUNION, utc(5, 4)),
        (utc(4, 19), GUADELOUPE, None),
        (utc(5, 1), GUADELOUPE, utc(5, 12)),
        (utc(24, 20, month=10), PARIS, utc(25, 7, month=10)),  # the night in which summer ends is an hour longer
        (utc(28, 21, month=3), PARIS, utc(29, 6, month=3)),
    ],
)
def test_until_when(moment: datetime, zone: str, until: datetime | None) -> None:
    night = NIGHT.around(moment, zone)
    assert (None if night is None else night[1]) == until


def test_they_need_not_cross_midnight() -> None:
    noon = QuietHours(time(12), time(14))
    assert noon.around(utc(4, 10), PARIS) == (utc(4, 10), utc(4, 12))
    assert noon.around(utc(4, 12), PARIS) is None
    assert (noon.length, NIGHT.length) == (timedelta(hours=2), timedelta(hours=11))


@given(
    hours_since_new_year=st.integers(0, 3 * 365 * 24),
    begin=st.times(),
    end=st.times(),
    zone=st.sampled_from([PARIS, REUNION, GUADELOUPE, "Pacific/Noumea", "America/Miquelon"]),
)
def test_who_is_in_them_stays_until_their_end(hours_since_new_year: int, begin: time, end: time, zone: str) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hours_since_new_year)
    begin, end = begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if begin == end:
        return
    hours = QuietHours(begin, end)
    night = hours.around(moment, zone)
    if night is not None:
        assert night[0] <= moment < night[1]
        assert abs(night[1] - night[0] - hours.length) <= timedelta(hours=1)
        assert hours.around(night[1], zone) is None
