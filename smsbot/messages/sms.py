"""Every SMS that the bot writes, from a template in `templates/sms/`: in GSM-7, and in few segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from smsbot.messages import fitting
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments, septets
from smsbot.problem import Problem

LEAST_KEPT = 24
"""A name is never cut below this many septets while a second segment is allowed."""

MOST_NOTIFICATION_SEGMENTS = 2

MOST_SEGMENTS_WITH_A_WORD = 4
"""The same for a notification with an agent's word, which is never cut: room for `MOST_WORD_SEPTETS`."""

MOST_WORD_SEPTETS = 300
"""The longest word that an agent may add to a notification."""


def excess_of_word(word: str) -> int:
    """By how many septets the word that an agent adds is too long; 0 where it fits."""
    return max(-_left(word), 0)


def room_of_word(word: str) -> int:
    """How many septets more it may have; 0 where it is too long."""
    return max(_left(word), 0)


def _left(word: str) -> int:
    return MOST_WORD_SEPTETS - septets(fitting.told_words(word))


class SmsTooLongError(Problem):
    """The text does not fit, though everything that may be shortened was: a link or a template is far too long."""


@dataclass(frozen=True, slots=True)
class Sms:
    """The text of one SMS: GSM-7, sent and billed as `segments`."""

    body: str
    segments: int


class SmsTexts:
    """The SMS of `templates/sms/`, read and compiled once."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._templates = {
            name.removeprefix("sms/").removesuffix(".txt"): environment.get_template(name)
            for name in environment.list_templates()
            if name.startswith("sms/") and not name.startswith("sms/_")
        }
        for template in self._templates.values():
            template.globals = dict(template.globals)  # a ChainMap, which is copied slowly at each rendering

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._templates)

    def write(self, name: str, values: Mapping[str, object], *, most_segments: int = 1) -> Sms:
        """Render the template `name` with `values`, in at most `most_segments` segments.

        Names are shortened to fit, but where a second segment is allowed it is used before a name becomes hard to
        recognise. Raises `KeyError` for a name that is no template, `jinja2.UndefinedError` for a value that is
        missing, `SmsTooLongError` where what may not be shortened does not fit.
        """
        parts = tuple(fitting.pieces(self._templates[name].render(values).strip()))
        for count in range(1, most_segments + 1):
            least = LEAST_KEPT if count < most_segments else 0
            body = fitting.fit(parts, _capacity(count), least=least)
            if body is not None:
                return Sms(body, count if count == 1 else segments(body))
        raise SmsTooLongError(f"the SMS {name!r} cannot be told in {most_segments} segment(s): shorten its template")


def _capacity(count: int) -> int:
    """Septets that always fit in `count` segments. A sign of two septets is never split, which may waste one each."""
    return SEPTETS_ALONE if count == 1 else count * SEPTETS_JOINED - (count - 1)
