"""Writes every SMS of the bot from a template in `templates/sms/`: in GSM-7, and in few segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from smsbot.made_often import made_often
from smsbot.messages import fitting
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments, septets
from smsbot.problem import Problem

LEAST_KEPT = 24
"""While a second segment is allowed, no name is cut below this many septets."""

LEAST_IN_SHORT = 12
"""The same for a reminder that would otherwise need a second segment."""

MOST_NOTIFICATION_SEGMENTS = 2

MOST_SEGMENTS_WITH_A_WORD = 4
"""The most segments of a notification with an agent's word, which is never cut: enough for `MOST_WORD_SEPTETS`."""

MOST_WORD_SEPTETS = 300
"""The longest word that an agent may add to a notification."""


def excess_of_word(word: str) -> int:
    """By how many septets the word that an agent adds is too long; 0 if it fits."""
    return max(-_left(word), 0)


def room_of_word(word: str) -> int:
    """How many more septets the word may have; 0 if it is too long already."""
    return max(_left(word), 0)


def _left(word: str) -> int:
    return MOST_WORD_SEPTETS - septets(fitting.told_words(word))


class SmsTooLongError(Problem):
    """The text does not fit, although all names were shortened: a link or a template is far too long."""


@made_often
@dataclass(frozen=True, slots=True)
class Sms:
    """The text of one SMS: in GSM-7, sent and billed as `segments`."""

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
            # jinja2's own is a ChainMap: slow to copy at each rendering, and slow to compare at each import of macros.
            template.globals = dict(template.globals)
        self._templates = {name: template for name, template in found.items() if not name.startswith("_")}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._templates)

    def write(self, name: str, values: Mapping[str, object], *, most_segments: int = 1) -> Sms:
        """Render the template `name` with `values`, in at most `most_segments` segments.

        Names are shortened to fit. If a second segment is allowed, it is used before a name becomes hard to recognise.
        Raises `KeyError` if there is no such template, `jinja2.UndefinedError` if a value is missing, and
        `SmsTooLongError` if the text does not fit although all names were shortened.
        """
        parts = self._parts(name, values)
        for count in range(1, most_segments + 1):
            least = LEAST_KEPT if count < most_segments else 0
            body = fitting.fit(parts, _capacity(count), least=least)
            if body is not None:
                return Sms(body, count if count == 1 else segments(body))
        raise SmsTooLongError(f"the SMS {name!r} does not fit in {most_segments} segment(s): shorten its template")

    def write_in_one(self, name: str, values: Mapping[str, object], *, least: int = LEAST_KEPT) -> Sms | None:
        """`write` in one segment, without cutting a name below `least` septets; None if the text does not fit then."""
        body = fitting.fit(self._parts(name, values), SEPTETS_ALONE, least=least)
        return None if body is None else Sms(body, 1)

    def write_reminder(self, values: Mapping[str, object], *, asks: bool) -> Sms:
        """A reminder, in one segment if one of its texts fits in one.

        These are tried in turn before a second segment is used: names are shortened down to `LEAST_KEPT`; the date and
        the words around it are shortened; names are shortened down to `LEAST_IN_SHORT`; the link is omitted if the
        usager can answer ANNULER. With `asks`, the reminder also asks for "JE VIENS" if there is room.
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
    """Septets that always fit in `count` segments. A character of two septets is never split, which may waste one."""
    return SEPTETS_ALONE if count == 1 else count * SEPTETS_JOINED - (count - 1)
