"""Vonage: its Messages API, and its webhooks, which are signed with a JSON Web Token.

Sources, below developer.vonage.com: /en/api/messages (version 1: requests, answers, both webhooks), /en/api-errors and
/en/api-errors/messages (codes), /en/getting-started/concepts/webhooks (signed webhooks), /en/getting-started/concepts/
authentication, /en/messages/concepts/messages-status-callbacks; api.support.vonage.com article 360028543292 (a webhook
that was answered with 429 or 5xx is repeated for 24 hours). Vonage has no idempotency key for messages. A request
without an answer or with a 5xx may have been taken. Numbers are written without the plus sign.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

from smsbot.gateways.authentication import StatusAddress, outgoing_id
from smsbot.gateways.base import (
    DeliveryStatus,
    IncomingSms,
    MalformedMessage,
    OutgoingSms,
    PostsOneByOne,
    SendError,
    SendInDoubt,
    SendLater,
    SendRefused,
    SignatureRefused,
    StatusReport,
    VerifiedWebhook,
    WebhookHabits,
    WebhookRequest,
)
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer, basic_authorization, retry_after, without_answer
from smsbot.gateways.webhook_values import (
    body_text,
    is_message_id,
    json_from,
    keyword,
    message_id,
    moment,
    our_number,
    required,
    scalar,
    telephone,
)
from smsbot.http_headers import credentials_of

NAME = "vonage"
API_URL = "https://api.nexmo.com"
STATUS_PATH = "/webhooks/vonage/status"

STATUSES: Mapping[str, DeliveryStatus] = {
    "submitted": DeliveryStatus.SENT,  # "has passed a message on to a messaging provider"
    "delivered": DeliveryStatus.DELIVERED,
    "rejected": DeliveryStatus.FAILED,  # also for a message that expired or was refused by the operator
    "undeliverable": DeliveryStatus.UNDELIVERED,
    "read": DeliveryStatus.READ,
}

REFUSED: Mapping[str, str] = {
    "1010": "A parameter is missing.",
    "1020": "A parameter is invalid.",
    "1040": "The recipient's prefix is unknown to Vonage.",
    "1050": "The recipient is barred.",
    "1090": "The text is too long.",
    "1120": "The sender is not allowed in the recipient's country.",
    "1150": "A parameter is invalid.",
    "1160": "A trial account sends to numbers on its list only.",
    "1170": "The recipient is not a valid telephone number.",
    "1240": "The recipient has opted out with STOP.",
    "1420": "The sender is not valid.",
    "1430": "The recipient is not a valid telephone number.",
}
"""Codes of errors for which trying again does not help, because the request is wrong."""

NEVER_ARRIVES = frozenset({"1040", "1170", "1430"})
"""Codes which mean that the recipient's number does not exist."""

LATER: Mapping[str, tuple[str, float | None]] = {
    "1000": ("Vonage limits the rate of this account.", None),
    "1060": ("The Vonage account is barred.", 300.0),
    "1070": ("The Vonage account has no credit left.", 300.0),
    "1080": ("The Vonage account is not enabled for this API.", 300.0),
    "1100": ("Vonage could not pass the message on.", None),
    "1140": ("The Vonage account is not enabled for this.", 300.0),
    "1241": ("Vonage limits the messages to this recipient.", 60.0),
}
"""Codes of temporary errors, with the seconds to wait if the answer has no Retry-After."""

_ABOUT_THE_RECIPIENT = frozenset({"1241"})
"""The codes in `LATER` that are about one recipient, so that messages to others may leave meanwhile."""

_PASSING_HTTP_STATUSES: Mapping[int, tuple[str, float | None]] = {
    401: ("Vonage refuses the credentials: see SMSBOT_VONAGE_APPLICATION_ID or SMSBOT_VONAGE_API_KEY.", 30.0),
    402: ("The Vonage account has no credit left.", 300.0),
    403: ("The Vonage account may not do this.", 30.0),
    404: ("Vonage's address answered HTTP 404: see SMSBOT_VONAGE_API_URL.", 30.0),
    408: ("Vonage did not get the request in time.", None),
    425: ("Vonage is not ready for the request.", None),
    429: ("Vonage limits the rate of this account.", None),
    503: ("Vonage is unavailable for the moment.", None),
}

