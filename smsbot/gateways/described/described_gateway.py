"""A gateway that is described in `smsbot.toml`, not written in code: its requests and its webhooks.

`smsbot.example.toml` explains each key to operators, and `smsbot.policy` has checked the description.
`described_answers` says what the answer to a message means, and `described_replies` reads lists of messages.

A gateway may have no ids for its messages. Then our id is used for a message that we send. For a message that we
receive, a digest of what we know of it is used: both numbers, the text, the time, and the message of ours to which it
replies. A repeated webhook has the same values, so it is recognised. Two messages of one person count as one only if
all values are the same: if both were written within the same second, or both reply to the same message.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeVar
from urllib.parse import urlencode, urljoin
from zoneinfo import ZoneInfo

import structlog

from smsbot.gateways.authentication import Proof, StatusAddress, outgoing_id, proof
from smsbot.gateways.base import (
    Batch,
    DeliveryStatus,
    IncomingSms,
    MalformedMessage,
    MessagePiece,
    OutgoingSms,
    SendLater,
    SendRefused,
    SignatureRefused,
    StatusReport,
    VerifiedWebhook,
    WebhookHabits,
    WebhookRequest,
)
from smsbot.gateways.described.client_token import UNFETCHED, ClientToken
from smsbot.gateways.described.described_answers import credit_in, is_showable, taken_as
from smsbot.gateways.described.described_replies import DescribedReplies
from smsbot.gateways.described.described_requests import FilledRequest, carries, filled, values_of
from smsbot.gateways.described.webhook_fields import WebhookFields, decoded_again, fields_from, pairs_from
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer, check_request, without_answer
from smsbot.gateways.webhook_values import (
    body_text,
    keyword,
    message_id,
    moment,
    our_number,
    piece,
    required,
    telephone,
)
from smsbot.policy.gateway_values import ACCESS_TOKEN, WebhookFormat
from smsbot.policy.gateways import GatewayTable, IncomingTable, StatusTable

STOP = "STOP"
MOST_BATCH_BYTES = 1024 * 1024

_BODY, _ADDRESS = "body", "address"  # the content is parsed later, when it is known whether it is messages or statuses

T = TypeVar("T")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What a gateway says of our account: the remaining credit, and the answer's `Date`. None if it does not say."""

    credit: str | None = None
    date: str | None = None


