"""Every SMS that the bot writes, from a template in `templates/sms/`: in GSM-7, and in few segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from smsbot.made_often import made_often
from smsbot.messages import fitting
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments, septets
from smsbot.problem import Problem

LEAST_KEPT = 24
"""A name is never cut below this many septets while a second segment is allowed."""

LEAST_IN_SHORT = 12
"""The same for a reminder that would need a second segment otherwise."""

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


@made_often
@dataclass(frozen=True, slots=True)
class Sms:
    """The text of one SMS: GSM-7, sent and billed as `segments`."""

    body: str
    segments: int


class SmsTexts:
    """The SMS of `templates/sms/`, read and compiled once."""

    def __init__(self, environment: jinja2.Environment) -> None:
        found = {
            name.removeprefix("sms/").removesuffix(".txt"): environment.get_template(name)
            for name in environment.list_templates()
            if name.startswith("sms/")
        }
        for template in found.values():
            # A ChainMap, which is slow to copy at each rendering, and slow to compare at each import of macros.
            template.globals = dict(template.globals)
        self._templates = {name: template for name, template in found.items() if not name.startswith("_")}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._templates)

    def write(self, name: str, values: Mapping[str, object], *, most_segments: int = 1) -> Sms:
        """Render the template `name` with `values`, in at most `most_segments` segments.

        Names are shortened to fit, but where a second segment is allowed it is used before a name becomes hard to
        recognise. Raises `KeyError` for a name that is no template, `jinja2.UndefinedError` for a value that is
        missing, `SmsTooLongError` where what may not be shortened does not fit.
        """
        parts = self._parts(name, values)
        for count in range(1, most_segments + 1):
            least = LEAST_KEPT if count < most_segments else 0
            body = fitting.fit(parts, _capacity(count), least=least)
            if body is not None:
                return Sms(body, count if count == 1 else segments(body))
        raise SmsTooLongError(f"the SMS {name!r} cannot be told in {most_segments} segment(s): shorten its template")

    def write_in_one(self, name: str, values: Mapping[str, object], *, least: int = LEAST_KEPT) -> Sms | None:
        """The same in one segment, with no name cut below `least` septets; None where that is not enough."""
        body = fitting.fit(self._parts(name, values), SEPTETS_ALONE, least=least)
        return None if body is None else Sms(body, 1)

    def write_reminder(self, values: Mapping[str, object], *, asks: bool) -> Sms:
        """A reminder, in one segment where any of its texts fits in one.

        Before a second segment is bought, in this order: names are shortened, down to `LEAST_KEPT`; the date and the
        words around it are told in short; names are shortened down to `LEAST_IN_SHORT`; the link is left out, where the
        reminder can be answered by ANNULER. `asks` says that "JE VIENS" is asked for, where there is room for that.
        """
        in_short = {**values, "link": None} if values["two_way"] else values
        found = (
            (self.write_in_one("reminder_asking", values) if asks else None)
            or self.write_in_one("reminder", values)
            or self.write_in_one("reminder_short", values)
            or self.write_in_one("reminder_short", values, least=LEAST_IN_SHORT)
            or self.write_in_one("reminder_short", in_short, least=LEAST_IN_SHORT)
        )
        return found or self.write("reminder", values, most_segments=MOST_NOTIFICATION_SEGMENTS)

    def _parts(self, name: str, values: Mapping[str, object]) -> tuple[fitting.Piece, ...]:
        return tuple(fitting.pieces(self._templates[name].render(values).strip()))


def _capacity(count: int) -> int:
    """Septets that always fit in `count` segments. A sign of two septets is never split, which may waste one each."""
    return SEPTETS_ALONE if count == 1 else count * SEPTETS_JOINED - (count - 1)
