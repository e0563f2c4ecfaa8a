"""The forms under which words are looked up: how a word is written, and how it sounds."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_UNDECOMPOSED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th"})
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_ENDING = re.compile(r"(?<=\w{3})(?:er|ez|ees?|es)\Z")


def plain(word: str) -> str:
    """The word in small letters without accents, as the vocabulary has it."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold().translate(_UNDECOMPOSED))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def spellings(word: str) -> tuple[str, str]:
    """A word as it is, and without its repeated letters: "ouiiii" and "oui"."""
    return word, _DRAWN_OUT.sub(r"\1", word)


def squeeze(word: str) -> str:
    """The word with doubled letters made single: "anuller", "annuler" and "annnuler" become one word."""
    return _DOUBLED.sub(r"\1", word)


def by_ear(word: str) -> str:
    """The squeezed word, with endings that sound the same made equal: "déplacer", "déplacez", "déplacé"."""
    return _ENDING.sub("e", squeeze(word))


_SOUNDS = tuple(
    (re.compile(written), heard)
    for written, heard in (
        (r"(?<=[aeiouy])(?:nn|mm)", "n"),  # "annuler": no nasal
        (r"([a-z])\1+", r"\1"),
        (r"ph", "f"),
        (r"ch(?=[lr])", "k"),  # "Chloé"
        (r"ch|sh", "S"),
        (r"h", ""),
        (r"qu|q", "k"),
        (r"gu(?=[eiy])", "g"),
        (r"g(?=[eiy])", "j"),
        (r"c(?=[eiy])", "s"),
        (r"[ck]+", "k"),
        (r"z", "s"),
        (r"y", "i"),
        (r"tion", "sion"),
        (r"eau|au", "o"),
        (r"oi", "wa"),
        (r"oeu|eu|oe", "9"),
        (r"ou", "U"),
        (r"(?:ai|ei|i|u)[nm](?![aeiouUw9])", "1"),
        (r"[ae][nm](?![aeiouUw9])", "2"),
        (r"o[nm](?![aeiouUw9])", "3"),
        (r"m", "n"),
        (r"ai|ei|est$|er$", "e"),
        (r"(?<=[^s])ill", "i"),
        (r"(?<=\w\w)[stdpxr]+$(?<![aeiou]r)", ""),
        (r"e+$", ""),
        (r"([a-z0-9])\1+", r"\1"),
    )
)


@lru_cache(maxsize=1 << 15)  # people use the same words
def sound(word: str) -> str:
    """The sound of a plain word: the same for "bezoin" and "besoin", "pouvé" and "pouvez", "maladde" and "malade".

    Words with the same sound are only similar. So a sound never makes a yes.
    """
    for written, heard in _SOUNDS:
        word = written.sub(heard, word)
    return word
