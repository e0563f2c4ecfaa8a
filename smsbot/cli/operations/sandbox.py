"""`smsbot serve --sandbox`: the whole service with stand-ins, for developers of systems that connect to it."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

import structlog
from sqlalchemy import Connection

from smsbot import logs
from smsbot.agents.account_changes import add_agent
from smsbot.agents.service_accounts import NoSuchService, add_service, find_service, rotate
from smsbot.agents.tokens import ApiScope
from smsbot.cli.common import alone_on
from smsbot.cli.operations.running import listen, run_to_the_end, serve_until_told
from smsbot.demo.house import House
from smsbot.demo.stage import Stage, StagePlan
from smsbot.demo.town.town_hall import ORGANISATION
from smsbot.model import DEFAULT_SOURCE
from smsbot.server import http_server
from smsbot.settings import PREFIX, written_names

DATABASE = Path("smsbot-sandbox.db")
AGENT, SERVICE = "sandbox@example.org", "sandbox"
_OLD_TOKENS_LAST = timedelta(days=30)
_SECRET_KEY = "what a sandbox signs with protects nobody"  # noqa: S105
_WEBHOOK_SECRET = "sandbox"  # noqa: S105

logger = structlog.get_logger(__name__)


def serve_sandbox(host: str, port: int, *, connected: bool) -> None:
    """Serve until a signal says to stop. The database is `smsbot-sandbox.db` in this folder, and no setting is read.

    With `connected`, RDV Service Public's stand-in owns the appointments. Raises `AlreadyServed` if another sandbox
    uses this file, and `CommandFailed` if the port cannot be used.
    """
    logs.configure("info", "console")
    _say_what_is_not_used()
    with alone_on(DATABASE), closing(listen(host, port)) as listening:
        run_to_the_end(_serve(host, listening, connected=connected))


def _say_what_is_not_used() -> None:
    unused = sorted(name for name in written_names() if name.startswith(PREFIX))
    if Path("smsbot.toml").is_file():
        unused.append("smsbot.toml")
    if unused:
        print(f"The sandbox does NOT use what is set here: {', '.join(unused)}.", file=sys.stderr)


async def _serve(host: str, listening: socket, *, connected: bool) -> None:
    public_url = f"http://{host}:{listening.getsockname()[1]}"
    house = House(_plan, shown="info", is_kept=True)
    async with house.open(public_url, connected=connected):
        stage = await house.on_stage()
        token = await stage.service.database.write(lambda connection: _let_in(connection, stage))
        print(f"The sandbox is at {public_url}/demo: nothing leaves this machine. docs/sandbox.md has its API.")
        print(f"A token for {public_url}/api/v1, in all organisations:\n{token}", flush=True)
        server = http_server(house)

        def stop() -> None:
            server.should_exit = True

        stage.service.supervisor.when_given_up(stop)
        await serve_until_told(server, listening)


def _plan(connected: bool) -> StagePlan:
    return StagePlan(
        DATABASE.absolute(),
        datetime.now(UTC),
        connected=connected,
        agent=AGENT,
        secret_key=_SECRET_KEY,
        webhook_secret=_WEBHOOK_SECRET,
    )


def _let_in(connection: Connection, stage: Stage) -> str:
    """Add the page's agent and a service account. Returns a new token of the service; old ones end after a month."""
    now = stage.clock()
    add_agent(connection, AGENT, DEFAULT_SOURCE, [str(ORGANISATION)], now)
    try:
        return rotate(connection, find_service(connection, SERVICE, now), now, _OLD_TOKENS_LAST)
    except NoSuchService:
        return add_service(connection, SERVICE, tuple(ApiScope), None, now)
