"""The two pages of signing in with OpenID Connect: to the provider, and back from it.

    /agents/connexion/openid    begins
    /agents/connexion/retour    where the provider sends the browser back to

Both are GETs: the first because `form-action` keeps forms to this site, the second because the protocol has it so.
What protects them is the handshake's cookie, whose state the provider has to give back.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from smsbot.agents.sessions import open_session
from smsbot.agents.sign_in_handshakes import Handshakes
from smsbot.agents.sign_in_openid import (
    Failure,
    Identity,
    OpenIdFailure,
    OpenIdProvider,
    agent_of_identity,
)
from smsbot.links import Links
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, ConsolePages, Visitor
from smsbot.web.console.guard import Guard, destination
from smsbot.web.security import page_headers

RETURN_PATH = f"{PATH}/connexion/retour"
_COOKIE = "openid"
_MOST_CHARACTERS = 2048

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenIdPages:
    """The pages that lead to the provider and back."""

    database: Database
    provider: OpenIdProvider
    handshakes: Handshakes
    guard: Guard
    pages: ConsolePages
    links: Links

    def routes(self) -> list[Route]:
        return [
            Route(f"{PATH}/connexion/openid", self.guard.anyone(self.begin), methods=["GET"]),
            Route(RETURN_PATH, self.guard.anyone(self.come_back), methods=["GET"]),
        ]

    async def begin(self, visitor: Visitor) -> Response:
        suite = destination(visitor.query.get("suite", ""))
        handshake = self.handshakes.begin(suite)
        try:
            url = await self.provider.authorization_url(handshake)
        except OpenIdFailure as problem:
            return self._failed(visitor, problem)
        response = RedirectResponse(url, 303, page_headers())
        self.guard.cookies.set(response, _COOKIE, self.handshakes.cookie(handshake, visitor.now))
        return response

    async def come_back(self, visitor: Visitor) -> Response:
        query = visitor.query
        try:
            handshake = self.handshakes.resume(
                self.guard.cookies.value(visitor.http, _COOKIE), query.get("state", ""), visitor.now
            )
            if handshake is None:
                raise OpenIdFailure(
                    Failure.STALE, "The answer belongs to no sign-in of this browser, or comes too late."
                )
            code = query.get("code", "")
            if "error" in query or not 0 < len(code) <= _MOST_CHARACTERS:
                raise OpenIdFailure(Failure.DENIED, "The provider answered with an error instead of a code.")
            identity = await self.provider.identify(code, handshake, visitor.now)
            token = await self.database.write(lambda connection: _open(connection, identity, visitor))
        except OpenIdFailure as problem:
            return self._failed(visitor, problem)
        response = self.guard.admit(self.pages.redirect(destination(handshake.destination)), token)
        self.guard.cookies.delete(response, _COOKIE)
        return response

    async def sign_out_url(self, id_token: str) -> str | None:
        """Where to sign out at the provider; None where it has no such address or does not answer."""
        return await self.provider.end_session_url(id_token, f"{self.links.public_url}{PATH}/connexion")

    def _failed(self, visitor: Visitor, problem: OpenIdFailure) -> Response:
        logger.warning("OpenID Connect sign-in failed", failure=problem.failure, reason=problem.sentence)
        status = 503 if problem.failure is Failure.UNAVAILABLE else 403
        response = self.pages.page(
            "openid_failed", visitor, status, failure=problem.failure, with_provider=True, provider=self.provider.name
        )
        self.guard.cookies.delete(response, _COOKIE)
        return response


def _open(connection: Connection, identity: Identity, visitor: Visitor) -> str:
    agent = agent_of_identity(connection, identity, visitor.now)
    return open_session(connection, agent, visitor.now, identity.id_token)
