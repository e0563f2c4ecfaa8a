"""Opens the town hall: its console on loopback, for a browser on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn

from smsbot.app import Service
from smsbot.demo.loop_thread import LOOPBACK, LoopThread, listen
from smsbot.messages.templates import template_environment
from smsbot.server import serving
from smsbot.settings import ServiceSettings
from smsbot.store.schema import open_ready
from tools.agents_guide.town import OUR_NUMBER, WORKSHOP, Clock, Town
from tools.agents_guide.week import BEGINS, play

_POLICY = f"""
[motifs.{WORKSHOP}]
label = "Atelier numérique"
"""
_SECONDS = 30


@contextmanager
def open_town(folder: Path) -> Iterator[tuple[Town, str]]:
    """The town after its week, and the address of its pages, until the block ends; its files are in `folder`."""
    policy, clock = folder / "smsbot.toml", Clock(BEGINS)
    policy.write_text(_POLICY, encoding="utf-8")
    settings = ServiceSettings.exactly(
        database_url=f"sqlite:///{folder / 'smsbot.db'}",
        config=policy,
        public_url="https://rdv.example.org",
        secret_key="nothing secret is in these pictures",
        twilio_account_sid="AC0",
        twilio_auth_token="nothing leaves from here",
        sender=OUR_NUMBER,
        mail_from="RDV <rdv@example.org>",
        segment_price="0.07",
        oidc_issuer="https://proconnect.example.org",
        oidc_client_id="smsbot",
        oidc_client_secret="nobody signs in there",
        oidc_name="ProConnect",
    )
    with closing(open_ready(settings.database_url)) as database:
        service = Service(settings, database, clock=clock)
        service.environment = template_environment(now=clock)  # which dates are far away is seen from the town's day
        town = Town(service, clock)
        play(town)
        listening = listen()
        with _served(service, listening):
            yield town, f"http://{LOOPBACK}:{listening.getsockname()[1]}"


@contextmanager
def _served(service: Service, listening: socket.socket) -> Iterator[None]:
    async def serve() -> None:
        async with serving(service, delivery=False) as server:
            started.set_result(server)
            await server.serve(sockets=[listening])

    started: Future[uvicorn.Server] = Future()
    thread = LoopThread("agents-guide")
    thread.start()
    served = thread.submit(serve())
    server = started.result(_SECONDS)
    try:
        yield
    finally:
        server.should_exit = True
        served.result(_SECONDS)
        thread.stop()
