"""Connected sources for the tests: stand-ins over real HTTP, and the APIs that call them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smsbot.connected.client import RdvspApi, open_sources
from smsbot.connected.connections import EmailAndPassword, OAuthApplication, SourceConnection
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store.database import Database

SECRET_KEY = "a secret key for tests, of 32 bytes or more"
PUBLIC_URL = "https://smsbot.example.fr"
PASSWORD = "hunter2"


def connection_to(source: RdvspStandIn, name: str = "rdvsp", *, by_password: bool = False) -> SourceConnection:
    """The connection to a stand-in, by OAuth or by password."""
    tokens = source.tokens
    return SourceConnection(
        source=name,
        url=source.url,
        sign_in=EmailAndPassword(tokens.email, PASSWORD)
        if by_password
        else OAuthApplication(tokens.client_id, tokens.client_secret),
        patience=timedelta(seconds=8),
        sync_every=timedelta(hours=1),
        notifies=True,
    )


@asynccontextmanager
async def api_to(
    source: RdvspStandIn,
    database: Database,
    name: str = "rdvsp",
    *,
    by_password: bool = False,
    signed_in: bool = True,
    secret_key: str = SECRET_KEY,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[RdvspApi]:
    """The API of a stand-in. Each one that is opened stands for a process of its own."""
    connections = {name: connection_to(source, name, by_password=by_password)}
    async with open_sources(connections, database, secret_key=secret_key, public_url=PUBLIC_URL, clock=clock) as opened:
        api = opened[name]
        if signed_in and not by_password:
            code = source.tokens.consent(api.sign_in.redirect_uri)
            await api.sign_in.keep(await api.sign_in.redeem(code), "SMS de l'usager")
        yield api


def everything_in(folder: Path) -> bytes:
    """The bytes of all files of the database."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())
