"""What every page for a person is sent with: headers that keep it to itself.

No script runs, nothing is loaded from anywhere, no other site frames it or learns its address, no cache or search
engine keeps it. The one style sheet stands within the page and is allowed by its hash (CSP Level 3, section 2.3.1).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS = "max-age=31536000"
"""A browser that has come by https once comes by nothing else for a year (RFC 6797). Without `includeSubDomains`: what
other hosts do is not ours to say."""

_EVERYWHERE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def page_headers(style: str | None = None) -> dict[str, str]:
    """The headers of a page whose `<style>` holds exactly `style`; without one, those of a redirect."""
    return _EVERYWHERE | {"Content-Security-Policy": content_security_policy(style)}


def content_security_policy(style: str | None = None) -> str:
    """Nothing but this style, an empty `data:` icon (so that none is asked for), and forms to this very site."""
    allowed = ["default-src 'none'", "img-src data:"]
    if style is not None:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        allowed.append(f"style-src 'sha256-{digest}'")
    return "; ".join([*allowed, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"])


@dataclass(frozen=True, slots=True)
class StrictTransportSecurity:
    """An ASGI middleware for a service whose public address is https: says so in every answer of `app`."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Strict-Transport-Security"] = HSTS
            await send(message)

        await self.app(scope, receive, send_with_header)
