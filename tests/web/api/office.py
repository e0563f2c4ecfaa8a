"""The API on a new database, with an agent in each of two organisations, and a clock that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import Connection, insert, select
from starlette.applications import Starlette

from smsbot.agents.account_changes import add_agent
from smsbot.agents.service_accounts import add_service
from smsbot.agents.tokens import ApiScope, issue_token
from smsbot.appointments.cancellation import Announcer, Door, Ended
from smsbot.appointments.intake import Arrivals, Intake, LastWords, destroy, take_record
from smsbot.appointments.terms import TermsBook
from smsbot.inbox.answering import AnswerWriter
from smsbot.incoming.arrival import Arrival
from smsbot.messages.email import EmailTexts
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.notifications.herald import Herald
from smsbot.notifications.news_writer import NewsWriter, Senders
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.sealing import Seal
from smsbot.signing import Links
from smsbot.sources.rdvsp import AppointmentEvent
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, organisations
from smsbot.subscriptions.registering import Subscriptions
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.understanding.topics import Topic
from smsbot.web.api import Api, RequestLimits
from tests.appointments.records import NothingHeldBack

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
PUBLIC_URL = "https://rdv.example.fr"
PHONE = "+33612345678"
CONNECTED = "connected"
"""A source that owns its appointments."""
ADA, BOB = "ada@one.fr", "bob@two.fr"
"""Agents. Ada is in organisation 1, Bob in organisation 2."""


@dataclass
class RecordingAnnouncer(NothingHeldBack):
    """An announcer that only keeps what it should announce."""

    told: list[Ended] = field(default_factory=list)

    def ended(self, _connection: Connection, ended: Ended) -> None:
        self.told.append(ended)


@dataclass
class RecordingArrivals:
    """Takes events in, and keeps them with the outcome of each."""

    taken: list[tuple[AppointmentEvent, Intake]] = field(default_factory=list)

    def take(self, connection: Connection, source: str, event: AppointmentEvent, now: datetime) -> Intake:
        if event.record is None:
            intake = destroy(connection, source, event.external_id, event_at=None, reason=None, now=now)
        else:
            intake = take_record(connection, source, event.record, event_at=event.at, now=now)
        self.taken.append((event, intake))
        return intake


@dataclass
class Office:
    """The API, what it has announced, and methods to call it as an agent."""

    database: Database
    announcer: RecordingAnnouncer = field(default_factory=RecordingAnnouncer)
    arrivals: RecordingArrivals = field(default_factory=RecordingArrivals)
    now: datetime = NOW
    tokens: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    connected: frozenset[str] = frozenset({CONNECTED})
    seal: Seal = field(
        default_factory=lambda: Seal("a secret of the tests, of 32 bytes or more", "secrets of webhooks")
    )
    webhook_addresses: WebhookAddresses = field(default_factory=WebhookAddresses)
    limits: RequestLimits = field(default_factory=lambda: RequestLimits(per_token=1_000_000, failures=1_000_000))
    tells: bool = False
    """Whether the real herald writes the messages.

    Otherwise `RecordingAnnouncer` only keeps what it should announce.
    """
    policy: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policy = Policy(PolicyFile.model_validate(self.policy))
        terms = TermsBook(policy, timedelta(hours=4))
        environment, links = template_environment(), Links("a secret of the tests, of 32 bytes", PUBLIC_URL)
        emails = AgentEmails(environment, links, "x@x.fr")
        senders = Senders("+33937000000", two_way=True, mail="x@x.fr")
        writer = NewsWriter(SmsTexts(environment), EmailTexts(environment), terms, policy, links, senders)
        self.herald = Herald(writer, dict.fromkeys(self.connected, False))
        announcer: Announcer = self.herald if self.tells else self.announcer
        arrivals: Arrivals = Arrival(self.herald, self.connected) if self.tells else self.arrivals
        self.door = door = Door(terms, announcer, self.connected)
        subscriptions, addresses = Subscriptions(self.seal), self.webhook_addresses
        api = Api(
            self.database,
            door,
            arrivals,
            subscriptions,
            addresses,
            PUBLIC_URL,
            lambda: self.now,
            emails,
            AnswerWriter(environment, door.terms, "x@x.fr"),
            self.herald,
            self.limits,
            LastWords(self.database, lambda: self.now),
        )
        self.app = Starlette(routes=api.routes())
        transport = ASGITransport(self.app, raise_app_exceptions=False)
        self.client = AsyncClient(transport=transport, base_url=PUBLIC_URL)
        self._employ({ADA: ["1"], BOB: ["2"]}, "rdvsp")

    def employ(self, email: str, *organisations: str, source: str = "rdvsp") -> None:
        """Add an agent of these organisations. `call` knows them by their address."""
        self._employ({email: organisations}, source)

    def _employ(self, organisations: Mapping[str, Sequence[str]], source: str) -> None:
        """Add several agents, by their addresses."""

        def work(connection: Connection) -> dict[str, str]:
            agents = {email: add_agent(connection, email, source, of, self.now) for email, of in organisations.items()}
            return {email: issue_token(connection, agent, self.now) for email, agent in agents.items()}

        self.tokens |= self.database.write_now(work)

    def connect(
        self,
        name: str,
        *scopes: ApiScope,
        organisations: tuple[str, ...] | None = ("1",),
        token_days: int | None = None,
    ) -> None:
        """Add another system, for these organisations of the source rdvsp or for all. `call` knows it by its name."""
        held = None if organisations is None else [("rdvsp", each) for each in organisations]

        def work(connection: Connection) -> str:
            return add_service(connection, name, scopes, held, self.now, token_days=token_days)

        self.tokens[name] = self.database.write_now(work)

    async def call(
        self, method: str, path: str, *, agent: str = ADA, under: str = "/appointments", **request: Any
    ) -> Response:
        """Make a request. `path` comes after `/api/v1` and `under`."""
        headers = {"Authorization": f"Bearer {self.tokens[agent]}", **request.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{under}{path}", headers=headers, **request)

    async def get(self, path: str = "", *, agent: str = ADA, **query: Any) -> Response:
        return await self.call("GET", path, agent=agent, params=query or None)

    async def put(self, external_id: str, body: dict[str, Any], *, agent: str = ADA, **query: Any) -> Response:
        return await self.call("PUT", f"/by-external-id/{external_id}", agent=agent, json=body, params=query)

    async def cancel(self, name: str, *, agent: str = ADA, **body: Any) -> Response:
        return await self.call("POST", f"/{name}/cancel", agent=agent, json=body)

    async def messages(self, of: str | None = None, *, agent: str = ADA, **query: Any) -> Response:
        """The list of messages, or of those about the appointment `of`."""
        path = "/messages" if of is None else f"/appointments/{of}/messages"
        return await self.call("GET", path, agent=agent, under="", params=query or None)

    def wrote(
        self, text: str, topic: Topic | None = None, *, phone: str = PHONE, to: str = "1", waiting: bool = False
    ) -> str:
        """Add a message that an usager writes to this organisation (of the source rdvsp) now.

        Returns its id in the API.
        """

        def work(connection: Connection) -> str:
            this = (organisations.c.source == "rdvsp") & (organisations.c.external_id == to)
            values = {
                "gateway": "twilio",
                "gateway_message_id": f"SM{next(self.numbers)}",
                "received_at": self.now,
                "from_number": phone,
                "to_number": "+33937000000",
                "body": text,
                "outcome": "passed_on",
                "for_agents": waiting,
                "topic": topic,
                "organisation_id": connection.execute(select(organisations.c.id).where(this)).scalar_one(),
            }
            row = connection.execute(insert(incoming_messages).values(values).returning(incoming_messages.c.id))
            return f"sms-{row.scalar_one()}"

        return self.database.write_now(work)

    async def made(
        self, external_id: str, *, agent: str = ADA, source: str = "rdvsp", **members: Any
    ) -> dict[str, Any]:
        """Create an appointment, and return it as the API then reads it."""
        response = await self.put(external_id, appointment(**members), agent=agent, source=source)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        del made["notified"]
        return made


def appointment(in_organisation: str = "1", **members: Any) -> dict[str, Any]:
    """The body for an appointment in two days."""
    return {
        "starts_at": (NOW + timedelta(days=2)).isoformat(),
        "organisation": {"external_id": in_organisation, "name": f"Mairie {in_organisation}"},
        "participations": [participation("p1")],
        **members,
    }


def participation(external_id: str, **members: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "first_name": "Sophie",
        "last_name": "Dupont",
        "phone": "06 12 34 56 78",
        "email": "sophie@example.org",
        **members,
    }


def problem(response: Response, status: int) -> dict[str, Any]:
    """Check that the answer is a problem of RFC 9457 with this status, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    details: dict[str, Any] = response.json()
    assert (details["type"], details["status"]) == ("about:blank", status)
    assert details["title"]
    return details