class DescribedGateway:
    """A gateway that `description` describes. `secrets` has the values for the names in `description.secrets`.

    `public_url` is `SMSBOT_PUBLIC_URL`, where webhooks go. The addresses for statuses have a tag made with
    `status_key`. `http` is shared and closed by its opener. Raises `ValueError` if a secret would make a request that
    cannot be sent.
    """

    def __init__(
        self,
        name: str,
        description: GatewayTable,
        secrets: Mapping[str, str],
        *,
        public_url: str,
        status_key: bytes,
        http: Http,
    ) -> None:
        self.name = name
        self.habits = _habits(description)
        self._described = description
        self._http = http
        self._status_address = StatusAddress(status_key)
        self._webhooks_url = f"{public_url.rstrip('/')}/webhooks/{name}"
        self._webhooks_query: dict[str, str] = {}
        self._is_proven: Proof | None = None
        if description.webhooks is not None:
            how = description.webhooks.authentication
            secret = how.secret.format_map(secrets)
            self._is_proven = proof(how, secret)
            if how.kind == "query":
                self._webhooks_query = {how.name or "": secret}
        self._fixed_values = {**secrets, "incoming_url": _with_query(f"{self._webhooks_url}/sms", self._webhooks_query)}
        self._token: ClientToken | None = None
        if description.token is not None:
            self._token = ClientToken(description.token, secrets, description.charset, http)
        self.replies: DescribedReplies | None = None
        if description.poll is not None:
            self.replies = DescribedReplies(
                description.poll, description.incoming_format, description.charset, self._ask, self._each_message
            )
        self._zone: tzinfo = UTC
        if description.incoming is not None and description.incoming.time_zone is not None:
            self._zone = ZoneInfo(description.incoming.time_zone)
        self._warned: set[str] = set()
        self._check_requests(secrets)

    def _check_requests(self, secrets: Mapping[str, str]) -> None:
        """Raises `ValueError` if a secret would make a request that cannot be sent."""
        described, charset = self._described, self._described.charset
        example = self._values(OutgoingSms(1, "+33937000000", "+33612345678", "é")) | {ACCESS_TOKEN: "x"}
        requests = [filled(described.send, example, charset)]
        if described.token is not None:
            requests.append(filled(described.token, secrets, charset))
        if described.check is not None and not described.check.url.startswith("/"):
            requests.append(filled(described.check, {**secrets, ACCESS_TOKEN: "x"}, charset))
        if self.replies is not None:
            requests.append(self.replies.example({**secrets, ACCESS_TOKEN: "x"}))
        for request in requests:
            check_request(request.url, request.headers)

    # Its webhooks

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        if self._is_proven is None:
            raise SignatureRefused("this gateway has no webhooks")
        if not self._is_proven(request, pairs_from(request.query, self._described.charset)):
            raise SignatureRefused("the secret or the signature of the webhook is missing or wrong")
        return self.unproven(request)

    def unproven(self, request: WebhookRequest) -> VerifiedWebhook:
        """Like `verify`, without the check: for an operator who wants to see how a recorded webhook is read."""
        address = pairs_from(request.query, self._described.charset)
        return VerifiedWebhook(
            fields={_BODY: request.body, _ADDRESS: address},
            query={name: values[0] for name, values in address.items()},
        )

    def _fields(self, webhook: VerifiedWebhook, format_: WebhookFormat) -> WebhookFields:
        return fields_from(format_, webhook.fields[_BODY], webhook.fields[_ADDRESS], self._described.charset)

    def messages(self, webhook: VerifiedWebhook) -> Batch[IncomingSms]:
        if self._described.incoming is None:
            raise MalformedMessage("This gateway is not described as one that brings messages.")
        return self._each_message(self._fields(webhook, self._described.incoming_format))

    def _each_message(self, fields: WebhookFields) -> Batch[IncomingSms]:
        incoming = self._described.incoming
        assert incoming is not None  # all callers have checked this, and a poll needs it
        return _batch(fields.each(incoming.each), lambda one: self._message(one, incoming))

    def _message(self, fields: WebhookFields, incoming: IncomingTable) -> IncomingSms:
        sender = telephone(fields.field(incoming.sender), incoming.sender)
        if incoming.recipient is None:
            recipient = incoming.our_number or ""
        else:
            recipient = our_number(fields.field(incoming.recipient), incoming.recipient)
        text = fields.field(incoming.text)
        if text is not None and incoming.text_encoded is not None:
            text = decoded_again(text, incoming.text_encoded)
        text = body_text(text, incoming.text)
        is_stop = incoming.stop is not None and fields.field(incoming.stop.field) in incoming.stop.words
        of_pieces = incoming.pieces
        part = None
        if of_pieces is not None:
            reference, number, total = map(fields.field, (of_pieces.reference, of_pieces.number, of_pieces.total))
            part = piece(reference, number, total, of_pieces.reference)
        return IncomingSms(
            gateway=self.name,
            gateway_message_id=self._message_id(fields, incoming, (sender, recipient, text), part, is_stop=is_stop),
            from_number=sender,
            to_number=recipient,
            body=text,
            opt_out_keyword=STOP if is_stop else None,
            reads_as_keyword=keyword(text),
            written_at=self._moment(fields.field(incoming.time)),
            piece=part,
        )

    def _message_id(
        self,
        fields: WebhookFields,
        incoming: IncomingTable,
        known: tuple[str, str, str],
        part: MessagePiece | None,
        *,
        is_stop: bool,
    ) -> str:
        """The gateway's id of the message, or a digest in its place. `known` has both numbers and the text."""
        own = fields.field(incoming.id)
        if incoming.id is not None and (own is not None or (part is None and not is_stop)):
            return message_id(own, incoming.id)
        told = [fields.field(name) for name in (incoming.time, incoming.in_reply_to) if name is not None]
        if part is not None:
            told += [part.reference, str(part.number), str(part.total)]
        if any(told):
            return _digest(*known, *(value or "" for value in told))
        if is_stop:  # a STOP that is read twice changes nothing
            return uuid.uuid4().hex
        raise MalformedMessage(f"{incoming.time or incoming.in_reply_to} is missing.")

    def _moment(self, time: str | None) -> datetime | None:
        read = moment(time, self._zone)
        if time is not None and read is None:
            self._warn_once("time of a message unreadable")
        return read

    def statuses(self, webhook: VerifiedWebhook) -> Batch[StatusReport]:
        described = self._described.status
        if described is None:
            raise MalformedMessage("This gateway is not described as one that reports statuses.")
        fields = self._fields(webhook, self._described.status_format)
        return _batch(fields.each(described.each), lambda one: self._status(one, described, webhook.query))

    def _status(self, fields: WebhookFields, described: StatusTable, query: Mapping[str, str]) -> StatusReport:
        ours = self._outgoing_id(fields, described, query)
        if described.id is not None:
            identifier = message_id(fields.field(described.id), described.id)
        elif ours is not None:
            identifier = _own_id(ours)
        else:
            raise MalformedMessage("Nothing tells which message the status is about.")
        word = required(fields.field(described.status), described.status)
        code = fields.field(described.error)
        return StatusReport(
            gateway=self.name,
            gateway_message_id=identifier,
            outgoing_id=ours,
            status=DeliveryStatus(described.words.get(word, DeliveryStatus.UNKNOWN.value)),
            error_code=code if code and is_showable(code) else None,
            may_be_early=ours is None and not self._described.statuses_name_messages,
        )

    def _outgoing_id(self, fields: WebhookFields, described: StatusTable, query: Mapping[str, str]) -> int | None:
        """Our id of the message: the one in the body if there is one, because a signature covers the body.

        The id in the address counts only with its tag.
        """
        told = None
        if "id" in self._described.send.used:  # otherwise the reference is something else than our id
            told = outgoing_id(fields.field(described.reference))
        return self._status_address.outgoing_id(query) if told is None else told

    # Our requests

    async def send(self, message: OutgoingSms) -> str:
        described = self._described
        if described.send.json_ is None and not carries(message.body, described.charset):
            raise SendRefused("charset", "The gateway's charset cannot write this text: it must be utf-8.")
        try:
            answer = await self._ask(lambda values: filled(described.send, values, described.charset), message)
        except NoAnswer as error:
            raise without_answer(error) from error
        identifier = taken_as(described.answer, answer)
        if described.answer.id is not None and identifier is None:
            self._warn_once("answer names no message")
        return identifier or _own_id(message.outgoing_id)

    @property
    def can_be_asked(self) -> bool:
        """Whether there is a request that changes nothing: the one in `[check]`, or the one that fetches a token."""
        return self._described.check is not None or self._token is not None

    async def ask_for_account(self) -> AccountAnswer:
        """Send that request.

        Raises `SendRefused` if the credentials are wrong, and `SendLater` if this could not be found out.
        """
        check, charset = self._described.check, self._described.charset
        if check is None:
            try:
                if self._token is not None:
                    await self._token.value()
            except SendLater as problem:
                if problem.code == UNFETCHED:
                    raise SendRefused(problem.code, problem.sentence) from problem
                raise
            return AccountAnswer()
        absolute = check.model_copy(update={"url": urljoin(self._described.send.url, check.url)})
        try:
            answer = await self._ask(lambda values: filled(absolute, values, charset))
        except NoAnswer as error:
            raise SendLater(error.code, "It cannot be reached.") from error
        return AccountAnswer(credit_in(check, answer), answer.headers.get("date"))

    async def _ask(
        self, request_with: Callable[[Mapping[str, str]], FilledRequest], message: OutgoingSms | None = None
    ) -> HttpAnswer:
        """The answer to the request that `request_with` makes. If it is refused with 401, it is sent with a new token.

        Raises `NoAnswer`, and `SendLater` if there is no token.
        """
        values = self._fixed_values if message is None else self._values(message)
        if self._token is None:
            return await self._request(request_with(values))
        token = await self._token.value()
        answer = await self._request(request_with({**values, ACCESS_TOKEN: token}))
        if answer.status != 401:  # 401 means that nothing was taken
            return answer
        self._token.forget(token)
        return await self._request(request_with({**values, ACCESS_TOKEN: await self._token.value()}))

    async def _request(self, request: FilledRequest) -> HttpAnswer:
        return await self._http.request(request.method, request.url, request.headers, request.body)

    def _values(self, message: OutgoingSms) -> dict[str, str]:
        query = self._status_address.parameters(message.outgoing_id) | self._webhooks_query
        callback_url = _with_query(f"{self._webhooks_url}/status", query)
        return {**self._fixed_values, **values_of(message), "callback_url": callback_url}

    def _warn_once(self, event: str) -> None:
        """Log a fault of the description or the gateway once. Otherwise it would be logged with every message."""
        if event not in self._warned:
            self._warned.add(event)
            logger.warning(event, gateway=self.name)


