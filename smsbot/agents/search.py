"""Reads what an agent types to find somebody: a name, a telephone number in any form, or a day.

Names are compared like the three letters, without case, accents and signs, but anywhere within a name: "dupont", "la
fontaine" and "Delafontaine" find Sophie Dupont and Jean De La Fontaine. Names in other scripts are found in their own
letters.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeAlias

from babel.dates import get_day_names, get_month_names
from sqlalchemy import ColumnElement, Select, and_, select

from smsbot.phone_numbers import normalise
from smsbot.problem import Problem
from smsbot.rules.letters import fold, fold_for_search
from smsbot.store.tables import participations

MOST_CHARACTERS = 100
MOST_AT_ONCE = 2
_LEAST_DIGITS = 4  # needed to search for a part of a number
_NUMBER = re.compile(r"[+(]?[0-9][0-9 .()/-]*")

_NEAR = {"AVANTHIER": -2, "HIER": -1, "AUJOURDHUI": 0, "DEMAIN": 1, "APRESDEMAIN": 2}
_MONTHS = {fold(name): number for number, name in get_month_names("wide", locale="fr").items()}
_DAYS = "|".join(get_day_names("wide", locale="fr").values())
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FIGURES = re.compile(r"([0-9]{1,2})(?:/([0-9]{1,2})|[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2}))")
_WORDS = re.compile(rf"(?:(?:{_DAYS}) )?([0-9]{{1,2}})(?:er)? ([^\W\d_]+)\.?(?: ([0-9]{{4}}))?", re.IGNORECASE)
_YEARS = range(2000, 2200)

IS_KNOWN = participations.c.removed_at.is_(None) & participations.c.erased_at.is_(None)
"""A condition on `participations`: those that were neither removed nor erased."""


@dataclass(frozen=True, slots=True)
class Name:
    """Words to search for, usually a name. Each of `parts` must be in one of the person's names.

    `parts` are folded (`fold_for_search`). They keep digits, so that "B-3" does not find a name that only has a B.
    """

    parts: tuple[str, ...]

    def condition(self) -> ColumnElement[bool]:
        """A condition on `participations`: those of people with these names."""
        return and_(*(participations.c.folded_names.contains(part) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number (E.164), or some of its digits."""

    e164: str | None
    digits: str

    def condition(self) -> ColumnElement[bool]:
        """A condition on `participations`: those of people with this number."""
        return self.is_in(participations.c.phone)

    def is_in(self, phone: ColumnElement[Any]) -> ColumnElement[bool]:
        """A condition on a column of numbers: this number, or one with these digits."""
        return phone == self.e164 if self.e164 is not None else phone.contains(self.digits)


Sought: TypeAlias = Name | Number


def appointment_ids(sought: Sought) -> Select[int]:
    """Our ids of the appointments of these people. People who were removed or erased are left out.

    A partial index has exactly the other people.
    """
    return select(participations.c.appointment_id).where(IS_KNOWN, sought.condition())


class TooManySearches(Problem):
    """The agent already has as many searches running as one agent may have."""


class RunningSearches:
    """Counts the searches that run in this process for each agent.

    So an agent who loads a page again and again cannot occupy all threads.
    """

    def __init__(self, most_of_an_agent: int = MOST_AT_ONCE) -> None:
        self._most = most_of_an_agent
        self._lock = threading.Lock()
        self._running: Counter[int] = Counter()

    @contextmanager
    def one_of(self, agent_id: int) -> Iterator[None]:
        """Count one more search while the block runs. Raises TooManySearches."""
        with self._lock:
            if self._running[agent_id] >= self._most:
                raise TooManySearches("You have as many searches running as one agent may: wait until one has ended.")
            self._running[agent_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[agent_id] -= 1
                self._running += Counter()  # drops agents whose count is zero


class NoSuchDay(Problem):
    """The text looks like a day, but there is no such day, or it is too far away: 31/02/2025, 1/1/0001."""


def read_day(text: str, today: date) -> date | None:
    """The day that `text` means; without a year, the one nearest to `today`. None where it does not look like a day.

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


def read_sought(text: str, today: date) -> Sought | date | None:
    """What `text` searches for: a name, a number or a day; None where it cannot find anything."""
    words = " ".join(text[:MOST_CHARACTERS].split())
    try:
        if (day := read_day(words, today)) is not None:
            return day
    except NoSuchDay:
        return None
    if _NUMBER.fullmatch(words):
        digits = re.sub("[^0-9]", "", words)
        rest = digits.lstrip("0")  # numbers are stored as +33612…, so the leading zero is dropped
        whole = normalise(words)
        is_enough = len(digits) >= _LEAST_DIGITS and len(rest) >= _LEAST_DIGITS - 1
        return Number(whole, rest) if whole is not None or is_enough else None
    parts = tuple(part for part in map(fold_for_search, words.split()) if part)
    return Name(parts) if parts else None


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
