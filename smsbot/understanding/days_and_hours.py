"""Finds the days and hours that a text names: "jeu. 27/11", "neuf heures et demie", "demain".

They are found with patterns, because people write them in too many ways for a list of words. The text has to be folded
(`fold_signs`). Nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice

from rapidfuzz.distance import OSA

from smsbot.understanding.number_words import BEYOND_TEN, NUMBER, NUMBER_WORDS, one_of, value_of

Test = Callable[[datetime, date | None], bool | None]
"""Whether a moment (in its own zone) fits what was said. The date is the day of writing. None: cannot be told."""

Found = tuple[int, int, Test]
"""The beginning and the end of a name in the text, and its test."""

# Each sign becomes one sign, so that places in the folded text are those in the text itself.
_FOLDED = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZàâäáãåéèêëîïíìôöóòõûüúùçñÀÂÄÁÃÅÉÈÊËÎÏÍÌÔÖÓÒÕÛÜÚÙÇÑ’‐‑",
    "abcdefghijklmnopqrstuvwxyzaaaaaaeeeeiiiiooooouuuucnaaaaaaeeeeiiiiooooouuuucn'--",
)


def fold_signs(text: str) -> str:
    """The text in small letters without accents. It keeps its length."""
    return text.translate(_FOLDED)


MOST_MENTIONS = 24  # a text that names more is not understood


@lru_cache(maxsize=8)  # several readers ask for the same message
def days_and_hours(folded: str, *, in_a_list: bool = False) -> Sequence[Found]:
    """The days and hours in `folded`, in no order, at most MOST_MENTIONS + 1.

    If two begin and end at the same place, the first counts. `in_a_list` is for the answer to a list of appointments.
    There "jeu" and "MAR" are days (elsewhere they may be the letters of a name), and "le matin" tells which appointment
    is meant (elsewhere it may be a reason).
    """
    return tuple(islice(_found(folded, in_a_list), MOST_MENTIONS + 1))


def _found(folded: str, in_a_list: bool) -> Iterator[Found]:
    kinds = _KINDS_IN_A_LIST if in_a_list else _KINDS
    ends = [0] * len(kinds)
    for word in _WORDS.finditer(folded):
        for number in _begun_by(word[0], in_a_list):
            begins, (_, pattern, test) = word.start(), kinds[number]
            match = pattern.match(folded, begins) if begins >= ends[number] else None
            if match is None:
                continue
            ends[number] = match.end()
            before = folded[max(begins - _BEFORE, 0) : begins].rstrip()
            if before.endswith(_NO_DAY) or (test is _part_of_day and not in_a_list and not _OF_A_DAY.search(before)):
                continue
            if (fits := test(match)) is not None:
                yield begins, match.end(), fits


@lru_cache(maxsize=1 << 14)  # people use the same words
def _begun_by(word: str, in_a_list: bool) -> tuple[int, ...]:
    """The numbers of the kinds that may begin with this word."""
    kinds = _KINDS_IN_A_LIST if in_a_list else _KINDS
    return tuple([number for number, (begins, _, _) in enumerate(kinds) if begins.match(word)])


_WORDS = re.compile(r"\w+")
_BEFORE = 20  # characters that are looked at before a day or an hour
_NO_DAY = ("depuis", "since", "bonne", "belle", "bon")  # "depuis lundi", "bonne soirée"


# Days ----------------------------------------------------------------------------------------------------------------

_DAY_NAMES = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MISSPELLED = (
    r"l[uieoa]n+d[iy]e?t?|monday|lunes|lunedi",
    r"mard[iy]e?t?|tuesday|martes",
    r"m[ea]r?c?[rk]+e?d[iy]e?t?|mercrdi|wednesday|miercoles",
    r"je?[uo]?ud[iy]e?t?|jedi|geudi|thursday|jueves",
    r"v[ea]n?dr?e?d[iy]e?t?|friday|viernes",
    r"sa(?:m+e?|me)d[iy]e?t?|saturday|sabado",
    r"dim[aei]n?ch?e?|sunday|domingo",
)
# Spelled right, misspelled, and with repeated letters: "lundiiii"
_WEEKDAYS = tuple(f"{misspelled}|{'+'.join(name)}+" for name, misspelled in zip(_DAY_NAMES, _MISSPELLED, strict=True))
_SHORT_WEEKDAYS = ("lun", "mar", "mer", "jeu", "vend?", "sam", "dim")
_MONTHS = (
    *("janvie?r?", "fevr?ier", "mars", "avril", "mai", "juin", "juillet", "aou?t"),
    *("sept[ea]m?bre", "octobre", "nov[ea]m?bre", "dec[ea]m?bre"),
)
_SHORT_MONTHS = ("janv?", "fevr?", "mar", "avr", "mai", "jun", "juil", "aou", "sept?", "oct", "nov", "dec")
_DAYS_AHEAD = {
    **dict.fromkeys(("aujourd'hui", "aujourdhui", "aujourd hui", "aujourdui", "auj", "ajd", "today"), 0),
    **dict.fromkeys(("demain", "demin", "dmain", "2main", "2m1", "dem1", "dm1", "dmn", "tomorrow", "manana"), 1),
    **dict.fromkeys(("apres demain", "apres dmain", "apre demain", "apres demin", "apre demin", "apres 2main"), 2),
}
_A_WEEK = 7
_CENTURY = 2000
_SHORT_YEAR = 100


def _weekday(match: re.Match[str]) -> Test:
    day = next(day for day in range(_A_WEEK) if match[f"day{day}"])
    return lambda starts, _: starts.weekday() == day


def _coming_weekday(match: re.Match[str]) -> Test:
    weekday = _weekday(match)
    return lambda starts, today: weekday(starts, today) and (today is None or (starts.date() - today).days < _A_WEEK)


def _next_weekday(match: re.Match[str]) -> Test:
    """ "mardi prochain": the next one, or the one after it, because people mean either."""
    weekday = _weekday(match)

    def fits(starts: datetime, today: date | None) -> bool | None:
        if today is None:
            return weekday(starts, today)
        return weekday(starts, today) and (starts.date() - today).days <= 2 * _A_WEEK

    return fits


def _weekday_and_day(match: re.Match[str]) -> Test:
    weekday, day = _weekday(match), int(match["of_month"])
    return lambda starts, today: starts.day == day and weekday(starts, today)


def _from_today(match: re.Match[str]) -> Test:
    ahead = _DAYS_AHEAD[match[0].replace("-", " ")]
    return lambda starts, today: None if today is None else starts.date() == today + timedelta(days=ahead)


def _ahead(match: re.Match[str]) -> Test:
    days = value_of(match["count"]) * (_A_WEEK if match["weeks"] else 1)
    return lambda starts, today: None if today is None else starts.date() == today + timedelta(days=days)


def _week(match: re.Match[str]) -> Test:
    weeks = 0 if match["this"] else 1

    def fits(starts: datetime, today: date | None) -> bool | None:
        if today is None:
            return None
        monday = today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)
        return monday <= starts.date() < monday + timedelta(weeks=1)

    return fits


def _weeks_after(match: re.Match[str]) -> Test:
    """ "mardi en huit": the Tuesday a week after the coming one."""
    weekday, weeks = _weekday(match), 1 if match["weeks"] in ("8", "huit") else 2

    def fits(starts: datetime, today: date | None) -> bool | None:
        if today is None:
            return None
        return weekday(starts, today) and weeks * _A_WEEK < (starts.date() - today).days <= (weeks + 1) * _A_WEEK

    return fits


def _only_another(kind: Callable[[re.Match[str]], Test]) -> Callable[[re.Match[str]], Test]:
    """A week or a month does not name a day. It may show that another day is meant, never that this one is."""

    def test(match: re.Match[str]) -> Test:
        fits = kind(match)
        return lambda starts, today: False if fits(starts, today) is False else None

    return test


def _date(match: re.Match[str]) -> Test:
    day = value_of(match["day"])
    month = _month_of(match)
    year = _year(match["year"])
    return lambda starts, _: (starts.day, starts.month) == (day, month) and year in (None, starts.year)


def _numeric_date(match: re.Match[str]) -> Test:
    said = int(match["day"].rstrip("/.- ")), int(match["month"])
    year = _year(match["year"])

    def fits(starts: datetime, _: date | None) -> bool:
        if said == (starts.hour, starts.minute) and match["sign"] == "." and year is None:
            return True  # "9.30"
        return said == (starts.day, starts.month) and year in (None, starts.year)

    return fits


def _year(written: str | None) -> int | None:
    if written is None:
        return None
    year = int(written)
    return year + _CENTURY if year < _SHORT_YEAR else year


def _day_in_words(match: re.Match[str]) -> Test:
    day = value_of(match["day"])
    return lambda starts, _: starts.day == day


def _month(match: re.Match[str]) -> Test:
    month = _month_of(match)
    return lambda starts, _: starts.month == month


def _next_month(_: re.Match[str]) -> Test:
    def fits(starts: datetime, today: date | None) -> bool | None:
        if today is None:
            return None
        return (starts.year - today.year) * len(_MONTHS) + starts.month - today.month == 1

    return fits


def _nearly_a_weekday(match: re.Match[str]) -> Test | None:
    """ "vendredu": one typing error away from exactly one day. Enough to ask whether that day is meant."""
    near = _near(match[0])
    return (lambda starts, _: starts.weekday() == near[0]) if len(near) == 1 else None


@lru_cache(maxsize=1 << 12)  # people use the same words
def _near(word: str) -> list[int]:
    return [day for day, name in enumerate(_DAY_NAMES) if OSA.distance(word, name, score_cutoff=1) == 1]


def _month_of(match: re.Match[str]) -> int:
    return next(month for month in range(1, len(_MONTHS) + 1) if match[f"month{month - 1}"])


# Hours ---------------------------------------------------------------------------------------------------------------

_MINUTES_PAST = {
    **dict.fromkeys(("et demi", "et demie", "et dmi"), 30),
    **dict.fromkeys(("moins quart", "moins le quart", "moins le cart", "moin le quart", "moin le cart"), -15),
    **dict.fromkeys(("et quart", "et cart", "et quar", "et kart"), 15),
    **dict(zip(("moins cinq", "moins dix", "moins vingt"), (-5, -10, -20), strict=True)),
    **{word: value for word, value in NUMBER_WORDS.items() if value % 5 == 0},
}
_NOON = 12
_SAID_IN_THE_AFTERNOON = range(1, 8)  # "2h" for 14h
_EVENING = 17
_HOUR = 60  # minutes


def _clock(match: re.Match[str]) -> Test:
    return _at(value_of(match["hour"]), match["minute"], match["past"])


def _midday(match: re.Match[str]) -> Test:
    return _at(_NOON, None, match["past"])


def _at(hour: int, digits: str | None, past: str | None) -> Test:
    """ "9h" fits 9h30 as well; "9h00" does not. "2h30" fits 14h30."""
    minute = int(digits) if digits else _MINUTES_PAST[past.replace("-", " ")] if past else None
    said = (hour, hour + _NOON) if hour in _SAID_IN_THE_AFTERNOON else (hour,)
    if minute is None:
        return lambda starts, _: starts.hour in said
    minutes = [one * _HOUR + minute for one in said]
    return lambda starts, _: starts.hour * _HOUR + starts.minute in minutes


def _part_of_day(match: re.Match[str]) -> Test:
    def fits(starts: datetime, today: date | None) -> bool:
        if match["today"] and today is not None and starts.date() != today:
            return False
        if match["morning"]:
            return starts.hour < _NOON
        return starts.hour >= (_EVENING if match["evening"] else _NOON)

    return fits


# The patterns --------------------------------------------------------------------------------------------------------


def _compiled(pattern: str) -> re.Pattern[str]:
    """The compiled pattern. It matches whole words only; a blank in it matches any white space."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)".replace(" ", r"\s"))


