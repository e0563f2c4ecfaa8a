"""A stand-in for one Twilio account: its Messages API, its status callbacks and its incoming messages.

Sources: twilio.com/docs/messaging/api/message-resource (requests, JSON, list and paging),
/docs/messaging/guides/webhook-request and /outbound-message-status-in-status-callbacks (fields),
/docs/usage/webhooks/webhooks-connection-overrides (retries), /docs/api/errors (error documents).
"""

from __future__ import annotations

import base64
import re
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from smsbot.demo.gateway_stand_in import GatewayFault, GatewayStandIn, count_segments

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
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}")
_LONGEST_BODY = 1600
_LARGEST_PAGE = 1000


@dataclass(slots=True)
class Message:
    """A message as Twilio keeps it, sent (`OUTBOUND`) or received (`INBOUND`)."""

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


class TwilioStandIn(GatewayStandIn[Message]):
    """One Twilio account; `url` is for `SMSBOT_TWILIO_API_URL`."""

    def __init__(
        self,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "stand-in",  # noqa: S107 - it guards nothing
        *,
        statuses: Iterable[str] = (),
    ) -> None:
        super().__init__("twilio-stand-in", statuses)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._validator = RequestValidator(auth_token)
        self._by_sid: dict[str, Message] = {}
        self._refusals: dict[str, int] = {}

    def routes(self) -> Sequence[Route]:
        account = f"/2010-04-01/Accounts/{self.account_sid}"
        return [
            Route(f"{account}/Messages.json", self._create, methods=["POST"]),
            Route(f"{account}/Messages.json", self._list, methods=["GET"]),
            Route(f"{account}/Messages/{{sid}}.json", self._fetch, methods=["GET"]),
        ]

    def _application(self) -> Starlette:
        handlers = {HTTPException: _http_error, _TwilioError: _twilio_error}
        return Starlette(routes=list(self.routes()), exception_handlers=handlers)

    def refuse(self, to: str, code: int | None) -> None:
        """Answer every request to send to this number with an error code; None takes it back."""
        with self._changed:
            if code is None:
                self._refusals.pop(to, None)
            else:
                self._refusals[to] = code

    # What Twilio posts

    def receive(
        self, url: str, *, from_: str, to: str, text: str, opt_out_type: str | None = None
    ) -> Future[httpx.Response | None]:
        """Let a telephone send `text` to `to`, as in the base class. The fragment of `url` may hold connection
        overrides.

        The message is listed by the API whatever the webhook answers.
        """
        message = self._new_message(INBOUND, to=to, from_=from_, body=text, status="received")
        with self._changed:
            self._by_sid[message.sid] = message
        return self._thread.submit(self._post_incoming(url, incoming_form(message, opt_out_type)))

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """The `X-Twilio-Signature` of a form posted to `url`."""
        return str(self._validator.compute_signature(urldefrag(url).url, form))

    async def _post_status(self, message: Message, status: str, error: str | None = None) -> httpx.Response | None:
        error_code = None if error is None else int(error)
        with self._changed:
            message.status, message.error_code = status, error_code
        if message.status_callback is None:
            return None
        return await self._post_form(message.status_callback, status_form(message, status, error_code), {}, 15.0)

    async def _post_incoming(self, url: str, form: Mapping[str, str]) -> httpx.Response | None:
        overrides = _Overrides.of(url)
        repeated = {"I-Twilio-Idempotency-Token": str(uuid.uuid4())}
        deadline = time.monotonic() + overrides.total_seconds
        answer = None
        for _ in range(1 + overrides.retries):
            seconds = min(overrides.read_seconds, deadline - time.monotonic())
            if seconds <= 0:
                break
            answer = await self._post_form(url, form, repeated, seconds)
            if not overrides.calls_for_another(answer):
                break
        return answer

    async def _post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], seconds: float
    ) -> httpx.Response | None:
        signed = {**headers, "X-Twilio-Signature": self.signature(url, form), "User-Agent": "TwilioProxy/1.1"}
        try:
            return await self._http.post(urldefrag(url).url, data=form, headers=signed, timeout=seconds)
        except httpx.RequestError:
            return None

    # What the API answers

    async def _create(self, request: Request) -> Response:
        self.requests += 1
        self._authenticate(request)
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self._check(form)
        service = form.get("MessagingServiceSid")
        message = self._new_message(
            OUTBOUND,
            to=form["To"],
            from_=form.get("From", ""),
            body=form["Body"],
            status="accepted" if service else "queued",
            messaging_service_sid=service,
            status_callback=form.get("StatusCallback"),
        )
        return await self._answer(request, message, JSONResponse(message.as_json(), status_code=201))

    def _refusal(self, fault: GatewayFault, headers: Mapping[str, str]) -> Response:
        if fault.code is not None:
            raise _TwilioError(fault.code, headers)
        return super()._refusal(fault, headers)

    def _take(self, message: Message) -> None:
        with self._changed:
            self._by_sid[message.sid] = message
        super()._take(message)

    def _check(self, form: Mapping[str, str]) -> None:
        to = form.get("To", "")
        if not to:
            raise _TwilioError(21604)
        if not form.get("From") and not form.get("MessagingServiceSid"):
            raise _TwilioError(21603)
        if not form.get("Body"):
            raise _TwilioError(21602)
        if len(form["Body"]) > _LONGEST_BODY:
            raise _TwilioError(21617)
        if not _NUMBER.fullmatch(to):
            raise _TwilioError(21211)
        with self._changed:
            if to in self._refusals:
                raise _TwilioError(self._refusals[to])

    async def _fetch(self, request: Request) -> Response:
        self._authenticate(request)
        with self._changed:
            message = self._by_sid.get(request.path_params["sid"])
        if message is None:
            raise _TwilioError(20404)
        return JSONResponse(message.as_json())

    async def _list(self, request: Request) -> Response:
        """Newest first, filtered by `To`, `From`, `DateSent`, `DateSent>` (from) and `DateSent<` (until)."""
        self._authenticate(request)
        wanted = request.query_params
        size = min(max(int(wanted.get("PageSize", "50")), 1), _LARGEST_PAGE)
        page = int(wanted.get("Page", "0"))
        earliest, latest = _sent_between(wanted)
        with self._changed:
            newest_first = list(reversed(self._by_sid.values()))
        found = [
            message
            for message in newest_first
            if wanted.get("To") in (None, message.to)
            and wanted.get("From") in (None, message.from_)
            and earliest <= message.created_at <= latest
        ]
        start = next((n for n, message in enumerate(found, 1) if f"PA{message.sid}" == wanted.get("PageToken")), 0)
        shown = list(islice(found, start, start + size))
        next_page = None
        if start + size < len(found):
            kept = {name: value for name, value in wanted.items() if name not in ("Page", "PageToken", "PageSize")}
            kept |= {"PageSize": str(size), "Page": str(page + 1), "PageToken": f"PA{shown[-1].sid}"}
            next_page = f"{request.url.path}?{urlencode(kept)}"
        return JSONResponse(
            {
                "messages": [message.as_json() for message in shown],
                "first_page_uri": f"{request.url.path}?PageSize={size}&Page=0",
                "next_page_uri": next_page,
                "previous_page_uri": None,
                "page": page,
                "page_size": size,
                "start": start,
                "end": max(start + len(shown) - 1, 0),
                "uri": f"{request.url.path}?{request.url.query}",
            }
        )

    def _authenticate(self, request: Request) -> None:
        if not secrets.compare_digest(request.headers.get("authorization", ""), self._authorization):
            raise _TwilioError(20003)

    def _new_message(self, direction: str, **fields: Any) -> Message:
        return Message(
            sid="SM" + secrets.token_hex(16),
            account_sid=self.account_sid,
            direction=direction,
            created_at=datetime.now(UTC),
            **fields,
        )


