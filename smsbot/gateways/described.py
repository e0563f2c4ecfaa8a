"""A gateway that is described in `smsbot.toml` instead of programmed: the request that hands a message over, and what
its webhooks hold. `described_answers` tells what the answer to such a request means.

`smsbot.example.toml` explains each key to operators, and `smsbot.policy` has checked the description.

A gateway may have no ids for its messages. Then our id stands for a message that we send, and a digest of both numbers,
the time and the text for one that we receive. A repeated webhook has the same time, so it is recognised. Two equal
messages of one person count as one only if they have the same time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import parse_qs, quote, urlencode
from zoneinfo import ZoneInfo

import structlog
from multidict import CIMultiDict

from smsbot.gateways.authentication import Proof, StatusAddress, outgoing_id, proof
from smsbot.gateways.base import (
    DeliveryStatus,
    IncomingSms,
    MalformedMessage,
    OutgoingSms,
    SignatureRefused,
    StatusReport,
    VerifiedWebhook,
    WebhookHabits,
    WebhookRequest,
)
from smsbot.gateways.described_answers import is_showable, taken_as
from smsbot.gateways.http import Http, NoAnswer, basic_authorization, check, without_answer
from smsbot.gateways.webhook_values import (
    body_text,
    json_from,
    keyword,
    message_id,
    moment,
    our_number,
    required,
    scalar,
    sole_at_path,
    telephone,
)
from smsbot.policy.gateways import GatewayTable, StatusTable, WebhooksTable

_DOCUMENT = "document"  # a verified webhook holds a JSON body under this name, as it may be a list

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_FIELDS = 256

logger = structlog.get_logger(__name__)


class DescribedGateway:
    """A gateway that `description` describes. `secrets` has the values for the names in `description.secrets`.

    `public_url` is where status webhooks go (`SMSBOT_PUBLIC_URL`), with a tag by `status_key`. `http` is shared;
    whoever opened it closes it. Raises `ValueError` where a secret would make a request that cannot be sent.
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
        self.habits = _habits(description.webhooks)
        self._described = description
        self._secrets = secrets
        self._http = http
        self._status_address = StatusAddress(status_key)
        self._callback_url = f"{public_url.rstrip('/')}/webhooks/{name}/status"
        self._callback_query: dict[str, str] = {}
        self._is_proven: Proof | None = None
        if description.webhooks is not None:
            how = description.webhooks.authentication
            secret = how.secret.format_map(secrets)
            self._is_proven = proof(how, secret)
            if how.kind == "query":
                self._callback_query = {how.name or "": secret}
        self._fixed_headers = _authorization(description, secrets)
        self._zone: tzinfo = UTC
        if description.incoming is not None and description.incoming.time_zone is not None:
            self._zone = ZoneInfo(description.incoming.time_zone)
        self._warned: set[str] = set()
        _, url, headers, _ = self._request(OutgoingSms(1, "+33937000000", "+33612345678", "é"))
        check(url, headers)

    # What it posts

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        webhooks = self._described.webhooks
        if webhooks is None or self._is_proven is None:
            raise SignatureRefused("this gateway has no webhooks")
        query = self._form(request.query)
        if not self._is_proven(request, query):
            raise SignatureRefused("the secret or the signature of the webhook is missing or wrong")
        return VerifiedWebhook(
            fields=self._fields(webhooks, request.body, query),
            query={name: values[0] for name, values in query.items()},
        )

    def _fields(self, webhooks: WebhooksTable, body: bytes, query: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        if webhooks.format == "query":
            return query
        if webhooks.format == "form":
            try:
                return self._form(body.decode("ascii"))
            except UnicodeDecodeError:
                raise MalformedMessage("The body is no form: it holds bytes that are not encoded.") from None
        document = json_from(body)
        if not isinstance(document, (dict, list)):
            raise MalformedMessage("The body is neither a JSON object nor a list of one.")
        return {_DOCUMENT: document}

    def _form(self, text: str) -> dict[str, list[str]]:
        if _BROKEN_ESCAPE.search(text):
            raise MalformedMessage("A percent sign stands without two hexadecimal digits.")
        if not all("=" in pair for pair in text.split("&") if pair):
            raise MalformedMessage("The fields are not pairs of name=value.")
        try:
            return parse_qs(
                text,
                keep_blank_values=True,
                encoding=self._described.charset,
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
        except UnicodeDecodeError:
            raise MalformedMessage(f"The fields are not {self._described.charset}.") from None
        except ValueError:
            raise MalformedMessage("There are too many fields.") from None

    def _field(self, webhook: VerifiedWebhook, name: str | None) -> str | None:
        """The value of a field: at its path in JSON, or under its name in a form or query, where it may stand only
        once.
        """
        if name is None:
            return None
        assert self._described.webhooks is not None
        if self._described.webhooks.format == "json":
            return scalar(sole_at_path(webhook.fields[_DOCUMENT], name), name)
        values: Sequence[str] = webhook.fields.get(name, ())
        if len(values) > 1:
            raise MalformedMessage(f"{name} stands twice.")
        return values[0] if values else None

    def parse(self, webhook: VerifiedWebhook) -> IncomingSms:
        incoming = self._described.incoming
        if incoming is None:
            raise MalformedMessage("This gateway is not described as one that brings messages.")
        sender = telephone(self._field(webhook, incoming.sender), incoming.sender)
        if incoming.recipient is None:
            recipient = incoming.our_number or ""
        else:
            recipient = our_number(self._field(webhook, incoming.recipient), incoming.recipient)
        text = body_text(self._field(webhook, incoming.text), incoming.text)
        time = self._field(webhook, incoming.time)
        if incoming.id is not None:
            identifier = message_id(self._field(webhook, incoming.id), incoming.id)
        else:
            identifier = _digest(sender, recipient, required(time, incoming.time or ""), text)
        return IncomingSms(
            gateway=self.name,
            gateway_message_id=identifier,
            from_number=sender,
            to_number=recipient,
            body=text,
            reads_as_keyword=keyword(text),
            written_at=self._moment(time),
        )

    def _moment(self, time: str | None) -> datetime | None:
        read = moment(time, self._zone)
        if time is not None and read is None:
            self._warn_once("time of a message unreadable")
        return read

    def status(self, webhook: VerifiedWebhook) -> StatusReport:
        described = self._described.status
        if described is None:
            raise MalformedMessage("This gateway is not described as one that reports statuses.")
        ours = self._outgoing_id(webhook, described)
        if described.id is not None:
            identifier = message_id(self._field(webhook, described.id), described.id)
        elif ours is not None:
            identifier = _own_id(ours)
        else:
            raise MalformedMessage("Nothing tells which message the status is about.")
        word = required(self._field(webhook, described.status), described.status)
        code = self._field(webhook, described.error)
        return StatusReport(
            gateway=self.name,
            gateway_message_id=identifier,
            outgoing_id=ours,
            status=DeliveryStatus(described.words.get(word, DeliveryStatus.UNKNOWN.value)),
            error_code=code if code and is_showable(code) else None,
            may_be_early=ours is None and not self._described.statuses_name_messages,
        )

    def _outgoing_id(self, webhook: VerifiedWebhook, described: StatusTable) -> int | None:
        """Our id, from the body if it is there, because a signature covers the body.

        In the address only its tag proves it.
        """
        told = None
        if "id" in self._described.send.used:  # otherwise the reference is not our id
            told = outgoing_id(self._field(webhook, described.reference))
        return self._status_address.outgoing_id(webhook.query) if told is None else told

    # What it is sent

    async def send(self, message: OutgoingSms) -> str:
        try:
            answer = await self._http.request(*self._request(message))
        except NoAnswer as error:
            raise without_answer(error) from error
        identifier = taken_as(self._described.answer, answer)
        if self._described.answer.id is not None and identifier is None:
            self._warn_once("answer names no message")
        return identifier or _own_id(message.outgoing_id)

    def _warn_once(self, event: str) -> None:
        """Log a fault of the description or the gateway that would otherwise be logged with every message."""
        if event not in self._warned:
            self._warned.add(event)
            logger.warning(event, gateway=self.name)

    def _request(self, message: OutgoingSms) -> tuple[str, str, CIMultiDict[str], bytes | None]:
        """Method, address, headers and body."""
        send = self._described.send
        values = self._values(message)
        charset = self._described.charset
        quoted = {name: quote(value, safe="", encoding=charset, errors="replace") for name, value in values.items()}
        url = send.url.format_map(quoted)
        if send.query:
            url = f"{url}{'&' if '?' in url else '?'}{self._encoded(send.query, values)}"
        headers = CIMultiDict((name, value.format_map(values)) for name, value in send.headers.items())
        headers.update(self._fixed_headers)
        content = None
        if send.form is not None:
            content = self._encoded(send.form, values).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif send.json_ is not None:
            content = json.dumps(_filled(send.json_, values), ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        return send.method, url, headers, content

    def _values(self, message: OutgoingSms) -> dict[str, str]:
        query = self._status_address.parameters(message.outgoing_id) | self._callback_query
        return {
            **self._secrets,
            "sender": message.sender,
            "sender_digits": message.sender.removeprefix("+"),
            "recipient": message.recipient,
            "recipient_digits": message.recipient.removeprefix("+"),
            "recipient_00": re.sub(r"^\+", "00", message.recipient),
            "text": message.body,
            "id": str(message.outgoing_id),
            "callback_url": f"{self._callback_url}?{urlencode(query)}",
        }

    def _encoded(self, template: Mapping[str, str], values: Mapping[str, str]) -> str:
        filled = {name: value.format_map(values) for name, value in template.items()}
        return urlencode(filled, encoding=self._described.charset, errors="replace")


def _habits(webhooks: WebhooksTable | None) -> WebhookHabits:
    """The answer has no body unless the description asks for one: some gateways send it to the usager."""
    if webhooks is None:
        return WebhookHabits(methods=(), hears_reasons=False)
    methods = ("GET",) if webhooks.format == "query" else ("POST",)
    wanted = webhooks.acknowledgement
    if wanted is None:
        return WebhookHabits(methods, hears_reasons=False)
    return WebhookHabits(methods, wanted.text.encode(), wanted.content_type, hears_reasons=False)


def _authorization(description: GatewayTable, secrets: Mapping[str, str]) -> dict[str, str]:
    if description.send.basic_auth is None:
        return {}
    user, _, password = description.send.basic_auth.format_map(secrets).partition(":")
    return {"Authorization": basic_authorization(user, password)}


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """The template with all its texts filled in; values that are no texts stay as they are."""
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, Mapping):
        return {name: _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def _own_id(outgoing_id: int) -> str:
    return f"smsbot-{outgoing_id}"


def _digest(*parts: str) -> str:
    """A digest of these parts. Each is preceded by its length, so that other parts cannot give the same."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
