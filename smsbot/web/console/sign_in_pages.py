"""The pages for signing in and out, and for choosing a password.

    /agents/connexion               asks for e-mail address and password, or offers the provider's button
    /agents/connexion/openid        begins to sign in with OpenID Connect
    /agents/connexion/retour        the address to which the provider sends the browser back
    /agents/deconnexion             signs out, at the provider too
    /agents/mot-de-passe            sends a link to choose a password
    /agents/mot-de-passe/{token}    the page behind that link

None of these pages tells who has an account. The two pages of OpenID Connect are GETs: the first one because
`form-action` forbids forms that lead to another site, the second one because the protocol demands it. A cookie protects
both: it holds a state that the provider must give back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent, tokens_of_agents
from smsbot.agents.signing_in.openid_provider import OpenIdProvider
from smsbot.agents.signing_in.passwords import LEAST_CHARACTERS, agent_of_reset, weakness_of
from smsbot.agents.signing_in.sign_in import Origin, SignedIn, SignIn, SignInRefusal
from smsbot.agents.signing_in.sign_in_limits import DEVICE_LIFETIME
from smsbot.agents.signing_in.sign_in_openid import (
    Failure,
    Handshakes,
    Identity,
    OpenIdFailure,
    agent_of_identity,
)
from smsbot.agents.tokens import end_session, open_session
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.signing import Links
from smsbot.sources import texts
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, Visitor
from smsbot.web.console.guard import Fields, Guard, PageAnswer, destination
from smsbot.web.security import page_headers

RETURN_PATH = f"{PATH}/connexion/retour"
_COOKIE = "openid"
_MOST_CHARACTERS = 2048

logger = structlog.get_logger(__name__)

_DEVICE_COOKIE = "appareil"
_THREAD = re.compile(r"/messages/[0-9]+")


@dataclass(frozen=True, slots=True)
class OpenIdPages:
    """The pages that send the browser to the provider and take it back."""

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
        """The address at which to sign out at the provider. None if it has no such address or does not answer."""
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


@dataclass(frozen=True, slots=True)
class _Holder:
    """The agent to whom a link to choose a password belongs."""

    agent: Agent
    has_tokens: bool


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages for signing in and out. `openid` has the provider's pages, None if there is no provider."""

    database: Database
    sign_in: SignIn
    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails
    openid: OpenIdPages | None

    def routes(self) -> list[Route]:
        guard = self.guard
        return [
            Route(f"{PATH}/connexion", guard.anyone(self.form), methods=["GET"]),
            Route(f"{PATH}/connexion", guard.anyone_posting(self.take_password), methods=["POST"]),
            Route(f"{PATH}/deconnexion", guard.agents_posting(self.sign_out), methods=["POST"]),
            Route(f"{PATH}/mot-de-passe", guard.anyone(self.forgotten), methods=["GET"]),
            Route(f"{PATH}/mot-de-passe", guard.anyone_posting(self.send_link), methods=["POST"]),
            Route(f"{PATH}/mot-de-passe/{{token}}", guard.anyone(self.choice), methods=["GET"]),
            Route(f"{PATH}/mot-de-passe/{{token}}", guard.anyone_posting(self.take_choice), methods=["POST"]),
        ]

    # In and out -------------------------------------------------------------------------------------------------------

    async def form(self, visitor: Visitor) -> Response:
        query = visitor.query
        note = next((note for note in ("expiree", "sorti") if note in query), None)
        return self._form(visitor, suite=destination(query.get("suite", "")), note=note)

    async def take_password(self, visitor: Visitor, fields: Fields) -> Response:
        email, suite = fields.get("email", ""), destination(fields.get("suite", ""))
        # A text that is not an address is tried too, so that the answer and its time do not depend on that.
        result = await self.sign_in.with_password(
            texts.email(email) or "nobody", fields.get("motdepasse", ""), self._origin(visitor), visitor.now
        )
        typed = {"answer": fields.get("texte", ""), "note_typed": fields.get("mot", "")}
        if isinstance(result, SignInRefusal):
            logger.info("sign-in refused", reason=result)
            status = 422 if result is SignInRefusal.WRONG else 429
            return self._form(visitor, status, suite=suite, email=email[:254], problem=result, **typed)
        if any(typed.values()) and _THREAD.fullmatch(suite):
            # The browser posts the form to that page again. The form has no token of the new session, so that page only
            # shows it and sends nothing.
            return self._admit(self.pages.redirect(f"{suite}/reponse", 307), result)
        return self._admit(self.pages.redirect(suite), result)

    def with_answer(self, visitor: Visitor, message_id: int, answer: str, note: str) -> Response:
        """The form to sign in, for an agent whose session ended before an answer to a message was sent.

        The form keeps what the agent typed: the answer, and the note for colleagues.
        """
        path = f"/messages/{message_id}"
        return self._form(visitor, 401, suite=path, note="expiree", answer=answer, note_typed=note)

    def sign_out(self, request: AgentRequest, _fields: Fields) -> PageAnswer:
        end_session(request.connection, request.session)
        id_token = request.session.id_token
        if self.openid is None or id_token is None:
            return self._signed_out()
        return partial(self._sign_out_elsewhere, self.openid, id_token, Visitor(request.http, request.now, csrf=""))

    async def _sign_out_elsewhere(self, openid: OpenIdPages, id_token: str, nobody: Visitor) -> Response:
        elsewhere = await openid.sign_out_url(id_token)
        if elsewhere is None:
            return self._signed_out()
        # This is a page with a link and not a redirect: `form-action` also forbids a redirect to another site after a
        # form (CSP Level 3, 6.3.1).
        return self.guard.dismiss(self.pages.page("signed_out", nobody, elsewhere=elsewhere, provider=self._provider))

    def _signed_out(self) -> Response:
        return self.guard.dismiss(self.pages.redirect("/connexion?sorti"))

    # A password -------------------------------------------------------------------------------------------------------

    async def forgotten(self, visitor: Visitor) -> Response:
        return self.pages.page("forgotten", visitor, sent="envoye" in visitor.query)

    async def send_link(self, visitor: Visitor, fields: Fields) -> Response:
        email = texts.email(fields.get("email", ""))
        if email is None:
            return self.pages.page("forgotten", visitor, 422, sent=False, problem="email")

        response = self.pages.redirect("/mot-de-passe?envoye")
        if await self.sign_in.may_ask_for_reset(email, _address(visitor.http), visitor.now):
            # It is sent after the answer, because otherwise the time until the answer would show who has an account.
            response.background = BackgroundTask(self._send_link, email, visitor.now)
        return response

    async def _send_link(self, email: str, now: datetime) -> None:
        def send(connection: Connection, agent: Agent, token: str) -> None:
            enqueue(connection, self.agent_emails.forgotten_password(agent, token), now)

        try:
            await self.sign_in.send_reset(email, now, send)
        except SQLAlchemyError as error:
            logger.error("a link to choose a password could not be sent", error=type(error).__name__)

    async def choice(self, visitor: Visitor) -> Response:
        holder = await self._holder(visitor)
        if holder is None:
            return self.pages.page("link_over", visitor, 410)
        return self._choice(visitor, holder)

    async def take_choice(self, visitor: Visitor, fields: Fields) -> Response:
        token, password = visitor.http.path_params["token"], fields.get("motdepasse", "")
        holder = await self._holder(visitor)
        if holder is None:
            return self.pages.page("link_over", visitor, 410)
        weakness = weakness_of(password, holder.agent.email)
        if weakness is not None:
            return self._choice(visitor, holder, 422, problem=weakness)
        result = await self.sign_in.with_reset(
            token, password, self._origin(visitor), visitor.now, end_tokens="jetons" in fields
        )
        if result is SignInRefusal.BUSY:
            return self._choice(visitor, holder, 429, problem=result)
        if isinstance(result, SignInRefusal):
            return self.pages.page("link_over", visitor, 410)
        logger.info("password set by link", agent_id=holder.agent.id)
        return self._admit(self.pages.redirect("/rdv"), result)

    # Underneath -------------------------------------------------------------------------------------------------------

    @property
    def _provider(self) -> str | None:
        return self.openid.provider.name if self.openid is not None else None

    def _origin(self, visitor: Visitor) -> Origin:
        return Origin(_address(visitor.http), self.guard.cookies.value(visitor.http, _DEVICE_COOKIE))

    def _admit(self, response: Response, signed_in: SignedIn) -> Response:
        self.guard.cookies.set(response, _DEVICE_COOKIE, signed_in.device, DEVICE_LIFETIME)
        return self.guard.admit(response, signed_in.token)

    async def _holder(self, visitor: Visitor) -> _Holder | None:
        token = visitor.http.path_params["token"]

        def look(connection: Connection) -> _Holder | None:
            agent = agent_of_reset(connection, token, visitor.now)
            if agent is None:
                return None
            return _Holder(agent, agent.id in tokens_of_agents(connection, visitor.now))

        return await self.database.read(look)

    def _choice(self, visitor: Visitor, holder: _Holder, status: int = 200, **values: object) -> Response:
        known = {"email": holder.agent.email, "has_tokens": holder.has_tokens, "least": LEAST_CHARACTERS}
        return self.pages.page("choose_password", visitor, status, **known, **values)

    def _form(self, visitor: Visitor, status: int = 200, **values: object) -> Response:
        with_provider = self.openid is not None
        return self.pages.page(
            "sign_in", visitor, status, with_provider=with_provider, provider=self._provider, **values
        )


def _address(request: Request) -> str:
    """The network address of the client. Behind a trusted proxy, it is the one that the proxy reports."""
    return request.client.host if request.client is not None else ""
