"""Runs the service: HTTP on a socket, and delivery in the same event loop."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn

from smsbot.app import Service, delivering, web_application
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.web.guarded_http import HttpLimits, guarded_http


def listening_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` where the address or port cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only for sockets that name TCP as their protocol.
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
    """A server that serves while the block runs `server.serve(sockets=[…])`, with delivery in the same process if
    asked.

    `limits` bound what a client may use. The server stops by itself where background work is given up
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
                # The caller's address is taken from the proxies that the settings name, and from nobody else. The
                # host's name is not taken from anybody.
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
