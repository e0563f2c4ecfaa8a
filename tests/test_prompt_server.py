"""The HTTP server stops as soon as it is told to, once what is in hand is answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from smsbot import prompt_server as module
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, loopback_socket
from smsbot.prompt_server import PromptServer

pytestmark = pytest.mark.anyio

LONG = 3600.0


class Slow:
    """Answers once it may."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Serving:
    """A server at work, and a client of it on a connection that both keep open."""

    def __init__(self, server: PromptServer, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.server = server
        self._reader, self._writer = client

    def ask(self) -> None:
        self._writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    async def answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        return head[:15] + await self._reader.readexactly(2)

    async def rest(self) -> bytes:
        return await self._reader.read()


@asynccontextmanager
async def serving(app: Slow, grace_seconds: float = LONG) -> AsyncIterator[Serving]:
    """Whoever leaves the block tells the server to stop, in a thread, and waits until it has."""
    with loopback_socket() as listening:
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
        server = PromptServer(config, grace_seconds=grace_seconds)
        task = asyncio.create_task(server._serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(LOOPBACK, listening.getsockname()[1])
        try:
            yield Serving(server, (reader, writer))
            threading.Thread(target=setattr, args=(server, "should_exit", True)).start()
            await task
        finally:
            task.cancel()
            writer.close()


@pytest.fixture(autouse=True)
def looks_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DATED_EVERY_SECONDS", LONG)


async def test_nothing_in_hand_is_nothing_to_wait_for() -> None:
    app = Slow()
    app.may_answer.set()
    async with asyncio.timeout(60), serving(app) as one:
        one.ask()
        assert await one.answer() == b"HTTP/1.1 200 OKok"
    assert await one.rest() == b"", "the connection that was kept is closed"


async def test_what_is_in_hand_is_answered_first() -> None:
    app = Slow()
    async with asyncio.timeout(60), serving(app) as one:
        one.ask()
        await app.asked.wait()
        asyncio.get_running_loop().call_later(0.05, app.may_answer.set)
    assert await one.answer() == b"HTTP/1.1 200 OKok"
    assert await one.rest() == b""


async def test_what_takes_longer_than_there_is_time_is_cut_off() -> None:
    app = Slow()
    async with asyncio.timeout(60), serving(app, grace_seconds=0.01) as one:
        one.ask()
        await app.asked.wait()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await one.answer()


async def test_a_second_signal_cuts_off_at_once() -> None:
    app = Slow()
    async with asyncio.timeout(60), serving(app) as one:
        one.ask()
        await app.asked.wait()
        one.server.force_exit = True
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await one.answer()


async def test_one_that_is_told_before_it_begins_does_not_begin() -> None:
    async with asyncio.timeout(60):
        server = PromptServer(uvicorn.Config(Slow(), lifespan="off", log_config=None), grace_seconds=LONG)
        server.should_exit = True
        await server._serve(sockets=[loopback_socket()])
