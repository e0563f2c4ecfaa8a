"""A stand-in for one Twilio account: its Messages API, its status callbacks and its incoming messages.

The source of the requests, the list and its pages is twilio.com/docs/messaging/api/message-resource.
`twilio_documents` has what Twilio writes.
"""

from __future__ import annotations

import base64
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn
from smsbot.demo.stand_ins.http_stand_in import DatedAnswers, StandInFault
from smsbot.demo.stand_ins.twilio_documents import (
    INBOUND,
    OUTBOUND,
    ConnectionOverrides,
    TwilioError,
    TwilioMessage,
    http_error,
    incoming_form,
    status_form,
    twilio_error,
)

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}")
_LONGEST_BODY = 1600
_LARGEST_PAGE = 1000


class TwilioStandIn(GatewayStandIn[TwilioMessage]):
    """One Twilio account; `url` is for `SMSBOT_TWILIO_API_URL`. `clock` gives the dates of messages and answers."""

    dates_its_answers = False

    def __init__(
        self,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "stand-in",  # noqa: S107 - it guards nothing
        *,
        statuses: Iterable[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("twilio-stand-in", statuses)
        self.clock = clock
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._authorization = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._validator = RequestValidator(auth_token)
        self._by_sid: dict[str, TwilioMessage] = {}
        self._refusals: dict[str, int] = {}
        self.numbers: dict[str, dict[str, str | None]] = {}
        """The account's numbers and short codes, each with what Twilio says of it, such as `sms_url`."""

    def routes(self) -> Sequence[Route]:
        account = f"/2010-04-01/Accounts/{self.account_sid}"
        return [
            Route(f"{account}/Messages.json", self._create, methods=["POST"]),
            Route(f"{account}/Messages.json", self._list, methods=["GET"]),
            Route(f"{account}/Messages/{{sid}}.json", self._fetch, methods=["GET"]),
            Route(f"{account}.json", self._show_account, methods=["GET"]),
            Route(f"{account}/IncomingPhoneNumbers.json", self._show_numbers, methods=["GET"]),
            Route(f"{account}/SMS/ShortCodes.json", self._show_short_codes, methods=["GET"]),
        ]

    def _application(self) -> Starlette:
        handlers = {HTTPException: http_error, TwilioError: twilio_error}
        dated = Middleware(DatedAnswers, self.clock)
        return Starlette(routes=list(self.routes()), exception_handlers=handlers, middleware=[dated])

    def refuse(self, to: str, code: int | None) -> None:
        """Answer every request to send to this number with an error code; None ends this."""
        with self._changed:
            if code is None:
                self._refusals.pop(to, None)
            else:
                self._refusals[to] = code

    def remember(self, message: TwilioMessage) -> None:
        """Store a message as one that was sent or received before; nothing is posted for it."""
        with self._changed:
            self._by_sid[message.sid] = message
            if message.direction == OUTBOUND:
                self._sent.append(message)

    @property
    def everything(self) -> list[TwilioMessage]:
        """All messages, sent and received, in the order in which they came."""
        with self._changed:
            return list(self._by_sid.values())

    # Its webhooks

    def receive(
        self, url: str, *, from_: str, to: str, text: str, opt_out_type: str | None = None
    ) -> Future[httpx.Response | None]:
        """Let a telephone send `text` to `to`, as in the base class. The fragment of `url` may contain connection
        overrides.

        The API lists the message, whatever the webhook answers.
        """
        message = self._new_message(INBOUND, to=to, from_=from_, body=text, status="received")
        with self._changed:
            self._by_sid[message.sid] = message
        return self._thread.submit(self._post_incoming(url, incoming_form(message, opt_out_type)))

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """The `X-Twilio-Signature` of a form posted to `url`."""
        return str(self._validator.compute_signature(urldefrag(url).url, form))

    async def _post_status(
        self, message: TwilioMessage, status: str, error: str | None = None
    ) -> httpx.Response | None:
        error_code = None if error is None else int(error)
        with self._changed:
            message.status, message.error_code = status, error_code
        if message.status_callback is None:
            return None
        return await self._post_form(message.status_callback, status_form(message, status, error_code), {}, 15.0)

    async def _post_incoming(self, url: str, form: Mapping[str, str]) -> httpx.Response | None:
        overrides = ConnectionOverrides.of(url)
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

    # Its API

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

    def _refusal(self, fault: StandInFault) -> Response | None:
        if fault.code is not None:
            raise TwilioError(fault.code, fault.headers)
        return fault.answer

    def _take(self, message: TwilioMessage) -> None:
        with self._changed:
            self._by_sid[message.sid] = message
        super()._take(message)

    def _check(self, form: Mapping[str, str]) -> None:
        to = form.get("To", "")
        if not to:
            raise TwilioError(21604)
        if not form.get("From") and not form.get("MessagingServiceSid"):
            raise TwilioError(21603)
        if not form.get("Body"):
            raise TwilioError(21602)
        if len(form["Body"]) > _LONGEST_BODY:
            raise TwilioError(21617)
        if not _NUMBER.fullmatch(to):
            raise TwilioError(21211)
        with self._changed:
            if to in self._refusals:
                raise TwilioError(self._refusals[to])

    async def _fetch(self, request: Request) -> Response:
        self._authenticate(request)
        with self._changed:
            message = self._by_sid.get(request.path_params["sid"])
        if message is None:
            raise TwilioError(20404)
        return JSONResponse(message.as_json())

    async def _show_account(self, request: Request) -> Response:
        self._authenticate(request)
        return JSONResponse({"sid": self.account_sid, "status": "active", "type": "Full"})

    async def _show_numbers(self, request: Request) -> Response:
        self._authenticate(request)
        wanted = request.query_params.get("PhoneNumber", "")
        return JSONResponse({"incoming_phone_numbers": self._known(wanted, "phone_number")})

    async def _show_short_codes(self, request: Request) -> Response:
        self._authenticate(request)
        return JSONResponse({"short_codes": self._known(request.query_params.get("ShortCode", ""), "short_code")})

    def _known(self, number: str, name: str) -> list[dict[str, str | None]]:
        return [{name: number, "sms_method": "POST", **self.numbers[number]}] if number in self.numbers else []

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
            raise TwilioError(20003)

    def _new_message(self, direction: str, **fields: Any) -> TwilioMessage:
        return TwilioMessage(
            sid="SM" + secrets.token_hex(16),
            account_sid=self.account_sid,
            direction=direction,
            created_at=self.clock(),
            **fields,
        )


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
