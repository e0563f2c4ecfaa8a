"""Reads the answer to the question for the three letters: are letters given, and do they fit?

The rule is RDV Service Public's, in `smsbot.rules.letters`. It is an identity check, so nothing here is fuzzy. First
the politeness is set aside. Then it is decided whether the rest is a try at the letters. This does not depend on the
names on record; otherwise the replies would show who is on record. One word of letters is a try, even an ordinary
French word. A sentence about something else is no try.

Letters of another script are compared with surnames in that script. If no surname on record is in that script, they are
neither right nor wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise

from smsbot.made_often import made_often
from smsbot.rules.letters import KEY_LENGTH, Names, fold, key, other_key, other_letters, script_of, without_marks
from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.languages import KNOWN, LANGUAGES
from smsbot.understanding.lexicon import everyday
from smsbot.understanding.set_aside import clean, set_aside
from smsbot.understanding.spelling import plain


class LettersKind(StrEnum):
    """RIGHT: there is one candidate, and it fits. WRONG: it does not fit, or there are several. NONE: no candidate.

    OTHER_SCRIPT: there is a candidate, but no name on record is written in its script.
    """

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"
    OTHER_SCRIPT = "other_script"


@made_often
@dataclass(frozen=True, slots=True)
class LettersReading:
    """What kind of answer it is and, with RIGHT, the indexes of the names that it fits."""

    kind: LettersKind
    fits: tuple[int, ...] = ()


def read_letters(text: str, names: Sequence[Names]) -> LettersReading:
    """Read an answer to the question for the letters; `names` are those of the participations it could be about."""
    written = list(islice(_words(text), _MOST_WORDS + 1))
    if len(written) > _MOST_WORDS or any(len(word.folded) > _LONGEST_WORD for word in written):
        return LettersReading(LettersKind.NONE)  # too long for an answer
    words = _once(word for word in written if word.folded)
    latin = _read_latin([word for word in words if not word.is_foreign], names)
    foreign = _read_foreign([word for word in words if word.is_foreign], names)
    return _together(latin, foreign)


def _together(one: LettersReading, other: LettersReading) -> LettersReading:
    """The result for a message in two scripts. It counts as one try, which is wrong if one of the two is wrong."""
    if one.kind is other.kind is LettersKind.RIGHT:
        return _result(index for index in one.fits if index in other.fits)
    weight = (LettersKind.WRONG, LettersKind.RIGHT, LettersKind.OTHER_SCRIPT, LettersKind.NONE)
    return min(one, other, key=lambda reading: weight.index(reading.kind))


def _read_latin(words: list[_Word], names: Sequence[Names]) -> LettersReading:
    left = [word for word in words if word.concept is None]
    if not left:
        reading = _among_everyday_words(words, names)
    elif _is_talk(words, left):
        return LettersReading(LettersKind.NONE)
    else:
        reading = _result(index for index, record in enumerate(names) if _fits(words, record, _LATIN))
    if reading.kind is LettersKind.WRONG and names and not any(map(_has_latin_key, names)):
        return LettersReading(LettersKind.OTHER_SCRIPT)
    return reading


def _has_latin_key(record: Names) -> bool:
    return any(map(key, record.surnames))


def _read_foreign(words: list[_Word], names: Sequence[Names]) -> LettersReading:
    """The same for words of other scripts. Only a few of their everyday words are known."""
    left = [word for word in words if word.plain not in KNOWN]
    is_talk = any(word.plain in KNOWN and word.plain not in _POLITE_ELSEWHERE for word in words)
    if is_talk or not 0 < len(left) <= _MOST_FOREIGN_WORDS:
        return LettersReading(LettersKind.NONE)
    fits = [index for index, record in enumerate(names) if _fits(left, record, _OTHER)]
    keys = (other_key(surname) for record in names for surname in record.surnames)
    if fits or not names or {script_of(each) for each in keys} & {script_of(word.folded) for word in left}:
        return _result(fits)
    return LettersReading(LettersKind.OTHER_SCRIPT)


_MOST_FOREIGN_WORDS = 3
"""More words are a sentence about something else."""

_MOST_WORDS = 40
_LONGEST_WORD = 60  # letters


def _result(fits: Iterable[int]) -> LettersReading:
    indexes = tuple(fits)
    return LettersReading(LettersKind.RIGHT, indexes) if indexes else LettersReading(LettersKind.WRONG)


# Words ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the answer. `concept` is None where it is not everyday French, so that it may be a name."""

    folded: str
    plain: str
    concept: Concept | None
    stands_out: bool  # in capitals among small letters, after a colon, alone on its line or before a comma

    @property
    def is_foreign(self) -> bool:
        """Whether it is not in Latin script."""
        return not self.folded.isascii()

    @property
    def is_polite(self) -> bool:
        return self.concept in _POLITE


