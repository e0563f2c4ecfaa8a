"""Twilio: its signed webhooks, checked by its own SDK, and its Messages API.

Sources: twilio.com/docs/usage/webhooks/webhooks-security (signatures), /docs/messaging/guides/webhook-request
(fields of an incoming message), /docs/messaging/guides/outbound-message-status-in-status-callbacks, and
/docs/api/errors/<code> for each code below. Twilio has no idempotency key for messages. A request without an answer or
with a 5xx may have been taken (/docs/api/errors/20500). A request with a 429 was not taken (20429).

The SDK's client for the API is not used: sending is one form, and the client doubles its cost (docs/decisions/0006).
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl, unquote_plus, urlencode

from twilio.request_validator import RequestValidator

from smsbot.gateways.authentication import OUTGOING_ID_PARAMETER, outgoing_id
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
from smsbot.gateways.twilio_lookup import TwilioRecords
from smsbot.gateways.webhook_values import body_text, is_message_id
from smsbot.instants import utc_now
from smsbot.senders import NUMBERS, SenderKind, known_kind

NAME = "twilio"
API_URL = "https://api.twilio.com"
STATUS_PATH = "/webhooks/twilio/status"

KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "STOP"),
    **dict.fromkeys(("START", "UNSTOP", "YES"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
"""The words that Twilio itself answers on numbers where it handles opt-outs, and what each means: STOP, START or HELP.

A word counts if it is alone in the message, in capitals or not. With Advanced Opt-Out the webhook says it in
`OptOutType`.
Source: twilio.com/docs/messaging/tutorials/advanced-opt-out and help.twilio.com "Twilio support for opt-out keywords".
"""

STATUSES: Mapping[str, DeliveryStatus] = {
    "accepted": DeliveryStatus.ACCEPTED,
    "scheduled": DeliveryStatus.SCHEDULED,
    "queued": DeliveryStatus.QUEUED,
    "sending": DeliveryStatus.SENDING,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.CANCELED,
    "read": DeliveryStatus.READ,
}

REFUSED: Mapping[int, str] = {
    21211: "The recipient is not a valid telephone number.",
    21266: "The recipient is the sender itself.",
    21408: "The Twilio account may not send to the recipient's country.",
    21602: "The text is empty.",
    21606: "The sender cannot send SMS to this recipient from this account.",
    21608: "A trial account sends to verified numbers only.",
    21609: "Twilio cannot use the status callback: SMSBOT_PUBLIC_URL must be reachable from the internet.",
    21610: "The recipient has opted out with STOP.",
    21612: "The sender cannot reach this recipient.",
    21614: "The recipient is not a mobile number.",
    21617: "The text is longer than 1600 characters.",
    21635: "The recipient is a landline.",
    21659: "The sender is not a Twilio number, or a short code of another country.",
    21660: "The sender belongs to another Twilio account.",
    21703: "The Messaging Service has no sender.",
    21705: "The Messaging Service does not exist.",
}
"""Codes of errors for which trying again does not help, from the pages under /docs/api/errors."""

NEVER_ARRIVES = frozenset({"21211", "21614", "21635", "30006"})
"""Codes which mean that the number takes no SMS: it does not exist, is not a mobile, or its operator refuses."""

LATER: Mapping[int, tuple[str, float | None]] = {
    14107: ("Twilio limits the rate of this sender.", 1.0),
    20003: ("Twilio refuses the credentials: see SMSBOT_TWILIO_ACCOUNT_SID and SMSBOT_TWILIO_AUTH_TOKEN.", 30.0),
    20429: ("Twilio limits the rate of this account.", 1.0),
    20503: ("Twilio is unavailable for the moment.", None),
    21611: ("Twilio's queue for this sender is full.", 60.0),
    63038: ("The Twilio account has reached its daily limit.", 3600.0),
}
"""Codes of temporary errors, with the seconds to wait if Twilio's answer has no Retry-After.

