"""The running service: HTTP on a socket, and delivery beside it, in one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from smsbot.app import Service, delivering, gateway_of, web_application
from smsbot.delivery.worker import Delivery


def listening_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


@asynccontextmanager
async def serving(service: Service, *, delivery: bool) -> AsyncIterator[uvicorn.Server]:
    """A server, with what delivers beside it; it serves while the block runs `server.serve(sockets=[…])`."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_of(service))
        application = web_application(service.routes(gateway))
        if delivery:
            worker = await stack.enter_async_context(delivering(service, gateway))
            await stack.enter_async_context(in_background(worker))
        yield uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,  # paths hold link tokens
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=10,
            )
        )


@asynccontextmanager
async def in_background(delivery: Delivery) -> AsyncIterator[None]:
    """Deliver while the block runs; at its end, finish what is in hand."""
    task = asyncio.create_task(delivery.run())
    try:
        yield
    finally:
        await delivery.stop()
        await asyncio.wait([task])
