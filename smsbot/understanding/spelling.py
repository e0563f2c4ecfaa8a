"""How a word is written, and how it sounds: the forms under which words are looked up."""

from __future__ import annotations

import re
import unicodedata

_UNDECOMPOSED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th"})
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_ENDING = re.compile(r"(?<=\w{3})(?:er|ez|ees?|es)\Z")


def plain(word: str) -> str:
    """Small letters without accents: how the vocabulary is written."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold().translate(_UNDECOMPOSED))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def spellings(word: str) -> tuple[str, str]:
    """A word as it is and not drawn out: "ouiiii" and "oui"."""
    return word, _DRAWN_OUT.sub(r"\1", word)


def squeeze(word: str) -> str:
    """Every doubled letter once: "anuller", "annuler" and "annnuler" are one word."""
    return _DOUBLED.sub(r"\1", word)


def by_ear(word: str) -> str:
    """Squeezed, and the endings that sound the same written the same: "déplacer", "déplacez", "déplacé"."""
    return _ENDING.sub("e", squeeze(word))