They are about the account or the sender's queue, not about this message, so it can be sent later.
"""

# If the code is unknown, these HTTP statuses say nothing about the message: wrong credentials or address, a proxy's
# time-out before it passed the request on, too early, too many requests.
_PASSING_HTTP_STATUSES = frozenset({401, 403, 404, 408, 425, 429, 503})

_SIGNATURE_HEADER = "x-twilio-signature"
_MOST_FIELDS = 256
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MESSAGE_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ERROR_CODE = re.compile(r"[0-9]{1,8}")


class TwilioGateway(PostsOneByOne):
    """One Twilio account. `records` reads its list of messages.

    Webhooks are signed over `public_url` (`SMSBOT_PUBLIC_URL`), and status callbacks go there. A proxy that serves
    smsbot under a path must remove that path. `api_url` replaces https://api.twilio.com and may have a path. `http` is
    shared and closed by its opener. `clock` returns aware times; it is used if Twilio's answer has no time.
    """

    name = NAME
    habits = WebhookHabits(answer=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml")

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        public_url: str,
        http: Http,
        api_url: str = API_URL,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._public_url = public_url.rstrip("/")
        self._validator, self._auth_token = RequestValidator(auth_token), auth_token.encode()
        self._http = http
        self._messages_url = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        # Encoded once, because encoding it takes as long as the rest of the form.
        callback = {"StatusCallback": f"{self._public_url}{STATUS_PATH}?{OUTGOING_ID_PARAMETER}="}
        self._status_callback = urlencode(callback)
        authorization = basic_authorization(account_sid, auth_token)
        self._headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        self.records = TwilioRecords(
            account_sid, auth_token, api_url=api_url, http=http, incoming=_incoming, clock=clock
        )

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check `X-Twilio-Signature` over the public URL and every form field, and return the fields."""
        signature = request.headers.get(_SIGNATURE_HEADER)
        if not signature:
            raise SignatureRefused("the request has no X-Twilio-Signature")
        pairs = _pairs(request.body)
        url = f"{self._public_url}{request.path}"
        if request.query:
            url = f"{url}?{request.query}"
        if not self._is_signed(url, pairs, signature):
            raise SignatureRefused("the X-Twilio-Signature is not that of SMSBOT_PUBLIC_URL and the auth token")
        return VerifiedWebhook(
            fields=dict(reversed(pairs)),  # if a name is repeated, its first value counts
            query=dict(parse_qsl(request.query, keep_blank_values=True, errors="replace")) if request.query else {},
        )

    def _is_signed(self, url: str, pairs: list[tuple[str, str]], signature: str) -> bool:
        """Whether the signature is right for this URL and form.

        Twilio nearly always signs the URL as it was configured, so that is tried first. The SDK's `validate` also tries
        the URL with and without the port, because Twilio is not consistent there. That costs ten times as much.
        """
        signed = url + "".join([name + value for name, value in sorted(set(pairs))])
        expected = base64.b64encode(hmac.digest(self._auth_token, signed.encode(), "sha1"))
        return hmac.compare_digest(expected, signature.encode()) or self._validator.validate(
            url, _Form(pairs), signature
        )

    def parse(self, webhook: VerifiedWebhook) -> IncomingSms:
        return _incoming(webhook.fields)

    def status(self, webhook: VerifiedWebhook) -> StatusReport:
        fields = webhook.fields
        error_code = fields.get("ErrorCode", "")
        return StatusReport(
            gateway=NAME,
            gateway_message_id=_message_sid(fields),
            outgoing_id=outgoing_id(webhook.query.get(OUTGOING_ID_PARAMETER)),  # the signature covers the address
            status=STATUSES.get(_field(fields, "MessageStatus"), DeliveryStatus.UNKNOWN),
            error_code=error_code if _ERROR_CODE.fullmatch(error_code) else None,
        )

    async def send(self, message: OutgoingSms) -> str:
        form = {
            "To": message.recipient,
            "MessagingServiceSid" if message.sender.startswith("MG") else "From": message.sender,
            "Body": message.body,
        }
        body = f"{urlencode(form)}&{self._status_callback}{message.outgoing_id}".encode()
        try:
            answer = await self._http.request("POST", self._messages_url, self._headers, body)
        except NoAnswer as error:
            raise without_answer(error) from error
        if not answer.is_success:
            raise _error_of(answer)
        sid = _member(answer, "sid")
        if not is_message_id(sid):
            raise SendInDoubt("unreadable", "Twilio's answer names no message.", answered=True)
        return sid


