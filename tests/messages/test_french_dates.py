from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfoNotFoundError

import pytest

from smsbot.messages.french_dates import long_date, short_date, span_of_day
from tests.lines import every_line


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


NOW = utc(2025, 5, 1)


@every_line(
    ("moment", "zone", "long", "short"),
    [
        (utc(2025, 5, 12, 12, 30), "Europe/Paris", "lundi 12 mai à 14h30", "lun 12/05 14h30"),
        (utc(2025, 12, 3, 8, 0), "Europe/Paris", "mercredi 3 décembre à 9h00", "mer 03/12 9h00"),
        (utc(2025, 7, 1, 6, 5), "Europe/Paris", "mardi 1er juillet à 8h05", "mar 01/07 8h05"),
        (utc(2025, 8, 31, 22, 0), "Europe/Paris", "lundi 1er septembre à 0h00", "lun 01/09 0h00"),
        # both sides of the end of summer time
        (utc(2025, 10, 26, 0, 30), "Europe/Paris", "dimanche 26 octobre à 2h30", "dim 26/10 2h30"),
        (utc(2025, 10, 26, 1, 30), "Europe/Paris", "dimanche 26 octobre à 2h30", "dim 26/10 2h30"),
        # overseas it may be another day
        (utc(2025, 5, 12, 2, 0), "America/Martinique", "dimanche 11 mai à 22h00", "dim 11/05 22h00"),
        (utc(2025, 5, 12, 21, 0), "Indian/Reunion", "mardi 13 mai à 1h00", "mar 13/05 1h00"),
        (utc(2025, 5, 12, 8, 0), "Pacific/Tahiti", "dimanche 11 mai à 22h00", "dim 11/05 22h00"),
        # the year, from ten months away on either side
        (utc(2026, 2, 20, 9, 0), "Europe/Paris", "vendredi 20 février à 10h00", "ven 20/02 10h00"),
        (utc(2026, 3, 20, 9, 0), "Europe/Paris", "vendredi 20 mars 2026 à 10h00", "20/03/26 10h00"),
        (utc(2024, 3, 21, 9, 0), "Europe/Paris", "jeudi 21 mars 2024 à 10h00", "21/03/24 10h00"),
    ],
)
def test_dates(moment: datetime, zone: str, long: str, short: str) -> None:
    assert long_date(moment, zone, now=NOW) == long
    assert short_date(moment, zone, now=NOW) == short


def test_a_visit_at_home_comes_about_that_time() -> None:
    moment = utc(2025, 5, 12, 12, 30)
    assert long_date(moment, "Europe/Paris", now=NOW, approximate=True) == "lundi 12 mai vers 14h30"
    assert short_date(moment, "Europe/Paris", now=NOW, approximate=True) == "lun 12/05 vers 14h30"


def test_a_datetime_of_any_zone_is_told_in_the_appointment_s() -> None:
    moment = datetime(2025, 5, 12, 7, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert short_date(moment, "Europe/Paris", now=NOW) == "lun 12/05 14h30"


def test_a_zone_that_does_not_exist_is_an_error_and_not_a_wrong_time() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        long_date(NOW, "Europe/Lyon", now=NOW)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_first_and_the_last_day_of_the_calendar_have_a_span(day: date) -> None:
    begins, ends = span_of_day(day)
    assert begins < ends
