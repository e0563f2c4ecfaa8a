"""The tables of `smsbot.toml` about gateways: how to reach one over HTTP, and in which order a sender uses them.

`smsbot.example.toml` explains the keys to operators; `smsbot.gateways.described` uses them. The file contains no
secrets: `secrets` gives names to environment variables, and other keys use these names in braces.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smsbot.policy.gateway_values import (
    AnswerFormat,
    Charset,
    CheckUrl,
    Codes,
    Conditions,
    ContentType,
    FieldTemplates,
    Headers,
    HttpStatus,
    JsonTemplate,
    PollSeconds,
    Template,
    TimeFormat,
    Url,
    WebhookFormat,
    Words,
    leaves,
    placeholders,
)
from smsbot.policy.providers import with_provider
from smsbot.policy.values import FilledText, GatewayName, Sender, TimeZone, Variable


def _route(route: object) -> object:
    return {"gateway": route} if isinstance(route, str) else route


class PolicyTable(BaseModel):
    """The base of every table of `smsbot.toml`. It refuses unknown keys and values of the wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RequestTable(PolicyTable):
    """A request to the gateway. It may have either `form` or `json`."""

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
        texts = (leaf for leaf in leaves(self.model_dump(include=_TEMPLATES)) if isinstance(leaf, str))
        return frozenset(name for text in texts for name in placeholders(text))


_TEMPLATES = {"url", "headers", "basic_auth", "query", "form", "json_"}


class SendTable(RequestTable):
    """The request that hands a message over."""


class TokenTable(RequestTable):
    """The request that fetches a token for the other requests. `value` is the path of the token in the JSON answer.

    `lifetime` is the path of the seconds for which the token is valid.
    """

    value: FilledText = "access_token"
    lifetime: FilledText = "expires_in"


class PollTable(RequestTable):
    """The request for messages from usagers, if the gateway keeps a list of them. `incoming` says how to read it.

    `next` is the path of the address of the next page. `time_format` is how `{since}` is written.
    """

    method: Literal["POST", "PUT", "GET"] = "GET"
    every_seconds: PollSeconds = 15
    time_format: TimeFormat = "iso"
    next: FilledText | None = None


class CheckTable(RequestTable):
    """The request with which `smsbot check` tests the credentials. It must not change anything.

    `url` may be a path on the host of `send`. Every 2xx means that they are right. With `result`, a path, the value at
    this path must also be in `good`. `credit` is the path of the remaining credit.
    """

    url: CheckUrl
    method: Literal["POST", "PUT", "GET"] = "GET"
    format: AnswerFormat = "json"
    result: FilledText | None = None
    good: Codes = Field(default_factory=list)
    credit: FilledText | None = None


class AnswerTable(PolicyTable):
    """What the answer to `send` means. The values of most keys are paths such as `messages.0.id`.

    `refused_when` and `later_when` are conditions that are checked before all others: a path, and the values there.
    """

    format: AnswerFormat = "json"
    taken_statuses: list[HttpStatus] | None = None
    refused_statuses: list[HttpStatus] = Field(default_factory=list)
    later_statuses: list[HttpStatus] = Field(default_factory=list)
    id: FilledText | None = None
    result: FilledText | None = None
    taken: Codes = Field(default_factory=list)
    error: FilledText | None = None
    refused: Codes = Field(default_factory=list)
    later: Codes = Field(default_factory=list)
    refused_when: Conditions = Field(default_factory=dict)
    later_when: Conditions = Field(default_factory=dict)


class AuthenticationTable(PolicyTable):
    """How a webhook proves that the gateway sent it."""

    kind: Literal["hmac", "header", "query", "basic"]
    secret: Template
    name: FilledText | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class AcknowledgementTable(PolicyTable):
    """The body of our answer to an accepted webhook, if the gateway expects one."""

    text: FilledText
    content_type: ContentType = "text/plain"


class WebhooksTable(PolicyTable):
    format: WebhookFormat
    authentication: AuthenticationTable
    acknowledgement: AcknowledgementTable | None = None  # None: an empty body


class PiecesTable(PolicyTable):
    """The fields of a piece of a long message: which message it belongs to, its number, and the number of pieces."""

    reference: FilledText
    number: FilledText
    total: FilledText


class StopTable(PolicyTable):
    """The field in which the gateway says that it has handled the message as a STOP, and its values then."""

    field: FilledText
    words: Codes


class IncomingTable(PolicyTable):
    """Where the parts of an incoming message are in its webhook, or in the answer to a poll.

    `each` is the path of a list of messages; the other paths then begin at each message. If there is no `id`, `time`
    and `in_reply_to` identify a message. `time_zone` is for times without a zone. `text_encoded` is the charset of
    texts that are percent-encoded twice.
    """

    format: WebhookFormat | None = None  # None: the format of webhooks
    each: FilledText | None = None
    sender: FilledText
    recipient: FilledText | None = None
    our_number: Sender | None = None
    text: FilledText
    text_encoded: Charset | None = None
    id: FilledText | None = None
    in_reply_to: FilledText | None = None
    time: FilledText | None = None
    time_zone: TimeZone | None = None  # None: UTC
    stop: StopTable | None = None
    pieces: PiecesTable | None = None


class StatusTable(PolicyTable):
    format: WebhookFormat | None = None  # None: the format of webhooks
    each: FilledText | None = None
    status: FilledText
    words: Words
    id: FilledText | None = None
    reference: FilledText | None = None
    error: FilledText | None = None


class GatewayTable(PolicyTable):
    """A gateway that is described in the file, not written in code.

    `provider` names the description that comes with smsbot. It was filled in where the file has no key of its own.
    """

    provider: FilledText | None = None
    charset: Charset = "utf-8"
    secrets: dict[str, Variable] = Field(default_factory=dict)
    token: TokenTable | None = None
    send: SendTable
    check: CheckTable | None = None
    answer: AnswerTable = Field(default_factory=AnswerTable)
    webhooks: WebhooksTable | None = None
    poll: PollTable | None = None
    incoming: IncomingTable | None = None
    status: StatusTable | None = None

    @property
    def statuses_name_messages(self) -> bool:
        """Whether a status contains our id of the message, and not only the gateway's."""
        refers = self.status is not None and self.status.reference is not None
        return "callback_url" in self.send.used or (refers and "id" in self.send.used)

    @property
    def formats(self) -> frozenset[WebhookFormat]:
        """The formats of all webhooks that are described."""
        described = ((self.incoming, self.incoming_format), (self.status, self.status_format))
        return frozenset(format_ for table, format_ in described if table is not None)

    @property
    def incoming_format(self) -> WebhookFormat:
        """The format of the webhooks that bring messages."""
        own = self.incoming.format if self.incoming is not None else None
        return own or (self.webhooks.format if self.webhooks is not None else "json")

    @property
    def status_format(self) -> WebhookFormat:
        """The format of the webhooks that bring statuses."""
        own = self.status.format if self.status is not None else None
        return own or (self.webhooks.format if self.webhooks is not None else "json")


class RouteTable(PolicyTable):
    """One gateway in the list of a channel. If only its name is written, it uses the channel's own sender."""

    gateway: FilledText
    sender: Sender | None = None
    two_way: bool | None = None


Routes = list[Annotated[RouteTable, BeforeValidator(_route)]]
GatewayTables = dict[GatewayName, Annotated[GatewayTable, BeforeValidator(with_provider)]]
