"""What every telecom gateway offers, and the few ways in which it can fail.

A webhook is first verified, then read; nothing is read of what was not verified, and the types say so: `parse` and
`status` take the `VerifiedWebhook` that only `verify` makes. A send that fails raises one of three errors, told apart
by the one question that matters for a retry: was the message certainly not taken, refused for good, or may it have
been taken all the same?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from smsbot.problem import Problem


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as it arrived, before anything is believed of it.

    `path` and `query` are as on the request line: still percent-encoded, the query without its question mark.
    `headers` are looked up by lower-case name. The Host header plays no part: a gateway knows its public URL.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """The content of a webhook whose signature was right: form fields or JSON, and the query parameters.

    `signed_at` is when it was signed (UTC), where the signature says so.
    """

    fields: Mapping[str, Any]
    query: Mapping[str, str]
    signed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncomingSms:
    """A message from an usager.

    Numbers are E.164 (`+33612345678`) or short codes (`36123`); `to_number` may be an alphanumeric sender. `body` has
    no NUL characters and may be empty. `opt_out_keyword` is STOP, START or HELP where the gateway says that it has
    answered such a word itself; `reads_as_keyword` is the one that it takes the text for, should it be set up to answer
    such words without saying so. `written_at` is when it was written (UTC, by the gateway's clock), where the gateway
    tells: a webhook may come hours later.
    """

    gateway: str
    gateway_message_id: str
    from_number: str
    to_number: str
    body: str
    opt_out_keyword: str | None = None
    reads_as_keyword: str | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A message to an usager; `outgoing_id` comes back with its status callbacks."""

    outgoing_id: int
    sender: str
    recipient: str
    body: str

    def leaving_from(self, sender: str) -> OutgoingSms:
        return self if sender == self.sender else replace(self, sender=sender)


@dataclass(frozen=True, slots=True)
class Handed:
    """A gateway or mail server that has a message, and the message's id there."""

    gateway: str
    gateway_message_id: str


class DeliveryStatus(StrEnum):
    """What a gateway says of a message that it has taken."""

    UNKNOWN = "unknown"  # a word this version does not know; it still shows that the message was taken
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # handed to the operator
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"
    READ = "read"

    @property
    def rank(self) -> int:
        """How far along the message is; a status replaces only one of a lower rank, so final ones stay."""
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
    """One status callback. `outgoing_id` is None where the callback does not name the message we asked for.

    It `may_be_early` where the gateway's own id is all that ever names the message, and we learn that id only from the
    answer to our request: the callback should come again then.
    """

    gateway: str
    gateway_message_id: str
    outgoing_id: int | None
    status: DeliveryStatus
    error_code: str | None = None
    may_be_early: bool = False


@dataclass(frozen=True, slots=True)
class WebhookHabits:
    """How a gateway posts its webhooks, and what it wants to read in answer.

    `methods` are the HTTP methods; none where it posts nothing. `answer` is the body that follows what was taken, in
    `content_type`. `hears_reasons` is whether a refusal may say why in its body: not where the gateway might send what
    it reads to the usager.
    """

    methods: tuple[str, ...] = ("POST",)
    answer: bytes = b""
    content_type: str | None = None
    hears_reasons: bool = True


class SignatureRefused(Problem):
    """The webhook is not proven to come from the gateway: answer 403."""


class MalformedMessage(Problem):
    """The webhook cannot be read: answer 400 with `sentence`, which quotes nothing of what was sent."""


class SendError(Problem):
    """A send that did not plainly succeed.

    `code` is the gateway's own where it gave one. `sentence` is for operators and holds nothing personal: neither the
    number nor the text.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class SendRefused(SendError):
    """Refused for good: sending it again would be refused again."""


class SendLater(SendError):
    """Certainly not taken; try again, not before `retry_after` seconds where the gateway said so.

    A gateway that says so means the sender, so `retry_after` lets nothing leave from it for as long; unless the reason
    is one of `only_this_message`, as a limit on its recipient is, and others may leave meanwhile.
    """

    def __init__(
        self, code: str, sentence: str, retry_after: float | None = None, *, only_this_message: bool = False
    ) -> None:
        super().__init__(code, sentence)
        self.retry_after = retry_after
        self.only_this_message = only_this_message


class SendInDoubt(SendError):
    """The gateway may have taken it: an answer was lost, or was an error that says nothing either way.

    `answered` tells the second from the first. Most gateway errors mean "not taken", so these are tried again as soon
    as any other failure; after a lost answer a status callback deserves some time to settle the matter.
    """

    def __init__(self, code: str, sentence: str, *, answered: bool = False) -> None:
        super().__init__(code, sentence)
        self.answered = answered


class Gateway(Protocol):
    """The four verbs. `name` is the gateway's in the database and in the webhook's path."""

    @property
    def name(self) -> str: ...

    @property
    def habits(self) -> WebhookHabits: ...

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check that the gateway sent this. Raises `SignatureRefused`, or `MalformedMessage` where it is unreadable."""
        ...

    def parse(self, webhook: VerifiedWebhook) -> IncomingSms:
        """Read an incoming message. Raises `MalformedMessage`."""
        ...

    def status(self, webhook: VerifiedWebhook) -> StatusReport:
        """Read a status callback. Raises `MalformedMessage`."""
        ...

    async def send(self, message: OutgoingSms) -> str:
        """Hand the message over; the gateway's id for it. Raises `SendRefused`, `SendLater` or `SendInDoubt`."""
        ...