def _word(*words: str) -> re.Pattern[str]:
    """A pattern for exactly one of these words."""
    return re.compile(rf"(?:{'|'.join(words)})\Z")


def _each(name: str, patterns: Iterable[str]) -> str:
    return "|".join(f"(?P<{name}{number}>{one})" for number, one in enumerate(patterns))


_WEEKDAY = f"(?:{_each('day', _WEEKDAYS)})s?"
_SHORT_WEEKDAY = _each("day", _SHORT_WEEKDAYS)
_MONTH = _each("month", (f"{whole}|{short}" for whole, short in zip(_MONTHS, _SHORT_MONTHS, strict=True)))
_PAST = f"(?P<past>{one_of(list(_MINUTES_PAST))})"
_WEEK = _compiled("(?P<this>cette semaine)|sem(?:aine)? (?:pro(?:chaine?)?|d'apres|suivante)")
_NEXT_MONTH = _compiled("mois prochain")
_CLOCK = (
    rf"(?P<hour>{NUMBER}) ?(?:h(?:eures?|rs?)?|:(?=\d\d))"
    rf"(?: ?(?P<minute>\d\d)(?![/.-]\d| (?:{'|'.join(_MONTHS)}))| ?{_PAST})?"
)
# Each kind: what its first word looks like (quick to check), its whole pattern, and how its test is made.
_BY_WEEKDAY = re.compile("|".join(_WEEKDAYS))
_BY_SHORT_WEEKDAY = re.compile("|".join(_SHORT_WEEKDAYS))
_BY_WEEK = _word("cette", "sem", "semaine")
_BY_DIGIT = re.compile(r"\d")
_BY_NUMBER = re.compile(rf"\d|{'|'.join(sorted({number.split()[0] for number in NUMBER_WORDS}))}")
_Kind = tuple[re.Pattern[str], re.Pattern[str], Callable[[re.Match[str]], Test | None]]
_KINDS: tuple[_Kind, ...] = (
    (_BY_WEEKDAY, _compiled(_WEEKDAY), _weekday),
    (_BY_WEEKDAY, _compiled(rf"{_WEEKDAY} en (?P<weeks>8|huit|15|quinze)"), _weeks_after),
    (_BY_WEEKDAY, _compiled(rf"{_WEEKDAY}(?P<of_month>\d\d?)"), _weekday_and_day),
    (_BY_SHORT_WEEKDAY, _compiled(rf"(?:{_SHORT_WEEKDAY})\.?(?= ?\d| (?:{BEYOND_TEN}))"), _weekday),
    (
        _word(*(words.split()[0].partition("'")[0] for words in _DAYS_AHEAD)),
        _compiled(one_of(list(_DAYS_AHEAD))),
        _from_today,
    ),
    (_word("dans"), _compiled(rf"dans (?P<count>{NUMBER}) (?:jours?|(?P<weeks>semaines?))"), _ahead),
    (_BY_WEEK, _WEEK, _only_another(_week)),
    (_word("mois"), _NEXT_MONTH, _only_another(_next_month)),
    (
        _BY_NUMBER,
        _compiled(rf"(?P<day>{NUMBER})(?:er)? ?(?:de )?(?:{_MONTH})(?:\.? ?(?P<year>20\d\d))?"),
        _date,
    ),
    (
        _BY_DIGIT,
        _compiled(
            r"(?P<day>\d{1,2}(?P<sign>[/.-])|\d\d (?=0[1-9]|1[0-2]))(?P<month>\d{1,2})"
            r"(?:(?:[/.-]| (?=20\d\d))(?P<year>(?:20)?\d\d))?"
        ),
        _numeric_date,
    ),
    (_word("le", "du", "au"), _compiled(f"(?:le|du|au) (?P<day>{BEYOND_TEN})"), _day_in_words),
    (_word("d?(?:" + "|".join(_MONTHS) + ")"), _compiled(f"d?(?:{_each('month', _MONTHS)})"), _month),
    (_BY_NUMBER, _compiled(f"(?!une? ){_CLOCK}"), _clock),
    (_word("midi"), _compiled(rf"(?<!apres[ -])(?<!ap[ -])midi(?: {_PAST})?"), _midday),
    (
        _word("cet?|en|debut|fin|mat(?:in(?:ee)?)?|soir(?:ee)?|l?ap.*"),
        _compiled(
            "(?P<today>cet? )?(?:(?:en )?(?:debut|fin) (?:d'|de l'|de |du ))?"
            "(?:(?P<morning>matin(?:ee)?|mat)|(?P<evening>soir(?:ee)?)"
            "|apre?s?[ -]?midi|l?aprem|ap[ -]?m(?:idi)?)"
        ),
        _part_of_day,
    ),
)
_KINDS_IN_A_LIST: tuple[_Kind, ...] = (
    (_word("ce"), _compiled(f"ce {_WEEKDAY}"), _coming_weekday),
    (_BY_WEEK, _WEEK, _week),
    (_BY_WEEKDAY, _compiled(rf"{_WEEKDAY} (?:prochaine?|pro|[qk]u?i (?:vien[ts]?|arrive))"), _next_weekday),
    (_BY_WEEKDAY, _compiled(rf"{_WEEKDAY} (?:suivante?|d'apres)"), _weekday),
    (
        _BY_SHORT_WEEKDAY,
        _compiled(rf"(?:(?<=le )|(?<=du )|(?<=de )|(?<=rdv )|(?<=celui )|^)(?:{_SHORT_WEEKDAY})\.?"),
        _weekday,
    ),
    (_BY_NUMBER, _compiled(f"(?P<day>{BEYOND_TEN})"), _day_in_words),
    (_BY_NUMBER, _compiled(_CLOCK), _clock),
    (_word("mois"), _NEXT_MONTH, _next_month),
    (_word("[a-z]{4,10}"), re.compile(r"(?<!\w)[a-z]{4,10}(?!\w)"), _nearly_a_weekday),
    *_KINDS,
)
# "celui du matin", "lundi matin": about the appointment; "je travaille le matin" is a reason
_OF_A_DAY = re.compile(
    rf"(?<!\w)(?:(?:celui|celle|cui|slui|rdv|rendez[ -]?vous) (?:du|de l'|de l|d'|de)|{'|'.join(_WEEKDAYS)}|demain)\s*$"
)
