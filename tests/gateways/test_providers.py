"""Each provider with a ready-made description: a whole conversation by its documentation, and what its errors mean."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from smsbot.app import Service, delivering, web_application
from smsbot.gateways.base import OutgoingSms, SendError
from smsbot.gateways.http import Http, HttpAnswer, check_request
from smsbot.gateways.opening_gateways import Gateways, open_gateways
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.policy import Policy
from smsbot.policy.providers import provider_names, provider_text
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, opt_outs, outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation
from tests.gateways.provider_protocols import PROTOCOLS, PUBLIC_URL, SECRET, Handed, Posted, Protocol, digits
from tests.gateways.scripted import Request
from tests.lines import every_line

BY_NAME = {protocol.provider: protocol for protocol in PROTOCOLS}
BY_PREFIX = sorted(PROTOCOLS, key=lambda protocol: len(protocol.api), reverse=True)


class Providers:
    """All providers. The HTTP client of every gateway leads here."""

    def __init__(self) -> None:
        self.handed: dict[str, list[Handed]] = defaultdict(list)
        self.replies: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self.tokens = 0
        self.next_answer: HttpAnswer | None = None
        self._changed = asyncio.Condition()

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        check_request(url, headers)
        request = Request(method, url, headers, body)
        protocol = next(one for one in BY_PREFIX if url.startswith(one.api))
        if protocol.token is not None and "token" in url:
            self.tokens += 1
            return protocol.token(request)
        if protocol.listed is not None and method == "GET":
            return protocol.listed(self.replies[protocol.provider])
        if self.next_answer is not None:
            return self.next_answer
        number = len(self.handed[protocol.provider])
        handed = protocol.handed(request)
        async with self._changed:
            self.handed[protocol.provider].append(handed)
            self._changed.notify_all()
        return protocol.taken(number)

    async def sent(self, provider: str, count: int) -> list[Handed]:
        """Wait until this provider has got `count` messages, and return them."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.handed[provider]) >= count)
        assert len(self.handed[provider]) == count
        return self.handed[provider]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Http]:
        yield self


def ours(protocol: Protocol, position: int) -> str:
    """The number of ours for this provider. Each has another one, so that each has a channel of its own."""
    return f"361{position:02}" if protocol.ours == "36105" else protocol.ours


