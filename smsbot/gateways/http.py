"""What all gateways over HTTP use: the client with its pool of connections, and the meaning of failed requests."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from smsbot.gateways.base import SendError, SendInDoubt, SendLater
from smsbot.problem import Problem

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# Servers and load balancers close idle connections after 60 seconds or more. This is shorter, so that a request is
# hardly ever written to a connection that the server is closing, which would leave a doubt.
_KEEP_IDLE_SECONDS = 20.0
_LONGEST_RETRY_AFTER_SECONDS = 86_400.0

_AUTHORITY_ENDS = re.compile(r"[/?#]")  # RFC 3986, 3.2
_PRINTED = re.compile(r"[!-~]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")  # RFC 9110, 5.5, without what is obsolete in it


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a gateway answered. Names of headers may be written in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class NoAnswer(Problem):
    """The request got no answer. `nothing_written` is True where the gateway cannot have seen the request."""

    def __init__(self, code: str, *, nothing_written: bool) -> None:
        super().__init__(f"There was no answer ({code}).")
        self.code = code
        self.nothing_written = nothing_written


class Http(Protocol):
    """Sends a request once, to the address as it is written. Redirections are not followed."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        """Send the request and return the answer, whatever its status. Raises `NoAnswer`."""


@asynccontextmanager
async def open_http(*, connections: int = 64) -> AsyncIterator[Http]:
    """A client for one gateway, with up to `connections` connections, kept open for the life of the process."""
    timeout = aiohttp.ClientTimeout(
        total=None,
        # The total includes waiting for a free connection, a second address of the host and the answer of a proxy.
        connect=2 * CONNECT_SECONDS,
        sock_connect=CONNECT_SECONDS,
        sock_read=ANSWER_SECONDS,
    )
    async with aiohttp.ClientSession(
        connector=_Connector(limit=connections, keepalive_timeout=_KEEP_IDLE_SECONDS),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "smsbot"},
        middlewares=(_once,),
    ) as session:
        yield _Pooled(session)


class _Connector(aiohttp.TCPConnector):
    """Marks failures before there is a connection, also of a proxy's CONNECT: the gateway has seen nothing then."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        try:
            return await super().connect(req, traces, timeout)
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error, nothing_written=True) from None


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from repeating a request. By itself it repeats a GET or PUT when a kept connection broke.

    The repeat could be a second SMS. aiohttp does not repeat after `NoAnswer`.
    """
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as error:
        raise _no_answer(error, nothing_written=False) from None


def _no_answer(error: Exception, *, nothing_written: bool) -> NoAnswer:
    """An error to be raised `from None`, because aiohttp's own may quote the address with the number and the text."""
    return NoAnswer(type(error).__name__, nothing_written=nothing_written)


class _Pooled:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._proxies: dict[str, str | None] = {}

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                proxy=self._proxy_to(url),
            ) as answer:
                return HttpAnswer(answer.status, answer.headers, await answer.read())
        except aiohttp.InvalidURL as error:
            raise _no_answer(error, nothing_written=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error, nothing_written=False) from None

    def _proxy_to(self, url: str) -> str | None:
        """The proxy for this address by HTTP_PROXY, HTTPS_PROXY and NO_PROXY; None for loopback.

        A gateway has one host.
        """
        scheme, _, rest = url.partition("://")
        origin = f"{scheme}://{_AUTHORITY_ENDS.split(rest, maxsplit=1)[0]}"
        if origin not in self._proxies:
            self._proxies[origin] = _proxy_to(origin)
        return self._proxies[origin]


def _proxy_to(origin: str) -> str | None:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "::1", "localhost") or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def check(url: str, headers: Mapping[str, str]) -> None:
    """Raises `ValueError` where no request can be made with this URL and these headers."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("the address is none of http or https")
    if not _PRINTED.fullmatch(url):
        raise ValueError("the address holds what should have been percent-encoded")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError("a header holds what no header may")


def basic_authorization(user: str, password: str) -> str:
    """The `Authorization` header of RFC 7617, in UTF-8."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def without_answer(error: NoAnswer) -> SendError:
    """The error for a request that got no answer: `SendLater` where nothing was written, `SendInDoubt` otherwise."""
    if error.nothing_written:
        return SendLater(error.code, "The gateway cannot be reached.")
    return SendInDoubt(error.code, "The connection to the gateway broke before it answered.")


def instant(date: str) -> datetime:
    """Read a date as in HTTP or mail (RFC 9110, 5.6.7; RFC 5322, 3.3). Without a zone it is taken as UTC.

    Raises `ValueError`.
    """
    read = parsedate_to_datetime(date)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def retry_after(value: str | None) -> float | None:
    """The `Retry-After` header in seconds from now (RFC 9110, 10.2.3: a number or a date); a day at most, None for
    none.
    """
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else instant(value).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)
