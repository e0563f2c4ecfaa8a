"""What Twilio writes: the Message resource, the forms of its webhooks, its error documents; and when it retries.

Sources: twilio.com/docs/messaging/api/message-resource (JSON), /docs/messaging/guides/webhook-request and
/outbound-message-status-in-status-callbacks (fields), /docs/usage/webhooks/webhooks-connection-overrides (retries),
/docs/api/errors (error documents).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urldefrag

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smsbot.demo.stand_ins.gateway_stand_in import count_segments

OUTBOUND = "outbound-api"
INBOUND = "inbound"

_ERRORS: Mapping[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' or 'MessagingServiceSid' parameter is required to send a message."),
    21604: (400, "A 'To' phone number is required."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21612: (400, "Message cannot be sent with the current combination of 'To' and/or 'From' parameters"),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    63038: (429, "Account exceeded the daily messages limit"),
}


@dataclass(slots=True)
class TwilioMessage:
    """A message as Twilio stores it, sent (`OUTBOUND`) or received (`INBOUND`)."""

    sid: str
    account_sid: str
    direction: str
    to: str
    from_: str
    body: str
    status: str
    created_at: datetime
    messaging_service_sid: str | None = None
    status_callback: str | None = None
    error_code: int | None = None

    @property
    def id(self) -> str:
        return self.sid

    @property
    def sender(self) -> str:
        return self.from_ or self.messaging_service_sid or ""

    @property
    def recipient(self) -> str:
        return self.to

    @property
    def text(self) -> str:
        return self.body

    @property
    def status_url(self) -> str | None:
        return self.status_callback

    @property
    def segments(self) -> int:
        return count_segments(self.body)

    def as_json(self) -> dict[str, Any]:
        """The Message resource."""
        when = format_datetime(self.created_at)
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": when,
            "date_sent": None if self.status in ("accepted", "queued") else when,
            "date_updated": when,
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.from_ or None,
            "messaging_service_sid": self.messaging_service_sid,
            "num_media": "0",
            "num_segments": str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


def incoming_form(message: TwilioMessage, opt_out_type: str | None = None) -> dict[str, str]:
    """The fields of the webhook for an incoming message, including empty ones."""
    form = {
        "ToCountry": "FR",
        "ToState": "",
        "ToCity": "",
        "ToZip": "",
        "FromCountry": "FR",
        "FromState": "",
        "FromCity": "",
        "FromZip": "",
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageSid": message.sid,
        "SmsStatus": "received",
        "NumMedia": "0",
        "NumSegments": str(message.segments),
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
        "To": message.to,
        "From": message.from_,
        "Body": message.body,
    }
    return form if opt_out_type is None else form | {"OptOutType": opt_out_type}


def status_form(message: TwilioMessage, status: str, error_code: int | None = None) -> dict[str, str]:
    """The fields of a status callback."""
    form = {
        "SmsSid": message.sid,
        "SmsStatus": status,
        "MessageSid": message.sid,
        "MessageStatus": status,
        "To": message.to,
        "From": message.from_,
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
    }
    return form if error_code is None else form | {"ErrorCode": str(error_code)}


@dataclass(frozen=True, slots=True)
class ConnectionOverrides:
    """The connection overrides in a webhook's fragment, or Twilio's defaults: one retry, if connecting failed."""

    retries: int = 1
    policies: frozenset[str] = frozenset({"ct"})
    read_seconds: float = 15.0
    total_seconds: float = 15.0

    @classmethod
    def of(cls, url: str) -> ConnectionOverrides:
        given = dict(parse_qsl(urldefrag(url).fragment))
        return cls(
            retries=int(given.get("rc", "1")),
            policies=frozenset(given.get("rp", "ct").split(",")),
            read_seconds=int(given.get("rt", "15000")) / 1000,
            total_seconds=int(given.get("tt", "15000")) / 1000,
        )

    def calls_for_another(self, answer: httpx.Response | None) -> bool:
        """Whether a failed attempt is repeated. A lost answer counts as a failed connection too."""
        if answer is None:
            return bool(self.policies & {"ct", "rt", "all"})
        if answer.status_code >= 500:
            return bool(self.policies & {"5xx", "all"})
        return answer.status_code >= 400 and bool(self.policies & {"4xx", "all"})


class TwilioError(Exception):
    """An error that is answered as Twilio's error document."""

    def __init__(self, code: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers


async def twilio_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TwilioError)
    status, message = _ERRORS.get(error.code, (400, "Bad request"))
    return _error_document(error.code, status, message, error.headers)


async def http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_document(20404, error.status_code, error.detail)


def _error_document(code: int, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    document = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return JSONResponse(document, status_code=status, headers=dict(headers or {}))
