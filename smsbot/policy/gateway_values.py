"""The values in the tables of `smsbot.toml` about gateways, each with its check.

An error sentence continues after the name of the key: "[gateways.a.send] url should be …".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from string import Formatter
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from smsbot.policy.values import did_you_mean, wrong_value

PLACEHOLDERS = frozenset(
    {
        "sender",
        "sender_digits",
        "recipient",
        "recipient_digits",
        "recipient_00",
        "text",
        "id",
        "callback_url",
        "incoming_url",
    }
)
"""What a request may take from the message, in addition to the secrets. A header must not contain `text`."""

ACCESS_TOKEN, SINCE = "access_token", "since"
"""Two more names in braces: the token that `[token]` fetches, and the time from which a poll wants messages."""

ADDRESS_PARAMETERS = ("message", "tag")
"""The parameters that smsbot adds to `{callback_url}` (`smsbot.gateways.authentication`)."""

STATUS_WORDS = (
    "accepted",
    "scheduled",
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "canceled",
    "read",
)
"""What may have become of a message, in smsbot's words (`smsbot.gateways.base.DeliveryStatus`)."""

ROOT_NAME = "*"
"""A path into XML: the name of the outermost element."""
IN_THE_ADDRESS = "?"
"""The first character of a field's name if the field is in the webhook's address and not in its body."""
ITSELF = "."
"""The path of the whole document."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
CONTENT_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+(?:; ?charset=utf-8)?")
PLACEHOLDER = re.compile(r"[a-z][a-z0-9_]*")

LEAST_POLL_SECONDS, MOST_POLL_SECONDS = 5, 3600


def placeholders(template: str) -> set[str]:
    """The names in braces. Raises `ValueError` for an unmatched brace, and for braces around anything but a name."""
    names = set()
    for _, name, form, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not PLACEHOLDER.fullmatch(name) or form or conversion:
            raise ValueError("more than a name in braces")
        names.add(name)
    return names


def leaves(value: Any) -> Iterator[Any]:
    """Every value in nested tables and lists, except the tables and lists themselves."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def _template(text: str) -> str:
    try:
        placeholders(text)
    except ValueError:
        raise wrong_value(
            "should have braces only around names, such as {text}; a brace itself is written twice"
        ) from None
    return text


def _url(url: str) -> str:
    _template(url)
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        raise wrong_value("should be an address that begins with https://") from None
    plain = url.isprintable() and url.isascii() and " " not in url and not url.count("#")
    if address.scheme not in ("http", "https") or not address.hostname or not plain:
        raise wrong_value("should be an address that begins with https://")
    if "{" in address.netloc or "@" in address.netloc:
        raise wrong_value("should contain its host as it is, without a user and without braces")
    return url


def _check_url(url: str) -> str:
    """An address, or a path on the host of `send`."""
    if not url.startswith("/") or url.startswith("//"):
        return _url(url)
    _url(f"https://host{url}")
    return url


def _header_names(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if not HEADER_NAME.fullmatch(name):
            raise wrong_value(f'contains "{name}", which is not the name of a header')
    return headers


def _json(value: dict[str, Any]) -> dict[str, Any]:
    for inner in leaves(value):
        if isinstance(inner, str):
            _template(inner)
        elif not isinstance(inner, (bool, int, float)) or (isinstance(inner, float) and not math.isfinite(inner)):
            raise wrong_value("should contain only texts, numbers, true, false, lists and tables, as in JSON")
    return value


def _content_type(value: str) -> str:
    if not CONTENT_TYPE.fullmatch(value):
        raise wrong_value("should be a media type such as text/plain")
    return value


def _http_status(status: int) -> int:
    if not 100 <= status <= 599:
        raise wrong_value("should be an HTTP status from 100 to 599")
    return status


def _words(words: dict[str, str]) -> dict[str, str]:
    for word in words.values():
        if word not in STATUS_WORDS:
            guess = did_you_mean(word, STATUS_WORDS) or f"; known are {', '.join(STATUS_WORDS)}"
            raise wrong_value(f'translates into "{word}", which is not a status{guess}')
    return words


def _codes(codes: Any) -> Any:
    """Codes are compared as texts. In the file, numbers and true or false may be written without quotes."""
    if not isinstance(codes, list):
        return codes
    return [str(code).lower() if isinstance(code, bool) else str(code) for code in codes]


def _poll_seconds(seconds: object) -> object:
    is_number = isinstance(seconds, int) and not isinstance(seconds, bool)
    if not is_number or not LEAST_POLL_SECONDS <= seconds <= MOST_POLL_SECONDS:  # type: ignore[operator]
        raise wrong_value(f"should be whole seconds from {LEAST_POLL_SECONDS} to {MOST_POLL_SECONDS}, without quotes")
    return seconds


Template = Annotated[str, AfterValidator(_template)]
Url = Annotated[str, AfterValidator(_url)]
CheckUrl = Annotated[str, AfterValidator(_check_url)]
FieldTemplates = dict[str, Template]
Headers = Annotated[FieldTemplates, AfterValidator(_header_names)]
JsonTemplate = Annotated[dict[str, Any], AfterValidator(_json)]
ContentType = Annotated[str, AfterValidator(_content_type)]
HttpStatus = Annotated[int, AfterValidator(_http_status)]
Codes = Annotated[list[str], BeforeValidator(_codes)]
Conditions = dict[str, Codes]
Words = Annotated[dict[str, str], AfterValidator(_words)]
PollSeconds = Annotated[int, BeforeValidator(_poll_seconds)]
Charset: TypeAlias = Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"]
WebhookFormat: TypeAlias = Literal["json", "form", "query", "xml"]
AnswerFormat: TypeAlias = Literal["json", "xml", "text"]
TimeFormat: TypeAlias = Literal["iso", "unix", "unix-milliseconds"]
