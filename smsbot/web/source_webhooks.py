"""RDV Service Public's webhook, one endpoint for each instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.arrival import Arrival
from smsbot.model import DEFAULT_SOURCE
from smsbot.sources.rdvsp import SIGNATURE_HEADER, NotOfInterest, parse_webhook, verify_signature
from smsbot.sources.rdvsp_payloads import MalformedPayload
from smsbot.store.database import Database
from smsbot.web.forms import read_body

MOST_BYTES = 2 * 1024 * 1024

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourceWebhooks:
    """`secrets` are the shared secrets by source's name. A source without one answers 404."""

    secrets: Mapping[str, str]
    database: Database
    arrival: Arrival
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        return [
            Route("/webhooks/rdvsp", self.receive, methods=["POST"]),
            Route("/webhooks/rdvsp/{source}", self.receive, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        source = request.path_params.get("source", DEFAULT_SOURCE)
        secret = self.secrets.get(source)
        if secret is None:
            raise HTTPException(404, "There is no such webhook here.")
        body = await read_body(request, MOST_BYTES)
        if not verify_signature(secret, body, request.headers.get(SIGNATURE_HEADER)):
            raise HTTPException(401, f"{SIGNATURE_HEADER} is missing or wrong.")
        try:
            event = parse_webhook(body)
        except MalformedPayload as problem:
            raise HTTPException(400, problem.sentence) from None
        if isinstance(event, NotOfInterest):
            return JSONResponse({"status": "not of interest"})
        now = self.clock()
        intake = await self.database.write(lambda connection: self.arrival.take(connection, source, event, now))
        kind = intake.kind.value if intake is not None else "taken"
        logger.info("record taken in", source=source, id=event.external_id, outcome=kind)
        return JSONResponse({"status": kind})
