"""Limits how many requests a minute the API takes: for each token, and for each address that sends no valid token.

Each process counts for itself in memory, so that counting costs nothing in the database. A used quota comes back
evenly; after a minute without requests all of it is back.

Every answer to a request with a valid token says how much of the quota is left, in the header fields `RateLimit-Policy`
and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsbot.agents.signing_in.sign_in_limits import network_of
from smsbot.rules.rate_limit import RateLimit
from smsbot.web.api.answering_requests import ApiProblem

WINDOW = timedelta(minutes=1)
_MOST_KEPT = 10_000
_STATE = "quota"


def monotonic() -> timedelta:
    """The time on a clock that never goes back."""
    return timedelta(seconds=time.monotonic())


@dataclass(slots=True)
class _Quotas:
    """`number` requests a minute for each key. `free_at` has what each key has used, as `RateLimit` counts it."""

    number: int
    free_at: dict[str, timedelta] = field(default_factory=dict)

    @property
    def limit(self) -> RateLimit:
        return RateLimit.at_once(self.number, WINDOW / self.number)

    def left(self, key: str, now: timedelta) -> int:
        return self.limit.allowance(self.free_at.get(key), now).number

    def wait(self, key: str, now: timedelta) -> timedelta:
        """How long until the key may make one more request."""
        return self.limit.allowance(self.free_at.get(key), now).begins - now

    def until_whole(self, key: str, now: timedelta) -> timedelta:
        """How long until all of the key's quota is back."""
        return max(timedelta(0), self.free_at.get(key, timedelta(0)) + self.limit.credit - now)

    def take(self, key: str, now: timedelta) -> None:
        if len(self.free_at) >= _MOST_KEPT and key not in self.free_at:
            self._make_room(now)
        self.free_at[key] = self.limit.allowance(self.free_at.get(key), now).free_at_after(1)

    def _make_room(self, now: timedelta) -> None:
        """Forget the keys that have all of their quota, and in any case the oldest one."""
        self.free_at.pop(next(iter(self.free_at)))
        whole = now - self.limit.credit
        self.free_at = {key: free_at for key, free_at in self.free_at.items() if free_at > whole}


class RequestLimits:
    """Counts requests. `per_token` and `failures` are requests per minute. `clock` must never go back."""

    def __init__(self, per_token: int, failures: int, clock: Callable[[], timedelta] = monotonic) -> None:
        self._tokens = _Quotas(per_token)
        self._failures = _Quotas(failures)
        self._clock = clock

    def before_looking(self, request: Request, token_hash: str) -> None:
        """Check the caller's address before the token is looked up in the database.

        Raises ApiProblem 429 if too many requests without a valid token came from this address. A token that was valid
        in this process before is let through, because other programs may share its address.
        """
        network, now = _network(request), self._clock()
        if token_hash not in self._tokens.free_at and not self._failures.left(network, now):
            wait = _seconds(self._failures.wait(network, now))
            detail = f"Too many requests without a valid token came from this address: wait {wait} seconds."
            raise _too_many(detail, wait)

    def count_failure(self, request: Request) -> None:
        """Count a request without a valid token against its address."""
        self._failures.take(_network(request), self._clock())

    def count(self, request: Request, token_hash: str) -> None:
        """Count a request with this valid token. Raises ApiProblem 429 if the token's quota is used up."""
        now, tokens = self._clock(), self._tokens
        left = tokens.left(token_hash, now)
        if left:
            tokens.take(token_hash, now)
        whole = _seconds(tokens.until_whole(token_hash, now))
        request.scope.setdefault("state", {})[_STATE] = {
            "RateLimit-Policy": f'"token";q={tokens.number};w={int(WINDOW.total_seconds())}',
            "RateLimit": f'"token";r={max(0, left - 1)};t={whole}',
        }
        if not left:
            wait = _seconds(tokens.wait(token_hash, now))
            raise _too_many(f"More than {tokens.number} requests in a minute: wait {wait} seconds.", wait)


@dataclass(frozen=True, slots=True)
class QuotaHeaders:
    """Middleware that adds to every answer the headers of the quota, which `RequestLimits.count` has noted."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = scope.setdefault("state", {})

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told: Mapping[str, str] = state.get(_STATE, {})
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self.app(scope, receive, sending)


def _network(request: Request) -> str:
    return network_of(request.client.host if request.client is not None else "")


def _seconds(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds())


def _too_many(detail: str, wait: int) -> ApiProblem:
    return ApiProblem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(max(1, wait))})
