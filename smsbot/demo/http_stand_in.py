"""What the stand-ins that speak HTTP share: a server on loopback, on a thread of its own, and a client for webhooks."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from smsbot.demo.loop_thread import LOOPBACK, LoopThread, listen


class HttpStandIn(ABC):
    """Serves one API on a thread of its own, and posts its webhooks from there.

    Use it as a context manager, or `start` and `stop` it; `url` is its base address. Subclasses define the API.
    `dates_its_answers` is False where a subclass writes the header `Date` itself.
    """

    dates_its_answers = True

    def __init__(self, name: str) -> None:
        self.port = 0
        self._changed = threading.Condition()
        self._thread = LoopThread(name)

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The endpoints of its API."""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, port: int = 0) -> Self:
        """Serve on loopback; port 0 takes a free one."""
        listening = listen(port)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._application(),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            date_header=self.dates_its_answers,
        )
        self._server = uvicorn.Server(config)
        self._http = httpx.AsyncClient()
        self._thread.start()
        self._serving = self._thread.submit(self._server.serve(sockets=[listening]))
        return self

    def stop(self) -> None:
        """End at once: requests that hang are cut off."""
        self._server.force_exit = self._server.should_exit = True
        self._serving.result()
        self._thread.submit(self._http.aclose()).result()
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _application(self) -> Starlette:
        return Starlette(routes=list(self.routes()))


async def cut(request: Request) -> None:
    """Close the connection without a word. ASGI has no message for it, so this reaches for uvicorn's transport."""
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
