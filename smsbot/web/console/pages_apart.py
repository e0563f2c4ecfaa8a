"""A second process makes the console's pages that change nothing, so that these pages do not slow the turns.

The first process asks for a page (`PagesApart`), and the second one makes it (`makes_pages`). Only the first process
writes: it wakes delivery, and a SQLite file has one writer. If a page used a session or a calendar, the second process
says so in its answer, and the first one writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from smsbot.process_apart import Answerer, Parcel, ProcessApart

_PLAIN = ("method", "path", "http_version", "scheme", "root_path", "client", "server")
_BYTES = ("raw_path", "query_string")
_IN_USE = "in_use"


@dataclass(frozen=True, slots=True)
class MadePage:
    """A page from the second process. `in_use` is whether to write down that its session or calendar is in use."""

    response: Response
    in_use: bool


@dataclass(frozen=True, slots=True)
class PagesApart:
    """Asks the second process for pages. `count` is called for each page with whether the second process made it."""

    process: ProcessApart
    count: Callable[[bool], None]

    async def page(self, http: Request) -> MadePage | None:
        """The answer of the second process to this request, or None if it gives no answer. The request has no body."""
        answer = await self.process.ask(_question(http))
        self.count(answer is not None)
        if answer is None:
            return None
        response = Response(answer.body, answer.head["status"])
        response.raw_headers = _headers(answer.head["headers"])
        return MadePage(response, answer.head[_IN_USE])


def leave_noting(http: Request) -> bool:
    """In the second process: ask the first one to write down that this request's session or calendar is in use.

    Returns False in the first process, which must write it down itself.
    """
    is_second = _IN_USE in http.scope.get("state", {})
    if is_second:
        http.scope["state"][_IN_USE] = True
    return is_second


def makes_pages(application: ASGIApp) -> Answerer:
    """The function with which the second process answers `PagesApart`. `application` makes the pages."""

    async def make(question: Parcel) -> Parcel:
        scope = _scope(question)
        head: dict[str, Any] = {}
        body: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(status=message["status"], headers=_told(message["headers"]))
            else:
                body.append(message.get("body", b""))

        await application(scope, receive, send)
        return Parcel(head | {_IN_USE: scope["state"][_IN_USE]}, b"".join(body))

    return make


def _question(http: Request) -> Parcel:
    scope = http.scope
    plain = {name: scope.get(name) for name in _PLAIN}
    encoded = {name: scope.get(name, b"").decode("latin-1") for name in _BYTES}
    return Parcel({**plain, **encoded, "headers": _told(scope["headers"])})


def _scope(question: Parcel) -> dict[str, Any]:
    head = question.head
    return {
        **{name: head[name] for name in _PLAIN},
        **{name: head[name].encode("latin-1") for name in _BYTES},
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "headers": _headers(head["headers"]),
        "state": {_IN_USE: False},
    }


def _told(headers: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _headers(told: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]
