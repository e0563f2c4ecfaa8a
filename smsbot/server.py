"""The running service: HTTP on a socket, and delivery beside it, in one event loop."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from smsbot.app import Service, delivering, web_application
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.web.guarded_http import HttpLimits, guarded_http


def listening_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of a socket that says TCP does asyncio know to send small answers at once (TCP_NODELAY).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except BaseException:
        listening.close()
        raise
    return listening


@asynccontextmanager
async def serving(
    service: Service, *, delivery: bool, limits: HttpLimits | None = None
) -> AsyncIterator[uvicorn.Server]:
    """A server, with what delivers beside it; it serves while the block runs `server.serve(sockets=[…])`.

    `limits` are what a client may take of it. It stops by itself where background work is given up
    (`service.supervisor.given_up`).
    """
    async with AsyncExitStack() as stack:
        gateways = await stack.enter_async_context(open_gateways(service.settings, service.policy))
        application = web_application(service, gateways)
        proxies = service.settings.trusted_proxies
        if delivery:
            await stack.enter_async_context(delivering(service, gateways))
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                http=guarded_http(limits or HttpLimits()),
                log_config=None,
                access_log=False,  # paths hold link tokens
                server_header=False,
                # Who calls is believed of the proxies that the settings name alone; by which name, of nobody.
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=10,
            )
        )

        def stop() -> None:
            server.should_exit = True

        service.supervisor.when_given_up(stop)
        yield server
