"""The kinds of values in requests: how each is read, what is refused, and how OpenAPI describes it."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.sources import phone_numbers, texts, times

_LONGEST_TELEPHONE = 40
_LONGEST_WORD = 160

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNESCAPED_PLUS = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)")


def _identifier(value: object) -> str:
    identifier = texts.identifier(value)
    if identifier is None or (isinstance(value, str) and identifier != value):
        raise ValueError(f"is neither a number nor one line of text of {texts.LONGEST_IDENTIFIER} characters at most")
    return identifier


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("is not a date and time such as 2025-01-15T10:00:00+01:00")
    return times.instant(value)


def _first_instant(value: str) -> datetime:
    return _queried_instant(value, days_later=0)


def _last_instant(value: str) -> datetime:
    return _queried_instant(value, days_later=1)


def _queried_instant(value: str, days_later: int) -> datetime:
    if not _DAY.fullmatch(value):
        return times.instant(_UNESCAPED_PLUS.sub("+", value))
    try:
        day = date.fromisoformat(value) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        raise ValueError("is not a day of the calendar") from None
    return times.instant(datetime.combine(day, time(), ZoneInfo(DEFAULT_TIME_ZONE)).isoformat())


def _phone(value: str) -> str:
    number = phone_numbers.normalise(value)
    if number is None:
        raise ValueError("is not a telephone number, of France with its overseas territories or with + and a prefix")
    return number


def _queried_phone(value: str) -> str:
    return _phone(f"+{value[1:]}" if value.startswith(" ") else value)


def _email(value: str) -> str:
    address = texts.email(value)
    if address is None:
        raise ValueError("is not an e-mail address")
    return address


def _time_zone(value: str) -> str:
    if times.zone(value) is None:
        raise ValueError("is not a time zone of the IANA database, such as Indian/Reunion")
    return value


def _described(*formats: str, **more: Any) -> WithJsonSchema:
    """A text in one of these formats."""
    texts_of = [{"type": "string", "format": each} for each in formats]
    return WithJsonSchema({**(texts_of[0] if len(texts_of) == 1 else {"anyOf": texts_of}), **more})


_IDENTIFIER = {"type": "string", "minLength": 1, "maxLength": texts.LONGEST_IDENTIFIER}

Identifier = Annotated[str, BeforeValidator(_identifier), WithJsonSchema({"anyOf": [_IDENTIFIER, {"type": "integer"}]})]
"""An id at a source; a number is kept as a text."""

Instant = Annotated[datetime, BeforeValidator(_instant), _described("date-time")]
"""A point in time, with its offset from UTC."""

Phone = Annotated[str, AfterValidator(_phone), _described("phone", examples=["06 12 34 56 78"])]
"""A telephone number in any spelling; kept as E.164."""

Email = Annotated[str, AfterValidator(_email), _described("email")]

ZoneName = Annotated[str, AfterValidator(_time_zone), _described("time-zone", examples=["Indian/Reunion"])]

PersonName = Annotated[str, StringConstraints(max_length=texts.LONGEST_NAME), AfterValidator(texts.name)]

OneLine = Annotated[str, StringConstraints(max_length=texts.LONGEST_LINE), AfterValidator(texts.line)]
"""A text on one line: runs of spaces and line breaks become one space, and a blank one is none."""

ToldTelephone = Annotated[str, StringConstraints(max_length=_LONGEST_TELEPHONE), AfterValidator(texts.line)]
"""A number that people are told as it is written here, 39xx too."""

Word = Annotated[str, StringConstraints(max_length=_LONGEST_WORD), AfterValidator(texts.line)]
"""What an agent adds for the usager."""

# In a path and in a query everything is a text, and a "+" that was not escaped there arrives as a space.

QueriedIdentifier = Annotated[str, BeforeValidator(_identifier), WithJsonSchema(_IDENTIFIER)]

FirstInstant = Annotated[datetime, BeforeValidator(_first_instant), _described("date-time", "date")]
"""A point in time, or a day: its first moment in Paris."""

LastInstant = Annotated[datetime, BeforeValidator(_last_instant), _described("date-time", "date")]
"""A point in time, or a day: its last moment in Paris."""

QueriedPhone = Annotated[str, AfterValidator(_queried_phone), _described("phone", examples=["06 12 34 56 78"])]