_POLITE = concepts("HELLO PLEASE THANKS POLITE CLOSING")
_POLITE_ELSEWHERE = frozenset(
    word for language in LANGUAGES for word, concept in language.words.items() if concept in _POLITE
)
"""Polite words of other languages, which may stand beside the letters."""
_TALK = concepts(
    "ASK WHO NE NOT NOMORE IF HEDGE WAIT CAN CANYOU WANT MUST GO DO HAVE HAD THEY YOU I THAT CAUSE BUT TROUBLE TOPIC "
    "ORDINARY ATTEND TRY AT NEED COME THIS TO WHEN MOVE HELP WHILE ALL"
)

_WORD = re.compile(
    r"""
    # D comme Denis, U comme Ursule
    (?P<as> (?: (?<!\w) [^\W\d_] \s comme \s \w+ [\s,.;]* (?:et\s)? )+ )
    # D U P, d.u.p, X I
  | (?P<spelled> (?<![\w'-])
        (?: (?: [^\W\d_] [ .,/+'-]{1,3} ){2,} [^\W\d_] | [^\W\d_] [ .-]{1,2} [^\W\d_] )
    (?![\w'-]) )
    # O'Brien, Dupont-Durand
  | (?P<word> [^\W\d_]+ (?: ['‐‑-] [^\W\d_]+ )* )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LETTER_AS = re.compile(r"(?<!\w)([^\W\d_])\s+comme\s", re.IGNORECASE)
_SIGNS = re.compile(r"[\W\d_]+")
# Two or three little words that look like spelled letters: "il n y a".
_NOT_SPELLED = frozenset(
    [
        *("ya", "na", "la", "ja", "ca", "ma", "ta", "sa", "da", "al", "ac", "cy", "ne", "ai", "me", "te", "se", "et"),
        *("nya", "lya", "yat", "jya", "cad", "yan", "yal"),
    ]
)
_OPENS_OUT = ("", ":", "\n", "=")
_CLOSES_OUT = re.compile(r"[\s\"»)]*(?:\Z|[.,;:!?\n)»])")


# Polite phrases of several words; single polite words have a concept.
_COURTESY = re.compile(
    r"\b(?: s['\s]?il\s (?:vous|te)\s pla[iî][ts]? | merci\s (?:beaucoup|bien|d['\s]?avance|infiniment)"
    r"  | (?:bonne|belle)\s (?:journ[ée]e|soir[ée]e|fin\sde\sjourn[ée]e) | au\srevoir"
    r"  | bien\s (?:[àa]\svous|cordialement) )\b",
    re.VERBOSE | re.IGNORECASE,
)


def _words(text: str) -> Iterator[_Word]:
    cleaned = _COURTESY.sub(" , ", without_marks(set_aside(text).words))
    shouted = cleaned.isupper()
    for match in _WORD.finditer(cleaned):
        written = match.group()
        stands_out = written.isupper() and not shouted
        if not stands_out and cleaned[: match.start()].rstrip(' "«(')[-1:] in _OPENS_OUT:
            stands_out = _CLOSES_OUT.match(cleaned, match.end()) is not None
        if match.lastgroup == "as":
            yield _Word(_letters("".join(_LETTER_AS.findall(written))), "", None, stands_out=True)
        elif match.lastgroup == "spelled" and (together := plain(_SIGNS.sub("", written))) not in _NOT_SPELLED:
            yield _Word(_letters(together), together, everyday(together), stands_out=True)
        else:
            yield from _parts(written, stands_out)


def _parts(written: str, stands_out: bool) -> Iterator[_Word]:
    """ "c'est" is two everyday words, "O'Brien" one name."""
    parts = [part for part in _SIGNS.split(written) if part]
    concepts = [everyday(plain(part)) for part in parts]
    if all(concept is not None for concept in concepts):
        for part, concept in zip(parts, concepts, strict=True):
            yield _Word(_letters(part), plain(part), concept, stands_out)
    else:
        yield _Word(_letters(written), plain(written), None, stands_out)


def _letters(written: str) -> str:
    """The Latin letters of `written`, or those of another script if it has no Latin ones."""
    return fold(written) or other_letters(written)


def _once(words: Iterable[_Word]) -> list[_Word]:
    """The words without those that give the same letters again: "DUP (Dupont)" is one candidate."""
    kept: list[_Word] = []
    given: set[str] = set()
    for word in words:
        letters = word.folded[:KEY_LENGTH]
        if word.concept is not None or letters not in given:
            kept.append(word)
        if word.concept is None:
            given.add(letters)
    return kept


# Is there a candidate? -----------------------------------------------------------------------------------------------

_TALKATIVE = 2  # with so many everyday words around it, an unknown word is not meant as the letters
_INTRODUCES = frozenset(
    [
        *("c", "est", "cest", "suis", "sont", "sera", "voici", "voila", "reponse", "moi"),
        *("nom", "nomme", "appelle", "apelle", "mappelle", "mapelle", "mappel", "soussigne", "soussignee", "nee", "ne"),
        *("lettre", "lettres", "initiales", "mme", "mr", "mlle", "madame", "monsieur"),
    ]
)


_INTRODUCES_A_NAME = _INTRODUCES - {
    "c",
    "est",
    "cest",
    "suis",
    "sont",
    "sera",
    "voici",
    "voila",
    "reponse",
    "moi",
    "ne",
}


def _is_talk(words: list[_Word], left: list[_Word]) -> bool:
    """Whether the message is about something else, so that its unknown words are no try at the letters."""
    if all(len(word.folded) <= KEY_LENGTH for word in left) or any(word.stands_out for word in left):
        return False
    if any(one.plain in _INTRODUCES and other.concept is None for one, other in pairwise(words)):
        return False
    return sum(word.concept in _TALK for word in words) >= _TALKATIVE


def _among_everyday_words(words: list[_Word], names: Sequence[Names]) -> LettersReading:
    """Read a message of everyday words only. One of them may still be exactly the letters ("OUI" for M. Ouidir).

    Whether it is a try does not depend on the names on record. It is one if a single word is left without the
    politeness, or if a word is introduced as the name ("mon nom est PAS").
    """
    whole = [index for index, record in enumerate(names) if next(_runs_of_several(words, record, _LATIN), None)]
    if whole:
        return _result(whole)
    tried = _tried(words)
    if tried is None:
        return LettersReading(LettersKind.NONE)
    fits = [index for index, record in enumerate(names) if _is_exactly(tried.folded, record)]
    if not fits and (tried.concept in _NEVER_WRONG or tried.plain in _INTERJECTIONS):
        return LettersReading(LettersKind.NONE)
    return _result(fits)


def _tried(words: list[_Word]) -> _Word | None:
    """The one everyday word that is given as the letters; None where there is none, or several may be meant."""
    left = [word for word in words if not word.is_polite]
    if len(left) == 1:
        return left[0]
    if not left:
        return words[0] if len(words) == 1 else None
    *before, last = left
    is_introduced = before[-1].plain in _INTRODUCES and any(word.plain in _INTRODUCES_A_NAME for word in before)
    return last if is_introduced and len(left) <= _INTRODUCTION_AND_NAME and last.plain not in _INTRODUCES else None


_INTRODUCTION_AND_NAME = 4  # words: "mon nom est PAS"


# Alone these are a greeting, a call for help or an answer to something else, so they are never counted as wrong. Their
# letters may still be right.
_NEVER_WRONG = _POLITE | concepts("YES NO HELP ASK WHO CANCEL ORDER CANCELLATION APPOINTMENT INTRO STOP START")
_INTERJECTIONS = frozenset(
    ["bah", "euh", "heu", "hey", "hop", "lol", "mdr", "zut", "ok", "oki", "dac", "dacc", "rdv", "nom", "sos"]
)


def _is_exactly(folded: str, record: Names) -> bool:
    return bool(folded) and any(folded in (key(surname), fold(surname)) for surname in record.surnames)


# Does the one candidate fit? -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Folding:
    """How names are compared in one script. `fold` gives all letters of a name, `key` those that are asked for."""

    fold: Callable[[str], str]
    key: Callable[[str], str]


_LATIN, _OTHER = _Folding(fold, key), _Folding(other_letters, other_key)


def _fits(words: list[_Word], record: Names, folding: _Folding) -> bool:
    """Whether all words fit the record: its surname or its letters, its first names, and everyday French."""
    for index, word in enumerate(words):
        if (
            word.concept is None
            and _fits_one(word.folded, record, folding)
            and _are_first_names(words, index, index + 1, record, folding)
        ):
            return True
    runs = _runs_of_several(words, record, folding)
    return any(_are_first_names(words, start, end, record, folding) for start, end in runs)


def _fits_one(folded: str, record: Names, folding: _Folding) -> bool:
    return any(folded[:KEY_LENGTH] == letters for surname in record.surnames if (letters := folding.key(surname)))


def _runs_of_several(words: list[_Word], record: Names, folding: _Folding) -> Iterator[tuple[int, int]]:
    """The places (start, end) where several words together make a surname, all of it or its first words."""
    for surname in record.surnames:
        if not folding.key(surname):
            continue
        whole = folding.fold(surname)
        divided = [part for part in map(folding.fold, _SIGNS.split(without_marks(clean(surname)))) if part]
        for start in range(len(words)):
            together = ""
            for end in range(start, min(start + _LONGEST_SURNAME, len(words))):
                together += words[end].folded
                if not whole.startswith(together):
                    break
                if end > start and (together == whole or _begins(words[start : end + 1], divided)):
                    yield start, end + 1


_LONGEST_SURNAME = 8  # words


def _begins(words: Sequence[_Word], divided: Sequence[str]) -> bool:
    """Whether these words begin the surname `divided` into words ("de la fon" for De La Fontaine), with three letters
    or more.
    """
    if len(words) > len(divided) or sum(len(word.folded) for word in words) < KEY_LENGTH:
        return False
    *complete, last = [word.folded for word in words]
    return complete == list(divided[: len(complete)]) and divided[len(complete)].startswith(last)


def _are_first_names(words: list[_Word], start: int, end: int, record: Names, folding: _Folding) -> bool:
    """Whether all words outside `start` to `end` are everyday French or full first names of the same record."""
    first_names = {folded for name in record.first_names if (folded := folding.fold(name))}
    beside = [*words[:start], *words[end:]]
    index = 0
    while index < len(beside):
        length = _first_name_at(beside, index, first_names)
        if length == 0 and beside[index].concept is None:
            return False
        index += length or 1
    return True


def _first_name_at(words: list[_Word], index: int, first_names: set[str]) -> int:
    """How many words, from `index` on, make a full first name ("Marie Ange"); 0 if none."""
    together = ""
    for length, word in enumerate(words[index:], start=1):
        together += word.folded
        if together in first_names:
            return length
        if not any(name.startswith(together) for name in first_names):
            break
    return 0