def file_of(*protocols: Protocol) -> str:
    tables = []
    for position, protocol in enumerate(protocols):
        number, name = ours(protocol, position), protocol.provider
        own = protocol.own.replace("OURS", number)
        tables.append(f'[channels."{number}"]\ngateways = ["{name}"]\n[gateways.{name}]\nprovider = "{name}"\n{own}')
    return "\n".join(tables)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every environment variable that a description names."""
    for protocol in PROTOCOLS:
        for line in provider_text(protocol.provider).splitlines():
            if (variable := line.rpartition(' = "')[2].rstrip('"')).startswith("SMSBOT_"):
                monkeypatch.setenv(variable, SECRET)


def settings(path: Path, sender: str = "36100") -> ServiceSettings:
    return ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        public_url=PUBLIC_URL,
        sender=sender,
        mail_from="rdv@example.fr",
        config=path,
    )


def test_every_description_has_its_protocol_and_names_its_source() -> None:
    assert tuple(sorted(BY_NAME)) == provider_names()
    assert [name for name in provider_names() if "Source: " not in provider_text(name)] == []


class Town:
    """A service with every provider, and for each a telephone with an appointment."""

    def __init__(self, service: Service, providers: Providers, gateways: Gateways, client: httpx.AsyncClient) -> None:
        self.service = service
        self.providers = providers
        self.gateways = gateways
        self.client = client
        self.desk = Desk(service.database)

    async def post(self, protocol: Protocol, path: str, posted: Posted) -> httpx.Response:
        url = f"/webhooks/{protocol.provider}/{path}?{posted.query}"
        headers = {**posted.headers, "Content-Type": posted.kind}
        return await self.client.request(posted.method, url, content=posted.content, headers=headers)

    async def hears(self, protocol: Protocol, phone: str, number: str, text: str, turn: int) -> None:
        """Somebody writes. The webhook comes twice, or the list is read twice."""
        if protocol.listed is not None:
            self.providers.replies[protocol.provider].append((phone, text, f"54ede17ce4c0b0a16c1b2d{turn}"))
            poll = self.service.polling(protocol.provider, self.gateways.replies[protocol.provider])
            assert [await poll.once(self.service.database) for _ in range(2)] == [1, 0]
            return
        assert protocol.says is not None
        posted = protocol.says(phone, number, text, turn)
        for _ in range(2):
            response = await self.post(protocol, "sms", posted)
            assert (response.status_code, response.text) == (200, protocol.acknowledgement), protocol.provider

    async def converses(self, protocol: Protocol, phone: str, number: str) -> None:
        said = (("Annuler s'il vous plaît", "lettres"), ("dup", "OUI"), ("OUI", "annulé"))
        for turn, (text, expected) in enumerate(said):
            await self.hears(protocol, phone, number, text, turn)
            handed = (await self.providers.sent(protocol.provider, turn + 1))[turn]
            assert handed.recipient in (phone, digits(phone))
            assert expected in handed.text, protocol.provider
        cancelled = select(participations.c.status).where(participations.c.phone == phone)
        assert self.desk.rows(cancelled) == [{"status": "excused"}], protocol.provider

    async def is_told(self, protocol: Protocol, phone: str, number: str) -> None:
        """Send a notification by this provider, for providers that take no answers."""
        message = OutgoingMessage("sms", "notification", phone, number, "RDV déplacé à 14h30 : € & +")
        await self.service.database.write(lambda connection: enqueue(connection, message, datetime.now(UTC)))
        [handed] = await self.providers.sent(protocol.provider, 1)
        assert (handed.recipient in (phone, digits(phone)), handed.text) == (True, message.body)

    async def is_delivered(self, protocol: Protocol, phone: str) -> None:
        if protocol.reports is None:
            return
        sent = self.providers.handed[protocol.provider]
        for position, handed in enumerate(sent):
            response = await self.post(protocol, "status", protocol.reports(handed, position))
            assert (response.status_code, response.text) == (200, protocol.acknowledgement), protocol.provider
        status = select(outgoing_messages.c.delivery_status).where(outgoing_messages.c.recipient == phone)
        assert self.desk.rows(status) == [{"delivery_status": "delivered"}] * len(sent), protocol.provider

    async def hears_in_pieces(self, protocol: Protocol, phone: str, number: str) -> None:
        """A stranger writes a long message. Its pieces come in the wrong order, and each of them twice."""
        if protocol.in_pieces is None:
            return
        before = len(self.providers.handed[protocol.provider])
        for posted in reversed(protocol.in_pieces(phone, number, ("Je voudrais ", "annuler mon ", "rendez-vous"))):
            for _ in range(2):
                assert (await self.post(protocol, "sms", posted)).status_code == 200
        body = select(incoming_messages.c.body).where(incoming_messages.c.from_number == phone)
        assert self.desk.rows(body) == [{"body": "Je voudrais annuler mon rendez-vous"}], protocol.provider
        await self.providers.sent(protocol.provider, before + 1)

    async def stops(self, protocol: Protocol, phone: str, number: str) -> None:
        """The provider reports a STOP that it has handled itself: it is recorded, and smsbot does not answer."""
        if protocol.stop is None:
            return
        before = len(self.providers.handed[protocol.provider])
        response = await self.post(protocol, "sms", protocol.stop(phone, number, "Merci de ne plus m'écrire", 59))
        assert response.status_code == 200
        assert self.desk.rows(select(opt_outs.c.number).where(opt_outs.c.number == phone)) == [{"number": phone}]
        written = select(incoming_messages.c.outcome).where(incoming_messages.c.from_number == phone)
        assert [row["outcome"] for row in self.desk.rows(written)][-1] == "silence"
        assert len(self.providers.handed[protocol.provider]) == before


@asynccontextmanager
async def open_town(database: Database, path: Path) -> AsyncIterator[Town]:
    providers = Providers()
    service = Service(settings(path), database)
    async with (
        open_gateways(service.settings, service.policy, providers.connect) as gateways,
        service.sources() as sources,
        delivering(service, gateways, sources),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(web_application(service, gateways, sources)), base_url=PUBLIC_URL
        ) as client,
    ):
        yield Town(service, providers, gateways, client)


@pytest.mark.anyio
@pytest.mark.usefixtures("secrets")
async def test_a_conversation_with_each(sqlite_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "smsbot.toml"
    path.write_text(file_of(*PROTOCOLS), encoding="utf-8")
    starts_at = datetime.now(UTC) + timedelta(days=3)
    async with open_town(sqlite_database, path) as town:
        for position, protocol in enumerate(PROTOCOLS):
            phone, number = f"+336123456{position:02}", ours(protocol, position)
            part = participation(phone=phone, email=None)
            record = appointment(str(position), starts_at=starts_at, uuid=str(position), participations=(part,))
            town.desk.take(record, now=datetime.now(UTC))
            if protocol.says is None and protocol.listed is None:
                await town.is_told(protocol, phone, number)
            else:
                await town.converses(protocol, phone, number)
            await town.is_delivered(protocol, phone)
            await town.stops(protocol, phone, number)
            await town.hears_in_pieces(protocol, phone.replace("+336", "+337"), number)
        assert town.providers.tokens == 2  # one for each provider that needs a token


@contextmanager
def running() -> Iterator[Callable[[Any], Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


REFUSALS = [(protocol, *refusal) for protocol in PROTOCOLS for refusal in protocol.refusals]


@pytest.fixture
def loop() -> Iterator[Callable[[Any], Any]]:
    with running() as run:
        yield run


@pytest.mark.usefixtures("secrets")
@every_line(("protocol", "answered", "error"), REFUSALS)
def test_what_its_answers_mean(
    loop: Callable[[Any], Any],
    secrets: None,
    tmp_path: Path,
    protocol: Protocol,
    answered: HttpAnswer,
    error: str,
) -> None:
    path = tmp_path / "smsbot.toml"
    path.write_text(file_of(protocol), encoding="utf-8")
    number = ours(protocol, 0)

    async def send() -> None:
        providers = Providers()
        providers.next_answer = answered
        made = settings(path, number)
        async with open_gateways(made, Policy.load(path, made.usual_sender), providers.connect) as gateways:
            with pytest.raises(SendError) as raised:
                await gateways.all[protocol.provider].send(OutgoingSms(1, number, "+33612345678", "Bonjour"))
        assert type(raised.value).__name__ == error
        assert "612345678" not in str(raised.value)

    loop(send())
