"""Looks up the concept of one word or fixed phrase, also when it is misspelled.

A word is first looked up as it is. Then doubled letters are made single ("anuller", "ouii"). Then its shape is tried,
for words with too many spellings to list ("annulation", "rendez-vous"). Last come endings that sound the same ("gardé"
for "gardez"). Only `is_almost_cancel` is fuzzy.
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
# Words that answer or stop have to be spelled as listed. After a word that only sounds like one, the bot asks again.
_AS_LISTED = concepts("YES OKAY AGREE VALIDATE FINE NO STOP START")


def heard(word: str) -> str:
    """The sound of a word in a phrase. Short words keep their letters, because too many sound alike ("ses", "ces")."""
    return sound(word) if len(word) >= _HEARD_FROM else by_ear(word)


class _Phrases:
    """Fixed phrases, as a tree of the sounds of their words."""

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
    """All words and phrases of one language. `LEXICON` is French, with the foreign words that people use in it."""

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
        """The concept of a word in plain letters; None where the word alone has none."""
        concept = self.words.get(word)
        if concept is not None:
            return concept
        squeezed = squeeze(word)
        concept = self._squeezed.get(squeezed) or _by_shape(squeezed)
        if concept is None and len(word) >= _BY_EAR_FROM:
            concept = self._by_ear.get(by_ear(word))
        return concept

    def is_listed(self, word: str) -> bool:
        """Whether it is the correct spelling of a listed word, or of a word in a listed phrase."""
        return word in self.words or word in self.in_phrases

    def by_sound(self, word: str) -> Concept | None:
        """The concept that an unknown word sounds like: "bezoin" is "besoin". None for no concept or several."""
        heard = sound(word)
        return self._sounds.get(heard) or self._joined.get(heard)

    @lru_cache(maxsize=1 << 14)  # noqa: B019 (there is one lexicon)
    def together(self, words: tuple[str, ...]) -> Concept | None:
        """The concept of several words that sound like one word: "dé siste". Dictation often cuts words in pieces."""
        return self._joined.get(sound("".join(words)))

    def may_begin_phrase(self, ear: str, sound: str) -> bool:
        """Whether a word may be the first of a fixed phrase. It is given as `by_ear` and as `heard` make it."""
        return ear in self._phrases.after or sound in self._sounding.after or ear.startswith("r")

    def phrase_at(
        self, words: Sequence[str], ears: Sequence[str], sounds: Sequence[str], index: int
    ) -> tuple[int, Concept] | None:
        """The longest fixed phrase that begins at `index`: its number of words and its concept. None if there is none.

        `ears` and `sounds` are the `words` of the message as `by_ear` and `heard` make them. A phrase is found by sound
        only if one of its words is misspelled.
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
    """Only the sounds that have one concept. ORDINARY does not count as a second one."""
    said = {heard: found - {Concept.ORDINARY} or found for heard, found in by_sound.items() if len(heard) >= shortest}
    return {heard: next(iter(found)) for heard, found in said.items() if len(found) == 1}


_POLITE = (Concept.POLITE, Concept.THANKS, Concept.PLEASE, Concept.HELLO)
LEXICON = Lexicon(entry for entry in VOCABULARY.entries if entry.language is None)


# May it be a name? ---------------------------------------------------------------------------------------------------

_IN_PHRASES_FROM = 4  # letters; "du" and "mal" may be the letters asked for
_BENT_FROM = 6  # letters; a shorter word has to be spelled as listed


def everyday(word: str) -> Concept | None:
    """The concept of an everyday word, spelled as listed or with repeated letters. None: it may be a name."""
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
    """Whether it is one typing error away from a word for cancelling ("annulre", "annuker"), and no other word
    ("annuel", "annuaire").
    """
    squeezed = squeeze(word)
    if len(word) < _SHORTEST or not _TRACES.search(squeezed) or _OTHER_WORDS.match(squeezed):
        return False
    return (
        any(OSA.distance(word, right, score_cutoff=1) <= 1 for right in _RIGHT)
        or any(OSA.distance(squeezed, right, score_cutoff=1) <= 1 for right in _RIGHT_SQUEEZED)
        or OSA.distance(word, _RIGHT_AND_LONG, score_cutoff=2) <= 2
        # two errors, if it begins as only these words do
        or (word.startswith("annu") and any(OSA.distance(word, right, score_cutoff=2) <= 2 for right in _RIGHT))
    )