class _Form(dict[str, list[str]]):
    """Form fields in the shape that the SDK's validator needs, with all values of a repeated field."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getall(self, name: str) -> list[str]:
        return self[name]


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Decode `application/x-www-form-urlencoded` in UTF-8. Raises `MalformedMessage` for broken text."""
    if _BROKEN_ESCAPE.search(body):
        raise MalformedMessage("The body has a percent sign without two hexadecimal digits.")
    try:
        fields = body.decode("utf-8").split("&") if body else []
        if len(fields) > _MOST_FIELDS or not all("=" in field for field in fields):
            raise MalformedMessage("The body is not a form of name=value pairs.")
        return [(_unescaped(name), _unescaped(value)) for name, _, value in (field.partition("=") for field in fields)]
    except UnicodeDecodeError:
        raise MalformedMessage("The body is not UTF-8.") from None


def _unescaped(text: str) -> str:
    """The text of a name or value in a form. Most have nothing to decode, which is checked first to save time."""
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _incoming(fields: Mapping[str, str]) -> IncomingSms:
    """The message in these fields. The field `Body` may be missing if the message has no text."""
    body = body_text(fields.get("Body", ""), "Body")
    return IncomingSms(
        gateway=NAME,
        gateway_message_id=_message_sid(fields),
        from_number=_number(_field(fields, "From")),
        to_number=_recipient(_field(fields, "To")),
        body=body,
        opt_out_keyword=fields.get("OptOutType") or None,
        reads_as_keyword=KEYWORDS.get(body.strip().upper()),
    )


def _field(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name)
    if value is None:
        raise MalformedMessage(f"{name} is missing.")
    return value


def _message_sid(fields: Mapping[str, str]) -> str:
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if _MESSAGE_SID.fullmatch(sid) is None:
        raise MalformedMessage("MessageSid is missing.")
    return sid


def _number(value: str) -> str:
    if known_kind(value) not in NUMBERS:
        raise MalformedMessage("From is neither a telephone number nor a short code.")
    return value


def _recipient(value: str) -> str:
    if known_kind(value) not in (*NUMBERS, SenderKind.ALPHANUMERIC):
        raise MalformedMessage("To is neither a telephone number nor a short code nor an alphanumeric sender.")
    return value


def _error_of(answer: HttpAnswer) -> SendError:
    """The error for an error answer. Twilio's own wording is left out, because it quotes the number."""
    its_code, told = _member(answer, "code"), retry_after(answer.headers.get("retry-after"))
    number = its_code if isinstance(its_code, int) else answer.status
    code = str(number)
    if number in REFUSED:
        return SendRefused(code, REFUSED[number])
    if number in LATER:
        sentence, seconds = LATER[number]
        return SendLater(code, sentence, told if told is not None else seconds)
    if answer.status in _PASSING_HTTP_STATUSES:
        seconds = 1.0 if answer.status == 429 and told is None else told
        return SendLater(code, f"Twilio's address answered HTTP {answer.status}.", seconds)
    if 400 <= answer.status < 500:
        return SendRefused(code, f"Twilio refused the message: see https://www.twilio.com/docs/api/errors/{code}.")
    return SendInDoubt(code, f"Twilio answered HTTP {answer.status}.", answered=True)


def _member(answer: HttpAnswer, name: str) -> object:
    """A member of the answer's JSON object; None if it is missing or the answer is something else."""
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return document.get(name) if isinstance(document, dict) else None
