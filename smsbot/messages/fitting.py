"""Makes a text fit into an SMS by shortening names. Dates, numbers, links, OUI and NON are never shortened.

A template marks the values that may be shortened with a filter. Everything else stays as it is.

    {{ place | shortened(" (", ")") }}        "Centre communal d'action sociale" may become " (Centre communal..)". If
                                              too little would be left, it is omitted, with its brackets
    {{ label | shortened(instead="RDV") }}    the same, but "RDV" takes its place if too little would be left
    {{ first_name | shortened_late(" ") }}    shortened only after those above are as short as possible
    {{ warning | shortened_last }}            shortened only after all others are as short as possible
    {{ word | whole(" Message : ") }}         never shortened: it takes as many segments as it needs
    {{ word | told }}                         the text as it appears in the SMS, so that a template can look at its end

The filters put marks around a value. No text contains these marks. So a template is rendered once, and then split into
`Piece`s.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise

from smsbot.made_often import made_often
from smsbot.messages.gsm7 import EXTENSION, SEPTETS_ALONE, septets, to_gsm7

SMALLEST_TELLING = 6
"""A name that would be shortened to fewer septets than this would mean nothing, so it is omitted."""


MOST_ADDRESS_SEPTETS = 150
"""The longest web address in a notification: it fits in two segments together with the longest date and number."""


MOST_REPLY_ADDRESS_SEPTETS = 95
"""The longest web address in a reply, which is one segment."""


def is_told_in_a_reply(address: str) -> bool:
    """Whether a reply can contain this web address unchanged, together with a sentence."""
    return to_gsm7(address) == address and septets(address) <= MOST_REPLY_ADDRESS_SEPTETS


def is_told_whole(address: str) -> bool:
    """Whether a notification can contain this web address unchanged: it is in GSM-7 and short enough."""
    return to_gsm7(address) == address and septets(address) <= MOST_ADDRESS_SEPTETS


class Yielding(IntEnum):
    """The order of shortening: a kind is shortened only when the kinds before it are as short as possible."""

    NAMES = 0
    PEOPLE = 1
    WARNINGS = 2
    NEVER = 3


@made_often
@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, in GSM-7. If `text` is empty, `instead` is written, without `before` and `after`."""

    text: str
    yielding: Yielding = Yielding.NEVER
    before: str = ""
    after: str = ""
    instead: str = ""

    def __str__(self) -> str:
        return f"{self.before}{self.text}{self.after}" if self.text else self.instead

    def within(self, most: int) -> Piece:
        """This piece with its text in at most `most` septets, or without text if too little would be left."""
        if septets(self.text) <= most:
            return self
        return replace(self, text=shorten(self.text, most) if most >= SMALLEST_TELLING else "")


# The filters of the templates. Their marks are control characters, which `to_gsm7` removes from every value.

_EDGE, _FIELD = "\x02", "\x03"


def shortened(value: str | None, before: str = "", after: str = "", *, instead: str = "") -> str:
    return _marked(Yielding.NAMES, value, before, after, instead)


def shortened_late(value: str | None, before: str = "", after: str = "") -> str:
    return _marked(Yielding.PEOPLE, value, before, after, "")


def shortened_last(value: str | None, before: str = "", after: str = "") -> str:
    return _marked(Yielding.WARNINGS, value, before, after, "")


def whole(value: str | None, before: str = "", after: str = "") -> str:
    return _written(Yielding.NEVER, told_words(value or ""), before, after, "")


FILTERS = {
    "shortened": shortened,
    "shortened_late": shortened_late,
    "shortened_last": shortened_last,
    "whole": whole,
    "told": lambda value: told_words(value or ""),
}


def _marked(yielding: Yielding, value: str | None, before: str, after: str, instead: str) -> str:
    return _written(yielding, told_name(value or ""), before, after, instead)


def _written(yielding: Yielding, text: str, before: str, after: str, instead: str) -> str:
    return f"{_EDGE}{yielding:d}{_FIELD}{text}{_FIELD}{before}{_FIELD}{after}{_FIELD}{instead}{_EDGE}"


def pieces(rendered: str) -> Iterator[Piece]:
    """The pieces of a rendered template, in order, all in GSM-7."""
    for index, run in enumerate(rendered.split(_EDGE)):
        if index % 2 == 0:
            yield Piece(_told(run))
        else:
            yielding, text, *around = run.split(_FIELD)
            yield Piece(text, _YIELDING[yielding], *map(_told, around))


_YIELDING = {f"{kind:d}": kind for kind in Yielding}

