"""Shows how a message is read in one situation and why, line by line, for developers (`smsbot understand`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from smsbot.problem import Problem
from smsbot.rules.letters import Names
from smsbot.understanding.choice import read_choice
from smsbot.understanding.concepts import Concept
from smsbot.understanding.confirmation import ANSWERS, confirmation_evidence, read_confirmation
from smsbot.understanding.given_at_once import named_at_once
from smsbot.understanding.grammar import row, spelled
from smsbot.understanding.keywords import read_keyword
from smsbot.understanding.letters_given import read_letters
from smsbot.understanding.moments import Asked, named, with_something_else
from smsbot.understanding.opening import REQUESTS, Opening, opening_evidence, read_opening
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.topics import read_topic
from smsbot.understanding.weights import Evidence, Weights
from smsbot.understanding.words import Reading, read

_REASONS = 6  # how many features are shown


class Question(StrEnum):
    """Which question is open; NONE where nothing was asked."""

    NONE = "none"
    LETTERS = "letters"
    CHOICE = "choice"
    CONFIRMATION = "confirmation"


class AppointmentProblem(Problem):
    """The text is no appointment that `parse_appointment` can read."""


_WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_WHEN = re.compile(
    rf"(?:(?P<weekday>{'|'.join(_WEEKDAYS)})|(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})(?:/(?P<year>\d{{4}}))?)"
    r" (?:à )?(?P<hour>\d{1,2})[h:](?P<minute>\d\d)?",
    re.IGNORECASE,
)
_A_YEAR = 366  # days


def parse_appointment(said: str, today: date) -> Asked:
    """Read an appointment such as "lundi 14h30, Mairie du 1er, Léo": when, then perhaps the place, then first names.

    The day is a weekday, 24/11 or 24/11/2025. Without a year it is the first such day after `today`. The time zone is
    Europe/Paris. Raises AppointmentProblem.
    """
    when, *others = [part.strip() for part in said.split(",")]
    match = _WHEN.fullmatch(when)
    coming = (today + timedelta(days=ahead) for ahead in range(1, _A_YEAR + 1))
    try:
        if match is None:
            raise ValueError
        if match["year"]:
            day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        elif match["weekday"]:
            day = next(one for one in coming if _WEEKDAYS[one.weekday()] == match["weekday"].lower())
        else:
            day = next(one for one in coming if (one.day, one.month) == (int(match["day"]), int(match["month"])))
        starts_at = datetime(
            day.year, day.month, day.day, int(match["hour"]), int(match["minute"] or 0), tzinfo=ZoneInfo("Europe/Paris")
        )
    except (ValueError, StopIteration):
        raise AppointmentProblem(
            f"{said!r} is no appointment: write it like 'lundi 14h30, Mairie du 1er, Léo' or '24/11/2025 14h30'."
        ) from None
    place = others[0] if others and others[0] else None
    return Asked(starts_at, today, place, tuple(others[1:]))


def explain(
    text: str, question: Question = Question.NONE, names: Sequence[Names] = (), coming: Sequence[Asked] = ()
) -> Iterator[str]:
    """The lines that explain how `text` is read when `question` is open.

    `names` are the names on record, for the letters. `coming` are the coming appointments. In a confirmation the first
    of them is the one that was asked about.
    """
    message = set_aside(text)
    for aside in message.aside:
        yield f"set aside   {aside.kind.value}: {aside.text!r}"
    for number, one in enumerate(coming, start=1):
        yield f"appointment {number} {_told(one)}"
    reading = named(read(text), coming)
    yield f"words       {_words(reading)}"
    yield f"settled     {' '.join(spelled(row(reading)))}"
    keyword = read_keyword(text)
    if keyword is not None:
        yield f"keyword     {keyword.value.upper()}: comes before any question"
    yield from _EXPLAINED[question](text, reading, names, coming)


def _told(one: Asked) -> str:
    """An appointment as `parse_appointment` reads it."""
    return ", ".join([f"{one.starts_at:%d/%m/%Y %H:%M}", *filter(None, [one.place]), *one.first_names])


def _words(reading: Reading) -> str:
    return "  ".join(
        token.word.strip() or "↵"
        if token.concept is Concept.UNKNOWN
        else f"{token.word.strip() or '↵'}={token.concept.name}"
        for token in reading.tokens
    )


def _no_question(text: str, reading: Reading, _: Sequence[Names], coming: Sequence[Asked]) -> Iterator[str]:
    opening = read_opening(text, coming)
    yield from _weighed(opening_evidence(reading), REQUESTS, "a request")
    letters = f", with the letters {opening.letters!r}" if opening.letters else ""
    yield f"reading     {opening.meaning.value}{letters}"
    if opening.meaning is Opening.CANCEL and (which := named_at_once(text, coming)):
        yield f"names       {', '.join(str(place + 1) for place in sorted(which))}"
    yield f"topic       {read_topic(text, coming).value}"


def _letters(text: str, _: Reading, names: Sequence[Names], __: Sequence[Asked]) -> Iterator[str]:
    yield f"reading     {read_letters(text, names).kind.value}" + ("" if names else " (no name on record was given)")


def _choice(text: str, _: Reading, __: Sequence[Names], coming: Sequence[Asked]) -> Iterator[str]:
    choice = read_choice(text, coming)
    number = "" if choice.number is None else f" {choice.number}"
    yield f"reading     {choice.meaning.value}{number}" + ("" if coming else " (no list was given)")


def _confirmation(text: str, reading: Reading, _: Sequence[Names], coming: Sequence[Asked]) -> Iterator[str]:
    yield from _weighed(confirmation_evidence(with_something_else(reading)), ANSWERS, "a yes")
    asked = coming[0] if coming else None
    yield f"reading     {read_confirmation(text, asked, beside=coming[1:]).value}"


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
