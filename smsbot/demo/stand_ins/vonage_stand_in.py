"""A stand-in for one Vonage account: its Messages API, version 1, and its signed webhooks.

Sources, below developer.vonage.com: /en/api/messages (requests, answers, both webhooks), /en/api-errors and
/en/api-errors/messages (error documents), /en/getting-started/concepts/webhooks (the token of a webhook: HS256 over
iat, jti, iss, payload_hash, api_key and application_id); api.support.vonage.com article 360028543292 (repeats).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from joserfc.jwt import ClaimsOption
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn, TakenSms

ERRORS = "https://developer.vonage.com/api-errors"

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[0-9]{3,15}|[A-Za-z0-9 .&_-]{1,11}")
_LONGEST_TEXT = 1000


class VonageStandIn(GatewayStandIn[TakenSms]):
    """One Vonage account; `url` is for `SMSBOT_VONAGE_API_URL`.

    With `public_key` (PEM), requests need an application's token, signed with RS256; otherwise the key and secret.
    """

    def __init__(
        self,
        api_key: str = "abcd1234",
        api_secret: str = "stand-in",  # noqa: S107 - it guards nothing
        signature_secret: str = "stand-in-signature-secret-0123456789",  # noqa: S107
        *,
        application_id: str = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        public_key: str | None = None,
        statuses: Iterable[str] = (),
    ) -> None:
        super().__init__("vonage-stand-in", statuses)
        self.api_key = api_key
        self.api_secret = api_secret
        self.signature_secret = signature_secret
        self.application_id = application_id
        self.public_key = public_key
        self.balance = 10.28

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v1/messages", self._create, methods=["POST"]),
            Route("/account/get-balance", self._show_balance, methods=["GET"]),
        ]

    # Its webhooks

    def receive(self, url: str, *, from_: str, to: str, text: str, **other: Any) -> Future[httpx.Response | None]:
        """Let a telephone send `text` to `to`, whose inbound URL is `url`; numbers without the plus sign.

        Gives the last answer to the webhook, or None if there was none. `other` are more fields, or replace the usual
        ones.
        """
        return self._posting(self.signed(url, inbound(from_=from_, to=to, text=text) | other))

    def signed(self, url: str, document: Mapping[str, Any], **claims: Any) -> httpx.Request:
        """A webhook with its token; `claims` are more claims, or replace the usual ones."""
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        usual = {
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": self.api_key,
            "application_id": self.application_id,
        }
        token = jwt.encode({"alg": "HS256"}, usual | claims, OctKey.import_key(self.signature_secret))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": "Vonage"}
        return httpx.Request("POST", url, content=body, headers=headers)

    def _status(self, message: TakenSms, status: str, error: str | None = None) -> httpx.Request:
        document: dict[str, Any] = {
            "message_uuid": message.id,
            "to": message.recipient,
            "from": message.sender,
            "timestamp": _now(),
            "channel": "sms",
            "status": status,
            "usage": {"currency": "EUR", "price": "0.0683"},
            "destination": {"network_code": "20801"},
            "sms": {"count_total": str(message.segments)},
        }
        if message.reference is not None:
            document["client_ref"] = message.reference
        if error is not None:
            document["error"] = {"type": f"{ERRORS}/messages#{error}", "title": error, "detail": f"Error {error}"}
        return self.signed(message.status_url or "", document)

    async def _post_status(self, message: TakenSms, status: str, error: str | None = None) -> httpx.Response | None:
        return await self._post(self._status(message, status, error))

    # Its API

    async def _create(self, request: Request) -> Response:
        self.requests += 1
        if not self._is_authorized(request.headers.get("authorization", "")):
            return problem(401, f"{ERRORS}#unauthorized", "Unauthorized", "You did not provide correct credentials.")
        document = json.loads(await request.body())
        wrong = _wrong_parameter(document)
        if wrong is not None:
            return problem(
                422,
                f"{ERRORS}/messages#1150",
                "Invalid params",
                "The value of one or more parameters is invalid.",
                invalid_parameters=[{"name": wrong, "reason": "invalid value"}],
            )
        message = TakenSms(
            id=str(uuid.uuid4()),
            sender=document["from"],
            recipient=document["to"],
            text=document["text"],
            reference=document.get("client_ref"),
            status_url=document.get("webhook_url"),
        )
        return await self._answer(request, message, JSONResponse({"message_uuid": message.id}, status_code=202))

    async def _show_balance(self, request: Request) -> Response:
        if not self._is_authorized(request.headers.get("authorization", "")):
            return problem(401, f"{ERRORS}#unauthorized", "Unauthorized", "You did not provide correct credentials.")
        return JSONResponse({"value": self.balance, "autoReload": False})

    def _is_authorized(self, header: str) -> bool:
        if self.public_key is None:
            return header == "Basic " + base64.b64encode(f"{self.api_key}:{self.api_secret}".encode()).decode()
        try:
            claims = jwt.decode(header.removeprefix("Bearer "), RSAKey.import_key(self.public_key), ["RS256"]).claims
            needed = ClaimsOption(essential=True)
            jwt.JWTClaimsRegistry(application_id=needed, iat=needed, jti=needed).validate(claims)
        except JoseError:
            return False
        return bool(claims["application_id"] == self.application_id)


def problem(status: int, kind: str, title: str, detail: str, **other: Any) -> Response:
    """An error document as Vonage writes it (RFC 9457)."""
    document = {"type": kind, "title": title, "detail": detail, "instance": uuid.uuid4().hex} | other
    return JSONResponse(document, status_code=status, media_type="application/problem+json")


def inbound(*, from_: str, to: str, text: str) -> dict[str, Any]:
    """The document of an inbound message, with numbers without the plus sign."""
    return {
        "to": to,
        "from": from_,
        "channel": "sms",
        "message_uuid": str(uuid.uuid4()),
        "timestamp": _now(),
        "usage": {"currency": "EUR", "price": "0.0000"},
        "message_type": "text",
        "text": text,
        "sms": {"num_messages": "1", "keyword": (text.split() or [""])[0].upper()},
        "origin": {"network_code": "20801"},
    }


def _wrong_parameter(document: Mapping[str, Any]) -> str | None:
    """The first parameter that the API would not accept; None if all are right."""
    checks = {
        "channel": document.get("channel") == "sms",
        "message_type": document.get("message_type") == "text",
        "to": _matches(_NUMBER, document.get("to")),
        "from": _matches(_SENDER, document.get("from")),
        "text": isinstance(document.get("text"), str) and 0 < len(document["text"]) <= _LONGEST_TEXT,
        "client_ref": len(document.get("client_ref", "")) <= 100,
        "webhook_url": document.get("webhook_url", "http").startswith("http"),
        "webhook_version": document.get("webhook_version", "v1") in ("v1", "v0.1"),
    }
    return next((name for name, right in checks.items() if not right), None)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
