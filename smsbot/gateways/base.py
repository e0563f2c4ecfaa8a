"""What every telecom gateway offers, and how it can fail.

A webhook is verified before anything in it is read. The types enforce this: `messages` and `statuses` take a
`VerifiedWebhook`, which only `verify` makes. Some gateways put several messages into one webhook, so both return a
`Batch`.

A send that fails raises one of three errors. They say whether a retry is right. `SendRefused`: the gateway will never
take the message. `SendLater`: the message was certainly not taken. `SendInDoubt`: it may have been taken.

`gateway_records` has what some gateways offer in addition.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from smsbot.made_often import made_often
from smsbot.problem import Problem


@made_often
@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as it arrived, before it is verified.

    `path` and `query` are as in the request line: percent-encoded, the query without its question mark. The names in
    `headers` are in lower case. The Host header is not used, because a gateway knows its public URL.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@made_often
@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """The content of a webhook whose signature was right, and the query parameters.

    `fields` has form fields or JSON; a described gateway puts the unread body there. `signed_at` is when the webhook
    was signed (UTC), if the signature says so.
    """

    fields: Mapping[str, Any]
    query: Mapping[str, str]
    signed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessagePiece:
    """Which piece of a long message this is: the `number`th of `total`, counted from 1.

    The telephone gave the same `reference` to all pieces. It may use it again after a few hundred messages.
    """

    reference: str
    number: int
    total: int


@made_often
@dataclass(frozen=True, slots=True)
class IncomingSms:
    """A message from an usager.

    Numbers are E.164 (`+33612345678`) or short codes (`36123`); `to_number` may be an alphanumeric sender. `body` has
    no NUL characters and may be empty.

    `opt_out_keyword` is STOP, START or HELP if the gateway says that it has answered this word itself.
    `reads_as_keyword` is the word as which a gateway would read the text if it was set up to answer such words without
    telling us.

    `written_at` is when the message was written (UTC, by the gateway's clock), None if the gateway does not say. A
    webhook may come hours later.

    `piece` is set if this is only a piece of a message. Then `body` is the text of the piece.
    """

    gateway: str
    gateway_message_id: str
    from_number: str
    to_number: str
    body: str
    opt_out_keyword: str | None = None
    reads_as_keyword: str | None = None
    written_at: datetime | None = None
    piece: MessagePiece | None = None


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A message to an usager. `outgoing_id` is our id. Status callbacks bring it back."""

    outgoing_id: int
    sender: str
    recipient: str
    body: str

    def leaving_from(self, sender: str) -> OutgoingSms:
        return self if sender == self.sender else replace(self, sender=sender)


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that was taken: the name of the gateway or mail server, and its id for the message."""

    gateway: str
    gateway_message_id: str


class DeliveryStatus(StrEnum):
    """What a gateway reports of a message that it has taken."""

    UNKNOWN = "unknown"  # a status that smsbot does not know; it still means that the message was taken
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # handed to the telephone operator
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"
    READ = "read"

    @property
    def rank(self) -> int:
        """How far along the message is. A status replaces only one of a lower rank, so a final status stays."""
        return _RANKS[self]


_RANKS = {
    DeliveryStatus.UNKNOWN: 0,
    DeliveryStatus.ACCEPTED: 1,
    DeliveryStatus.SCHEDULED: 1,
    DeliveryStatus.QUEUED: 2,
    DeliveryStatus.SENDING: 3,
    DeliveryStatus.SENT: 4,
    DeliveryStatus.DELIVERED: 5,
    DeliveryStatus.UNDELIVERED: 5,
    DeliveryStatus.FAILED: 5,
    DeliveryStatus.CANCELED: 5,
    DeliveryStatus.READ: 6,
}


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One status callback. `outgoing_id` is None if the callback does not contain our id.

    `may_be_early` is True if only the gateway's id says which message it is. We learn that id from the answer to our
    request. If the callback comes before that answer, the gateway must be asked to send it again.
    """

    gateway: str
    gateway_message_id: str
    outgoing_id: int | None
    status: DeliveryStatus
    error_code: str | None = None
    may_be_early: bool = False


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The content of a webhook or a list: `read` is what could be read, in order; `problems` says why the rest was not.

    At least one element could be read, unless there was none.
    """

    read: Sequence[T]
    problems: Sequence[MalformedMessage] = ()


@dataclass(frozen=True, slots=True)
class WebhookHabits:
    """How a gateway posts its webhooks, and which answer it expects.

    `methods` are the HTTP methods with which it posts messages, `status_methods` those for statuses; both are empty if
    it posts nothing. `answer` is the body of our answer to an accepted webhook, of the type `content_type`.
    `hears_reasons` is whether the body of a refusal may give the reason. It is False for gateways that might send the
    body to the usager. `most_bytes` is how long a body may be.
    """

    methods: tuple[str, ...] = ("POST",)
    status_methods: tuple[str, ...] = ("POST",)
    answer: bytes = b""
    content_type: str | None = None
    hears_reasons: bool = True
    most_bytes: int = 64 * 1024


class SignatureRefused(Problem):
    """The webhook has not proven that it comes from the gateway: answer 403."""


class MalformedMessage(Problem):
    """The webhook cannot be read: answer 400 with `sentence`, which quotes nothing from the webhook."""


class SendError(Problem):
    """A send that failed or may have failed.

    `code` is the gateway's own code if it gave one. `sentence` is for operators. It contains no personal data: neither
    the number nor the text.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class SendRefused(SendError):
    """Refused for good: if it were sent again, it would be refused again."""


class SendLater(SendError):
    """Certainly not taken; it may be tried again.

    `retry_after` is how many seconds the gateway asks us to wait. For that time, nothing leaves from this sender. With
    `only_this_message`, for example after a limit for one recipient, other messages may leave meanwhile.
    """

    def __init__(
        self, code: str, sentence: str, retry_after: float | None = None, *, only_this_message: bool = False
    ) -> None:
        super().__init__(code, sentence)
        self.retry_after = retry_after
        self.only_this_message = only_this_message


class SendInDoubt(SendError):
    """The gateway may have taken it.

    `answered` is True if the gateway answered with an error that does not say whether it took the message. Such a
    message is tried again as after any failure, because most errors of gateways mean "not taken". It is False if there
    was no answer: then smsbot waits some time for a status callback.
    """

    def __init__(self, code: str, sentence: str, *, answered: bool = False) -> None:
        super().__init__(code, sentence)
        self.answered = answered


class Gateway(Protocol):
    """One gateway with its four methods. `name` is its name in the database and in the path of its webhooks."""

    @property
    def name(self) -> str: ...

    @property
    def habits(self) -> WebhookHabits: ...

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check that the gateway sent this. Raises `SignatureRefused`, or `MalformedMessage` if it cannot be read."""
        ...

    def messages(self, webhook: VerifiedWebhook) -> Batch[IncomingSms]:
        """Read the incoming messages. Raises `MalformedMessage` if none can be read."""
        ...

    def statuses(self, webhook: VerifiedWebhook) -> Batch[StatusReport]:
        """Read the statuses. Raises `MalformedMessage` if none can be read."""
        ...

    async def send(self, message: OutgoingSms) -> str:
        """Hand the message over and return the gateway's id for it.

        Raises `SendRefused`, `SendLater` or `SendInDoubt`.
        """
        ...


class PostsOneByOne(ABC):
    """A gateway that posts one message or one status in each webhook."""

    @abstractmethod
    def parse(self, webhook: VerifiedWebhook) -> IncomingSms:
        """Read an incoming message. Raises `MalformedMessage`."""

    @abstractmethod
    def status(self, webhook: VerifiedWebhook) -> StatusReport:
        """Read a status. Raises `MalformedMessage`."""

    def messages(self, webhook: VerifiedWebhook) -> Batch[IncomingSms]:
        return Batch((self.parse(webhook),))

    def statuses(self, webhook: VerifiedWebhook) -> Batch[StatusReport]:
        return Batch((self.status(webhook),))