def _habits(description: GatewayTable) -> WebhookHabits:
    """How the gateway posts. Our answer has no body unless the description asks for one: some send it to the usager."""
    webhooks = description.webhooks
    if webhooks is None:
        return WebhookHabits(methods=(), status_methods=(), hears_reasons=False)
    wanted = webhooks.acknowledgement
    return WebhookHabits(
        methods=_methods(description.incoming_format),
        status_methods=_methods(description.status_format),
        answer=b"" if wanted is None else wanted.text.encode(),
        content_type=None if wanted is None else wanted.content_type,
        hears_reasons=False,
        most_bytes=MOST_BATCH_BYTES if _has_batches(description) else WebhookHabits().most_bytes,
    )


def _methods(format_: WebhookFormat) -> tuple[str, ...]:
    return ("GET",) if format_ == "query" else ("POST",)


def _has_batches(description: GatewayTable) -> bool:
    return any(table is not None and table.each is not None for table in (description.incoming, description.status))


def _batch(these: Sequence[WebhookFields], read: Callable[[WebhookFields], T]) -> Batch[T]:
    """What can be read of these. If nothing can, raises the first `MalformedMessage`."""
    good: list[T] = []
    problems: list[MalformedMessage] = []
    for one in these:
        try:
            good.append(read(one))
        except MalformedMessage as problem:
            problems.append(problem)
    if problems and not good:
        raise problems[0]
    return Batch(good, problems)


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _own_id(outgoing_id: int) -> str:
    return f"smsbot-{outgoing_id}"


def _digest(*parts: str) -> str:
    """A digest of these parts. The length of each is included, so that other parts cannot give the same digest."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
