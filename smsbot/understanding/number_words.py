"""Patterns and values of the numbers from 1 to 59, in digits or in French words, also misspelled."""

from __future__ import annotations

_UNITS = {
    "une": 1,
    "deu": 2,
    "set": 7,
    "uit": 8,
    "nef": 9,
    "onse": 11,
    "douse": 12,
    "trese": 13,
    "quatorse": 14,
    "catorze": 14,
    "catorse": 14,
    "quinse": 15,
    "seise": 16,
    "seze": 16,
    **{
        word: value
        for value, word in enumerate(
            (
                *("un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"),
                *("treize", "quatorze", "quinze", "seize"),
            ),
            start=1,
        )
    },
}
_TENS = {"vingt": 20, "vint": 20, "trente": 30, "trante": 30, "quarante": 40, "cinquante": 50}
_TEN = 10


def _in_words() -> dict[str, int]:
    """The values of the numbers to 59 in words, with blanks between the words."""
    words = {**_UNITS, **_TENS, "premier": 1}
    for unit in ("sept", "huit", "neuf"):
        words[f"dix {unit}"] = _TEN + _UNITS[unit]
    for tens, value in _TENS.items():
        words[f"{tens} et un"] = words[f"{tens} et une"] = words[f"{tens} un"] = value + 1
        for unit, more in _UNITS.items():
            if 1 < more < _TEN:
                words[f"{tens} {unit}"] = value + more
    return words


NUMBER_WORDS = _in_words()
"""The value of each number in words."""


def one_of(words: list[str]) -> str:
    """A pattern for one of these words, the longest first. A blank in a word also matches a hyphen."""
    return "|".join(word.replace(" ", "[ -]") for word in sorted(words, key=len, reverse=True))


NUMBER = rf"\d{{1,2}}|{one_of(list(NUMBER_WORDS))}"
"""A pattern for a number."""

BEYOND_TEN = one_of([word for word, value in NUMBER_WORDS.items() if value > _TEN])
"""A pattern for a number greater than ten, in words."""


def value_of(written: str) -> int:
    """The value of a text that `NUMBER` has matched."""
    return int(written) if written.isdecimal() else NUMBER_WORDS[written.replace("-", " ")]
