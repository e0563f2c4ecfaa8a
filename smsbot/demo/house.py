"""The house: serves the stage, the demo's page and the sandbox's API at one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsbot.demo.demo_page import DemoPage
from smsbot.demo.sandbox_api import SandboxApi
from smsbot.demo.stage import Stage, StagePlan, open_stage
from smsbot.demo.stand_ins.http_stand_in import HttpTap
from smsbot.demo.trail import LogLevel


class House:
    """An ASGI application with one stage at a time, which can be set again. Make it in a running event loop.

    `plan` returns the plan of a stage; its argument says whether RDV Service Public owns the appointments. `shown` is
    the lowest level of the log that is written. If `is_kept`, the page cannot set the stage again, because others rely
    on its data.
    """

    def __init__(self, plan: Callable[[bool], StagePlan], *, shown: LogLevel, is_kept: bool = False) -> None:
        self._plan_of = plan
        self._shown = shown
        self._plan: StagePlan | None = None
        self._standing: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
        self._application: ASGIApp | None = None
        self._ends = asyncio.Event()
        rooms = (DemoPage(self, is_kept=is_kept), SandboxApi(self))
        routes: list[BaseRoute] = [route for room in rooms for route in room.routes()]
        self._looking = Starlette(routes=routes)

    @asynccontextmanager
    async def open(self, public_url: str, *, connected: bool = False) -> AsyncIterator[None]:
        """Keep the stage set while the block runs. The caller serves the house at `public_url`."""
        self._plan = self._plan_of(connected)
        performance = asyncio.create_task(self._perform(public_url))
        try:
            yield
        finally:
            performance.cancel()
            await asyncio.wait([performance])

    @property
    def plan(self) -> StagePlan:
        """The plan of the stage that is set or being set. The house must be open."""
        assert self._plan is not None
        return self._plan

    @property
    def stage(self) -> Stage | None:
        """The stage that is set; None while it is being set, and if setting it failed."""
        standing = self._standing
        return standing.result() if standing.done() and standing.exception() is None else None

    async def on_stage(self) -> Stage:
        """Wait for the stage, and return it. If setting it failed, raises that error."""
        return await asyncio.shield(self._standing)

    async def set_anew(self, *, connected: bool) -> Stage:
        """Set the stage again as it was at the beginning. Returns the new stage when it is ready."""
        if self._standing.done():
            self._plan = self._plan_of(connected)
            self._standing = asyncio.get_running_loop().create_future()
            self._ends.set()
        return await self.on_stage()

    async def _perform(self, public_url: str) -> None:
        try:
            while True:
                self._ends.clear()
                async with open_stage(self.plan, public_url) as stage:
                    with stage.trail.following_the_log(self._shown):
                        self._application = FramedBySameOrigin(HttpTap(stage.application, stage.trail.hear))
                        self._standing.set_result(stage)
                        await self._ends.wait()
        except Exception as error:  # noqa: BLE001 - raised for the callers that wait for the stage
            if not self._standing.done():
                self._standing.set_exception(error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/")[1]
        if first in ("demo", "sandbox"):
            await self._looking(scope, receive, send)
        elif self.stage is None or self._application is None:
            answer = PlainTextResponse("The stage is being set; try again in a second.\n", 503, {"Retry-After": "1"})
            await answer(scope, receive, send)
        else:
            await self._application(scope, receive, send)


@dataclass(frozen=True, slots=True)
class FramedBySameOrigin:
    """An ASGI application whose pages are those of `app`, but pages of the same origin may frame them.

    The service forbids framing, and has no switch for it. The demo's page shows the service's pages in frames.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("X-Frame-Options") == "DENY":
                    headers["X-Frame-Options"] = "SAMEORIGIN"
                if policy := headers.get("Content-Security-Policy"):
                    headers["Content-Security-Policy"] = policy.replace(
                        "frame-ancestors 'none'", "frame-ancestors 'self'"
                    )
            await send(message)

        await self.app(scope, receive, send_on)