_LONGEST_WAY_SECONDS = 25 * 3600.0  # Vonage repeats a webhook for 24 hours
_CLOCKS_DIFFER_SECONDS = 300.0
_TOKEN_SECONDS = 900
_ERROR_CODE = re.compile(r"[0-9]{3,5}|[a-z]+(?:-[a-z]+){0,4}")
_OLD_WEBHOOK = "{} is not a text: set the webhooks of the Vonage application to version 1 of the Messages API."


class Authorization(Protocol):
    """Makes the header `Authorization` of a request to Vonage. `now` is in Unix seconds."""

    def header(self, now: float) -> str: ...


class ApiKey:
    """An account's API key and secret (RFC 7617)."""

    def __init__(self, key: str, secret: str) -> None:
        self._header = basic_authorization(key, secret)

    def header(self, now: float) -> str:
        return self._header


class Application:
    """A Vonage application and its private key, RSA in PEM. Raises `ValueError` if the key is not such a key.

    A token is used for a quarter of an hour, because signing takes about as long as the rest of a request.
    """

    def __init__(self, application_id: str, private_key: str) -> None:
        self._id = application_id
        self._header = ""
        self._issued = -math.inf
        try:
            self._key = RSAKey.import_key(private_key)
        except (ValueError, TypeError, JoseError):
            raise ValueError("no private RSA key") from None
        if not self._key.is_private:
            raise ValueError("no private RSA key")

    def header(self, now: float) -> str:
        if not self._issued <= now < self._issued + _TOKEN_SECONDS - 60:
            self._header = f"Bearer {self._sign(int(now))}"
            self._issued = int(now)
        return self._header

    def _sign(self, issued: int) -> str:
        claims = {"application_id": self._id, "iat": issued, "exp": issued + _TOKEN_SECONDS, "jti": str(uuid.uuid4())}
        return jwt.encode({"alg": "RS256"}, claims, self._key)


