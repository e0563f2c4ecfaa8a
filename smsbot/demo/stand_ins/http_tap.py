"""Reports the calls that an application answers, for the trail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
