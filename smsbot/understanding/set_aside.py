"""What is no word of the person is set aside before anything is read; what is left is what they say.

The pipeline of every reader: text → `set_aside` → `words.read` (tokens, each with its concept) → `grammar.row` (the
concepts in order, negations settled) → the rules of one situation.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

LONGEST_READ = 640  # characters, of four SMS joined: what is longer is a letter, for people to read
_LONGEST_CLEANED = 20 * LONGEST_READ  # characters, counting the invisible ones


class AsideKind(StrEnum):
    """What kind of text was set aside."""

    TOO_LONG = "too long"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Aside:
    """A piece of the message that is no word of the person."""

    kind: AsideKind
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """What the person says, cleaned (`clean`), and what was set aside."""

    words: str
    aside: tuple[Aside, ...] = ()


@lru_cache(maxsize=8)  # one message is read for keywords first, then for the question that is open
def set_aside(text: str) -> Message:
    """Clean a message and take from it what the person did not write for us. Doing it twice changes nothing."""
    cleaned = clean(text)
    if len(cleaned) > LONGEST_READ:
        return Message("", (Aside(AsideKind.TOO_LONG, cleaned),))
    said = _said_aloud(cleaned)
    signatures = tuple(Aside(AsideKind.SIGNATURE, found[0].strip()) for found in _SENT_FROM.finditer(said))
    return Message(_SENT_FROM.sub("", said) if signatures else said, signatures)


# Cleaning ------------------------------------------------------------------------------------------------------------

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ´`′ʹꞌ＇"), "'")
_NUMBER_SIGN = re.compile(r"\bn(?:[°º]|o?\.?(?=\s?\d+\b))\s*|№\s*", re.IGNORECASE)
# Joiners, direction marks, variation selectors, enclosing keycaps, skin tones, tags, surrogates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20dd-\u20e4\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef\ud800-\udfff]"
)
# Cyrillic and Greek letters that look like Latin ones, in a word that has Latin letters too: "АNNULER".
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХІЅЈаеорсухіѕјΑΒΕΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTYXISJaeopcyxisjABEHIKMNOPTYXo")
_MIXED = re.compile(r"\w*(?:[A-Za-z][\u0370-\u04ff]|[\u0370-\u04ff][A-Za-z])\w*")


def clean(text: str) -> str:
    """The text with one apostrophe, compatible characters folded (ＯＵＩ, ②), "n°" spelled, nothing invisible."""
    if text.isascii():
        return _NUMBER_SIGN.sub("numero ", text).replace("`", "'")
    text = _INVISIBLE.sub("", text[:_LONGEST_CLEANED].translate(_APOSTROPHES))
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _NUMBER_SIGN.sub("numero ", text)))
    return _MIXED.sub(lambda match: match[0].translate(_LOOKALIKES), text)


_COMMA_ALOUD = re.compile(r"\s+virgule\b", re.IGNORECASE)
_PERIOD_ALOUD = re.compile(r"\s+point\s*$", re.IGNORECASE)


def _said_aloud(text: str) -> str:
    """Dictated signs as signs: "oui virgule merci point". Without a comma, "point" may be the old "not"."""
    said = _COMMA_ALOUD.sub(",", text)
    return _PERIOD_ALOUD.sub(".", said) if said != text else text


# Signatures ----------------------------------------------------------------------------------------------------------

# A line or sentence of its own.
_SENT_FROM = re.compile(
    r"(?:^|(?<=[.!]))[ _–—-]*(?:envoy[ée]e? (?:de|depuis|à partir|avec|par|via)"
    r"|sent (?:from|with)|t[ée]l[ée]chargez|obtenez)\b"
    r"[^\n.,;:!?]*\b(?:mon|my|iphone|ipad|samsung|android|outlook|yahoo|mobile|smartphone)\b[^\n.,;:!?]*$",
    re.IGNORECASE | re.MULTILINE,
)
