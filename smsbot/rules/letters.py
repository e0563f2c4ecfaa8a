"""The three letters: the first three of the surname or birth name, as RDV Service Public asks for them.

Sophie Dupont DUP, Jean De La Fontaine DEL, Edwige Xi XI. Case, accents, spaces and signs do not count; RDV Service
Public itself does not remove accents. This is an identity check, so the comparison is exact.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

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
    if text.isascii():
        return _NOT_LATIN.sub("", text.upper())
    opened = unicodedata.normalize("NFKC", text).upper().translate(_OPENED)
    decomposed = unicodedata.normalize("NFKD", opened).upper().translate(_OPENED)
    return _NOT_LATIN.sub("", decomposed)


_NOT_LATIN = re.compile(r"[^A-Z]")


def fold_all(names: Iterable[str]) -> str:
    """Each name folded, with spaces between."""
    return " ".join(map(fold, names))


def key(surname: str) -> str:
    """The letters to give: the first three of a surname, or all of a shorter one; "" if it has none."""
    return fold(surname)[:KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class Names:
    """The surnames that the letters may come from (last and birth name), and the first names that may be added."""

    surnames: tuple[str, ...]
    first_names: tuple[str, ...] = ()
