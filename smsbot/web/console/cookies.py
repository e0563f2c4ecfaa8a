"""The console's cookies: kept from scripts, from other sites, and over https from other hosts and plain http.

Over https a cookie's name begins with `__Host-`: the browser then takes it from this host alone, and only for every
path of it (RFC 6265bis, 4.1.3.2). Where the service shares its host behind a path, such a cookie would be sent to the
other services there. So it keeps to the path of the console then, and its name begins with `__Secure-`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from smsbot.links import Links


@dataclass(frozen=True, slots=True)
class Cookies:
    """Sets, reads and deletes them. `path` is the console's, as browsers see it."""

    links: Links
    path: str

    def name(self, name: str) -> str:
        """How the browser calls the cookie."""
        if not self.links.is_https:
            return name
        return f"__Secure-{name}" if self.links.base_path else f"__Host-{name}"

    def value(self, request: Request, name: str) -> str:
        """What the browser sends; "" where it sends none."""
        return request.cookies.get(self.name(name), "")

    def set(self, response: Response, name: str, value: str, lifetime: timedelta | None = None) -> None:
        """Without a lifetime the cookie ends with the browser, as it should on a shared computer."""
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