_told = lru_cache(maxsize=4096)(to_gsm7)
"""Cached, because the words of the templates and many dates are used again and again."""


_LETTERS = re.compile("lettres", re.IGNORECASE)
_ANSWERS = re.compile(r"\w*(?:OUI|NON)\w*")


def told_words(value: str) -> str:
    """Words from outside as an SMS shows them: in GSM-7, on one line, and never like one of the bot's two questions.

    Only the question for the letters says "lettres", and only a confirmation has OUI and NON in capitals. So "Maison
    des lettres" becomes "Maison des lettr.", and "LOUIS PIGNON" becomes "Louis Pignon".
    """
    text = " ".join(to_gsm7(value).split())
    text = _LETTERS.sub(lambda word: word[0][:-2] + ".", text)
    return _ANSWERS.sub(lambda word: to_gsm7(word[0].capitalize()), text)


@lru_cache(maxsize=4096)
def told_name(value: str) -> str:
    """A name or label as an SMS shows it. If it is longer than one SMS, it is shortened to that."""
    return shorten(told_words(value), SEPTETS_ALONE)


# Fitting


def fit(parts: Sequence[Piece], most: int, *, least: int = 0) -> str | None:
    """The text of `parts` in at most `most` septets, or None if shortening is not enough.

    The longest values are shortened first, down to a common length. None is made shorter than `least` septets.
    """
    text = "".join(map(str, parts))
    fitted = list(parts)
    for kind in (Yielding.NAMES, Yielding.PEOPLE, Yielding.WARNINGS):
        excess = septets(text) - most
        if excess <= 0:
            return text
        lengths = [septets(part.text) for part in fitted if part.yielding is kind]
        common = max(_common_length(lengths, excess), least)
        fitted = [part.within(common) if part.yielding is kind else part for part in fitted]
        text = "".join(map(str, fitted))
    return text if septets(text) <= most else None


def _common_length(lengths: Sequence[int], excess: int) -> int:
    """The length to which all longer texts are cut so that together they lose `excess`; 0 if that is impossible."""
    ordered = [*sorted(lengths, reverse=True), 0]
    total = 0
    for count, (length, following) in enumerate(pairwise(ordered), start=1):
        total += length
        common = (total - excess) // count
        if common >= following:
            return common
    return 0


_BETWEEN_WORDS = " /,;:-"
_WORD_END = re.compile(f"[{_BETWEEN_WORDS}]")
_LINKING = re.compile(
    r"(?:[\s/,;:('\"-]|\b(?:de|du|des|d|la|le|les|l|et|en|à|au|aux|sur|sous|lès|St|Ste|Saint|Sainte))+$", re.IGNORECASE
)
"""Words and signs that look odd at the end of a shortened name."""


def shorten(text: str, most: int) -> str:
    """`text` in at most `most` septets (two or more): whole words and "..", or a cut word and "." if few words fit."""
    if septets(text) <= most:
        return text
    words = _LINKING.sub("", text[: _last_word_end(text, most - 2)])
    if septets(words) * 2 >= most:
        return f"{words}.."
    return f"{_prefix(text, most - 1).rstrip(_BETWEEN_WORDS)}."


def _prefix(text: str, most: int) -> str:
    """The longest beginning of `text` that fits in `most` septets."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character in EXTENSION else 1
        if used > most:
            return text[:index]
    return text


def _last_word_end(text: str, most: int) -> int:
    """Where the last whole word within `most` septets ends; 0 if there is none."""
    longest = len(_prefix(text, most))
    return max((end.start() for end in _WORD_END.finditer(text, 0, longest + 1)), default=0)


def one_line(text: str) -> str:
    """`text` without line ends, control characters or lone surrogates; runs of white space become one space."""
    if text.isprintable():
        return " ".join(text.split())
    kept = _BIDI_CONTROLS.sub("", text)
    return " ".join("".join(" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in kept).split())


_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of writing direction. They could reverse the text after a name, and no name needs them."""


def told_first_name(name: str | None) -> str | None:
    """`name` on one line. None if it is empty, or contains a web or e-mail address.

    People type their own first name when they book, so it may be anything.
    """
    told = one_line(name or "")
    if not told or _WEB_ADDRESS.search(unicodedata.normalize("NFKC", told)):
        return None
    return told


_WEB_ADDRESS = re.compile(r"[/\\@]|\bwww\b|\bhttps?\b|[.。]\w{2}|\d\.\d", re.IGNORECASE)
"""What mail programs and telephones turn into a link: "www.evil.fr", "http://…", "evil.com"; but not "J.-P."."""
