"""Finds out whose request it is, by its token, and whether the token allows what is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeAlias

from sqlalchemy import Connection
from starlette.requests import Request

from smsbot.agents.accounts import Agent
from smsbot.agents.tokens import ApiScope, ApiToken, expired_at, hash_of, known_token, note_used
from smsbot.store.database import Database
from smsbot.web.api.answering_requests import ApiProblem
from smsbot.web.api.reading_requests import bearer_token, unauthorised
from smsbot.web.api.request_limits import RequestLimits

AgentOf: TypeAlias = Callable[[Request, ApiScope], Awaitable[Agent]]
"""Returns who makes a request that needs this scope. Raises ApiProblem if the token is not valid or lacks the scope."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Checks the token of every request."""

    database: Database
    limits: RequestLimits
    clock: Callable[[], datetime]

    async def agent(self, request: Request, scope: ApiScope) -> Agent:
        """The agent or the other system whose token it is. Raises ApiProblem 401, 403 or 429; see `AgentOf`."""
        token, now = await self._token(request), self.clock()
        self.limits.count(request, token.token_hash)
        if token.is_worth_noting(now):
            await self.database.write(lambda connection: note_used(connection, token, now))
        if not token.allows(scope):
            raise _forbidden(scope)
        return token.agent

    async def _token(self, request: Request) -> ApiToken:
        try:
            given = bearer_token(request)
        except ApiProblem:
            self.limits.before_looking(request, "")
            self.limits.count_failure(request)
            raise
        self.limits.before_looking(request, hash_of(given))
        found = await self.database.read(lambda connection: _known(connection, given, self.clock()))
        if isinstance(found, ApiProblem):
            self.limits.count_failure(request)
            raise found
        return found


def _known(connection: Connection, given: str, now: datetime) -> ApiToken | ApiProblem:
    """The token, or the problem that it has."""
    token = known_token(connection, given, now)
    if token is not None:
        return token
    ended = expired_at(connection, given, now)
    if ended is not None:
        return unauthorised(f"The token has expired, on {ended:%Y-%m-%d at %H:%M} UTC.", "invalid_token")
    return unauthorised("The token is not valid, or no longer.", "invalid_token")


def _forbidden(scope: ApiScope) -> ApiProblem:
    """The problem 403 with the challenge that names the scope (RFC 6750, 3)."""
    challenge = f'Bearer realm="smsbot", error="insufficient_scope", scope="{scope}"'
    detail = f"The token needs the scope {scope} for this."
    return ApiProblem(HTTPStatus.FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})
