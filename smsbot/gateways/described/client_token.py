"""The token that some gateways want with each request, as in OAuth 2 (RFC 6749, 4.4: client credentials).

It is kept in memory. It is fetched again shortly before it ends, or if the gateway refuses it. While one send fetches
it, the others wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from smsbot.gateways.base import MalformedMessage, SendLater
from smsbot.gateways.described.described_requests import filled
from smsbot.gateways.http import Http, NoAnswer, retry_after
from smsbot.gateways.webhook_values import at_path, json_from, scalar
from smsbot.policy.gateway_values import Charset
from smsbot.policy.gateways import TokenTable

UNFETCHED = "token"
"""The code of the error if the gateway answers without a token."""
_USUAL_SECONDS = 300.0
"""How long a token is valid if the answer does not say it."""
_MARGIN, _LONGEST_MARGIN_SECONDS = 0.1, 60.0
"""A token is not used in the last tenth of its time, or in its last minute if that is shorter."""


class ClientToken:
    """Fetches and keeps the token. `values` are the secrets; `clock` returns seconds that never go back."""

    def __init__(
        self,
        table: TokenTable,
        values: Mapping[str, str],
        charset: Charset,
        http: Http,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._values = values
        self._charset: Charset = charset
        self._http = http
        self._clock = clock
        self._token: str | None = None
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def value(self) -> str:
        """A valid token. Raises `SendLater` if there is none: nothing was sent then."""
        async with self._fetching:
            if self._token is None or self._clock() >= self._good_until:
                self._token, lifetime = await self._fetch()
                self._good_until = self._clock() + lifetime - min(_MARGIN * lifetime, _LONGEST_MARGIN_SECONDS)
            return self._token

    def forget(self, token: str) -> None:
        """Fetch another token next time, because the gateway has refused this one."""
        if self._token == token:
            self._token = None

    async def _fetch(self) -> tuple[str, float]:
        request = filled(self._table, self._values, self._charset)
        try:
            answer = await self._http.request(request.method, request.url, request.headers, request.body)
        except NoAnswer as error:
            raise SendLater(error.code, "The gateway's address for tokens cannot be reached.") from error
        if not answer.is_success:
            wait = retry_after(answer.headers.get("retry-after"))
            raise SendLater(UNFETCHED, f"The gateway gave no token (HTTP {answer.status}).", wait)
        try:
            document = json_from(answer.content)
            token = scalar(at_path(document, self._table.value), self._table.value)
            lifetime = scalar(at_path(document, self._table.lifetime), self._table.lifetime)
        except MalformedMessage:
            token = lifetime = None
        if not token or not (token.isascii() and token.isprintable()):
            raise SendLater(UNFETCHED, "The gateway's answer has no token at the path token.value.")
        return token, _seconds(lifetime)


def _seconds(written: str | None) -> float:
    try:
        seconds = float(written or "")
    except ValueError:
        return _USUAL_SECONDS
    return seconds if 0 < seconds < float("inf") else _USUAL_SECONDS
