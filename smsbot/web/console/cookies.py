"""The console's cookies, protected from scripts and from other sites; over https also from other hosts and plain http.

Over https a cookie's name begins with `__Host-`. The browser then takes it only from this host, and only for all of its
paths (RFC 6265bis, 4.1.3.2). Where other services share the host, such a cookie would be sent to them too. Then it is
limited to the console's path instead, and its name begins with `__Secure-`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from smsbot.links import Links


@dataclass(frozen=True, slots=True)
class Cookies:
    """Sets, reads and deletes cookies. `path` is the console's path as browsers see it."""

    links: Links
    path: str

    def name(self, name: str) -> str:
        """The full name of the cookie."""
        if not self.links.is_https:
            return name
        return f"__Secure-{name}" if self.links.base_path else f"__Host-{name}"

    def value(self, request: Request, name: str) -> str:
        """The value that the browser sends; empty where it sends none."""
        return request.cookies.get(self.name(name), "")

    def set(self, response: Response, name: str, value: str, lifetime: timedelta | None = None) -> None:
        """Set the cookie. Without `lifetime` it ends with the browser, as it should on a shared computer."""
        response.set_cookie(
            self.name(name),
            value,
            max_age=None if lifetime is None else int(lifetime.total_seconds()),
            path=self._path,
            secure=self.links.is_https,
            httponly=True,
            samesite="lax",
        )

    def delete(self, response: Response, name: str) -> None:
        response.delete_cookie(
            self.name(name), path=self._path, secure=self.links.is_https, httponly=True, samesite="lax"
        )

    @property
    def _path(self) -> str:
        return "/" if self.links.is_https and not self.links.base_path else self.path
