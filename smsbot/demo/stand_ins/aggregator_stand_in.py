"""A stand-in for a French SMS aggregator: a newer and an older API, and webhooks in the usual forms.

No real aggregator has all of this; each part is taken from one of them. Sources: dev.smsfactor.com (sending by GET with
everything in the query; a status in a 200), spot-hit.fr/documentation-api (forms; `resultat` and `erreurs` in a 200),
docs.ovh.com http2sms (numbers with 00), dev.octopush.com (JSON with the key in a header), docs.callr.com/webhooks
(nested JSON, signed with an HMAC in base64), developers.lafricamobile.com (statuses as numbers, by GET).
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn, TakenSms

Prove: TypeAlias = Callable[[str, bytes], tuple[str, Mapping[str, str]]]
"""Signs a webhook: takes its address and body, returns the address and the headers with which it is posted."""

_NUMBER = re.compile(r"(?:\+|00)?[1-9][0-9]{6,14}")


def signed(header: str, secret: str, algorithm: str = "sha512", *, prefix: str = "") -> Prove:
    """Signs with an HMAC of the body, in base64."""

    def prove(url: str, body: bytes) -> tuple[str, Mapping[str, str]]:
        digest = hmac.digest(secret.encode(), body, algorithm)
        return url, {header: prefix + base64.b64encode(digest).decode()}

    return prove


def with_header(name: str, value: str) -> Prove:
    """Signs with a shared secret in a header."""
    return lambda url, _: (url, {name: value})


def with_parameter(name: str, value: str) -> Prove:
    """Signs with a shared secret in the address."""
    return lambda url, _: (f"{url}{'&' if '?' in url else '?'}{name}={quote(value, safe='')}", {})


def with_basic(user: str, password: str) -> Prove:
    """Signs with basic authentication (RFC 7617)."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return lambda url, _: (url, {"Authorization": f"Basic {credentials}"})


class AggregatorStandIn(GatewayStandIn[TakenSms]):
    """One account with an aggregator.

    `POST /v1/sms` takes JSON (`from`, `to` a list of one, `text`, `reference`, `callback`) with the key in `X-Api-Key`
    and answers 200 `{"status": 100, "ids": […]}`. `/send` takes a form, or a query by GET (`key`, `expediteur`,
    `destinataires`, `message`, `reference`, `callback`) in `charset`, and answers 200 `{"resultat": 1, "id": …}`.
    """

    def __init__(
        self,
        key: str = "stand-in",
        *,
        webhooks: Literal["json", "form", "query"] = "json",
        prove: Prove = lambda url, _: (url, {}),
        charset: str = "utf-8",
        statuses: Iterable[str] = (),
    ) -> None:
        super().__init__("aggregator-stand-in", statuses)
        self.key = key
        self._webhooks = webhooks
        self._prove = prove
        self._charset = charset

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v1/sms", self._create, methods=["POST"]),
            Route("/send", self._send, methods=["POST", "GET"]),
        ]

    # Its webhooks

    def receive(self, url: str, *, from_: str, to: str, text: str, **other: str) -> Future[httpx.Response | None]:
        """Let a telephone send `text` to `to`. Gives the last answer to the webhook, or None if there was none.

        `other` are more fields, or replace the usual ones.
        """
        return self._posting(self.incoming(url, from_=from_, to=to, text=text, **other))

    def incoming(self, url: str, *, from_: str, to: str, text: str, **other: str) -> httpx.Request:
        """The webhook of an incoming message."""
        fields = {"id": uuid.uuid4().hex, "from": from_, "to": to, "text": text, "received_at": _now()}
        return self._webhook(url, fields | other)

    def _status(self, message: TakenSms, status: str, error: str | None = None) -> httpx.Request:
        fields = {"id": message.id, "to": message.recipient, "status": status}
        if message.reference is not None:
            fields["reference"] = message.reference
        if error is not None:
            fields["error"] = error
        return self._webhook(message.status_url or "", fields)

    def _webhook(self, url: str, fields: Mapping[str, str]) -> httpx.Request:
        if self._webhooks == "query":
            url, headers = self._prove(
                f"{url}{'&' if '?' in url else '?'}{urlencode(fields, encoding=self._charset)}", b""
            )
            return httpx.Request("GET", url, headers=headers)
        if self._webhooks == "form":
            body, kind = urlencode(fields, encoding=self._charset).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps({"event": str(uuid.uuid4()), "data": fields}).encode(), "application/json"
        url, headers = self._prove(url, body)
        return httpx.Request("POST", url, content=body, headers={**headers, "Content-Type": kind})

    async def _post_status(self, message: TakenSms, status: str, error: str | None = None) -> httpx.Response | None:
        return await self._post(self._status(message, status, error))

    # Its API

    async def _create(self, request: Request) -> Response:
        self.requests += 1
        if request.headers.get("x-api-key") != self.key:
            return JSONResponse({"status": 201, "error": {"code": "unauthorized"}}, status_code=401)
        document = json.loads(await request.body())
        [recipient] = document["to"]
        if not _NUMBER.fullmatch(recipient):
            return JSONResponse({"status": 201, "error": {"code": "invalid_number"}})
        message = _taken(document["from"], recipient, document["text"], document)
        return await self._answer(request, message, JSONResponse({"status": 100, "ids": [message.id]}))

    async def _send(self, request: Request) -> Response:
        self.requests += 1
        encoded = request.scope["query_string"] if request.method == "GET" else await request.body()
        form = dict(parse_qsl(encoded.decode("ascii"), keep_blank_values=True, encoding=self._charset))
        if form.get("key") != self.key:
            return JSONResponse({"resultat": 0, "erreurs": "50"})
        if not _NUMBER.fullmatch(form["destinataires"]):
            return JSONResponse({"resultat": 0, "erreurs": "4"})
        message = _taken(form["expediteur"], form["destinataires"], form["message"], form)
        return await self._answer(request, message, JSONResponse({"resultat": 1, "id": message.id}))


def _taken(sender: str, recipient: str, text: str, request: Mapping[str, Any]) -> TakenSms:
    return TakenSms(uuid.uuid4().hex, sender, recipient, text, request.get("reference"), request.get("callback"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
