"""A second process makes the same pages as the first one would have made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from smsbot.process_apart import Parcel, ProcessApart
from smsbot.web.console.pages_apart import PagesApart, leave_noting, makes_pages

Made = tuple[int, list[tuple[bytes, bytes]], bytes]


async def told(request: Request) -> Response:
    """Answers with everything in the request on which a page may depend, and with headers that are easily lost."""
    scope = request.scope
    seen = {name: scope[name] for name in ("method", "path", "http_version", "scheme", "client", "server", "root_path")}
    raw = [str(scope[name]) for name in ("raw_path", "query_string", "headers")]
    response = JSONResponse([seen, raw, str(request.url), dict(request.cookies)], 207)
    response.set_cookie("eins", "1")
    response.set_cookie("zwei", "2")
    response.raw_headers.append((b"x-latin", "é".encode("latin-1")))
    return response


def bytes_that_are_no_text(_request: Request) -> Response:
    return Response(bytes(range(256)) * 5000, media_type="application/octet-stream")


def noted(request: Request) -> Response:
    return PlainTextResponse(f"noted elsewhere: {leave_noting(request)}")


def fails(_request: Request) -> Response:
    raise RuntimeError


APPLICATION = Starlette(
    routes=[
        Route("/dit/{what:path}", told, methods=["GET"]),
        Route("/octets", bytes_that_are_no_text, methods=["GET"]),
        Route("/vu", noted, methods=["GET"]),
        Route("/faux", fails, methods=["GET"]),
    ]
)


class AtOnce:
    """Stands for the second process, and answers in this one."""

    def __init__(self, answer: Callable[[Parcel], Awaitable[Parcel]]) -> None:
        self._answer = answer

    async def ask(self, question: Parcel) -> Parcel | None:
        return await self._answer(question)


def scope_of(method: str, path: str, query: bytes = b"", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("utf-8"),
        "query_string": query,
        "http_version": "1.1",
        "scheme": "https",
        "root_path": "",
        "client": ("2001:db8::1", 4711),
        "server": ("127.0.0.1", 8000),
        "headers": [(b"host", b"rdv.example.fr"), *headers],
    }


async def answer_of(application: Callable[..., Awaitable[None]], scope: dict[str, Any]) -> Made:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], [tuple(pair) for pair in sent[0]["headers"]], body


def apart(counted: list[bool]) -> PagesApart:
    return PagesApart(cast("ProcessApart", AtOnce(makes_pages(APPLICATION))), counted.append)


def test_a_page_made_elsewhere_is_the_same_to_the_byte() -> None:
    async def both(scope: dict[str, Any]) -> tuple[Made, Made]:
        async def by_the_second(inner: dict[str, Any], receive: Any, send: Any) -> None:
            page = await apart([]).page(Request(inner, receive))
            assert page is not None
            await page.response(inner, receive, send)

        return await answer_of(APPLICATION, dict(scope)), await answer_of(by_the_second, dict(scope))

    headers = (b"cookie", b"agent=abc; autre=d"), (b"x-odd", b"\xe9\xff"), (b"x-twice", b"1"), (b"x-twice", b"2")
    scopes = [
        scope_of("GET", "/dit/élan", b"jour=2026-11-30&q=%C3%A9+a", *headers),
        scope_of("HEAD", "/dit/"),
        scope_of("GET", "/octets"),
        scope_of("GET", "/nulle-part"),
        scope_of("POST", "/octets"),
    ]
    for scope in scopes:
        here, there = anyio.run(both, scope)
        assert there == here, scope["path"]


def test_what_is_in_use_is_left_to_the_first_process_to_note() -> None:
    async def asked(path: str) -> tuple[bool, bytes]:
        page = await apart([]).page(Request(scope_of("GET", path)))
        assert page is not None
        return page.in_use, bytes(page.response.body)

    assert anyio.run(asked, "/vu") == (True, b"noted elsewhere: True")
    assert anyio.run(asked, "/octets")[0] is False
    _, _, here = anyio.run(answer_of, APPLICATION, scope_of("GET", "/vu"))
    assert here == b"noted elsewhere: False"


def test_a_page_that_fails_there_is_left_to_the_first_process() -> None:
    counted: list[bool] = []
    with pytest.raises(RuntimeError):
        anyio.run(apart(counted).page, Request(scope_of("GET", "/faux")))
    assert counted == []
