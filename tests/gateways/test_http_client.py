"""The pooled client under the gateways."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import pytest

from smsbot.gateways.http import open_client
from smsbot.standins.loop_thread import LOOPBACK, listen

pytestmark = pytest.mark.anyio


class Peer:
    """An HTTP server that counts connections and answers each request after a moment."""

    def __init__(self) -> None:
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):  # the client closes the connection
            while await reader.readuntil(b"\r\n\r\n"):
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(0.01)
                self.at_once -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()


async def test_connections_are_kept_and_bounded() -> None:
    peer = Peer()
    listening = listen()
    server = await asyncio.start_server(peer.serve, sock=listening)
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/"
    async with open_client(connections=3) as client:
        for _ in range(3):
            assert (await client.get(url)).text == "ok"
        assert peer.connections == 1
        await asyncio.gather(*(client.get(url) for _ in range(12)))
    server.close()
    assert peer.connections == 3
    assert peer.most_at_once == 3


@pytest.mark.parametrize(("no_proxy", "goes_by_proxy"), [("", True), ("example.fr", False), ("other.fr", True)])
async def test_the_environments_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, goes_by_proxy: bool
) -> None:
    peer = Peer()
    listening = listen()
    server = await asyncio.start_server(peer.serve, sock=listening)
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:{listening.getsockname()[1]}")
    monkeypatch.setenv("no_proxy", no_proxy)
    async with open_client() as client:
        if goes_by_proxy:
            assert (await client.get("http://nowhere.example.fr/")).text == "ok"
        else:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://nowhere.example.fr/")
    server.close()
    assert peer.connections == int(goes_by_proxy)


async def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    peer = Peer()
    listening = listen()
    server = await asyncio.start_server(peer.serve, sock=listening)
    async with open_client() as client:
        assert (await client.get(f"http://{LOOPBACK}:{listening.getsockname()[1]}/")).text == "ok"
    server.close()
