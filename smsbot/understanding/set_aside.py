"""Cleans a message, and sets aside what the person did not write, before anything is read.

The pipeline of every reader: text → `set_aside` → `words.read` (tokens, each with its concept) → `grammar.row` (the
concepts in order, negations settled) → the rules of one situation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from smsbot.understanding.machine_words import Span, automatic, our_own, quotations, reactions

LONGEST_READ = 640  # characters, about four SMS; a longer text is left for people to read
_LONGEST_CLEANED = 20 * LONGEST_READ  # characters, with the invisible ones


class AsideKind(StrEnum):
    """What kind of text was set aside."""

    TOO_LONG = "too long"
    SIGNATURE = "signature"
    REACTION = "reaction"
    QUOTATION = "quotation"
    OURS = "a text of ours"
    AUTOMATIC = "written by a machine"


@dataclass(frozen=True, slots=True)
class Aside:
    """A piece of the message that the person did not write."""

    kind: AsideKind
    text: str


@dataclass(frozen=True, slots=True)
class MessageWords:
    """What the person wrote, cleaned (`clean`), and what was set aside."""

    words: str
    aside: tuple[Aside, ...] = ()

    @property
    def is_nobodys(self) -> bool:
        """Whether the person wrote nothing of it for us, so that there is nothing to answer."""
        return (
            bool(self.aside) and not _SAYS_SOMETHING.search(self.words) and self.aside[0].kind is not AsideKind.TOO_LONG
        )


_SAYS_SOMETHING = re.compile(r"[^\W_]|[^\w\s\x00-\x7f«»“”„…’]")  # a letter, a digit, an emoji


@lru_cache(maxsize=8)  # the same message is first read for keywords, then for the open question
def set_aside(text: str, sent_lately: tuple[str, ...] = ()) -> MessageWords:
    """Clean a message and take from it what the person did not write for us. Doing it twice changes nothing.

    `sent_lately` are the texts that we sent to that number lately: telephones send them back.
    """
    words, aside = cleaned(text), list[Aside]()
    if len(words) > LONGEST_READ:
        return MessageWords("", (Aside(AsideKind.TOO_LONG, words),))
    if sent_lately and not any(our_own(words, sent_lately)):
        return set_aside(text)
    for kind, find in _FINDERS:
        for start, end in _apart(find(words, sent_lately)):
            if piece := words[start:end].strip():
                aside.append(Aside(kind, piece))
                gap = "\n" if "\n" in words[end : end + 1] + words[start - 1 : start] else " "
                words = f"{words[:start]}{gap}{words[end:]}".strip()
    return MessageWords(words, tuple(aside))


@lru_cache(maxsize=8)
def cleaned(text: str) -> str:
    """The cleaned text. If it is short enough to be read, dictated signs become signs."""
    folded = clean(text)
    return folded if len(folded) > LONGEST_READ else _said_aloud(folded)


def _apart(spans: Iterable[Span]) -> list[Span]:
    """The spans from the end of the text to its beginning, with overlapping ones joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined[::-1]


def _signatures(text: str, _sent_lately: Sequence[str]) -> Iterator[Span]:
    lowered = text.lower()
    if any(verb in lowered for verb in _SENT):
        yield from (found.span() for found in _SENT_FROM.finditer(text))
    if "--" in text:
        yield from (found.span() for found in _BELOW_DASHES.finditer(text))


