"""Runs the service: HTTP on a socket, with limits, and delivery in the same event loop.

uvicorn reads headers of any length, waits for a body for ever, and accepts any number of connections. Anybody may
connect, so each of these has a limit here, for a server without a proxy. A proxy has its own limits, which are usually
tighter.

For each request only the time of its first byte is recorded, so the time limits cost almost nothing. One timer for each
connection checks these times. It sleeps until the next moment when something can be too late.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, cast

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsbot.app import Service, delivering, web_application
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.prompt_server import PromptServer

logger = structlog.get_logger(__name__)

_TOLD_EVERY_SECONDS = 60.0
_GRACE_SECONDS = 10.0  # for requests that are being answered when the service is to stop
_JOINED_BYTES = 64 * 1024  # more than this is written at once, so that a client that does not read is noticed


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """`head_bytes` limits a request without its body: request line, headers, trailers, sizes of chunks.

    `head_seconds` is the time until the end of the headers, and `request_seconds` until the end of the request. Both
    count from the first byte of a request, or from the opening of the connection. `stalled_seconds` is how long a
    client may leave an answer unread.
    """

    head_bytes: int = 32 * 1024
    headers: int = 100
    head_seconds: float = 10.0
    request_seconds: float = 30.0
    stalled_seconds: float = 30.0
    connections: int = 512


def guarded_http(limits: HttpLimits) -> type[asyncio.Protocol]:
    """The protocol for `uvicorn.Config(http=…)` with these limits.

    A request that exceeds them is answered with 431, 408 or 503, and the connection is closed.
    """

    class Guarded(_GuardedHttp):
        pass

    Guarded.limits = limits
    return Guarded


class _HeadTooLarge(Exception):
    pass


class _JoiningTransport:
    """A transport that joins all writes of one step of the event loop.

    uvicorn writes the head and the body of an answer separately. Each write is a system call, which costs more than
    all the work of uvicorn and Starlette for a webhook.
    """

    __slots__ = ("_bytes", "_loop", "_transport", "_written")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._hand_over)
        self._written.append(data)
        self._bytes += len(data)
        if self._bytes > _JOINED_BYTES:
            self._hand_over()

    def close(self) -> None:
        self._hand_over()
        self._transport.close()

    def _hand_over(self) -> None:
        if self._written:
            joined = b"".join(self._written)
            self._written.clear()
            self._bytes = 0
            self._transport.write(joined)


class _GuardedHttp(HttpToolsProtocol):
    limits: ClassVar[HttpLimits]
    told_at: ClassVar[float] = float("-inf")

    arriving_since: float | None  # None while no request arrives
    stalled_since: float | None = None
    timer: asyncio.TimerHandle | None = None
    in_head = True
    too_large = False
    beside_body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", _JoiningTransport(transport, self.loop)))
        self.arriving_since = self.loop.time()
        if len(self.connections) > self.limits.connections:
            self._tell_that_it_is_full()
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self.timer = self.loop.call_later(self.limits.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.arriving_since is None:  # blank lines before a request count too
            self._begins()
        self.beside_body += len(data)
        super().data_received(data)
        if self.beside_body > self.limits.head_bytes and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        if self.arriving_since is None:  # another request came in the same data as the last one
            self._begins()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        length = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if length > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            self.too_large = True
            raise _HeadTooLarge  # stops uvicorn's parser; uvicorn then calls `send_400_response`
        self.in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.arriving_since = None
        self.beside_body = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self.too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        self.stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stalled_since = None
        super().resume_writing()

    def _begins(self) -> None:
        self.arriving_since = self.loop.time()
        self.in_head = True

    def _look(self) -> None:
        """Check whether something is too late, and schedule the next check for when something may be."""
        if self.transport.is_closing() and self.stalled_since is None:
            return
        now = self.loop.time()
        if self.flow.read_paused and self.arriving_since is not None:
            self.arriving_since = now  # the service is slow, not the client
        next_look = now + self.limits.head_seconds  # nothing that begins now can be too late before this
        if self.stalled_since is not None:
            late_at = self.stalled_since + self.limits.stalled_seconds
            if late_at <= now:
                self.transport.abort()
                return
            next_look = min(next_look, late_at)
        if self.arriving_since is not None:
            seconds = self.limits.head_seconds if self.in_head else self.limits.request_seconds
            late_at = self.arriving_since + seconds
            if late_at <= now:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
                return
            next_look = min(next_look, late_at)
        self.timer = self.loop.call_at(next_look, self._look)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with only a status, unless another answer has begun, and close the connection."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode("ascii"))
        self.transport.close()

    def _tell_that_it_is_full(self) -> None:
        now = self.loop.time()
        if now - type(self).told_at >= _TOLD_EVERY_SECONDS:
            type(self).told_at = now
            logger.warning("too many connections, further ones are refused", open=len(self.connections) - 1)


def listening_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 means any free port. Raises `OSError` if the address or port cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only for sockets that name TCP as their protocol.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except BaseException:
        listening.close()
        raise
    return listening


@asynccontextmanager
async def assembled(service: Service, *, delivery: bool) -> AsyncIterator[Starlette]:
    """The application of the service. With `delivery`, messages are delivered and periodic work is done too."""
    async with AsyncExitStack() as stack:
        gateways = await stack.enter_async_context(open_gateways(service.settings, service.policy))
        sources = await stack.enter_async_context(service.sources())
        application = web_application(service, gateways, sources)
        if delivery:
            await stack.enter_async_context(delivering(service, gateways, sources))
        yield application


def http_server(application: ASGIApp, *, limits: HttpLimits | None = None, proxies: Sequence[str] = ()) -> PromptServer:
    """A server for `server.serve(sockets=[…])`.

    `limits` bound what a client may use. The client's address is read from `X-Forwarded-For` only if the request comes
    from one of `proxies`. `X-Forwarded-Host` is never read.
    """
    return PromptServer(
        uvicorn.Config(
            application,
            http=guarded_http(limits or HttpLimits()),
            log_config=None,
            access_log=False,  # paths contain the tokens of links
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            lifespan="off",
            ws="none",
        ),
        grace_seconds=_GRACE_SECONDS,
    )


@asynccontextmanager
async def serving(service: Service, *, delivery: bool, limits: HttpLimits | None = None) -> AsyncIterator[PromptServer]:
    """A server that the block runs with `server.serve(sockets=[…])`. With `delivery`, its process delivers too.

    The server stops by itself when background work is given up (`service.supervisor.given_up`).
    """
    async with assembled(service, delivery=delivery) as application:
        server = http_server(application, limits=limits, proxies=service.settings.trusted_proxies)

        def stop() -> None:
            server.should_exit = True

        service.supervisor.when_given_up(stop)
        yield server
