"""The kinds of values in requests: how each is read, what is refused, and how OpenAPI describes it."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from smsbot import phone_numbers
from smsbot.inbox.answering import MOST_SEGMENTS, Draft
from smsbot.inbox.ready_answers import left_open
from smsbot.messages.sms import MOST_WORD_SEPTETS, excess_of_word
from smsbot.sources import texts, times
from smsbot.subscriptions.webhook_signature import signing_key

_LONGEST_TELEPHONE = 40


def checked_identifier(value: object) -> str:
    """An id at a source, as a text. `value` is a text or a number. Raises ValueError for anything else."""
    identifier = texts.identifier(value)
    if identifier is None or (isinstance(value, str) and identifier != value):
        raise ValueError(f"is neither a number nor one line of text of {texts.LONGEST_IDENTIFIER} characters at most")
    return identifier


def checked_phone(value: str) -> str:
    """A telephone number in E.164, from any spelling. Raises ValueError if it is not one."""
    number = phone_numbers.normalise(value)
    if number is None:
        raise ValueError("is not a telephone number, of France with its overseas territories or with + and a prefix")
    return number


def _email(value: str) -> str:
    address = texts.email(value)
    if address is None:
        raise ValueError("is not an e-mail address")
    return address


def _time_zone(value: str) -> str:
    if times.zone(value) is None:
        raise ValueError("is not a time zone of the IANA database, such as Indian/Reunion")
    return value


def described(*formats: str, **more: Any) -> WithJsonSchema:
    """Describes a text in one of these formats."""
    texts_of = [{"type": "string", "format": each} for each in formats]
    return WithJsonSchema({**(texts_of[0] if len(texts_of) == 1 else {"anyOf": texts_of}), **more})


IDENTIFIER_SCHEMA = {"type": "string", "minLength": 1, "maxLength": texts.LONGEST_IDENTIFIER}

Identifier = Annotated[
    str, BeforeValidator(checked_identifier), WithJsonSchema({"anyOf": [IDENTIFIER_SCHEMA, {"type": "integer"}]})
]
"""An id at a source. A number is kept as a text."""

Instant = Annotated[datetime, BeforeValidator(times.instant), described("date-time")]
"""A point in time, with its offset from UTC."""

Phone = Annotated[str, AfterValidator(checked_phone), described("phone", examples=["06 12 34 56 78"])]
"""A telephone number in any spelling. It is kept as E.164."""

Email = Annotated[str, AfterValidator(_email), described("email")]

ZoneName = Annotated[str, AfterValidator(_time_zone), described("time-zone", examples=["Indian/Reunion"])]

PersonName = Annotated[str, StringConstraints(max_length=texts.LONGEST_NAME), AfterValidator(texts.name)]

OneLine = Annotated[str, StringConstraints(max_length=texts.LONGEST_LINE), AfterValidator(texts.line)]
"""A text on one line. Spaces and line breaks in a row become one space, and a blank text becomes None."""

ToldTelephone = Annotated[str, StringConstraints(max_length=_LONGEST_TELEPHONE), AfterValidator(texts.line)]
"""A telephone number that people are told exactly as it is written here. It may be a short one (39xx)."""


def _word(value: str) -> str | None:
    word = texts.line(value)
    if word and (excess := excess_of_word(word)):
        raise ValueError(f"is {excess} characters too long for an SMS (some characters count twice)")
    return word


Word = Annotated[str, StringConstraints(max_length=MOST_WORD_SEPTETS), AfterValidator(_word)]
"""The agent's own words to an usager. They are never cut."""


def _without_nul(value: object) -> object:
    return value.replace("\0", "") if isinstance(value, str) else value


WithoutNul = BeforeValidator(_without_nul)
"""Removes NUL from a text of several lines, because PostgreSQL cannot store it. The console's forms do the same."""


def _sendable(value: str) -> str:
    draft = Draft.of(value)
    if not draft.sms:
        raise ValueError("has nothing in it that an SMS can carry")
    if draft.excess:
        raise ValueError(f"is {draft.excess} characters too long: {MOST_SEGMENTS} segments of an SMS at most")
    if left_open(value):
        raise ValueError("still has a placeholder of a ready answer in it")
    return value


SendableText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    WithoutNul,
    AfterValidator(_sendable),
]
"""An answer that an SMS can carry."""


def _webhook_secret(value: str) -> str:
    signing_key(value)
    return value


WebhookSecret = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(_webhook_secret),
    described("webhook-secret", examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]),
]
"""A secret of the Standard Webhooks specification: whsec_, then 24 to 64 bytes in base64."""


_HOUR_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"


def _hour(value: object) -> time | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(_HOUR_PATTERN, value):
        raise ValueError("is not an hour such as 14:30")
    return time.fromisoformat(value)


def _day(value: object) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("is not a day such as 2026-12-01")
    return date.fromisoformat(value)


LocalDay = Annotated[date, BeforeValidator(_day), described("date")]

LocalHour = Annotated[
    time | None,
    BeforeValidator(_hour),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^{_HOUR_PATTERN}$"}, {"type": "null"}]}),
]
"""A local time such as 14:30, or None."""
