"""What one word, or a fixed phrase, is about: the vocabulary arranged for looking up, and the ways people misspell it.

A word is looked up as it is listed, then with its doubled letters single ("anuller", "ouii"), then by its shape where
it has too many spellings to list ("annulation", "rendez-vous"), then with the endings that sound the same ("gardé" for
"gardez"). Only `is_almost_cancel` is fuzzy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from rapidfuzz.distance import OSA

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.spelling import by_ear, sound, spellings, squeeze
from smsbot.understanding.vocabulary import VOCABULARY, Entry

# Shapes, of squeezed words -------------------------------------------------------------------------------------------

_RENDEZ = re.compile(r"r[aeoi]n?d[aeiouyszxrt]{0,3}|rd[ezs]{0,2}|rnde?z?")
_VOUS = re.compile(r"v(?:o?u?[stxz]?|oux|oud|oui?s)")
_SHAPES = (
    (re.compile(r"h?an[uiy]lez|anuliez"), Concept.ORDER),
    (
        re.compile(r"h?(?:re)?an[uiy]l(?:e|er|es|ent|ons|ions|ant|ai|ais|ait|et|r|ar|are|eer|ere|eis|i|o|ado|owac)?"),
        Concept.CANCEL,
    ),
    (re.compile(r"an[uiy]lera?(?:i|is|it|s)?|anuler(?:ez|iez|ons|ont|ions)"), Concept.WILL),
    (re.compile(r"an[uiy]l(?:at|as|ac)i?on?s?|an[uiy]lat[io]+n?s?"), Concept.CANCELLATION),
    (re.compile(r"[ck]an[cs]el(?:a|ar|e|ed|er|ing|o)?"), Concept.CANCEL),
    (re.compile(r"cancelations?"), Concept.CANCELLATION),
    (re.compile(r"r[aeo]n?d[aeiszxr]{0,3}v(?:o?u|o)?[stxz]?|rd[ez]{0,2}vou?s?"), Concept.APPOINTMENT),
)
_SHAPES_BEGIN_WITH = ("a", "h", "r", "c", "k")


def _by_shape(squeezed: str) -> Concept | None:
    if squeezed.startswith(_SHAPES_BEGIN_WITH):
        for shape, concept in _SHAPES:
            if shape.fullmatch(squeezed):
                return concept
    return None


# The lexicon ---------------------------------------------------------------------------------------------------------

_RIGHT = ("annuler", "annulez", "annule")
_RIGHT_AND_LONG = "annulation"
_BY_EAR_FROM = 5  # letters; shorter words are too close to one another
_SOUND_FROM = 3  # signs of a sound
_JOINED_FROM = 4
_HEARD_FROM = 4  # letters
# What answers or stops has to be spelled as listed: a word that only sounds like it is asked again.
_AS_LISTED = concepts("YES OKAY AGREE VALIDATE FINE NO STOP START")


def heard(word: str) -> str:
    """The sound of a word within a phrase; short words sound too much alike ("ses", "ces") and keep their letters."""
    return sound(word) if len(word) >= _HEARD_FROM else by_ear(word)


class _Phrases:
    """Fixed phrases by how they sound, as a tree of words."""

    def __init__(self, heard: Callable[[str], str]) -> None:
        self.heard = heard
        self.after: dict[str, _Phrases] = {}
        self.concept: Concept | None = None

    def add(self, words: Sequence[str], concept: Concept) -> None:
        branch = self
        for word in words:
            branch = branch.after.setdefault(self.heard(word), _Phrases(self.heard))
        branch.concept = branch.concept or concept

    def longest_at(self, sounds: Sequence[str], index: int) -> tuple[int, Concept] | None:
        found, branch, end = None, self, index
        while end < len(sounds) and (following := branch.after.get(sounds[end])) is not None:
            branch, end = following, end + 1
            if branch.concept is not None:
                found = end - index, branch.concept
        return found


class Lexicon:
    """All words and phrases of one language; `LEXICON` is French, with what people mix into it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.words: dict[str, Concept] = {}
        self.in_phrases: dict[str, Concept] = {}
        self._squeezed: dict[str, Concept] = {}
        self._by_ear: dict[str, Concept] = {}
        self._phrases = _Phrases(by_ear)
        self._sounding = _Phrases(heard)
        sounds: dict[str, set[Concept]] = {}
        joined: dict[str, set[Concept]] = {}
        for entry in entries:
            self._add(entry.text, entry.concept)
            if entry.concept not in _AS_LISTED:
                together = joined if " " in entry.text else sounds
                together.setdefault(sound(entry.text.replace(" ", "")), set()).add(entry.concept)
        self._sounds = _only_one(sounds, _SOUND_FROM)
        for word in (*_RIGHT, _RIGHT_AND_LONG):
            joined[sound(word)] = {Concept.ALMOST}
        self._joined = {**_only_one(joined, _JOINED_FROM), **_only_one(sounds, _JOINED_FROM)}

    def _add(self, entry: str, concept: Concept) -> None:
        parts = entry.split()
        if len(parts) == 1:
            self.words.setdefault(entry, concept)
            self._squeezed.setdefault(squeeze(entry), concept)
            self._by_ear.setdefault(by_ear(entry), concept)
        else:
            self._phrases.add(parts, concept)
            if concept not in _AS_LISTED:
                self._sounding.add(parts, concept)
            for part in parts:
                if concept in _POLITE or part not in self.in_phrases:
                    self.in_phrases[part] = concept

    @lru_cache(maxsize=1 << 14)  # noqa: B019 (there is one lexicon)
    def concept(self, word: str) -> Concept | None:
        """What a plain word is about; None for one that is not known by itself."""
        concept = self.words.get(word)
        if concept is not None:
            return concept
        squeezed = squeeze(word)
        concept = self._squeezed.get(squeezed) or _by_shape(squeezed)
        if concept is None and len(word) >= _BY_EAR_FROM:
            concept = self._by_ear.get(by_ear(word))
        return concept

    def is_listed(self, word: str) -> bool:
        """Is it spelled as a word is, or as one in a phrase?"""
        return word in self.words or word in self.in_phrases

    def by_sound(self, word: str) -> Concept | None:
        """What an unknown word sounds like: "bezoin" is "besoin". None where it sounds like nothing, or like two."""
        heard = sound(word)
        return self._sounds.get(heard) or self._joined.get(heard)

    @lru_cache(maxsize=1 << 14)  # noqa: B019 (there is one lexicon)
    def together(self, words: tuple[str, ...]) -> Concept | None:
        """What several words sound like as one: "dé siste"; dictation and unsure hands cut words in pieces."""
        return self._joined.get(sound("".join(words)))

    def may_begin_phrase(self, ear: str, sound: str) -> bool:
        """Whether a word, as `ear` and `heard` make it, may be the first of a fixed phrase."""
        return ear in self._phrases.after or sound in self._sounding.after or ear.startswith("r")

    def phrase_at(
        self, words: Sequence[str], ears: Sequence[str], sounds: Sequence[str], index: int
    ) -> tuple[int, Concept] | None:
        """The longest fixed phrase that begins at `index`: of how many words, and what it is about.

        `ears` and `sounds` are the `words` of the message as `ear` and `heard` make them. By its sound alone a phrase
        is found only where a word in it is spelled as no word is.
        """
        found = self._phrases.longest_at(ears, index)
        alike = self._sounding.longest_at(sounds, index)
        is_longer = alike is not None and (found is None or alike[0] > found[0])
        if alike is not None and is_longer and not all(map(self.is_listed, words[index : index + alike[0]])):
            found = alike
        if found is None and index + 1 < len(ears) and ears[index].startswith("r"):
            rendez_vous = _RENDEZ.fullmatch(ears[index]) and _VOUS.fullmatch(ears[index + 1])
            return (2, Concept.APPOINTMENT) if rendez_vous else None
        return found


