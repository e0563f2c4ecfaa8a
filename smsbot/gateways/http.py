"""The HTTP client of the gateways, with its pool of connections, and the meaning of failed requests."""

from __future__ import annotations

import base64
import re
from asyncio import get_running_loop
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.hdrs import HOST, PROXY_AUTHORIZATION
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from smsbot.gateways.base import SendError, SendInDoubt, SendLater
from smsbot.http_headers import told_wait
from smsbot.problem import Problem

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# Servers and load balancers close idle connections after 60 seconds or more. This is shorter, so that a request is
# rarely written to a connection that the server is just closing. That would be a doubt.
_KEEP_IDLE_SECONDS = 20.0
_LONGEST_RETRY_AFTER = timedelta(days=1)

_AUTHORITY_ENDS = re.compile(r"[/?#]")  # RFC 3986, 3.2
_PRINTED = re.compile(r"[!-~]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")  # RFC 9110, 5.5, without its obsolete parts


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a gateway answered. Header names may be looked up in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class NoAnswer(Problem):
    """The request got no answer. `nothing_written` is True if the gateway cannot have seen the request."""

    def __init__(self, code: str, *, nothing_written: bool) -> None:
        super().__init__(f"There was no answer ({code}).")
        self.code = code
        self.nothing_written = nothing_written


class Http(Protocol):
    """Sends a request once, to the address as it is written. Redirections are not followed."""

    """Sends a request once, to exactly this address. It does not follow redirections."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        """Send the request and return the answer, whatever its status. Raises `NoAnswer`."""


@asynccontextmanager
async def open_http(*, connections: int = 64) -> AsyncIterator[Http]:
    """A client for one gateway, with up to `connections` connections, kept open for the life of the process."""
    timeout = aiohttp.ClientTimeout(
        # This includes the wait for a free connection, a second address of the host, and a proxy.
        connect=2 * CONNECT_SECONDS,
        sock_connect=CONNECT_SECONDS,
    )
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEP_IDLE_SECONDS)
    try:
        yield _Pooled(connector, timeout, ANSWER_SECONDS)
    finally:
        await connector.close()


class _Pooled:
    """Writes requests to connections of aiohttp's pool, and reads the answers with aiohttp's parser.

    aiohttp's own client costs twice as much as all of this. It also repeats some requests by itself, which could send a
    second SMS (docs/decisions/0006).
    """

    def __init__(self, connector: aiohttp.TCPConnector, timeout: aiohttp.ClientTimeout, answer_seconds: float) -> None:
        self._connector = connector
        self._timeout = timeout
        self._answer_seconds = answer_seconds
        self._origins: dict[str, _Origin] = {}

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        try:
            origin = self._origin(url)
            _refuse_line_breaks(url, headers)
            connection = await self._connector.connect(origin.request, [], self._timeout)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _no_answer(error, nothing_written=True) from None
        is_whole = False
        try:
            answer = await self._exchange(connection, origin.head(method, url, headers, body) + (body or b""))
            is_whole = True
        except HttpProcessingError:
            raise NoAnswer("ClientResponseError", nothing_written=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error, nothing_written=False) from None
        finally:
            if is_whole:
                connection.release()
            else:
                connection.close()
        return answer

    async def _exchange(self, connection: Connection, request: bytes) -> HttpAnswer:
        """Write the request and read its answer. Raises errors of aiohttp."""
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        protocol.set_response_params(read_until_eof=True, read_timeout=self._answer_seconds)
        transport.write(request)
        protocol.start_timeout()
        message, payload = await protocol.read()
        while message.code in _INFORMATIONAL:
            message, payload = await protocol.read()
        return HttpAnswer(message.code, message.headers, await payload.read())

    def _origin(self, url: str) -> _Origin:
        scheme, _, rest = url.partition("://")
        origin = f"{scheme}://{_AUTHORITY_ENDS.split(rest, maxsplit=1)[0]}"
        if origin not in self._origins:
            self._origins[origin] = _Origin.of(origin)
        return self._origins[origin]


@dataclass(frozen=True, slots=True)
class _Origin:
    """Scheme, host and port of a gateway; most gateways have only one origin. `request` tells aiohttp where to connect.

    `proxy` is the proxy for this address from HTTP_PROXY, HTTPS_PROXY and NO_PROXY; None for loopback addresses.
    """

    origin: str
    request: aiohttp.ClientRequest
    proxy: str | None

    @classmethod
    def of(cls, origin: str) -> Self:
        proxy = _proxy_to(origin)
        to_it = aiohttp.ClientRequest(
            "GET", URL(origin, encoded=True), proxy=None if proxy is None else URL(proxy), loop=get_running_loop()
        )
        return cls(origin, to_it, proxy)

    def head(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        """The request line and the headers, with the address exactly as in `url`."""
        address, _, _ = url.partition("#")
        path = address[len(self.origin) :]
        path = path if path.startswith("/") else f"/{path}"
        is_passed_on = self.proxy is not None and not self.request.is_ssl()
        lines = [f"{method} {f'{self.origin}{path}' if is_passed_on else path} HTTP/1.1"]
        given = {name.lower() for name in headers}
        ours = {"Host": self.request.headers[HOST], "Accept": "*/*", "User-Agent": "smsbot"}
        if is_passed_on and (credentials := self.request.headers.get(PROXY_AUTHORIZATION)):
            ours["Proxy-Authorization"] = credentials
        if body is not None or method != "GET":
            ours["Content-Length"] = str(len(body or b""))
        lines += (f"{name}: {value}" for name, value in ours.items() if name.lower() not in given)
        lines += (f"{name}: {value}" for name, value in headers.items())
        return "\r\n".join([*lines, "", ""]).encode()


_INFORMATIONAL = frozenset(range(100, 200)) - {101}


def _refuse_line_breaks(url: str, headers: Mapping[str, str]) -> None:
    """Raises ValueError if the address or a header contains a line break, which would begin another header."""
    written = "".join((url, *headers, *headers.values()))
    if "\n" in written or "\r" in written:
        raise ValueError("a line break in a header or in the address")


def _no_answer(error: Exception, *, nothing_written: bool) -> NoAnswer:
    """The error to raise `from None`, because aiohttp's own may quote the address with the number and the text."""
    return NoAnswer(type(error).__name__, nothing_written=nothing_written)


def _proxy_to(origin: str) -> str | None:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "::1", "localhost") or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def check_request(url: str, headers: Mapping[str, str]) -> None:
    """Raises `ValueError` if no request can be made with this URL and these headers."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("the address is not an http or https address")
    if not _PRINTED.fullmatch(url):
        raise ValueError("the address contains characters that should have been percent-encoded")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError("a header contains characters that are not allowed")


def basic_authorization(user: str, password: str) -> str:
    """The `Authorization` header of RFC 7617, in UTF-8."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def without_answer(error: NoAnswer) -> SendError:
    """The error for a request without an answer: `SendLater` if nothing was written, otherwise `SendInDoubt`."""
    if error.nothing_written:
        return SendLater(error.code, "The gateway cannot be reached.")
    return SendInDoubt(error.code, "The connection to the gateway broke before it answered.")


def retry_after(value: str | None) -> float | None:
    """The header `Retry-After` in seconds from now, at most a day; None if the header is missing or unreadable."""
    wait = told_wait(value, datetime.now(UTC), _LONGEST_RETRY_AFTER)
    return None if wait is None else wait.total_seconds()
