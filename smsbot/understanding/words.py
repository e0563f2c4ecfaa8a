"""Divides the text of a message into words, and gives each its concept.

People write without accents, join words ("jannule"), repeat letters ("ouiiii"), spell words out ("O U I") and write
them as they sound ("anulé"). `lexicon` and this module deal with all of this, so that the patterns only see concepts.
Every word keeps its place in the text. Nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from smsbot.made_often import made_often
from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.languages import KNOWN, spoken
from smsbot.understanding.lexicon import LEXICON, heard, is_almost_cancel
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.spelling import by_ear, plain, spellings
from smsbot.understanding.vocabulary import VOCABULARY


class Token(NamedTuple):
    """A word or fixed phrase with its concept and its place in `Reading.text`."""

    word: str
    concept: Concept
    start: int
    end: int


@made_often
@dataclass(frozen=True, slots=True)
class Reading:
    """A message as read: its cleaned text and its tokens, in order."""

    text: str
    tokens: tuple[Token, ...]


_MOST_TOKENS = 180  # no person writes more words in so short a text


def read(text: str) -> Reading:
    """Read a message, without what the person did not write and without the name below a closing formula."""
    return read_words(set_aside(text).words)


@lru_cache(maxsize=8)  # the same message is first read for keywords, then for the open question
def read_words(said: str) -> Reading:
    """Read the words of a person (`set_aside`)."""
    found = _words(said)
    if len(found) > _MOST_TOKENS:
        return Reading("", ())
    tokens = _in_their_language(found)
    return Reading(said, _without_signature(_with_phrases(_with_est(_whole(tokens)))))


# Words ---------------------------------------------------------------------------------------------------------------

_MONTHS = (
    "janvier|janv|f[ée]vrier|fev|mars|avril|mai|juin|juillet|juil|ao[uû]t|septembre|sept|octobre|oct|novembre|nov"
    "|d[ée]cembre|dec"
)
_WORD = re.compile(
    rf"""
    (?P<word> [^\W\d_\u4e00-\u9fff]{2}[\w\u0b80-\u0bff]* )  # most words; tried first, because that is quick
  | (?P<smiley> [:;=]'?-?[()DPp](?!\w) | <3 | \^\^ )
  | (?=\d) (?: (?P<TIME> \d{{1,2}}\s?(?:h|:)(?:\s?\d\d)?(?![^\W\d_])
            | \d{{1,2}}\s?heures?(?:\s?\d\d)?(?!\w)
            | \d+\s?(?:mns?|min|minutes?)(?!\w) )
  | (?P<FILLER> \d{{1,3}}\s?ans(?!\w) )  # an age
  | (?P<DATE> \d{{1,2}}[/.-]\d{{1,2}}(?:[/.-]\d{{2,4}})?(?!\w) | \d{{1,2}}(?:er)?\s(?:{_MONTHS})(?!\w) )
  | (?P<ORDINAL> \d+(?:\s?(?:er|[eéè]re|i?[eéè]me)s?|re|nde?|e|è)(?!\w) )
  | (?P<NUMBER> (?<!\w)\d+(?!\w) ) )
  | (?P<spelled> (?<!\w)(?:(?:[^\W\d_][ .-]+){{2,}}[^\W\d_]|o\.\s?k)(?!\w) )
  | (?P<short> [\u4e00-\u9fff] | [\w\u0b80-\u0bff]+ )
  | (?P<QUESTION> \?+ )
  | (?P<PERIOD> \n | [.!;…]+ )
  | (?P<COMMA> [,:()"«»–—|] | \s-\s )
  | (?P<sign> [^\s\w] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BY_NAME = dict(Concept.__members__)
_BETWEEN_LETTERS = re.compile(r"[ .-]+")
_NOT_SPELLED = frozenset({"nya", "lya", "yat", "jya", "cad", "yan", "yal"})  # "il n y a"


def _words(text: str) -> list[Token]:
    """The words and signs, one token for each."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        kind, written, (start, end) = match.lastgroup, match[0], match.span()
        if kind in ("word", "short"):
            found += [Token(part, concept, start, end) for part, concept in _said(written)]
        elif kind == "sign":
            if (concept := LEXICON.words.get(written)) is not None:
                found.append(Token(written, concept, start, end))
        elif kind == "spelled":
            found += _spelled(written, start, end)
        elif kind is not None and kind != "smiley":
            found.append(Token(written, _BY_NAME[kind], start, end))
    return found


def _spelled(written: str, start: int, end: int) -> Iterator[Token]:
    """The word in letters that are written one by one: "O U I"."""
    together = plain(_BETWEEN_LETTERS.sub("", written))
    if together not in _NOT_SPELLED:
        pieces = [(together, start, end)]
    else:
        letters = re.finditer(r"\w", written)
        pieces = [(plain(letter[0]), start + letter.start(), start + letter.end()) for letter in letters]
    for piece, first, last in pieces:
        yield from (Token(part, concept, first, last) for part, concept in _said(piece))


@lru_cache(maxsize=1 << 14)  # people use the same words
def _said(written: str) -> Sequence[tuple[str, Concept]]:
    """The words that one written word stands for, with their concepts."""
    word = plain(written)
    as_one = VOCABULARY.written_as_one
    said = as_one.get(written.lower()) or as_one.get(word)
    return [(part, LEXICON.concept(part) or Concept.UNKNOWN) for part in said.split()] if said else _parts(word)


def _parts(word: str) -> Sequence[tuple[str, Concept]]:
    for spelling in spellings(word):
        concept = LEXICON.concept(spelling)
        if concept is not None:
            return [(spelling, concept)]
    if word in LEXICON.in_phrases or word in KNOWN:
        return [(word, Concept.UNKNOWN)]
    return _elided(word) or _run_together(word) or [(word, _unknown(word))]


_SOUND_FROM = 4  # letters; shorter words are too close to one another


def _unknown(word: str) -> Concept:
    if is_almost_cancel(word):
        return Concept.ALMOST
    concept = LEXICON.by_sound(word) if len(word) >= _SOUND_FROM else None
    return _ONLY_ALIKE.get(concept, concept) if concept else Concept.UNKNOWN


_ONLY_ALIKE = dict.fromkeys(concepts("CANCEL ORDER CANCELLATION DROP"), Concept.ALMOST)


_ELIDED = ("qu", "l", "d", "n", "m", "s", "t", "c", "j")
_BEFORE_VERBS = "jnmstc"
_VERBS = concepts(
    "CAN WANT MUST GO SAY TELL DO BE HAVE HAD NEED TRY ATTEND CONFIRM KEEP DROP LEAVE CANCEL WILL REBOOK FREE GIVE "
    "REMOVE MOVE TROUBLE HEDGE ABSENT NOTED PICK"
)
_NEVER_ELIDED = concepts("YES NO OKAY AGREE INTRO HELLO")  # "Loui" is no "oui"
_VOWELS = "aeiouyh"


def _elided(word: str) -> list[tuple[str, Concept]]:
    """The parts of "jannule", "lannuler", "jpeux", "jlannule": a pronoun or article joined to a known word."""
    for prefix in _ELIDED:
        rest = word.removeprefix(prefix)
        if rest == word or len(rest) < len("ai"):
            continue
        concept = LEXICON.concept(rest)
        following = []
        if concept is None:
            following = _elided(rest) if prefix != "qu" and rest[0] in "lnm" else []
        elif prefix == "j" or rest[0] in _VOWELS:
            fits = concept in _VERBS if prefix in _BEFORE_VERBS else concept not in _NEVER_ELIDED
            following = [(rest, concept)] if fits else []
        if following:
            return [(prefix, LEXICON.words[prefix]), *following]
    return []


_RUN_TOGETHER_FROM = 9  # letters, except for words that begin with an answer or a word for cancelling
_LONGEST_WORD = 80
_LONGEST_PART = 14
_SMALL_WORDS = "j l d m n t s c je le la me ne de du au ce on ma un et tu te se"
_SMALL_PARTS = frozenset(_SMALL_WORDS.split())
_ANSWERS = ("oui", "ok", "non")
# A part with fewer letters has to be a small word: "ouille" and "nonne" do not begin with an answer.
_SHORTEST_REST = 3


def _run_together(word: str) -> list[tuple[str, Concept]]:
    """The fewest known words that make up "ouiannuler", "annulermonrdv", "jeneviendraipas"."""
    if len(word) > _LONGEST_WORD or (len(word) < _RUN_TOGETHER_FROM and not word.startswith((*_ANSWERS, "an"))):
        return []
    best: list[tuple[int, int] | None] = [(0, 0), *([None] * len(word))]  # by end: cost, where the last part begins
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _LONGEST_PART), end):
            before = best[start]
            if before is not None and _is_part(word, start, end):
                cost = before[0] + 1
                there = best[end]
                if there is None or cost < there[0]:
                    best[end] = cost, start
    parts: list[tuple[str, Concept]] = []
    end = len(word)
    while end:
        found = best[end]
        if found is None:
            return []
        part = word[found[1] : end]
        parts.append((part, LEXICON.concept(part) or Concept.UNKNOWN))
        end = found[1]
    return parts[::-1]


def _is_part(word: str, start: int, end: int) -> bool:
    part = word[start:end]
    if len(part) < _SHORTEST_REST and not (start == 0 and part in _ANSWERS):
        is_last = end == len(word)
        return part in _SMALL_PARTS and not is_last and (len(part) > 1 or word[end] in _VOWELS)
    return LEXICON.concept(part) is not None or part in LEXICON.in_phrases


def _in_their_language(tokens: list[Token]) -> list[Token]:
    """The tokens, with the concepts of other languages where they are found."""
    said = list(tokens)
    for found in reversed(list(spoken([token.word for token in tokens]))):
        pieces = tokens[found.start : found.end]
        word = " ".join([piece.word for piece in pieces])
        said[found.start : found.end] = [Token(word, found.concept, pieces[0].start, pieces[-1].end)]
    return said


_MOST_PIECES = 3
_BY_SHAPE = concepts("CANCEL ORDER WILL CANCELLATION APPOINTMENT")  # found by shape, so they are whole already
_ANSWERING = concepts("YES NO OKAY NE NOT")


def _whole(tokens: list[Token]) -> list[Token]:
    """The tokens, with words that were cut in pieces put together: "dé siste", "a nulé", "randé vous"."""
    is_strange = [not _sounding(token.word).is_listed and token.concept not in _BY_SHAPE for token in tokens]
    if True not in is_strange:
        return tokens
    may_be_piece = [token.word.isalpha() and token.concept not in _ANSWERING for token in tokens]
    whole: list[Token] = []
    index = 0
    while index < len(tokens):
        length = 1
        for several in range(_MOST_PIECES if may_be_piece[index] else 1, 1, -1):
            end = index + several
            if end <= len(tokens) and True in is_strange[index:end] and False not in may_be_piece[index:end]:
                pieces = tokens[index:end]
                together = tuple([piece.word for piece in pieces])
                if (concept := LEXICON.together(together)) is not None:
                    length = several
                    concept = _ONLY_ALIKE.get(concept, concept)
                    whole.append(Token("".join(together), concept, pieces[0].start, pieces[-1].end))
                    break
        if length == 1:
            whole.append(tokens[index])
        index += length
    return whole


def _with_est(tokens: list[Token]) -> list[Token]:
    """The tokens, with "c bon" read as "c'est bon"."""
    said: list[Token] = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=False):
        said.append(token)
        if token.word == "c" and after is not None and after.concept is not Concept.BE:
            said.append(Token("est", Concept.BE, token.start, token.end))
    return said


def _with_phrases(tokens: list[Token]) -> list[Token]:
    """The tokens, with fixed phrases put together, the longest possible ones."""
    found = [_sounding(token.word) for token in tokens]
    words, ears, sounds = [token.word for token in tokens], [one.ear for one in found], [one.heard for one in found]
    put_together: list[Token] = []
    index = 0
    while index < len(tokens):
        phrase = LEXICON.phrase_at(words, ears, sounds, index) if found[index].may_begin_phrase else None
        if phrase is None:
            put_together.append(tokens[index])
            index += 1
        else:
            length, concept = phrase
            first, last = tokens[index], tokens[index + length - 1]
            put_together.append(Token(" ".join(ears[index : index + length]), concept, first.start, last.end))
            index += length
    return put_together


class _Sounding(NamedTuple):
    """What `lexicon` knows of a word, looked up once."""

    ear: str
    heard: str
    may_begin_phrase: bool
    is_listed: bool


@lru_cache(maxsize=1 << 14)  # people use the same words
def _sounding(word: str) -> _Sounding:
    as_heard, by_sound = by_ear(word), heard(word)
    return _Sounding(as_heard, by_sound, LEXICON.may_begin_phrase(as_heard, by_sound), LEXICON.is_listed(word))


# Signatures ----------------------------------------------------------------------------------------------------------

_OF_A_SIGNATURE = concepts("UNKNOWN HELLO POLITE OF THE I THANKS CLOSING YOU MY PERIOD COMMA FAMILY ORDINARY FILLER")
_LONGEST_SIGNATURE = 8


def _without_signature(tokens: list[Token]) -> tuple[Token, ...]:
    """The tokens without the name after a closing formula: "Cordialement, Hubert de Montclar"."""
    closings = [index for index, token in enumerate(tokens) if token.concept is Concept.CLOSING]
    if closings:
        after = tokens[closings[-1] + 1 :]
        if len(after) <= _LONGEST_SIGNATURE and all(token.concept in _OF_A_SIGNATURE for token in after):
            return tuple(tokens[: closings[-1] + 1])
    return tuple(tokens)


_LONGEST_NAME = 3
_TITLES = frozenset({"mme", "mr", "mlle", "madame", "monsieur", "mademoiselle"})
_PAUSES = concepts("PERIOD COMMA")
_BEFORE_A_NAME = concepts("PERIOD COMMA THANKS PLEASE POLITE YES")


def without_name_below(reading: Reading) -> Reading:
    """A reading without the name below the message: "Oui\\nSophie Dupont", "Oui (Marguerite)", "Oui Mme Pelletier".

    A name is a capital and small letters, on its own line, or after a comma or a title. After a full stop, where every
    word has a capital, two such words are needed.
    """
    end = len(reading.tokens)
    while end and (reading.tokens[end - 1].concept in _PAUSES or reading.tokens[end - 1].word[0].isdigit()):
        end -= 1  # an age as well: "(Marguerite, 91 ans)"
    start = end
    while start and end - start < _LONGEST_NAME and _is_written_as_name(reading.tokens[start - 1], reading.text):
        start -= 1
    if start in (0, end):
        return reading
    if reading.tokens[start - 1].word in _TITLES:
        while start and reading.tokens[start - 1].concept is Concept.HELLO:
            start -= 1
        is_below = start > 0 and reading.tokens[start - 1].concept in _BEFORE_A_NAME
    else:
        before = reading.tokens[start - 1]
        is_below = before.word == "\n" or before.concept is Concept.COMMA or (before.word == "." and end - start > 1)
    return Reading(reading.text, reading.tokens[:start]) if is_below else reading


def _is_written_as_name(token: Token, text: str) -> bool:
    written = text[token.start : token.end]
    return token.concept is Concept.UNKNOWN and written.istitle()
