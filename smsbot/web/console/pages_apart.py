"""The console's pages that are only read are made by a second process, so that they do not slow the turns.

The first process asks for them (`PagesApart`), the second makes them (`makes_pages`). What is written stays with the
first one: it wakes delivery, and it is the only one that writes to a SQLite file. So the second one only says that a
session or a calendar was in use, and the first one notes it.
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
    """A page from the second process. `in_use` is whether its session or calendar is to be noted as in use."""

    response: Response
    in_use: bool


@dataclass(frozen=True, slots=True)
class PagesApart:
    """Asks the second process for pages. `count` is told of each page whether the second process has made it."""

    process: ProcessApart
    count: Callable[[bool], None]

    async def page(self, http: Request) -> MadePage | None:
        """What the second process answers to this request without a body; None where it gives no answer."""
        answer = await self.process.ask(_question(http))
        self.count(answer is not None)
        if answer is None:
            return None
        response = Response(answer.body, answer.head["status"])
        response.raw_headers = _headers(answer.head["headers"])
        return MadePage(response, answer.head[_IN_USE])


def leave_noting(http: Request) -> bool:
    """Leave it to the first process to note that this request's session or calendar is in use.

    Returns False in the first process, where there is nobody to leave it to.
    """
    is_second = _IN_USE in http.scope.get("state", {})
    if is_second:
        http.scope["state"][_IN_USE] = True
    return is_second


def makes_pages(application: ASGIApp) -> Answerer:
    """What answers the questions of `PagesApart`, with the pages of `application`."""

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
