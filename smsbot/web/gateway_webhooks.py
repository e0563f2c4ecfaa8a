"""What a telecom gateway posts: incoming messages and delivery statuses.

An incoming message is answered only once everything it caused is durable; the reply itself leaves through the gateway's
own API. Whatever a sender can cause is answered 200 or 4xx, never 5xx: gateways repeat those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.conversation.understanding import Keyword
from smsbot.delivery.outbox import record_status
from smsbot.gateways.base import Gateway, IncomingSms, MalformedMessage, SignatureRefused, WebhookRequest
from smsbot.store.database import Database
from smsbot.turn import Turn
from smsbot.web.bodies import read_body

MOST_BYTES = 64 * 1024
_EMPTY_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayWebhooks:
    """The two webhooks of one gateway."""

    gateway: Gateway
    database: Database
    turn: Turn
    answered_keyword: Callable[[IncomingSms], Keyword | None]
    clock: Callable[[], datetime]
    methods: tuple[str, ...] = ("POST",)

    def routes(self) -> list[Route]:
        return [
            Route(f"/webhooks/{self.gateway.name}/sms", self.incoming, methods=self.methods),
            Route(f"/webhooks/{self.gateway.name}/status", self.status, methods=self.methods),
        ]

    async def incoming(self, request: Request) -> Response:
        try:
            message = self.gateway.parse(self.gateway.verify(await _webhook(request)))
        except SignatureRefused:
            raise HTTPException(403, "The signature is missing or wrong.") from None
        except MalformedMessage as problem:
            raise HTTPException(400, problem.sentence) from None
        now = self.clock()
        keyword = self.answered_keyword(message)
        outcome = await self.database.write(lambda connection: self.turn.take(connection, message, now, keyword))
        logger.info(
            "message handled",
            outcome="handled before" if outcome is None else outcome.reply or "silence",
            reason=outcome.reason if outcome else None,
            gateway_message_id=message.gateway_message_id,
        )
        return Response(_EMPTY_TWIML, media_type="text/xml")

    async def status(self, request: Request) -> Response:
        try:
            report = self.gateway.status(self.gateway.verify(await _webhook(request)))
        except SignatureRefused:
            raise HTTPException(403, "The signature is missing or wrong.") from None
        except MalformedMessage as problem:
            raise HTTPException(400, problem.sentence) from None
        now = self.clock()
        await self.database.write(lambda connection: record_status(connection, report, now))
        return Response(_EMPTY_TWIML, media_type="text/xml")


async def _webhook(request: Request) -> WebhookRequest:
    return WebhookRequest(
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers,
        body=await read_body(request, MOST_BYTES),
    )
