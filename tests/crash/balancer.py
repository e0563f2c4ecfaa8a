"""A load balancer in front of several web processes. Each connection goes to a random one that listens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket


class Balancer:
    """Forwards TCP connections, and cuts them when their process dies. `url` is the service's public URL."""

    def __init__(self, ports: Sequence[int], seed: str) -> None:
        self._ports = list(ports)
        self._random = Random(f"{seed} balancer")
        self._thread = LoopThread("balancer")
        self._listening = loopback_socket()
        self.url = f"http://{LOOPBACK}:{self._listening.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()
        self._server = self._thread.submit(asyncio.start_server(self._forward, sock=self._listening)).result()

    def stop(self) -> None:
        self._thread.submit(self._close()).result()
        self._thread.stop()

    async def _close(self) -> None:
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await self._connect()
        if behind is not None:
            there, back = behind
            ways = [asyncio.ensure_future(_pump(reader, back)), asyncio.ensure_future(_pump(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            back.close()
        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in self._random.sample(self._ports, len(self._ports)):
            with suppress(OSError):
                return await asyncio.open_connection(LOOPBACK, port)
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
