"""Times as sources write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.sources import times
from smsbot.sources.times import UnreadableTime, instant, local_instant
from tests.lines import every_line

PARIS = ZoneInfo("Europe/Paris")
REUNION = ZoneInfo("Indian/Reunion")


@every_line(
    "written",
    [
        "2025-01-15 10:00:00 -0400",
        "2025-01-15T10:00:00.000-04:00",
        "2025-01-15T14:00:00Z",
        "2025-01-15 14:00:00 UTC",
        "2025-01-15T15:00:00+01:00",
        " 2025-01-15 15:00 +0100 ",
    ],
)
def test_an_instant_is_read_with_its_offset(written: str) -> None:
    assert instant(written) == datetime(2025, 1, 15, 14, tzinfo=UTC)
    assert instant(written).tzinfo is UTC


@every_line(
    ("written", "why"),
    [
        ("2025-01-15T10:00:00", "has no offset from UTC"),
        ("2025-01-15", "has no offset from UTC"),
        ("demain", "is not a date and time"),
        ("", "is not a date and time"),
        ("2025-13-15T10:00:00Z", "is not a date and time"),
        ("1999-12-31T23:59:59Z", "is not between the years 2000 and 2100"),
        ("2101-01-01T00:00:00Z", "is not between the years 2000 and 2100"),
        ("0001-01-01T00:00:00+14:00", "is not between the years 2000 and 2100"),
    ],
)
def test_an_instant_that_nobody_can_read_is_refused(written: str, why: str) -> None:
    with pytest.raises(UnreadableTime, match=why):
        instant(written)


@every_line(
    "written",
    [
        "2026-05-12 14:30",
        "2026-05-12T14:30:00",
        "2026/05/12 14:30:00.000",
        "12/05/2026 14:30",
        "12/05/2026 14h30",
        "12/05/2026 à 14h30",
        "12.05.2026 14 h 30",
        "12-05-26, 14:30",
        "12/5/2026 14H30",
        "2026-05-12 12:30 +0000",
        "2026-05-12T16:30:00+04:00",
    ],
)
def test_local_times_in_their_usual_spellings(written: str) -> None:
    assert local_instant(written, PARIS) == datetime(2026, 5, 12, 12, 30, tzinfo=UTC)


def test_a_whole_hour_needs_no_minutes() -> None:
    assert local_instant("12/05/2026 9h", PARIS) == datetime(2026, 5, 12, 7, tzinfo=UTC)


def test_the_zone_is_the_rows_own() -> None:
    assert local_instant("12/05/2026 14h30", REUNION) == datetime(2026, 5, 12, 10, 30, tzinfo=UTC)


def test_an_hour_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(UnreadableTime, match="the clocks skip in Europe/Paris"):
        local_instant("29/03/2026 02:30", PARIS)


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    assert local_instant("25/10/2026 02:30", PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@every_line(
    "written",
    ["", "2026-05-12", "14:30", "12/05/2026 25:00", "31/02/2026 10:00", "12/05/1999 10:00", "12/05/2026 14:5"],
)
def test_local_times_that_nobody_can_read_are_refused(written: str) -> None:
    with pytest.raises(UnreadableTime):
        local_instant(written, PARIS)


@given(st.integers(0, 100 * 365 * 24 * 60), st.sampled_from(["Europe/Paris", "Indian/Reunion"]))
def test_what_the_clocks_show_is_read_back(minutes: int, name: str) -> None:
    zone = ZoneInfo(name)
    moment = datetime(2000, 1, 2, tzinfo=UTC) + timedelta(minutes=minutes)
    shown = moment.astimezone(zone)
    read = local_instant(shown.strftime("%d/%m/%Y %Hh%M"), zone)
    assert read == moment if shown.fold == 0 else read < moment


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for read in (instant, lambda written: local_instant(written, PARIS)):
        try:
            moment = read(text)
        except UnreadableTime:
            continue
        assert moment.tzinfo is UTC


@every_line("name", ["Paris", "", "Europe", "../../etc/passwd", "Europe/Paris\x00", "x" * 1000])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert times.zone(name) is None


def test_a_zone_goes_by_its_iana_name() -> None:
    zone = times.zone("America/Guadeloupe")
    assert zone is not None
    assert zone.key == "America/Guadeloupe"
