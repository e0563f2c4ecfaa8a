"""Who may come in: the session, and the token that every form carries against forgery from other sites.

Each route is wrapped in one of five ways, and none is without: `anyone` and `anyone_posting` are for signing in,
`agents`, `agents_posting` and `agents_listening` for all that comes after. The session is read, with its agent and
what is theirs, before anything else is done; who has none is sent to sign in. While the database does not answer, each
says so in a page of its own.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from smsbot.agents.accounts import is_administrator
from smsbot.agents.permissions import OutOfReach
from smsbot.agents.sessions import note_seen, session_of
from smsbot.inbox.threads import count_waiting
from smsbot.links import Links
from smsbot.signing import derived_key
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, ConsolePages, Desk, Visitor
from smsbot.web.forms import AGENT_FORM_BYTES, read_form
from smsbot.web.security import page_headers

COOKIE = "agent"
_VISITOR_COOKIE = "visiteur"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_CSRF_FIELD = "jeton"
_DESTINATION = re.compile(r"/[A-Za-z0-9/_-]*(?:\?[A-Za-z0-9=&%._+-]*)?")

Fields = dict[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]
_V = TypeVar("_V", bound=Visitor)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before every page of the console."""

    database: Database
    pages: ConsolePages
    links: Links
    clock: Callable[[], datetime]
    secret_key: str = field(repr=False)

    # The five ways in -------------------------------------------------------------------------------------------------

    def anyone(self, handler: Callable[[Visitor], Awaitable[Response]]) -> Endpoint:
        """A page for who is not signed in. Its forms need a cookie of their own."""

        async def endpoint(request: Request) -> Response:
            return await self._visited(request, handler)

        return self._while_in_order(endpoint)

    def anyone_posting(self, handler: Callable[[Visitor, Fields], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            token = _cookie(request, _VISITOR_COOKIE) or secrets.token_urlsafe(32)
            visitor = Visitor(request, self.clock(), self._csrf(token))
            return await self._posted(visitor, handler)

        return self._while_in_order(endpoint)

    def agents(self, handler: Callable[[Desk], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            desk = await self._desk(request)
            if desk is None:
                return self._to_sign_in(request)
            try:
                return await handler(desk)
            except HTTPException as problem:
                return self.refused(desk, problem.status_code)
            except OutOfReach:
                return self.refused(desk, 404)

        return self._while_in_order(endpoint)

    def agents_posting(
        self,
        handler: Callable[[Desk, Fields], Awaitable[Response]],
        *,
        out_of_time: Callable[[Visitor, Fields], Awaitable[Response]] | None = None,
    ) -> Endpoint:
        """`out_of_time` answers where the session that the form was made for is over, so that nothing typed is lost; to
        who has signed in anew (a `Desk`) or has yet to. It must do nothing but show it: the form may be anybody's.
        """

        async def endpoint(request: Request) -> Response:
            desk = await self._desk(request)
            if desk is not None:
                return await self._posted(desk, handler, out_of_time)
            if out_of_time is None:
                return self._to_sign_in(request)
            return await self._visited(request, lambda visitor: self._read(visitor, out_of_time))

        return self._while_in_order(endpoint)

    def agents_listening(self, handler: Callable[[Desk], Awaitable[Response]]) -> Endpoint:
        """What the script asks for by itself: no sign of life of an agent, and no page for who is not one."""

        async def endpoint(request: Request) -> Response:
            desk = await self._desk(request, noted=False)
            if desk is None:
                return PlainTextResponse("Sign in first.\n", 401, page_headers())
            try:
                return await handler(desk)
            except (HTTPException, OutOfReach):
                return PlainTextResponse("There is nothing here.\n", 404, page_headers())

        return self._while_in_order(endpoint)

    # The session ------------------------------------------------------------------------------------------------------

    def admit(self, response: Response, token: str) -> Response:
        """`response`, with a session's token in its cookie."""
        self._set_cookie(response, COOKIE, token)
        response.delete_cookie(_VISITOR_COOKIE, path=self.pages.base)
        return response

    def dismiss(self, response: Response) -> Response:
        response.delete_cookie(COOKIE, path=self.pages.base)
        return response

    def refused(self, visitor: Visitor, status: int) -> Response:
        """The page for what cannot be had or done."""
        return self.pages.page("refused", visitor, status, problem=status)

    async def _desk(self, request: Request, *, noted: bool = True) -> Desk | None:
        token = _cookie(request, COOKIE)
        if token is None:
            return None
        now = self.clock()

        def enter(connection: Connection) -> Desk | None:
            session = session_of(connection, token, now)
            if session is None:
                return None
            waiting = count_waiting(connection, session.agent)
            manages = is_administrator(connection, session.agent)
            return Desk(request, now, self._csrf(session.token), session, waiting, manages)

        desk = await self.database.read(enter)
        if desk is not None and noted and desk.session.is_worth_noting(now):
            await self.database.write(lambda connection: note_seen(connection, desk.session, now))
        return desk

    async def _visited(self, request: Request, handler: Callable[[Visitor], Awaitable[Response]]) -> Response:
        known = _cookie(request, _VISITOR_COOKIE)
        token = known or secrets.token_urlsafe(32)
        response = await handler(Visitor(request, self.clock(), self._csrf(token)))
        if known is None:
            self._set_cookie(response, _VISITOR_COOKIE, token)
        return response

    async def _posted(
        self,
        visitor: _V,
        handler: Callable[[_V, Fields], Awaitable[Response]],
        out_of_time: Callable[[_V, Fields], Awaitable[Response]] | None = None,
    ) -> Response:
        async def checked(visitor: _V, fields: Fields) -> Response:
            if hmac.compare_digest(fields.get(_CSRF_FIELD, "").encode(), visitor.csrf.encode()):
                return await handler(visitor, fields)
            if out_of_time is None:
                raise HTTPException(403, "The form's token is missing or wrong.")
            return await out_of_time(visitor, fields)

        return await self._read(visitor, checked)

    async def _read(self, visitor: _V, handler: Callable[[_V, Fields], Awaitable[Response]]) -> Response:
        try:
            return await handler(visitor, await read_form(visitor.request, AGENT_FORM_BYTES))
        except HTTPException as problem:
            return self.refused(visitor, problem.status_code)
        except OutOfReach:
            return self.refused(visitor, 404)

    def _while_in_order(self, endpoint: Endpoint) -> Endpoint:
        async def watched(request: Request) -> Response:
            try:
                return await endpoint(request)
            except SQLAlchemyError as error:
                logger.error("a page of the console could not be shown", error=type(error).__name__)
                return self.pages.page("out_of_order", Visitor(request, self.clock(), csrf=""), 503)

        return watched

    def _to_sign_in(self, request: Request) -> Response:
        wanted = request.url.path.removeprefix(PATH)
        if request.method != "GET":
            return self.pages.redirect("/connexion?expiree")
        query = f"?{request.url.query}" if request.url.query else ""
        return self.pages.redirect(f"/connexion?suite={quote(wanted + query, safe='')}")

    def _csrf(self, token: str) -> str:
        return hmac.digest(derived_key(self.secret_key, "forms of the console"), token.encode(), "sha256").hex()

    def _set_cookie(self, response: Response, name: str, token: str) -> None:
        """Without an age, so that it ends with the browser on a shared computer."""
        response.set_cookie(
            name,
            token,
            path=self.pages.base,
            secure=self.links.is_https,
            httponly=True,
            samesite="lax",
        )


def destination(text: str) -> str:
    """Where to go after signing in: a path below `/agents` that a page of ours could have; else the first page."""
    return text if _DESTINATION.fullmatch(text) and not text.startswith(("//", "/connexion")) else "/rdv"


def _cookie(request: Request, name: str) -> str | None:
    value = request.cookies.get(name, "")
    return value if _TOKEN.fullmatch(value) else None