# Cleaning ------------------------------------------------------------------------------------------------------------

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ´`′ʹꞌ＇"), "'")
_NUMBER_SIGN = re.compile(r"[nN](?<!\w.)(?:[°º]|[oO]?\.?(?=\s?\d+\b))\s*|№\s*")
_MAY_FOLD = re.compile(r"[^\x00-\x7fÀ-ÿ°]")  # neither ASCII nor a letter of French, which stay as they are
# Joiners, direction marks, variation selectors, enclosing keycaps, skin tones, tags, surrogates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20dd-\u20e4\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef\ud800-\udfff]"
)
# Cyrillic and Greek letters that look like Latin ones, in a word that has Latin letters too: "АNNULER".
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХІЅЈаеорсухіѕјΑΒΕΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTYXISJaeopcyxisjABEHIKMNOPTYXo")
_FOREIGN_LETTER = re.compile(r"[\u0370-\u04ff]")
_LATIN_LETTER = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"\w+")
# Long runs of blanks or of one sign say no more than a few of them.
_BLANKS = re.compile(r"\s{2,}")
_SIGNS_AGAIN = re.compile(r"([^\w\s])\1{3,}")
_AGAIN = 3


def clean(text: str) -> str:
    """The text with one kind of apostrophe, compatible characters folded (ＯＵＩ, ②), "n°" as "numero ", and without
    invisible characters.
    """
    if not _MAY_FOLD.search(text):
        return _once(_NUMBER_SIGN.sub("numero ", text[:_LONGEST_CLEANED]).replace("`", "'"))
    text = _INVISIBLE.sub("", text[:_LONGEST_CLEANED].translate(_APOSTROPHES))
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _NUMBER_SIGN.sub("numero ", text)))
    text = _once(_NUMBER_SIGN.sub("numero ", text))  # again: "N¼" has become "N1⁄4"
    return _WORD.sub(_in_latin, text) if _FOREIGN_LETTER.search(text) and _LATIN_LETTER.search(text) else text


def _in_latin(word: re.Match[str]) -> str:
    is_mixed = _FOREIGN_LETTER.search(word[0]) and _LATIN_LETTER.search(word[0])
    return word[0].translate(_LOOKALIKES) if is_mixed else word[0]


def _once(text: str) -> str:
    """The text without long runs of blanks or of one sign."""
    text = _BLANKS.sub(lambda run: "\n\n" if run[0].count("\n") > 1 else "\n" if "\n" in run[0] else " ", text)
    return _SIGNS_AGAIN.sub(lambda run: run[1] * _AGAIN, text)


_ALOUD = (
    (re.compile(r"\s+point d'interrogation\b", re.IGNORECASE), "?"),
    (re.compile(r"\s+point d'exclamation\b", re.IGNORECASE), "!"),
    (re.compile(r"\s+à la ligne\b", re.IGNORECASE), ". "),
    (re.compile(r"\s+virgule\b", re.IGNORECASE), ","),
)
_POINT = re.compile(r"\s+point\b", re.IGNORECASE)
_SIGNS_ALOUD = ("point", "virgule", "ligne")


def _said_aloud(text: str) -> str:
    """Replace dictated signs by signs: "oui virgule merci point".

    "Point" may also mean "not". It is a sign only if another sign is dictated too, or if it is said twice.
    """
    lowered = text.lower()
    if not any(word in lowered for word in _SIGNS_ALOUD):
        return text
    said = text
    for spoken, sign in _ALOUD:
        said = spoken.sub(sign, said)
    points = _POINT.findall(said)
    return _POINT.sub(".", said) if points and (said != text or len(points) > 1) else said


# Signatures ----------------------------------------------------------------------------------------------------------

_SENT = ("envoy", "sent", "charge", "obtenez")  # each signature has one of these
# It is a whole line or sentence.
_SENT_FROM = re.compile(
    r"(?:^|(?<=[.!]))[ _–—-]*(?:envoy[ée]e? (?:de|depuis|à partir|avec|par|via)"
    r"|sent (?:from|with)|t[ée]l[ée]chargez|obtenez)\b"
    r"[^\n.,;:!?]*\b(?:mon|my|iphone|ipad|samsung|android|outlook|yahoo|mobile|smartphone)\b[^\n.,;:!?]*$",
    re.IGNORECASE | re.MULTILINE,
)
_BELOW_DASHES = re.compile(r"^--[ ]?\n.*", re.DOTALL | re.MULTILINE)  # how mail programs mark a signature

_FINDERS: tuple[tuple[AsideKind, Callable[[str, Sequence[str]], Iterator[Span]]], ...] = (
    (AsideKind.REACTION, reactions),
    (AsideKind.QUOTATION, quotations),
    (AsideKind.OURS, our_own),
    (AsideKind.AUTOMATIC, automatic),
    (AsideKind.SIGNATURE, _signatures),
)
