"""Finds the words and phrases of other languages (`word_lists/languages.txt`) in a message.

A message is read in another language if it has a word of that language that French does not have. Words that both
languages have ("no", "non", "da") are read in the other language only if most of the message is in it. Refusals ("no
cancelen", "nu anulați") are found in every message, so that no negation is overlooked. So are English phrases, because
French people use them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from smsbot.understanding.concepts import Concept
from smsbot.understanding.lexicon import LEXICON
from smsbot.understanding.vocabulary import VOCABULARY

_ALWAYS_HEARD = "en"
_PART = re.compile(r"[\u4e00-\u9fff]|[\w\u0b80-\u0bff]+")  # as `words` divides a text
_LONGEST_PHRASE = 12
_MARKS_FROM = 3  # letters; shorter words are in every language


@dataclass(slots=True)
class Language:
    """The vocabulary of one language: its words by spelling, and its phrases by their words."""

    name: str
    words: dict[str, Concept] = field(default_factory=dict)
    phrases: dict[tuple[str, ...], Concept] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)  # every word, alone or in a phrase
    first: set[str] = field(default_factory=set)  # the first words of phrases

    def add(self, text: str, concept: Concept) -> None:
        parts = tuple(_PART.findall(text)) or (text,)
        self.known.update(parts)
        if len(parts) == 1:
            self.words.setdefault(parts[0], concept)
        else:
            self.first.add(parts[0])
            self.phrases.setdefault(parts, concept)


def _all() -> tuple[Language, ...]:
    languages: dict[str, Language] = {}
    for entry in VOCABULARY.entries:
        if entry.language is not None:
            languages.setdefault(entry.language, Language(entry.language)).add(entry.text, entry.concept)
    return tuple(languages.values())


LANGUAGES = _all()
KNOWN = frozenset(word for language in LANGUAGES for word in language.known)
"""All words of all other languages."""

_REFUSALS = Language("refusals")
for _language in LANGUAGES:
    for _parts, _concept in _language.phrases.items():
        if _concept is Concept.REFUSAL or _language.name == _ALWAYS_HEARD:
            _REFUSALS.add(" ".join(_parts), _concept)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The concept of the words from `start` up to `end` in another language."""

    start: int
    end: int
    concept: Concept


def _may_mark(word: str) -> bool:
    return len(word) >= _MARKS_FROM or not word.isascii()


def spoken_language(words: Sequence[str]) -> Language | None:
    """The other language of a message: the one that has most of its words that French does not have. None: no such."""
    strange = {word for word in words if word in KNOWN and _may_mark(word) and LEXICON.concept(word) is None}
    best, most = None, (0, 0)
    for language in LANGUAGES if strange else ():
        markers = len(strange & language.known)
        if markers:
            found = (markers, sum(word in language.known for word in words))
            if found > most:
                best, most = language, found
    return best


def spoken(words: Sequence[str]) -> Iterator[Spoken]:
    """The words and phrases in another language, from left to right."""
    language = spoken_language(words)
    if language is None and not _REFUSALS.first.intersection(words):
        return
    is_whole = language is not None and 2 * sum([word in language.known for word in words]) >= len(words)
    known = _REFUSALS.first if language is None else _REFUSALS.first | language.known
    index = 0
    while index < len(words):
        if words[index] not in known:
            index += 1
            continue
        length, concept = _phrase_at(words, index, language)
        if concept is None and language is not None and (is_whole or LEXICON.concept(words[index]) is None):
            length, concept = 1, language.words.get(words[index])
        if concept is not None:
            yield Spoken(index, index + length, concept)
        index += length if concept is not None else 1


def _phrase_at(words: Sequence[str], index: int, language: Language | None) -> tuple[int, Concept | None]:
    for spoken_in in (_REFUSALS, language):
        if spoken_in is not None and words[index] in spoken_in.first:
            for length in range(min(_LONGEST_PHRASE, len(words) - index), 1, -1):
                concept = spoken_in.phrases.get(tuple(words[index : index + length]))
                if concept is not None:
                    return length, concept
    return 1, None
