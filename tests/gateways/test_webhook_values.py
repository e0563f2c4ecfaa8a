"""The time in a webhook, in every form in which it may be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.webhook_values import moment, our_number, telephone
from tests.lines import every_line

PARIS = ZoneInfo("Europe/Paris")
TEN = datetime(2026, 5, 4, 10, tzinfo=UTC)


@every_line(
    "written",
    [
        "2026-05-04T10:00:00Z",
        "2026-05-04T12:00:00+02:00",
        "2026-05-04T12:00:00+0200",
        "2026-05-04T12:00:00+02",
        "2026-05-04 12:00:00 +0200",
        "2026-05-04T12:00:00 02:00",  # a plus sign that the form did not escape
        "2026-05-04T06:00:00-04:00",
        "20260504T100000Z",
        "2026-05-04T12:00:00",  # in Paris
        " 2026-05-04 12:00:00.000 ",
        "2026-05-04T12:00:00,000000000",
        "1777888800",
        "1777888800.0",
        "1777888800000",
    ],
)
def test_it_is_read(written: str) -> None:
    assert moment(written, PARIS) == TEN


@every_line(
    "written",
    [
        None,
        "",
        "now",
        "2026-05-04",
        "2026-05-04T10:00",  # without seconds it is not precise enough
        "10:00:00",
        "20260504100000",  # not a Unix time of the year 2611
        "2026-13-04T10:00:00Z",
        "2026-05-04T25:00:00Z",
        "2026-05-04T10:00:00+99:00",
        "0001-01-01T00:00:00+14:00",
        "Mon, 04 May 2026 10:00:00 GMT",
        "-1777888800",
        "1777888800e3",
        "٢٠٢٦-05-04T10:00:00Z",
    ],
)
def test_what_is_none_is_not_guessed_at(written: str | None) -> None:
    assert moment(written, PARIS) is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9T:+. -]{0,30}", fullmatch=True))
def test_any_text_is_a_moment_in_utc_or_none(written: str) -> None:
    read = moment(written, PARIS)
    assert read is None or read.utcoffset() == timedelta(0)


@given(st.integers(100_000_000, 9_999_999_999), st.integers(0, 999_999))
def test_what_python_writes_is_read(seconds: int, microseconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert moment(str(seconds), PARIS) == at
    at = at.replace(microsecond=microseconds)
    assert moment(at.isoformat(), PARIS) == at


@every_line(
    ("written", "read"),
    [
        ("33612345678", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("33937000001", "+33937000001"),  # 00 in the middle is not a prefix
        ("+33612003456", "+33612003456"),
        ("0033937000001", "+33937000001"),
        (" 33612345678", "+33612345678"),
        ("36105", "36105"),
    ],
)
def test_a_number_is_read_however_it_is_written(written: str, read: str) -> None:
    assert (telephone(written, "from"), our_number(written, "to")) == (read, read)
