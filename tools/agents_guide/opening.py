"""Opens the town hall: its console on loopback, for a browser on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn

from smsbot.app import Service
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.town.past_year import write_past_year
from smsbot.demo.town.town_hall import OUR_NUMBER, Town, town_policy
from smsbot.demo.town.town_week import play_week, week_before
from smsbot.demo.town.townspeople import CLAIRE, NADIA
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.server import serving
from smsbot.settings import ServiceSettings
from smsbot.store.schema import open_ready

NOW = datetime(2026, 11, 24, 9, 41, tzinfo=ZoneInfo(DEFAULT_TIME_ZONE))  # a Tuesday
_SECONDS = 30


@contextmanager
def open_town(folder: Path) -> Iterator[tuple[Town, str]]:
    """Open the town after its week until the block ends. Yields it and the address of its pages.

    Its files are in `folder`.
    """
    clock = SettableClock(week_before(NOW))
    settings = ServiceSettings.exactly(
        database_url=f"sqlite:///{folder / 'smsbot.db'}",
        config=town_policy(folder),
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
        town = Town(service, clock, Agenda(clock))
        play_week(town, NOW)
        organisation = town.organisation()
        town.write(lambda connection: write_past_year(connection, organisation, NOW))
        for email in (NADIA, CLAIRE):
            town.session(email)  # both sign in now, so that the screens do not depend on which one is opened first
        listening = loopback_socket()
        with served(service, listening):
            yield town, f"http://{LOOPBACK}:{listening.getsockname()[1]}"


@contextmanager
def served(service: Service, listening: socket.socket) -> Iterator[None]:
    """Serve the pages of the service on this socket until the block ends, without delivery."""

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