class VonageGateway(PostsOneByOne):
    """One Vonage account.

    `signature_secret` is the account's secret for its webhooks. `public_url` is `SMSBOT_PUBLIC_URL`, where status
    webhooks go, with a tag made with `status_key`. `api_url` replaces https://api.nexmo.com and may have a path.
    `http` is shared and closed by its opener. `clock` returns Unix seconds.
    """

    name = NAME
    habits = WebhookHabits()

    def __init__(
        self,
        authorization: Authorization,
        signature_secret: str,
        *,
        public_url: str,
        status_key: bytes,
        http: Http,
        api_url: str = API_URL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._authorization = authorization
        self._signature_key = OctKey.import_key(signature_secret)
        self._status_address = StatusAddress(status_key)
        self._status_url = f"{public_url.rstrip('/')}{STATUS_PATH}"
        self._messages_url = f"{api_url.rstrip('/')}/v1/messages"
        self._http = http
        self._clock = clock

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check that the token in `Authorization` is signed with HS256 and was made for this body."""
        token = credentials_of(request.headers.get("authorization", ""), "bearer")
        if not token:
            raise SignatureRefused("the request has no bearer token")
        signed_at = self._check(token, request.body)
        document = json_from(request.body)
        if not isinstance(document, dict):
            raise MalformedMessage("The body is not a JSON object.")
        query = {name: values[0] for name, values in parse_qs(request.query, errors="replace").items()}
        return VerifiedWebhook(document, query, signed_at)

    def _check(self, token: str, body: bytes) -> datetime:
        """Check the token and return when it was made (UTC). Raises `SignatureRefused`."""
        try:
            claims = jwt.decode(token, self._signature_key, algorithms=["HS256"]).claims
            limits = {name: value for name, value in claims.items() if name in ("exp", "nbf")}
            jwt.JWTClaimsRegistry(now=int(self._clock())).validate(
                limits
            )  # `iat` is checked below, because clocks differ
        except (JoseError, ValueError, TypeError, RecursionError):  # anybody may post an invalid token
            raise SignatureRefused(
                "the token is not signed with SMSBOT_VONAGE_SIGNATURE_SECRET, or has ended"
            ) from None
        issued, payload_hash = claims.get("iat"), claims.get("payload_hash")
        expected = hashlib.sha256(body).hexdigest()
        if not isinstance(payload_hash, str) or not hmac.compare_digest(
            payload_hash.lower().encode(), expected.encode()
        ):
            raise SignatureRefused("the token was made for another body")
        if (
            not isinstance(issued, (int, float))
            or not -_CLOCKS_DIFFER_SECONDS <= self._clock() - issued <= _LONGEST_WAY_SECONDS
        ):
            raise SignatureRefused("the token is too old, or comes from a wrong clock")
        return datetime.fromtimestamp(issued, UTC)

    def parse(self, webhook: VerifiedWebhook) -> IncomingSms:
        fields = webhook.fields
        for name in ("from", "to"):
            if isinstance(fields.get(name), dict):
                raise MalformedMessage(_OLD_WEBHOOK.format(name))
        if fields.get("channel") != "sms":
            raise MalformedMessage("channel is not sms.")
        told = fields.get("text")
        if told is not None and not isinstance(told, str):
            raise MalformedMessage("text is not a text.")
        text = body_text(told or "", "text")  # the field may be missing if the message has no text
        return IncomingSms(
            gateway=NAME,
            gateway_message_id=message_id(scalar(fields.get("message_uuid"), "message_uuid"), "message_uuid"),
            from_number=telephone(scalar(fields.get("from"), "from"), "from"),
            to_number=our_number(scalar(fields.get("to"), "to"), "to"),
            body=text,
            reads_as_keyword=keyword(text),
            # A repeated webhook has the time and the token of the first attempt. If only one of the two is old, that
            # one is wrong.
            written_at=max(filter(None, (_moment(fields.get("timestamp")), webhook.signed_at)), default=None),
        )

    def status(self, webhook: VerifiedWebhook) -> StatusReport:
        fields = webhook.fields
        word = required(scalar(fields.get("status"), "status"), "status")
        ours = outgoing_id(fields.get("client_ref"))
        return StatusReport(
            gateway=NAME,
            gateway_message_id=message_id(scalar(fields.get("message_uuid"), "message_uuid"), "message_uuid"),
            outgoing_id=self._status_address.outgoing_id(webhook.query) if ours is None else ours,
            status=STATUSES.get(word, DeliveryStatus.UNKNOWN),
            error_code=_error_code(fields.get("error")),
        )

    async def send(self, message: OutgoingSms) -> str:
        request = {
            "channel": "sms",
            "message_type": "text",
            "from": message.sender.removeprefix("+"),
            "to": message.recipient.removeprefix("+"),
            "text": message.body,
            "client_ref": str(message.outgoing_id),
            "webhook_url": f"{self._status_url}?{urlencode(self._status_address.parameters(message.outgoing_id))}",
            "webhook_version": "v1",
        }
        headers = {"Authorization": self._authorization.header(self._clock()), "Content-Type": "application/json"}
        try:
            answer = await self._http.request("POST", self._messages_url, headers, json.dumps(request).encode())
        except NoAnswer as error:
            raise without_answer(error) from error
        if not answer.is_success:
            raise _error_of(answer)
        taken = _document(answer).get("message_uuid")
        if not is_message_id(taken):
            raise SendInDoubt("unreadable", "Vonage's answer names no message.", answered=True)
        return taken


def _moment(timestamp: Any) -> datetime | None:
    return moment(timestamp, UTC) if isinstance(timestamp, str) else None


def _error_of(answer: HttpAnswer) -> SendError:
    """The error for an error answer. Vonage's own wording is left out, because it may quote the number."""
    status = answer.status
    code = _error_code(_document(answer)) or str(status)
    if not 400 <= status < 500 and status not in _PASSING_HTTP_STATUSES:
        return SendInDoubt(code, f"Vonage answered HTTP {status}.", answered=True)
    if code in REFUSED and status not in _PASSING_HTTP_STATUSES:
        return SendRefused(code, REFUSED[code])
    passing = LATER.get(code) or _PASSING_HTTP_STATUSES.get(status)
    if passing is not None:
        sentence, seconds = passing
        told = retry_after(answer.headers.get("retry-after"))
        wait = seconds if told is None else told
        return SendLater(code, sentence, wait, only_this_message=code in _ABOUT_THE_RECIPIENT)
    return SendRefused(
        code, f"Vonage refused the message: see https://developer.vonage.com/en/api-errors/messages#{code}."
    )


def _document(answer: HttpAnswer) -> Mapping[str, Any]:
    try:
        document = json_from(answer.content)
    except MalformedMessage:
        return {}
    return document if isinstance(document, dict) else {}


def _error_code(error: Any) -> str | None:
    """The code in an error document (RFC 9457), from the end of `type` or from `title`; None if there is none.

    In webhooks the document may be inside another `error`.
    """
    if not isinstance(error, dict):
        return None
    if isinstance(error.get("error"), dict):
        error = error["error"]
    for candidate in (str(error.get("type", "")).rpartition("#")[2], str(error.get("title", ""))):
        if _ERROR_CODE.fullmatch(candidate):
            return candidate
    return None
