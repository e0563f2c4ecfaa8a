"""The days, dates and hours that a message names, held against the appointment that was asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from smsbot.understanding.concepts import Concept
from smsbot.understanding.words import Reading, Token


@dataclass(frozen=True, slots=True)
class Asked:
    """The appointment in question. `starts_at` is in its own zone; `today` is the day the message was written there."""

    starts_at: datetime
    today: date | None = None


def named(reading: Reading, asked: Sequence[Asked]) -> Reading:
    """The reading with what names the moment of one of the appointments as SAME, and what names another as ANOTHER.

    Where nothing was asked about an appointment, nothing changes.
    """
    if not asked:
        return reading
    tokens = list(reading.tokens)
    for index, token in enumerate(tokens):
        before = tokens[index - 1].word if index else ""
        if before in _SINCE:
            continue
        same = {_is_same(token, before, one) for one in asked} - {None}
        if same:
            tokens[index] = replace(token, concept=Concept.SAME if True in same else Concept.ANOTHER)
    return Reading(reading.text, tuple(tokens))


_SINCE = frozenset({"depuis", "since"})
_WEEKDAYS = {
    word: day
    for day, words in enumerate(
        (
            "lundi lindi lendi londi lundis monday lunes lunedi",
            "mardi mardis tuesday martes",
            "mercredi mercredis wednesday miercoles",
            "jeudi jeudis thursday jueves",
            "vendredi vendredis friday viernes",
            "samedi samedis saturday sabado",
            "dimanche dimanches sunday domingo",
        )
    )
    for word in words.split()
}
_MONTHS = {
    word: month
    for month, words in enumerate(
        (
            *("janvier janv", "fevrier fevier fev", "mars", "avril", "mai", "juin", "juillet juil", "aout"),
            *("septembre sept", "octobre oct", "novembre nov", "decembre dec"),
        ),
        start=1,
    )
    for word in words.split()
}
_FROM_TODAY = {"aujourd hui": 0, "aujourdhui": 0, "auj": 0, "ajd": 0, "demain": 1, "apres demain": 2, "tomorrow": 1}
_CLOCK = re.compile(r"(\d{1,2})\s?(?:h|:|heures?)\s?(\d\d)?")
_DAY_AND_MONTH = re.compile(r"(\d{1,2})[/.-](\d{1,2})(?:[/.-]\d{2,4})?|(\d{1,2})(?:er)?\s(\w+)")
_LAST_DAY = 31
_BEFORE_A_DAY = frozenset({"le", "du", "au", "pour", "celui", *_WEEKDAYS})


def _is_same(token: Token, before: str, asked: Asked) -> bool | None:
    """Does this word name the moment asked about (True), another one (False), or none?"""
    starts = asked.starts_at
    if token.concept is Concept.TIME:
        return _same_time(token.word, starts)
    if token.concept is Concept.DATE:
        return _same_date(token.word, starts)
    if token.concept is Concept.NUMBER:
        day = int(token.word) if token.word.isdecimal() and len(token.word) < len("100") else 0
        return day == starts.day if 1 <= day <= _LAST_DAY and before in _BEFORE_A_DAY else None
    if token.concept is not Concept.WHEN:
        return None
    if token.word in _WEEKDAYS:
        return _WEEKDAYS[token.word] == starts.weekday()
    if token.word in _MONTHS:
        return _MONTHS[token.word] == starts.month
    if token.word in _FROM_TODAY and asked.today is not None:
        return asked.today + timedelta(days=_FROM_TODAY[token.word]) == starts.date()
    return None


def _same_time(written: str, starts: datetime) -> bool | None:
    clock = _CLOCK.fullmatch(written)
    if clock is None:
        return None
    hour, minute = int(clock[1]), int(clock[2] or 0)
    return hour == starts.hour and minute in ((starts.minute,) if clock[2] else (0, starts.minute))


def _same_date(written: str, starts: datetime) -> bool | None:
    found = _DAY_AND_MONTH.fullmatch(written)
    if found is None:
        return None
    day = int(found[1] or found[3])
    month = int(found[2]) if found[2] else _MONTHS.get(_plain_month(found[4]))
    return day == starts.day and month in (None, starts.month)


def _plain_month(written: str) -> str:
    return written.lower().replace("é", "e").replace("û", "u")
