"""What an agent looks for: a name, a telephone number in any spelling, a day; read from what they typed.

Names are compared as the three letters are, without case, accents and signs, and anywhere within a name: "dupont",
"la fontaine" and "Delafontaine" find Sophie Dupont and Jean De La Fontaine. What the database can do of it comes first,
the rest is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from sqlalchemy import ColumnElement, Text, cast, or_

from smsbot.diary.days import NoSuchDay, read_day
from smsbot.rules.letters import fold
from smsbot.sources.phone_numbers import normalise
from smsbot.store.tables import participations

MOST_CHARACTERS = 100
_LEAST_DIGITS = 4  # of a number that is known in part
_NUMBER = re.compile(r"[+(]?[0-9][0-9 .()/-]*")


@dataclass(frozen=True, slots=True)
class Name:
    """Each of `parts` (letters A to Z) has to stand in one of the names."""

    parts: tuple[str, ...]

    def condition(self) -> ColumnElement[bool]:
        """On `participations`, a wide net: signs between the letters, and every name with a letter that is escaped."""
        found: ColumnElement[bool] = participations.c.removed_at.is_(None)
        for part in self.parts:
            pattern = f"%{'%'.join(part)}%"
            names = [cast(column, Text) for column in (participations.c.surnames, participations.c.first_names)]
            found &= or_(*(_holds(column, pattern) for column in names))
        return found

    def fits(self, names: Iterable[str]) -> bool:
        folded = [fold(name) for name in names]
        return all(any(part in name for name in folded) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a whole (E.164), or some of its digits."""

    e164: str | None
    digits: str

    def condition(self) -> ColumnElement[bool]:
        """On `participations`."""
        phone = participations.c.phone
        same = phone == self.e164 if self.e164 is not None else phone.contains(self.digits, autoescape=True)
        return same & participations.c.removed_at.is_(None)

    def fits(self, _names: Iterable[str]) -> bool:
        """Whoever fulfils the condition."""
        return True


Sought: TypeAlias = Name | Number


def read_words(text: str, today: date) -> Sought | date | None:
    """What `text` looks for; None where it is nothing that could be found."""
    words = " ".join(text[:MOST_CHARACTERS].split())
    try:
        if (day := read_day(words, today)) is not None:
            return day
    except NoSuchDay:
        return None
    if _NUMBER.fullmatch(words):
        digits = re.sub("[^0-9]", "", words)
        rest = digits.lstrip("0")  # 06 12 is kept as +33612
        whole = normalise(words)
        is_enough = len(digits) >= _LEAST_DIGITS and len(rest) >= _LEAST_DIGITS - 1
        return Number(whole, rest) if whole is not None or is_enough else None
    parts = tuple(part for part in map(fold, words.split()) if part)
    return Name(parts) if parts else None


def _holds(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """JSON writes a letter outside ASCII as an escape, which says nothing of what it folds to."""
    return column.ilike(pattern) | column.contains("\\u", autoescape=True)
