"""The typing errors ("slips") for "oui" and "non" on a telephone's keyboard.

A slip is a neighbouring key, hit instead of the right one or together with it; two letters swapped; or a digit that
looks like the letter. All slips are computed from the keyboard's layout at import. A word that is only similar is no
slip.
Slips count only as the answer to a yes-or-no question, because elsewhere they may be the letters of a name. The same is
true for the short words of other languages.
"""

from __future__ import annotations

from collections.abc import Iterator

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.spelling import spellings
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token

_ROWS = ("azertyuiop", "qsdfghjklm", "  wxcvbn  ")  # AZERTY on telephones, where the keys stand in columns
_LOOKS_LIKE = {"o": "0", "i": "1l"}


def _neighbours(letter: str) -> set[str]:
    (row,) = (index for index, keys in enumerate(_ROWS) if letter in keys)
    column = _ROWS[row].index(letter)
    near = "".join(keys[max(column - 1, 0) : column + 2] for keys in _ROWS[max(row - 1, 0) : row + 2])
    return set(near) - {letter, " "}


def _slips(word: str) -> Iterator[str]:
    for index, letter in enumerate(word):
        before, after = word[:index], word[index + 1 :]
        for near in _neighbours(letter):
            yield from (before + near + after, before + near + letter + after, before + letter + near + after)
        for sign in _LOOKS_LIKE.get(letter, ""):
            yield before + sign + after
        if after:
            yield before + after[0] + letter + after[1:]


# Slips that are words or names themselves ("lui", "moui"), or that may be both a yes and a no.
_WORDS_LIKE_YES = frozenset({"lui", "moui", "loui", "koui", "ouil", "ouk", "ouu", "oul", "ohi", "mui", "ouoi"})
_WORDS_LIKE_NO = frozenset({"bon", "nom"})  # a wrong no only keeps the appointment

SLIPS_OF_YES = frozenset({*_slips("oui"), "0u1"}) - _WORDS_LIKE_YES - {"oui"}
SLIPS_OF_NO = frozenset(_slips("non")) - _WORDS_LIKE_NO - {"non"}

_ANSWERS = {
    **dict.fromkeys(SLIPS_OF_NO, Concept.NO),
    **dict.fromkeys(SLIPS_OF_YES, Concept.YES),
    **{entry.text: entry.concept for entry in VOCABULARY.in_an_answer},
}
_AROUND_AN_ANSWER = concepts("HELLO PLEASE THANKS POLITE CLOSING COMMA PERIOD")


def in_an_answer(reading: Reading) -> Reading:
    """The reading of an answer to a yes-or-no question, with slips and short words of other languages understood."""
    said = tuple([_answering(token) for token in reading.tokens])
    for index, token in enumerate(said):
        after = said[index + 1 : index + 2]
        if (
            token.word == "si"
            and after
            and all(next_.word == "si" or next_.concept in _AROUND_AN_ANSWER for next_ in after)
        ):
            # "sí, gracias": no condition of anything
            said = (*said[:index], token._replace(concept=Concept.YES), *said[index + 1 :])
        elif token.concept not in _AROUND_AN_ANSWER:
            break
    return Reading(reading.text, said)


def _answering(token: Token) -> Token:
    if token.concept is not Concept.UNKNOWN:
        return token
    for spelling in spellings(token.word):
        if (concept := _ANSWERS.get(spelling)) is not None:
            return token._replace(concept=concept)
    return token
