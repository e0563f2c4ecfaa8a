"""What the HTTP stand-ins share: a server on loopback, in a thread of its own, with faults and a webhook client."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket
from smsbot.prompt_server import PromptServer

_GRACE_SECONDS = 0.1  # for an answer that is being sent when the stand-in stops


@dataclass(frozen=True, slots=True)
class StandInFault:
    """What goes wrong with one call.

    `status` and `document` replace the usual answer. `code` makes the peer's own error document, if the stand-in has
    such codes. Without these the answer is the usual one. `hangs_seconds` is how late it comes, `cuts` closes the
    connection without an answer, and `acts` means that the call takes effect all the same.
    """

    status: int | None = None
    document: Mapping[str, Any] | None = None
    code: int | None = None
    retry_after: int | str | None = None
    hangs_seconds: float = 0.0
    acts: bool = False
    cuts: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether the usual answer is not given."""
        return self.status is not None or self.code is not None or self.cuts

    @property
    def is_carried_out(self) -> bool:
        """Whether the call takes effect in spite of the fault."""
        return self.acts or not self.is_refusal

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def answer(self) -> Response | None:
        """The answer that replaces the usual one; None if the usual one is given."""
        if self.status is None:
            return None
        if self.document is None:
            return Response(status_code=self.status, headers=self.headers)
        return JSONResponse(dict(self.document), status_code=self.status, headers=self.headers)


class HttpStandIn(ABC):
    """Serves one API in a thread of its own, and posts its webhooks from there.

    Use it as a context manager, or `start` and `stop` it; `url` is its base address. Subclasses define the API.
    `dates_its_answers` is False if a subclass writes the header `Date` itself.
    """

    dates_its_answers = True

    def __init__(self, name: str) -> None:
        self.port = 0
        self._changed = threading.Condition()
        self._thread = LoopThread(name)
        self._faults: list[tuple[StandInFault, str | None]] = []
        self._standing_fault: StandInFault | None = None
        self.on_call: Callable[[HeardCall], None] | None = None
        """Called with each call after it is answered. It must be set before the start."""

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The endpoints of its API."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, port: int = 0) -> Self:
        """Serve on loopback; port 0 means any free port."""
        listening = loopback_socket(port)
        self.port = listening.getsockname()[1]
        application: ASGIApp = self._application()
        config = uvicorn.Config(
            application if self.on_call is None else HttpTap(application, self.on_call),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            date_header=self.dates_its_answers,
        )
        self._server = PromptServer(config, grace_seconds=_GRACE_SECONDS)
        self._http = httpx.AsyncClient()
        self._thread.start()
        self._serving = self._thread.submit(self._server.serve(sockets=[listening]))
        return self

    def stop(self) -> None:
        """End at once: requests that hang are cut off."""
        self._server.should_exit = True
        self._serving.result()
        self._thread.submit(self._http.aclose()).result()
        self._thread.stop()

    def fail(self, fault: StandInFault, times: int = 1, *, on: str | None = None) -> None:
        """Let the next `times` calls meet `fault`: only calls about `on` (a number or an endpoint's name), or any."""
        with self._changed:
            self._faults.extend([(fault, on)] * times)

    def keep_failing(self, fault: StandInFault) -> None:
        """Let every call meet `fault`, until `recover`."""
        with self._changed:
            self._standing_fault = fault

    def recover(self) -> None:
        """Remove the faults that have not happened yet."""
        with self._changed:
            self._faults.clear()
            self._standing_fault = None

    def _fault_for(self, subject: str) -> StandInFault | None:
        """The next fault for this call; it happens once."""
        with self._changed:
            for position, (fault, on) in enumerate(self._faults):
                if on in (None, subject):
                    del self._faults[position]
                    return fault
            return self._standing_fault

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _application(self) -> Starlette:
        return Starlette(routes=list(self.routes()))


@dataclass(frozen=True, slots=True)
class DatedAnswers:
    """An ASGI middleware that writes the header `Date` of the answers of `app` by its own clock."""

    app: ASGIApp
    clock: Callable[[], datetime]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Date"] = format_datetime(self.clock(), usegmt=True)
            await send(message)

        await self.app(scope, receive, send_dated)


async def cut(request: Request) -> None:
    """Close the connection without an answer. ASGI has no message for this, so it uses uvicorn's transport."""
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class HeardCall:
    """A call, and how it ended: `status` is 0 if the connection was cut without an answer."""

    method: str
    path: str
    status: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class HttpTap:
    """An ASGI application that passes everything on to `app`, and then calls `hear` with the call."""

    app: ASGIApp
    hear: Callable[[HeardCall], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        finally:
            took = (time.perf_counter() - began) * 1000
            self.hear(HeardCall(scope.get("method", ""), scope["path"], status, took))
