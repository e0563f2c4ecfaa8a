"""Lets the demo's page show the service's pages in frames.

The service forbids every page to frame its own. Whoever runs the demo puts this around the application; the service
itself has no switch for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class FramedBySameOrigin:
    """An ASGI application whose pages are those of `app`, but pages of the same origin may frame them."""

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
