"""The tables of `smsbot.toml` about gateways: how one is reached over HTTP, and in which order a sender uses them.

`smsbot.example.toml` explains the keys to operators; `smsbot.gateways.described` follows them. There is no secret in
the file: `secrets` gives names to environment variables, and other keys use these names in braces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from string import Formatter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from smsbot.policy.values import GatewayName, Sender, Text, TimeZone, Variable, did_you_mean, wrong

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
    }
)
"""What a request may take from the message, besides the secrets. A header may not hold `text`."""

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
"""What has become of a message, in smsbot's words (`smsbot.gateways.base.DeliveryStatus`)."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
CONTENT_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+(?:; ?charset=utf-8)?")
PLACEHOLDER = re.compile(r"[a-z][a-z0-9_]*")


def placeholders(template: str) -> set[str]:
    """The names in braces. Raises `ValueError` for an unmatched brace, or anything else than a name in braces."""
    names = set()
    for _, name, form, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not PLACEHOLDER.fullmatch(name) or form or conversion:
            raise ValueError("more than a name in braces")
        names.add(name)
    return names


def _template(text: str) -> str:
    try:
        placeholders(text)
    except ValueError:
        raise wrong("should have braces only around names, as {text}; a brace itself is written twice") from None
    return text


def _url(url: str) -> str:
    _template(url)
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        raise wrong("should be an address that begins with https://") from None
    plain = url.isprintable() and url.isascii() and " " not in url and not url.count("#")
    if address.scheme not in ("http", "https") or not address.hostname or not plain:
        raise wrong("should be an address that begins with https://")
    if "{" in address.netloc or "@" in address.netloc:
        raise wrong("should name its host plainly, without user and without braces")
    return url


def _header_names(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if not HEADER_NAME.fullmatch(name):
            raise wrong(f'holds "{name}", which is no name of a header')
    return headers


def _json(value: dict[str, Any]) -> dict[str, Any]:
    for inner in _leaves(value):
        if isinstance(inner, str):
            _template(inner)
        elif not isinstance(inner, (bool, int, float)) or (isinstance(inner, float) and not math.isfinite(inner)):
            raise wrong("should hold only texts, numbers, true, false, lists and tables, as JSON does")
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


def _content_type(value: str) -> str:
    if not CONTENT_TYPE.fullmatch(value):
        raise wrong("should be a media type such as text/plain")
    return value


def _http_status(status: int) -> int:
    if not 100 <= status <= 599:
        raise wrong("should be an HTTP status from 100 to 599")
    return status


def _words(words: dict[str, str]) -> dict[str, str]:
    for word in words.values():
        if word not in STATUS_WORDS:
            guess = did_you_mean(word, STATUS_WORDS) or f"; known are {', '.join(STATUS_WORDS)}"
            raise wrong(f'translates into "{word}", which is no status{guess}')
    return words


def _codes(codes: Any) -> Any:
    """Codes are compared as texts. In the file, numbers and true or false may be written without quotes."""
    if not isinstance(codes, list):
        return codes
    return [str(code).lower() if isinstance(code, bool) else str(code) for code in codes]


def _route(route: Any) -> Any:
    return {"gateway": route} if isinstance(route, str) else route


Template = Annotated[str, AfterValidator(_template)]
Url = Annotated[str, AfterValidator(_url)]
FieldTemplates = dict[str, Template]
Headers = Annotated[FieldTemplates, AfterValidator(_header_names)]
JsonTemplate = Annotated[dict[str, Any], AfterValidator(_json)]
ContentType = Annotated[str, AfterValidator(_content_type)]
HttpStatus = Annotated[int, AfterValidator(_http_status)]
Codes = Annotated[list[str], BeforeValidator(_codes)]
Words = Annotated[dict[str, str], AfterValidator(_words)]


class Table(BaseModel):
    """The base of every table of `smsbot.toml`: unknown keys and values of the wrong type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SendTable(Table):
    """The request that hands a message over. It has `form` or `json` or neither, not both."""

    url: Url
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: Headers = Field(default_factory=dict)
    basic_auth: Template | None = None
    query: FieldTemplates = Field(default_factory=dict)
    form: FieldTemplates | None = None
    json_: JsonTemplate | None = Field(default=None, alias="json")

    @property
    def used(self) -> frozenset[str]:
        """All names in braces that this request uses."""
        texts = (leaf for leaf in _leaves(self.model_dump()) if isinstance(leaf, str))
        return frozenset(name for text in texts for name in placeholders(text))


class AnswerTable(Table):
    """What the answer to that request means. Keys are paths into JSON, as `messages.0.id`."""

    taken_statuses: list[HttpStatus] | None = None
    refused_statuses: list[HttpStatus] = Field(default_factory=list)
    later_statuses: list[HttpStatus] = Field(default_factory=list)
    id: Text | None = None
    result: Text | None = None
    taken: Codes = Field(default_factory=list)
    error: Text | None = None
    refused: Codes = Field(default_factory=list)
    later: Codes = Field(default_factory=list)


class AuthenticationTable(Table):
    """How a webhook proves that the gateway sent it."""

    kind: Literal["hmac", "header", "query", "basic"]
    secret: Template
    name: Text | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class AcknowledgementTable(Table):
    """The body of our answer when a webhook was taken, where the gateway expects one."""

    text: Text
    content_type: ContentType = "text/plain"


class WebhooksTable(Table):
    format: Literal["json", "form", "query"]
    authentication: AuthenticationTable
    acknowledgement: AcknowledgementTable | None = None  # none: an empty body


class IncomingTable(Table):
    """Where the parts of an incoming message are in its webhook.

    `time` tells how old it is, and replaces the `id` where there is none. `time_zone` is for times without a zone.
    """

    sender: Text
    recipient: Text | None = None
    our_number: Sender | None = None
    text: Text
    id: Text | None = None
    time: Text | None = None
    time_zone: TimeZone | None = None  # none: UTC


class StatusTable(Table):
    status: Text
    words: Words
    id: Text | None = None
    reference: Text | None = None
    error: Text | None = None


class GatewayTable(Table):
    """A gateway that is described instead of programmed."""

    charset: Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"] = "utf-8"
    secrets: dict[str, Variable] = Field(default_factory=dict)
    send: SendTable
    answer: AnswerTable = Field(default_factory=AnswerTable)
    webhooks: WebhooksTable | None = None
    incoming: IncomingTable | None = None
    status: StatusTable | None = None

    @property
    def statuses_name_messages(self) -> bool:
        """Whether a status names the message by our id, and not only by the gateway's."""
        refers = self.status is not None and self.status.reference is not None
        return "callback_url" in self.send.used or (refers and "id" in self.send.used)


class RouteTable(Table):
    """One gateway of a channel's list. Only the name in quotes means: with the channel's own sender."""

    gateway: Text
    sender: Sender | None = None
    two_way: bool | None = None


Routes = list[Annotated[RouteTable, BeforeValidator(_route)]]
GatewayTables = dict[GatewayName, GatewayTable]
