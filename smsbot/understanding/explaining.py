"""How a message is read in one situation, and why, told line by line for whoever maintains the readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from smsbot.rules.letters import Names
from smsbot.understanding.choice import read_choice
from smsbot.understanding.concepts import Concept
from smsbot.understanding.confirmation import ANSWERS, confirmation_evidence, read_confirmation
from smsbot.understanding.grammar import row, spelled
from smsbot.understanding.keywords import read_keyword
from smsbot.understanding.letters_given import read_letters
from smsbot.understanding.opening import REQUESTS, opening_evidence, read_opening
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.topics import read_topic
from smsbot.understanding.weights import Evidence, Weights
from smsbot.understanding.words import Reading, read

_REASONS = 6  # features told


class Question(StrEnum):
    """Which question is open; NONE where nothing was asked."""

    NONE = "none"
    LETTERS = "letters"
    CHOICE = "choice"
    CONFIRMATION = "confirmation"


def explain(text: str, question: Question = Question.NONE, names: Sequence[Names] = ()) -> Iterator[str]:
    """The lines; `names` are those on record, for the letters."""
    message = set_aside(text)
    for aside in message.aside:
        yield f"set aside   {aside.kind.value}: {aside.text!r}"
    reading = read(text)
    yield f"words       {_words(reading)}"
    yield f"settled     {' '.join(spelled(row(reading)))}"
    keyword = read_keyword(text)
    if keyword is not None:
        yield f"keyword     {keyword.value.upper()}: comes before any question"
    yield from _EXPLAINED[question](text, reading, names)


def _words(reading: Reading) -> str:
    return "  ".join(
        token.word.strip() or "↵"
        if token.concept is Concept.UNKNOWN
        else f"{token.word.strip() or '↵'}={token.concept.name}"
        for token in reading.tokens
    )


def _no_question(text: str, reading: Reading, _: Sequence[Names]) -> Iterator[str]:
    opening = read_opening(text)
    yield from _weighed(opening_evidence(reading), REQUESTS, "a request")
    letters = f", with the letters {opening.letters!r}" if opening.letters else ""
    yield f"reading     {opening.meaning.value}{letters}"
    yield f"topic       {read_topic(text).value}"


def _letters(text: str, _: Reading, names: Sequence[Names]) -> Iterator[str]:
    yield f"reading     {read_letters(text, names).kind.value}" + ("" if names else " (no name on record was given)")


def _choice(text: str, _: Reading, __: Sequence[Names]) -> Iterator[str]:
    choice = read_choice(text)
    yield f"reading     {choice.meaning.value}" + ("" if choice.number is None else f" {choice.number}")


def _confirmation(text: str, reading: Reading, _: Sequence[Names]) -> Iterator[str]:
    yield from _weighed(confirmation_evidence(reading), ANSWERS, "a yes")
    yield f"reading     {read_confirmation(text).value}"


def _weighed(evidence: Evidence, weights: Weights, what: str) -> Iterator[str]:
    yield f"rules       {', '.join(evidence.signs) or 'none agrees'}"
    yield f"likely      {weights.likelihood(evidence):.2f} to be {what}"
    for feature, weight in weights.reasons(evidence)[:_REASONS]:
        yield f"            {weight / 1000:+.1f}  {feature or 'always'}"


_EXPLAINED = {
    Question.NONE: _no_question,
    Question.LETTERS: _letters,
    Question.CHOICE: _choice,
    Question.CONFIRMATION: _confirmation,
}
