"""Every SMS the bot writes: a template of `templates/sms/`, in GSM-7, in as few segments as it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from smsbot.messages import fitting
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments

LEAST_KEPT = 24
"""Septets of a name that are kept even where a second segment would then be needed and is allowed."""

MOST_NOTIFICATION_SEGMENTS = 2


class SmsTooLongError(ValueError):
    """What may not be shortened is longer than the segments allowed: a link or a template of several hundred signs."""


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

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._templates)

    def write(self, name: str, values: Mapping[str, object], *, most_segments: int = 1) -> Sms:
        """The SMS `name` told of `values`, in at most `most_segments`.

        Names are shortened to fit, but a second segment is taken, where allowed, rather than make them hard to
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
    """Septets that surely fit in `count` segments: a sign of two may leave the last septet of each but one unused."""
    return SEPTETS_ALONE if count == 1 else count * SEPTETS_JOINED - (count - 1)
