"""The tables of `smsbot.toml` about gateways: how one is reached over HTTP, and in which order a sender uses them.

`smsbot.example.toml` explains the keys to operators; `smsbot.gateways.described` follows them. There is no secret in
the file: `secrets` gives names to environment variables, and other keys use these names in braces.
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
from smsbot.policy.values import GatewayName, Sender, Text, TimeZone, Variable


def _route(route: object) -> object:
    return {"gateway": route} if isinstance(route, str) else route


class Table(BaseModel):
    """The base of every table of `smsbot.toml`: unknown keys and values of the wrong type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RequestTable(Table):
    """A request to the gateway. It has `form` or `json` or neither, not both."""

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
    """The request that fetches a token for the others, and where its value stands in the answer (paths into JSON).

    `lifetime` is where the seconds stand for which it is good.
    """

    value: Text = "access_token"
    lifetime: Text = "expires_in"


class PollTable(RequestTable):
    """The request for messages from usagers, where the gateway has a list of them. `incoming` says how to read it.

    `next` is where the address of the next page stands. `time_format` is how `{since}` is written.
    """

    method: Literal["POST", "PUT", "GET"] = "GET"
    every_seconds: PollSeconds = 15
    time_format: TimeFormat = "iso"
    next: Text | None = None


class CheckTable(RequestTable):
    """The request by which `smsbot check` learns whether the credentials are right. It must change nothing.

    `url` may be a path on the host of `send`. Every 2xx is good; with `result`, a path, only where one of the values in
    `good` stands there. `credit` is where the credit stands that is left.
    """

    url: CheckUrl
    method: Literal["POST", "PUT", "GET"] = "GET"
    format: AnswerFormat = "json"
    result: Text | None = None
    good: Codes = Field(default_factory=list)
    credit: Text | None = None


class AnswerTable(Table):
    """What the answer to `send` means. The values of most keys are paths, as `messages.0.id`.

    `refused_when` and `later_when` are conditions that count before all others: a path, and the values there.
    """

    format: AnswerFormat = "json"
    taken_statuses: list[HttpStatus] | None = None
    refused_statuses: list[HttpStatus] = Field(default_factory=list)
    later_statuses: list[HttpStatus] = Field(default_factory=list)
    id: Text | None = None
    result: Text | None = None
    taken: Codes = Field(default_factory=list)
    error: Text | None = None
    refused: Codes = Field(default_factory=list)
    later: Codes = Field(default_factory=list)
    refused_when: Conditions = Field(default_factory=dict)
    later_when: Conditions = Field(default_factory=dict)


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
    format: WebhookFormat
    authentication: AuthenticationTable
    acknowledgement: AcknowledgementTable | None = None  # none: an empty body


class PiecesTable(Table):
    """Where a piece of a long message says to which message it belongs, which piece it is, and how many there are."""

    reference: Text
    number: Text
    total: Text


class StopTable(Table):
    """The field by which the gateway says that it has taken the message for a STOP, and its values then."""

    field: Text
    words: Codes


class IncomingTable(Table):
    """Where the parts of an incoming message are in its webhook, or in the answer to a poll.

    `each` is where a list of messages stands; the other paths then begin at each of them. Without an `id`, `time` and
    `in_reply_to` make a message recognisable. `time_zone` is for times without a zone. `text_encoded` is the charset of
    texts that are percent-encoded once more.
    """

    format: WebhookFormat | None = None  # none: that of webhooks
    each: Text | None = None
    sender: Text
    recipient: Text | None = None
    our_number: Sender | None = None
    text: Text
    text_encoded: Charset | None = None
    id: Text | None = None
    in_reply_to: Text | None = None
    time: Text | None = None
    time_zone: TimeZone | None = None  # none: UTC
    stop: StopTable | None = None
    pieces: PiecesTable | None = None


class StatusTable(Table):
    format: WebhookFormat | None = None  # none: that of webhooks
    each: Text | None = None
    status: Text
    words: Words
    id: Text | None = None
    reference: Text | None = None
    error: Text | None = None


class GatewayTable(Table):
    """A gateway that is described instead of programmed.

    `provider` names the description that comes with smsbot and was filled in below the keys of the file.
    """

    provider: Text | None = None
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
        """Whether a status names the message by our id, and not only by the gateway's."""
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


class RouteTable(Table):
    """One gateway of a channel's list. Only the name in quotes means: with the channel's own sender."""

    gateway: Text
    sender: Sender | None = None
    two_way: bool | None = None


Routes = list[Annotated[RouteTable, BeforeValidator(_route)]]
GatewayTables = dict[GatewayName, Annotated[GatewayTable, BeforeValidator(with_provider)]]