def incoming_form(message: Message, opt_out_type: str | None = None) -> dict[str, str]:
    """The fields of the webhook for an incoming message, empty ones included."""
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


def status_form(message: Message, status: str, error_code: int | None = None) -> dict[str, str]:
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
class _Overrides:
    """The connection overrides in a webhook's fragment, or Twilio's defaults: one retry, if connecting failed."""

    retries: int = 1
    policies: frozenset[str] = frozenset({"ct"})
    read_seconds: float = 15.0
    total_seconds: float = 15.0

    @classmethod
    def of(cls, url: str) -> _Overrides:
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


class _TwilioError(Exception):
    """Answered as Twilio's error document."""

    def __init__(self, code: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers


async def _twilio_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, _TwilioError)
    status, message = _ERRORS.get(error.code, (400, "Bad request"))
    return _error_document(error.code, status, message, error.headers)


async def _http_error(_request: Request, error: Exception) -> Response:
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


def _sent_between(wanted: Mapping[str, str]) -> tuple[datetime, datetime]:
    earliest = datetime.min.replace(tzinfo=UTC)
    latest = datetime.max.replace(tzinfo=UTC)
    if day := wanted.get("DateSent"):
        earliest = _moment(day)
        latest = earliest + timedelta(days=1)
    if since := wanted.get("DateSent>"):
        earliest = _moment(since)
    if until := wanted.get("DateSent<"):
        latest = _moment(until)
    return earliest, latest


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
