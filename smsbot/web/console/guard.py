"""Decides who may see the console's pages. It checks the session, and the token that protects forms from forgery.

Each route is wrapped in one of five ways. `anyone` and `anyone_posting` are for signing in. `agents`, `agents_posting`
and `agents_listening` are for everything else. Who has no session is sent to the page for signing in. If the database
does not answer, each of the five shows a page that says so.

A request of an agent is answered in one transaction. The session is read in it, and the handler works and renders its
page on the same connection. So a handler is synchronous. It may run a second time, after its first run was rolled back
(see `smsbot.store.database`). Things that must wait for the commit, such as a line in the log, are returned as a
function.

A refusal is an ordinary answer, not a failure. A handler raises HTTPException or OutOfReach before it writes anything,
and the transaction with the page of the refusal is committed like any other.

The console's cookies are protected from scripts and from other sites, and over https also from other hosts and plain
http. Over https a cookie's name begins with `__Host-`: then the browser accepts it only from this host, and only for
all paths of the host (RFC 6265bis, 4.1.3.2). If other services share the host, such a cookie would be sent to them too.
Then the cookie is limited to the console's path instead, and its name begins with `__Secure-`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias
from urllib.parse import quote

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from smsbot.agents.permissions import OutOfReach
from smsbot.agents.tokens import Session, new_token, note_seen, session_of
from smsbot.signing import Links, keyed_hash
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, Visitor
from smsbot.web.console.pages_apart import PagesApart, leave_noting
from smsbot.web.forms import AGENT_FORM_BYTES, FILE_FORM_BYTES, read_form, read_form_with_file
from smsbot.web.security import page_headers

COOKIE = "agent"
_VISITOR_COOKIE = "visiteur"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_CSRF_FIELD = "jeton"
_READING = ("GET", "HEAD")
_DESTINATION = re.compile(r"/[A-Za-z0-9/_-]*(?:\?[A-Za-z0-9=&%._+-]*)?")

Fields: TypeAlias = dict[str, str]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
PageAnswer: TypeAlias = Response | Callable[[], Awaitable[Response]]
"""What a handler returns: the response, or a function that makes the response after the commit."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Sets, reads and deletes cookies. `path` is the console's path as browsers see it."""

    links: Links
    path: str

    def name(self, name: str) -> str:
        """The cookie's full name, with the prefix that it needs over https."""
        if not self.links.is_https:
            return name
        return f"__Secure-{name}" if self.links.base_path else f"__Host-{name}"

    def value(self, request: Request, name: str) -> str:
        """The value that the browser sent, or an empty text if it sent none."""
        return request.cookies.get(self.name(name), "")

    def set(self, response: Response, name: str, value: str, lifetime: timedelta | None = None) -> None:
        """Set the cookie. Without `lifetime` it ends when the browser is closed, as it should on a shared computer."""
        response.set_cookie(
            self.name(name),
            value,
            max_age=None if lifetime is None else int(lifetime.total_seconds()),
            path=self._path,
            secure=self.links.is_https,
            httponly=True,
            samesite="lax",
        )

    def delete(self, response: Response, name: str) -> None:
        response.delete_cookie(
            self.name(name), path=self._path, secure=self.links.is_https, httponly=True, samesite="lax"
        )

    @property
    def _path(self) -> str:
        return "/" if self.links.is_https and not self.links.base_path else self.path


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks every request to the console.

    `apart` makes the pages that change nothing, in a second process. If it is None, this process makes them.
    """

    database: Database
    pages: ConsolePages
    cookies: Cookies
    clock: Callable[[], datetime]
    secret_key: str = field(repr=False)
    apart: PagesApart | None = None

    # The five ways in -------------------------------------------------------------------------------------------------

    def anyone(self, handler: Callable[[Visitor], Awaitable[Response]]) -> Endpoint:
        """Wraps a page for people who are not signed in. A cookie of its own protects its forms."""

        async def endpoint(http: Request) -> Response:
            return await self._visited(http, handler)

        return self._while_in_order(endpoint)

    def anyone_posting(self, handler: Callable[[Visitor, Fields], Awaitable[Response]]) -> Endpoint:
        async def endpoint(http: Request) -> Response:
            token = self._token(http, _VISITOR_COOKIE) or new_token()
            visitor = Visitor(http, self.clock(), self._csrf(token))
            form = await _form(http)
            if isinstance(form, HTTPException):
                return self.refused(visitor, form.status_code)
            if not _is_from_our_page(form, visitor):
                return self.refused(visitor, 403)
            return await handler(visitor, form)

        return self._while_in_order(endpoint)

    def agents(self, handler: Callable[[AgentRequest], PageAnswer]) -> Endpoint:
        """Wraps a page for agents that changes nothing. Only the time at which the agent was seen is written."""

        async def endpoint(http: Request) -> Response:
            return await self._answered(http, handler, self.refused) or self._to_sign_in(http)

        return self._while_in_order(self.only_read(endpoint, self._note_session))

    def agents_posting(
        self,
        handler: Callable[[AgentRequest, Fields], PageAnswer],
        *,
        writes: bool = True,
        with_file: bool = False,
        out_of_time: Callable[[Visitor, Fields], Response] | None = None,
    ) -> Endpoint:
        """Wraps the handler of a form for agents.

        `writes` is False if the form changes nothing. `with_file` is True if the form may contain a file.

        `out_of_time` answers if the session in which the form was opened has ended, so that nothing typed is lost. It
        gets an `AgentRequest` if the agent has signed in again, else a `Visitor`. It may only show the form's content
        again: the form may be forged, because its token cannot be checked.
        """

        async def endpoint(http: Request) -> Response:
            if with_file and self._token(http, COOKIE) is None:
                return self._to_sign_in(http)  # so that nobody without a session can send us a whole file
            form = await _form(http, with_file=with_file)

            def answer(request: AgentRequest) -> PageAnswer:
                if isinstance(form, HTTPException):
                    raise form
                if _is_from_our_page(form, request):
                    return handler(request, form)
                if out_of_time is None:
                    raise HTTPException(403, "The form's token is missing or wrong.")
                return out_of_time(request, form)

            async def show(visitor: Visitor) -> Response:
                assert out_of_time is not None
                try:
                    return (
                        out_of_time(visitor, form)
                        if isinstance(form, dict)
                        else self.refused(visitor, form.status_code)
                    )
                except OutOfReach:
                    return self.refused(visitor, 404)

            answered = await self._answered(http, answer, self.refused, writes=writes)
            if answered is not None:
                return answered
            return self._to_sign_in(http) if out_of_time is None else await self._visited(http, show)

        return self._while_in_order(endpoint)

    def agents_listening(self, handler: Callable[[AgentRequest], PageAnswer]) -> Endpoint:
        """Wraps what the script asks for by itself, again and again.

        It does not prolong the session. Without a session it answers a line of text instead of a page.
        """

        def refused(_request: AgentRequest, _status: int) -> Response:
            return PlainTextResponse("There is nothing here.\n", 404, page_headers())

        async def endpoint(http: Request) -> Response:
            answered = await self._answered(http, handler, refused, noted=False)
            return answered or PlainTextResponse("Sign in first.\n", 401, page_headers())

        return self._while_in_order(self.only_read(endpoint, self._note_session))

    def only_read(self, endpoint: Endpoint, note: Callable[[Request, Connection], None]) -> Endpoint:
        """Wraps an `endpoint` that writes nothing, except that a session or a calendar is in use.

        If there is a second process, it answers the request; if it cannot, this process does. `note` then finds the
        session or calendar of the request again and writes that it is in use. It does nothing if that has ended.
        """

        async def made(http: Request) -> Response:
            page = None if self.apart is None or http.method not in _READING else await self.apart.page(http)
            if page is None:
                return await endpoint(http)
            if page.in_use:
                await self.database.write(partial(note, http))
            return page.response

        return made

    async def note_in_use(self, http: Request, note: Callable[[Connection], None]) -> None:
        """Write with `note` that a session or a calendar is in use. The second process leaves this to the first one."""
        if not leave_noting(http):
            await self.database.write(note)

    # The session ------------------------------------------------------------------------------------------------------

    def admit(self, response: Response, token: str) -> Response:
        """Set the cookie of the session with this `token`. Returns `response`."""
        self.cookies.set(response, COOKIE, token)
        self.cookies.delete(response, _VISITOR_COOKIE)
        return response

    def dismiss(self, response: Response) -> Response:
        """Delete the cookie of the session. Returns `response`."""
        self.cookies.delete(response, COOKIE)
        return response

    def refused(self, visitor: Visitor, status: int) -> Response:
        """The page for a refusal with this status."""
        return self.pages.page("refused", visitor, status, problem=status)

    async def _answered(
        self,
        http: Request,
        handler: Callable[[AgentRequest], PageAnswer],
        refused: Callable[[AgentRequest, int], Response],
        *,
        writes: bool = False,
        noted: bool = True,
    ) -> Response | None:
        """The handler's answer, made in one transaction, or None if there is no session.

        `refused` makes the answer if the handler refuses. `noted` is whether the request counts as use of the session.
        """
        token = self._token(http, COOKIE)
        if token is None:
            return None
        now = self.clock()

        def work(connection: Connection) -> tuple[PageAnswer, Session] | None:
            session = session_of(connection, token, now)
            if session is None:
                return None
            if writes and session.is_worth_noting(now):
                note_seen(connection, session, now)
            request = AgentRequest(http, now, self._csrf(token), connection, session)
            try:
                return handler(request), session
            except HTTPException as problem:
                return refused(request, problem.status_code), session
            except OutOfReach:
                return refused(request, 404), session

        done = await (self.database.write(work) if writes else self.database.read(work))
        if done is None:
            return None
        answer, session = done
        if noted and not writes and session.is_worth_noting(now):
            await self.note_in_use(http, lambda connection: note_seen(connection, session, now))
        return answer if isinstance(answer, Response) else await answer()

    def _note_session(self, http: Request, connection: Connection) -> None:
        token, now = self._token(http, COOKIE), self.clock()
        session = None if token is None else session_of(connection, token, now)
        if session is not None:
            note_seen(connection, session, now)

    async def _visited(self, http: Request, handler: Callable[[Visitor], Awaitable[Response]]) -> Response:
        known = self._token(http, _VISITOR_COOKIE)
        token = known or new_token()
        response = await handler(Visitor(http, self.clock(), self._csrf(token)))
        if known is None:
            self.cookies.set(response, _VISITOR_COOKIE, token)
        return response

    def _while_in_order(self, endpoint: Endpoint) -> Endpoint:
        async def watched(http: Request) -> Response:
            try:
                return await endpoint(http)
            except SQLAlchemyError as error:
                logger.error("a page of the console could not be shown", error=type(error).__name__)
                return self.pages.page("out_of_order", Visitor(http, self.clock(), csrf=""), 503)

        return watched

    def _to_sign_in(self, http: Request) -> Response:
        wanted = http.url.path.removeprefix(PATH)
        if http.method != "GET":
            return self.pages.redirect("/connexion?expiree")
        query = f"?{http.url.query}" if http.url.query else ""
        return self.pages.redirect(f"/connexion?suite={quote(wanted + query, safe='')}")

    def _token(self, request: Request, name: str) -> str | None:
        value = self.cookies.value(request, name)
        return value if _TOKEN.fullmatch(value) else None

    def _csrf(self, token: str) -> str:
        return keyed_hash(self.secret_key, "forms of the console", token)


def destination(text: str) -> str:
    """Where to go after signing in: `text` if it can be the path of one of our pages (below `/agents`), else the first
    page. So no link can send agents to another site.
    """
    return text if _DESTINATION.fullmatch(text) and not text.startswith(("//", "/connexion")) else "/rdv"


async def _form(http: Request, *, with_file: bool = False) -> Fields | HTTPException:
    """The fields of the posted form, or the error that says why they cannot be read."""
    try:
        if with_file:
            return await read_form_with_file(http, FILE_FORM_BYTES)
        return await read_form(http, AGENT_FORM_BYTES)
    except HTTPException as problem:
        return problem


def _is_from_our_page(form: Fields, visitor: Visitor) -> bool:
    return hmac.compare_digest(form.get(_CSRF_FIELD, "").encode(), visitor.csrf.encode())
