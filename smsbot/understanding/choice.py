"""Choosing from a numbered list: one number, SUITE for more, or none of them. Whatever is not plain is asked again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from smsbot.understanding.concepts import Concept
from smsbot.understanding.confirmation import Answer, answer_of
from smsbot.understanding.grammar import grammar, row
from smsbot.understanding.slips import in_an_answer
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token, read


class Choice(StrEnum):
    """What a message does with the list."""

    NUMBER = "number"
    MORE = "more"
    NO = "no"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChoiceReading:
    """A meaning and, with NUMBER, the number; it may lie outside the list."""

    meaning: Choice
    number: int | None = None


def read_choice(text: str) -> ChoiceReading:
    """Read the answer to a numbered list."""
    reading = in_an_answer(read(text))
    names = row(reading)
    numbers = {number for token in reading.tokens if (number := _number(token)) is not None}
    if numbers and _CHOOSES.search(names) and not _COUNTS_PEOPLE.search(names):
        if len(numbers) == 1 and not _is_plural(reading):
            return ChoiceReading(Choice.NUMBER, numbers.pop())
        return ChoiceReading(Choice.OTHER)
    if _DECLINES.search(names) or (not numbers and answer_of(names) is Answer.NO):
        return ChoiceReading(Choice.NO)
    if _WANTS_MORE.search(names):
        return ChoiceReading(Choice.MORE)
    return ChoiceReading(Choice.OTHER)


_BESIDE = "around|POLITEIF|FILLER|AND|YES|OKAY|AGREE|VALIDATE|FINE|saying|I|YOU|WANT|THE"
_CHOOSES = grammar(
    rf"^ ({_BESIDE}|NUMBER|ORDINAL|COUNT|ONE|PICK|LIST|THIS|MY|OF|A|FOR|TO|BE|MUST|GO|CANYOU|DO|THAT|CAUSE|CONFIRM"
    r"|CANCEL|ORDER|CANCELLATION|REMOVE|APPOINTMENT|absent|TROUBLE)* $"
)
_COUNTS_PEOPLE = grammar(r"I BE|ONE APPOINTMENT")  # "on sera 2", "un rdv"
_DECLINES = grammar(
    rf"NONE|^ ({_BESIDE})* LETGO ({_BESIDE})* $|^ ({_BESIDE}|NO|FINALLY)* NOT+ ({_BESIDE}|ALL|OF|THIS|FINALLY)* $"
)
_WANTS_MORE = grammar(
    rf"^ ({_BESIDE}|A|OF|APPOINTMENT|THEY|HAVE|CANYOU|SHOW|LIST|TO|WHETHER)* (MORE|OTHERS|SOMEONE|NOMORE)"
    rf" ({_BESIDE}|OF|APPOINTMENT|MORE|LIST|QUESTION|A|HAVE)* $"
)


def _number(token: Token) -> int | None:
    if token.concept in (Concept.NUMBER, Concept.ORDINAL):
        digits = _DIGITS.match(token.word)
        return int(digits[0]) if digits else VOCABULARY.numbers.get(token.word)
    if token.concept in (Concept.COUNT, Concept.ONE):
        return VOCABULARY.numbers.get(token.word)
    return None


_DIGITS = re.compile(r"\d{1,9}")


def _is_plural(reading: Reading) -> bool:
    """ "les deux", "les 2 premiers": more than one of them."""
    return any(token.word == "les" for token in reading.tokens)
