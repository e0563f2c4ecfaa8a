"""Days as people write them: 12/05/2025, 12/05, lundi 12 mai, demain; or as a browser's field sends them."""

from __future__ import annotations

import re
from datetime import date, timedelta

from babel.dates import get_day_names, get_month_names

from smsbot.rules.letters import fold

_NEAR = {"AVANTHIER": -2, "HIER": -1, "AUJOURDHUI": 0, "DEMAIN": 1, "APRESDEMAIN": 2}
_MONTHS = {fold(name): number for number, name in get_month_names("wide", locale="fr").items()}
_DAYS = "|".join(get_day_names("wide", locale="fr").values())
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FIGURES = re.compile(r"([0-9]{1,2})(?:/([0-9]{1,2})|[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2}))")
_WORDS = re.compile(rf"(?:(?:{_DAYS}) )?([0-9]{{1,2}})(?:er)? ([^\W\d_]+)\.?(?: ([0-9]{{4}}))?", re.IGNORECASE)
_YEARS = range(2000, 2200)


class NoSuchDay(ValueError):
    """Written like a day, and in no calendar, or in none with appointments: 31/02/2025, 1/1/0001."""


def read_day(text: str, today: date) -> date | None:
    """The day that `text` means; without a year, the one nearest to `today`. None where it is written like no day.

    Raises NoSuchDay.
    """
    words = " ".join(text.split())
    if (ahead := _NEAR.get(fold(words))) is not None:
        return today + timedelta(days=ahead)
    if (written := _ISO.fullmatch(words)) is not None:
        return _day(written[3], int(written[2]), written[1], today)
    if (written := _FIGURES.fullmatch(words)) is not None:
        return _day(written[1], int(written[2] or written[3]), written[4], today)
    if (written := _WORDS.fullmatch(words)) is not None and (month := _MONTHS.get(fold(written[2]))) is not None:
        return _day(written[1], month, written[3], today)
    return None


def _day(day: str, month: int, year: str | None, today: date) -> date:
    if year is None:
        years = [today.year - 1, today.year, today.year + 1]
    else:
        years = [int(year) + (2000 if len(year) == 2 else 0)]
    found = [
        each for each in (_if_there_is(one, month, int(day)) for one in years if one in _YEARS) if each is not None
    ]
    if not found:
        raise NoSuchDay(f"{day}/{month}")
    return min(found, key=lambda each: abs(each - today))


def _if_there_is(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None