def _only_one(by_sound: dict[str, set[Concept]], shortest: int) -> dict[str, Concept]:
    """The sounds that mean one thing, not counting what means nothing in particular."""
    said = {heard: found - {Concept.ORDINARY} or found for heard, found in by_sound.items() if len(heard) >= shortest}
    return {heard: next(iter(found)) for heard, found in said.items() if len(found) == 1}


_POLITE = (Concept.POLITE, Concept.THANKS, Concept.PLEASE, Concept.HELLO)
LEXICON = Lexicon(entry for entry in VOCABULARY.entries if entry.language is None)


# May it be a name? ---------------------------------------------------------------------------------------------------

_IN_PHRASES_FROM = 4  # letters; "du" and "mal" may be the letters asked for
_BENT_FROM = 6  # letters; a shorter word has to be spelled as listed


def everyday(word: str) -> Concept | None:
    """What an everyday word is about, spelled as it is listed or drawn out; None for any other: it may be a name."""
    for spelling in spellings(word):
        concept = LEXICON.words.get(spelling)
        if concept is None and len(spelling) >= _IN_PHRASES_FROM:
            concept = LEXICON.in_phrases.get(spelling)
        if concept is not None:
            return concept
    if len(word) < _BENT_FROM:
        return None
    return LEXICON.concept(word) or LEXICON.words.get(word.removeprefix("j"))


# Nearly a word for cancelling ----------------------------------------------------------------------------------------

_RIGHT_SQUEEZED = ("anuler", "anulez", "anulation")
_SHORTEST = 5
_TRACES = re.compile(r"nul|anu|anl|aul|anel")
_OTHER_WORDS = re.compile(
    r"m?anu(?:el|air|al|it)|anon|anul[ai]r|anunci|canul|granul|formul|calcul|cumul|ondul|modul|nule?$"
)


def is_almost_cancel(word: str) -> bool:
    """One slip of the finger from a word for cancelling ("annulre", "annuker"); "annuel", "annuaire" are words."""
    squeezed = squeeze(word)
    if len(word) < _SHORTEST or not _TRACES.search(squeezed) or _OTHER_WORDS.match(squeezed):
        return False
    return (
        any(OSA.distance(word, right, score_cutoff=1) <= 1 for right in _RIGHT)
        or any(OSA.distance(squeezed, right, score_cutoff=1) <= 1 for right in _RIGHT_SQUEEZED)
        or OSA.distance(word, _RIGHT_AND_LONG, score_cutoff=2) <= 2
        # two slips, where it begins as no other word does
        or (word.startswith("annu") and any(OSA.distance(word, right, score_cutoff=2) <= 2 for right in _RIGHT))
    )
