"""The three letters: the first three of the surname or birth name, as RDV Service Public asks for them.

Sophie Dupont gives DUP, Jean De La Fontaine DEL, Edwige Xi XI. Case, accents, spaces and signs do not count (RDV
Service Public itself does not remove accents). This is an identity check, so the comparison is exact.

A surname in another script (Arabic, Cyrillic, Tamil, Greek) has letters as well: its first three in that script. Names
are never transliterated, because there are many ways to do it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from smsbot.made_often import made_often

KEY_LENGTH = 3

# Capitals that Unicode does not decompose, with those of West African and Turkic alphabets.
_OPENED = str.maketrans(
    {"Œ": "OE", "Æ": "AE", "Þ": "TH", "ẞ": "SS", "ß": "SS"}
    | dict(zip("ØŁĐÐƉıİĦŦŊĸƁƊƐƑƔƖƗƘƝƆƲƳƏƎ", "OLDDDIIHTNKBDEFGIIKNOVYEE", strict=True))
)


def fold(text: str) -> str:
    """The letters A to Z of a text, in capitals, without accents and signs. Letters such as œ, ß, ø and ł are replaced.

    Never raises. A text without Latin letters gives "".
    """
    return _NOT_LATIN.sub("", text.upper() if text.isascii() else _opened(text))


def _opened(text: str) -> str:
    """The text in capitals, with accents as separate characters, and letters such as œ, ß, ø and ł replaced."""
    opened = unicodedata.normalize("NFKC", text).upper().translate(_OPENED)
    return unicodedata.normalize("NFKD", opened).upper().translate(_OPENED)


_NOT_LATIN = re.compile(r"[^A-Z]")
_NOT_SEARCHED = re.compile(r"[^A-Z0-9]")
_SPELT_EITHER_WAY = str.maketrans("ىةک", "يهك")
"""Arabic letters that people and keyboards exchange."""


def fold_for_search(text: str) -> str:
    """Like `fold`, but digits stay, and so do the letters of other scripts (Arabic, Tamil), without their vowel signs.

    Only for searching. Never raises.
    """
    if text.isascii():
        return _NOT_SEARCHED.sub("", text.upper())
    opened = _opened(text).translate(_SPELT_EITHER_WAY)
    return "".join(sign for sign in opened if _is_searched(sign))


def other_letters(text: str) -> str:
    """The letters of a text that are not Latin, without case, accents and vowel signs; "" if it has none.

    Letters that keyboards exchange count as the same. Never raises.
    """
    if text.isascii():
        return ""
    opened = _opened(text).translate(_SPELT_EITHER_WAY)
    return "".join(sign for sign in opened if not sign.isascii() and _is_searched(sign))


def without_marks(text: str) -> str:
    """The text without the accents, vowel signs and joiners of other scripts, which would cut its words in pieces.

    The marks of Latin letters stay.
    """
    if text.isascii():
        return text
    kept: list[str] = []
    for sign in text:
        if unicodedata.category(sign) in _MARKS and kept and other_letters(kept[-1]):
            continue
        kept.append(sign)
    return "".join(kept)


_MARKS = ("Mn", "Mc", "Cf")


def _is_searched(sign: str) -> bool:
    if sign.isascii():
        return not _NOT_SEARCHED.match(sign)
    return unicodedata.category(sign) in ("Lo", "Lu", "Ll", "Lt") and "LATIN" not in unicodedata.name(sign, "")


def fold_all(names: Iterable[str]) -> str:
    """Each name folded for searches, with spaces between."""
    return " ".join(map(fold_for_search, names))


def key(surname: str) -> str:
    """The letters to give: the first three of a surname, or all of a shorter one; "" if it has none."""
    return fold(surname)[:KEY_LENGTH]


def other_key(surname: str) -> str:
    """The same for a surname in another script, in that script; "" if it has no such letters.

    Also "" for a Chinese surname of one or two signs, because so few are easy to guess.
    """
    letters = other_letters(surname)[:KEY_LENGTH]
    return "" if script_of(letters) == _IDEOGRAPHIC and len(letters) < KEY_LENGTH else letters


def script_of(letters: str) -> str:
    """The script of the first letter, as Unicode names it ("ARABIC"); "" if there is no letter."""
    return unicodedata.name(letters[0], "").partition(" ")[0] if letters else ""


_IDEOGRAPHIC = "CJK"


@made_often
@dataclass(frozen=True, slots=True)
class Names:
    """The surnames that the letters may come from (last and birth name), and the first names that may be added."""

    surnames: tuple[str, ...]
    first_names: tuple[str, ...] = ()
