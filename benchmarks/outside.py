"""The process around the service: a gateway, and telephones that carry out orders.

A message begins and ends in this process, so it is timed by one clock. And the service has a core to itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from benchmarks.gateway import Gateway
from benchmarks.load import Load, Order
from benchmarks.servers import Running
from benchmarks.spawned import spawned

T = TypeVar("T")


class Outside:
    """Carries out one order after the other. `gateway_url` is the address of its gateway."""

    def __init__(self, pipe: Connection[Any, Any]) -> None:
        self._pipe = pipe
        self.gateway_url = f"http://127.0.0.1:{self._answer()}"

    def do(self, order: Order[T]) -> T:
        self._pipe.send(order)
        result: T = self._answer()
        return result

    def load(self, order: Order[Load], *watched: Running) -> Load:
        """Carry out the order, and note how much CPU the `watched` processes used meanwhile."""
        before = sum(process.cpu_seconds() for process in watched)
        load = self.do(order)
        return replace(load, cpu_seconds=sum(process.cpu_seconds() for process in watched) - before)

    def _answer(self) -> Any:
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def outside() -> Iterator[Outside]:
    with spawned(_live) as pipe:
        yield Outside(pipe)


def _live(pipe: Connection[Any, Any]) -> None:
    import uvloop

    uvloop.run(_obey(pipe))


async def _obey(pipe: Connection[Any, Any]) -> None:
    gateway = Gateway()
    await gateway.start()
    pipe.send(gateway.port)
    while True:
        try:
            order: Order[object] = await asyncio.to_thread(pipe.recv)
        except EOFError:
            return
        try:
            pipe.send(await order.carry_out(gateway))
        except Exception as error:  # noqa: BLE001 - it is passed to the process that gave the order
            pipe.send(error)
