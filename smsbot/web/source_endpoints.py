"""What RDV Service Public calls here: its webhook, and the address at which a browser comes back from its sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.appointments.intake import Feed, Intake, IntakeKind, LastWords
from smsbot.connected.source_login import LoginOutcome, SourceLogins
from smsbot.connected.source_sign_in import CALLBACK_PATH
from smsbot.incoming.arrival import SourceNews
from smsbot.model import DEFAULT_SOURCE
from smsbot.sources.rdvsp import SIGNATURE_HEADER, NotOfInterest, parse_webhook, verify_signature
from smsbot.sources.rdvsp_payloads import MalformedPayload
from smsbot.store.together import Together
from smsbot.web.forms import read_body
from smsbot.web.usager import Pages

SOURCE_MOST_BYTES = 2 * 1024 * 1024
_STATUSES = {LoginOutcome.SIGNED_IN: 200, LoginOutcome.NO_ANSWER: 502, LoginOutcome.WRONG_APPLICATION: 502}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourceWebhooks:
    """The webhooks of RDV Service Public. `secrets` has the shared secret of each source, by the source's name.

    A source without a secret answers 404.
    """

    secrets: Mapping[str, str]
    arrivals: Together[SourceNews, Intake | None]
    last_words: LastWords

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
        body = await read_body(request, SOURCE_MOST_BYTES)
        if not verify_signature(secret, body, request.headers.get(SIGNATURE_HEADER)):
            raise HTTPException(401, f"{SIGNATURE_HEADER} is missing or wrong.")
        await self.last_words.heard(source, Feed.WEBHOOK)
        try:
            event = parse_webhook(body)
        except MalformedPayload as problem:
            raise HTTPException(400, problem.sentence) from None
        if isinstance(event, NotOfInterest):
            return JSONResponse({"status": "not of interest"})
        intake = await self.arrivals.do(SourceNews(source, event))
        kind = intake.kind.value if intake is not None else "taken"
        if intake is not None and intake.kind is IntakeKind.REFUSED:
            logger.warning("record refused", source=source, id=event.external_id, reason=intake.reason)
            return JSONResponse({"status": kind, "reason": intake.reason})
        logger.info("record taken in", source=source, id=event.external_id, outcome=kind)
        return JSONResponse({"status": kind})


@dataclass(frozen=True, slots=True)
class RdvspCallback:
    """`GET /rdvsp/callback`: where the browser of the agent who has consented at RDV Service Public comes back.

    It finishes a login and tells the browser in one sentence how it ended. No session is needed: the single-use `state`
    in the address belongs to one `smsbot rdvsp login`.
    """

    logins: SourceLogins
    pages: Pages

    def routes(self) -> list[Route]:
        return [Route(CALLBACK_PATH, self.come_back, methods=["GET"])]

    async def come_back(self, request: Request) -> Response:
        returned = await self.logins.come_back(dict(request.query_params))
        return self.pages.page(
            "source_login",
            _STATUSES.get(returned.outcome, 400),
            outcome=returned.outcome.value,
            account=returned.account,
            redirect_uri=self.logins.redirect_uri,
        )
