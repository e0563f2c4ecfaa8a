"""Reads values from webhooks, for gateways that post JSON or write numbers without a plus sign.

A wrong value raises `MalformedMessage` with a sentence that names the field and quotes nothing of its content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeGuard

from smsbot.gateways.base import MalformedMessage, MessagePiece
from smsbot.policy.gateway_values import ITSELF
from smsbot.senders import NUMBERS, SenderKind, known_kind

MOST_PIECES = 255  # GSM 03.40 has one octet for their number
MOST_BODY_CHARACTERS = MOST_PIECES * 153  # the longest message in pieces, in septets
MOST_TOGETHER = 1000

_INTERNATIONAL_PREFIX = re.compile(r"\A00(?=[1-9])")
_BARE_NUMBER = re.compile(r"[1-9][0-9]{8,14}")  # shorter ones are short codes: no French number is so short
_MESSAGE_ID = re.compile(r"[!-~]{1,128}")  # printable ASCII without spaces
_POSITION = re.compile(r"[0-9]{1,3}")
_MOMENT = re.compile(
    r"(?P<date>\d{4}-?\d\d-?\d\d)[T ](?P<time>\d\d:?\d\d:?\d\d(?:[.,]\d{1,9})?)"
    r"(?P<zone> ?Z| ?[+-]\d\d(?::?\d\d)?| \d\d:?\d\d)?",  # the last form: a plus sign that was decoded as a space
    re.ASCII,
)
_UNIX_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?", re.ASCII)
_UNIX_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)
_KEYWORDS = ("STOP", "START", "HELP")


def json_from(body: bytes) -> Any:
    """The JSON document in `body`, in UTF-8. An object with the same name twice is refused."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise MalformedMessage("The body is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise MalformedMessage("The body is not JSON, or names a field twice.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a name occurs twice")
    return read


def scalar(value: Any, name: str) -> str | None:
    """A JSON value as text: numbers as they are written, true and false as words; None for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None or isinstance(value, str):
        return value
    raise MalformedMessage(f"{name} is neither a text nor a number.")


def required(value: str | None, name: str) -> str:
    if value is None:
        raise MalformedMessage(f"{name} is missing.")
    return value


def message_id(value: str | None, name: str) -> str:
    """The gateway's id of a message."""
    value = required(value, name)
    if not is_message_id(value):
        raise MalformedMessage(f"{name} is not an id of a message.")
    return value


def is_message_id(value: object) -> TypeGuard[str]:
    """Whether this can be a gateway's id of a message. Other texts may contain NUL, which PostgreSQL cannot store."""
    return isinstance(value, str) and _MESSAGE_ID.fullmatch(value) is not None


def telephone(value: str | None, name: str) -> str:
    """A telephone number in E.164, or a short code.

    Some gateways write numbers without the plus sign (33612345678), with 00, or with a space if a form has lost the
    plus sign. A national number (06…) is refused, because its country is unknown.
    """
    number = _with_plus(required(value, name))
    if known_kind(number) not in NUMBERS:
        raise MalformedMessage(f"{name} is neither an international telephone number nor a short code.")
    return number


def our_number(value: str | None, name: str) -> str:
    """Our sender that a message was written to: a number, a short code or an alphanumeric sender."""
    value = required(value, name)
    number = _with_plus(value)
    if known_kind(number) in NUMBERS:
        return number
    if known_kind(value) is not SenderKind.ALPHANUMERIC:
        raise MalformedMessage(f"{name} is neither a telephone number nor a short code nor an alphanumeric sender.")
    return value


def _with_plus(value: str) -> str:
    """A number in E.164; any other text without the spaces around it."""
    value = _INTERNATIONAL_PREFIX.sub("+", value.strip(" "), count=1)
    return f"+{value}" if _BARE_NUMBER.fullmatch(value) else value


def body_text(value: str | None, name: str) -> str:
    """The text of a message.

    NUL characters are removed. Half of a surrogate pair, from an emoji that was cut, becomes a visible sign.
    """
    value = required(value, name)
    if len(value) > MOST_BODY_CHARACTERS:
        raise MalformedMessage(f"{name} is longer than an SMS can be.")
    return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def piece(reference: str | None, number: str | None, total: str | None, name: str) -> MessagePiece | None:
    """Which piece of a message a webhook contains; None if it has no reference, or the message has only one piece.

    `name` is the field of the reference; error sentences name it.
    """
    if not reference:
        return None
    if not (number and total and _POSITION.fullmatch(number) and _POSITION.fullmatch(total)):
        raise MalformedMessage(f"{name} names a message in pieces, but the piece's number or their total is missing.")
    read = MessagePiece(message_id(reference, name), int(number), int(total))
    if not 1 <= read.number <= read.total <= MOST_PIECES:
        raise MalformedMessage(f"{name} names a message in pieces, but the number of this piece is impossible.")
    return None if read.total == 1 else read


def keyword(text: str) -> str | None:
    """STOP, START or HELP if the text is only this word, which is what most gateways check; otherwise None."""
    word = text.strip().upper()
    return word if word in _KEYWORDS else None


def moment(value: str | None, zone: tzinfo) -> datetime | None:
    """Read a time, and return it in UTC; None if it cannot be read.

    The time is ISO 8601 to the second, in `zone` if it names no zone, or Unix seconds or milliseconds.
    """
    value = (value or "").strip(" ")
    try:
        if _UNIX_SECONDS.fullmatch(value):
            return datetime.fromtimestamp(float(value), UTC)
        if _UNIX_MILLISECONDS.fullmatch(value):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        if (found := _MOMENT.fullmatch(value)) is None:
            return None
        its_zone = re.sub(r"^ (?=\d)", "+", found["zone"] or "").strip()
        read = datetime.fromisoformat(f"{found['date']}T{found['time']}{its_zone}")
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def at_path(document: Any, path: str) -> Any:
    """The value at `path` in a JSON document; None if there is none.

    A path consists of names and positions: `messages.0.id`.
    """
    for step in path.split("."):
        document = _step(document, step)
    return document


def each_at_path(document: Any, path: str) -> list[Any]:
    """The elements of the list at `path`; the path `.` is the document itself.

    If there is no list at the path, the value counts as the only element, as XML writes a list of one. Raises
    `MalformedMessage` if there is nothing.
    """
    found = document if path == ITSELF else at_path(document, path)
    if found is None:
        raise MalformedMessage(f"{path} is missing.")
    elements = found if isinstance(found, list) else [found]
    if len(elements) > MOST_TOGETHER:
        raise MalformedMessage(f"{path} holds more than {MOST_TOGETHER} messages.")
    return elements


def sole_at_path(document: Any, path: str) -> Any:
    """`at_path` for a webhook about one message: each list on the path may have only one element.

    Raises MalformedMessage.
    """
    for step in path.split("."):
        if isinstance(document, list) and len(document) > 1:
            raise MalformedMessage("The body has several messages, but the description expects one (see each).")
        document = _step(document, step)
    return document


def _step(document: Any, step: str) -> Any:
    if isinstance(document, Mapping):
        return document.get(step)
    if isinstance(document, list) and _POSITION.fullmatch(step) and int(step) < len(document):
        return document[int(step)]
    return None
