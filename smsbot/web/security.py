"""The headers of every page for people, which protect its content.

They forbid scripts and anything loaded from other hosts. No other site can frame the page or learn its address, and no
cache or search engine keeps it. The style sheet is inside the page; its hash allows it (CSP Level 3, section 2.3.1).
The console also allows its own script, see `console.console_page`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS = "max-age=31536000"
"""A browser that has come by https uses only https for a year (RFC 6797).

`includeSubDomains` is left out, because we cannot decide for other hosts of the domain.
"""

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
    """The headers of a page whose `<style>` is exactly `style`.

    Use None for an answer without a style, as a redirect.
    """
    return _EVERYWHERE | {"Content-Security-Policy": content_security_policy(style)}


def content_security_policy(style: str | None = None) -> str:
    """The value of the header `Content-Security-Policy`.

    It allows only this style, forms that post to this site, and `data:` images: the pages have an empty icon as a
    `data:` image, so that browsers do not request one.
    """
    allowed = ["default-src 'none'", "img-src data:"]
    if style is not None:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        allowed.append(f"style-src 'sha256-{digest}'")
    return "; ".join([*allowed, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"])


@dataclass(frozen=True, slots=True)
class StrictTransportSecurity:
    """An ASGI middleware for services whose public address is https: adds the header HSTS to every answer of `app`."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Strict-Transport-Security"] = HSTS
            await send(message)

        await self.app(scope, receive, send_with_header)
