"""Builds the service from its settings. Only this module knows every room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from typing import Protocol, get_args

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from smsbot.agents.signing_in.openid_provider import Registration
from smsbot.agents.signing_in.sign_in import sweeping
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import LastWords
from smsbot.appointments.terms import TermsBook
from smsbot.batches.working import BatchWorker, working_batches_off
from smsbot.connected.carrying import CARRYING_OUT, Carrying
from smsbot.connected.client import Sources, open_sources
from smsbot.connected.connections import SourceConnection, connections, webhook_secrets
from smsbot.connected.request_answers import RequestAnswers
from smsbot.connected.rereading import rereading
from smsbot.connected.source_api import SourceApi
from smsbot.connected.source_login import SourceLogins
from smsbot.connected.source_sign_in import CALLBACK_PATH
from smsbot.connected.sync import syncing
from smsbot.figures.closing import closing_months
from smsbot.gateways.base import IncomingSms
from smsbot.gateways.gateway_records import Records, Replies
from smsbot.gateways.opening_gateways import Gateways
from smsbot.inbox.alerts import alerting
from smsbot.incoming.arrival import Arrival, arrivals
from smsbot.incoming.catch_up import CatchUp, catching_up
from smsbot.incoming.joining import Joining
from smsbot.incoming.polling import Polling, polling
from smsbot.incoming.receiving import MessageHandler, Reception, answered_keyword
from smsbot.incoming.turn import Answering, Turn
from smsbot.instants import utc_now
from smsbot.messages.email import EmailTexts
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment
from smsbot.notifications.herald import Herald
from smsbot.notifications.news_writer import NewsWriter, Senders
from smsbot.notifications.reminders import LastLook, Reminders, reminding
from smsbot.organisations.own_rules import ServiceDefaults
from smsbot.outbox.delivery import Delivery, work_name
from smsbot.outbox.messages import Channel
from smsbot.outbox.outcomes import record_statuses
from smsbot.outbox.smtp import Mailer, smtp_server
from smsbot.outbox.transports import by_gateways, by_mail
from smsbot.policy import Policy
from smsbot.process_apart import Answerer, ProcessApart
from smsbot.retention.purging import purging
from smsbot.runtime import PeriodicWork, Supervisor, noting_successes
from smsbot.sealing import Seal
from smsbot.settings import ServiceSettings
from smsbot.signing import Links
from smsbot.store.database import Database
from smsbot.store.together import Together
from smsbot.subscriptions.publishing import publishing
from smsbot.subscriptions.registering import Subscriptions
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.subscriptions.webhook_transport import webhook_transport
from smsbot.understanding import Keyword
from smsbot.web.api import Api, RequestLimits
from smsbot.web.console import Console
from smsbot.web.console.pages_apart import PagesApart, makes_pages
from smsbot.web.gateway_webhooks import GatewayWebhooks
from smsbot.web.health import BackgroundWatch, Health
from smsbot.web.metrics import CountedHttp, HttpCounters, Metrics
from smsbot.web.security import StrictTransportSecurity
from smsbot.web.source_endpoints import RdvspCallback, SourceWebhooks
from smsbot.web.usager import LegalPages, Pages, Proofs, UsagerPages

Clock = Callable[[], datetime]

logger = structlog.get_logger(__name__)


def policy_of(settings: ServiceSettings) -> Policy:
    """The content of `smsbot.toml`. Raises `PolicyProblem`."""
    return Policy.load(settings.config, settings.usual_sender)


class RouteGroup(Protocol):
    """A group of HTTP routes."""

    def routes(self) -> Sequence[BaseRoute]: ...


class Service:
    """Everything that one process may need. Each part is made when it is first used."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        *,
        clock: Clock = utc_now,
        policy: Policy | None = None,
        pages_by: ProcessApart | None = None,
    ) -> None:
        """If `policy` is None, it is read from its file. `pages_by` is the second process, which makes the read-only
        pages of the console; if it is None, this process makes them.
        """
        self.settings = settings
        self.database = database
        self.clock = clock
        self.policy = policy_of(settings) if policy is None else policy
        self.links = Links(settings.secret_key.get_secret_value(), settings.public_url)
        self.environment = template_environment(now=clock)
        self.counters = HttpCounters()
        self.pages_apart: PagesApart | None = None
        if pages_by is not None:
            self.counters.watch_pages(lambda: pages_by.pid)
            self.pages_apart = PagesApart(pages_by, self.counters.count_page)

    @cached_property
    def terms(self) -> TermsBook:
        return TermsBook(self.policy, self.settings.cancellation_notice)

    @cached_property
    def sms_texts(self) -> SmsTexts:
        return SmsTexts(self.environment)

    @cached_property
    def herald(self) -> Herald:
        settings = self.settings
        senders = Senders(settings.sender, self.policy.channel(settings.sender).two_way, settings.mail_from)
        emails = EmailTexts(self.environment)
        writes = {name: connection.notifies for name, connection in self.connections.items()}
        within = settings.take_back_within
        writer = NewsWriter(self.sms_texts, emails, self.terms, self.policy, self.links, senders)
        return Herald(writer, writes, within)

    @cached_property
    def connections(self) -> dict[str, SourceConnection]:
        """The connected sources by name. Raises `SettingsProblem` if a secret of one is missing."""
        return connections(self.settings, self.policy)

    @cached_property
    def door(self) -> Door:
        return Door(self.terms, self.herald, frozenset(self.connections))

    @cached_property
    def arrival(self) -> Arrival:
        return Arrival(self.herald, frozenset(self.connections), self.settings.retention)

    @cached_property
    def turn(self) -> Turn:
        settings = self.settings
        answering = Answering(settings.answered_prefixes, settings.neutral_texts_per_day, settings.answers_per_day)
        expiry, within = settings.conversation_expiry, settings.take_back_within
        return Turn(self.door, self.terms, self.sms_texts, answering, expiry, self.policy.main_sender, within)

    @cached_property
    def reception(self) -> Reception:
        return Reception(self.database, self.turn)

    @cached_property
    def handler(self) -> MessageHandler:
        return MessageHandler(self.reception, self.answered_keyword, self.clock)

    @cached_property
    def joining(self) -> Joining:
        return Joining(self.database, self.handler, self.clock)

    @cached_property
    def webhook_secrets(self) -> dict[str, str]:
        """The secret of each source's webhook, by source. Raises `SettingsProblem` if one is missing."""
        return webhook_secrets(self.settings, self.policy)

    @cached_property
    def console(self) -> Console:
        settings = self.settings
        return Console(
            self.database,
            self.door,
            self.herald,
            self.environment,
            self.links,
            settings.mail_from,
            self.clock,
            settings.secret_key.get_secret_value(),
            ServiceDefaults(
                settings.sender, settings.cancellation_notice, settings.reminder_lead, settings.reminders_wait
            ),
            openid=self.openid,
            segment_price=settings.segment_price,
            apart=self.pages_apart,
        )

    @property
    def openid(self) -> Registration | None:
        """How agents sign in with OpenID Connect; None if they only use passwords."""
        settings = self.settings
        if settings.oidc_issuer is None:
            return None
        assert settings.oidc_client_id is not None
        assert settings.oidc_client_secret is not None
        return Registration(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret.get_secret_value(),
            settings.oidc_scopes,
            settings.oidc_name,
            settings.oidc_emails_verified,
        )

    @property
    def webhook_seal(self) -> Seal:
        """The seal that encrypts the secrets of webhooks to other systems."""
        return Seal(self.settings.secret_key.get_secret_value(), "secrets of webhooks")

    @property
    def webhook_addresses(self) -> WebhookAddresses:
        return WebhookAddresses(self.settings.webhooks_to_private_networks)

    @cached_property
    def reminders(self) -> Reminders:
        settings = self.settings
        return Reminders(self.herald, self.terms, settings.reminder_lead, settings.reminders_wait)

    @cached_property
    def batch_worker(self) -> BatchWorker:
        return BatchWorker(self.door, self.herald, self.rate(self.settings.sender))

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor()

    @asynccontextmanager
    async def sources(self) -> AsyncIterator[Sources]:
        """The APIs of the connected sources by name, open while the block runs."""
        settings = self.settings
        async with open_sources(
            self.connections,
            self.database,
            secret_key=settings.secret_key.get_secret_value(),
            public_url=settings.public_url,
            clock=self.clock,
        ) as opened:
            yield opened

    def logins(self, sources: Sources) -> SourceLogins:
        """Logins to the connected sources."""
        return SourceLogins(sources, self.database, f"{self.settings.public_url}{CALLBACK_PATH}", self.clock)

    def periodic_works(self, gateways: Gateways, sources: Sources) -> list[PeriodicWork]:
        """The periodic work of this process, without delivery."""
        database, clock = self.database, self.clock
        return [
            reminding(database, self.reminders, clock),
            purging(database, self.settings.retention, clock),
            closing_months(database, self.settings.retention, clock),
            sweeping(database, clock),
            working_batches_off(database, self.batch_worker, clock),
            alerting(database, self.console.alerts(), clock),
            publishing(database, clock),
            *(catching_up(database, self.catching_up(name, records)) for name, records in gateways.records.items()),
            *(polling(database, self.polling(name, replies)) for name, replies in gateways.replies.items()),
            *([self.joining.work()] if self.policy.has_pieces else []),
            *(syncing(database, api, clock) for api in sources.values()),
            *(rereading(database, api, clock) for api in sources.values()),
        ]

    def work_names(self, gateways: Gateways, sources: Sources) -> list[str]:
        """The names of all background work that these settings need, in any process."""
        periodic = [work.name for work in self.periodic_works(gateways, sources)]
        carrying_out = [CARRYING_OUT] if sources else []
        return [*map(work_name, get_args(Channel)), *carrying_out, *periodic]

    def carrying(self, apis: Mapping[str, SourceApi]) -> Carrying:
        """The work of carrying out requested cancellations at the connected sources. `apis` are by source."""
        answers = RequestAnswers(self.herald, self.connections)
        return Carrying(self.database, self.door, self.arrival, answers, apis, self.connections, self.clock)

    def rate(self, sender: str) -> float | None:
        """How many SMS per second may leave from a sender; None for no limit."""
        by_file = self.policy.channel(sender).messages_per_second
        return self.settings.rate_per_second if by_file is None else by_file

    def catching_up(self, gateway: str, records: Records) -> CatchUp:
        """The work of reading messages that this gateway could not deliver to our webhook, and handling them."""
        numbers = self.policy.numbers_received_by(gateway)
        return CatchUp(gateway, records, numbers, self.handler, self.clock)

    def polling(self, gateway: str, replies: Replies) -> Polling:
        """The work of reading the list of messages that this gateway keeps, and handling them."""
        return Polling(gateway, replies, self.joining, self.clock)

    def routes(self, gateways: Gateways, sources: Sources) -> list[BaseRoute]:
        """Every endpoint of the service."""
        arrival = self.arrival
        statuses = Together(self.database, record_statuses, key=lambda reported: reported.its_id)
        proofs = Proofs(self.settings.secret_key.get_secret_value())
        patience = {name: connection.patience for name, connection in self.connections.items()}
        pages = Pages(self.environment, self.policy, self.links.base_path)
        works = self.work_names(gateways, sources)
        background = BackgroundWatch(works, self.reminders.due_since, list(sources), list(self.webhook_secrets))
        last_words = LastWords(self.database, self.clock)
        rooms: list[RouteGroup] = [
            GatewayWebhooks(gateway, self.joining, statuses, self.clock) for gateway in gateways.receiving
        ]
        rooms += (
            SourceWebhooks(
                self.webhook_secrets,
                arrivals(self.database, arrival, self.clock),
                last_words,
            ),
            *([RdvspCallback(self.logins(sources), pages)] if sources else []),
            UsagerPages(self.database, self.door, self.links, proofs, pages, self.clock, patience),
            LegalPages(pages, self.policy, self.settings.retention),
            Api(
                self.database,
                self.door,
                arrival,
                Subscriptions(self.webhook_seal),
                self.webhook_addresses,
                self.settings.public_url,
                self.clock,
                self.console.agent_emails,
                self.console.answers,
                self.herald,
                RequestLimits(self.settings.api_requests_per_minute, self.settings.api_failures_per_minute),
                last_words,
            ),
            self.console,
            Health(self.database, background, self.clock),
            Metrics(self.database, self.settings.metrics_token, self.counters, self.clock, background),
        )
        return [route for room in rooms for route in room.routes()]

    def answered_keyword(self, message: IncomingSms) -> Keyword | None:
        return answered_keyword(self.policy, message)


@asynccontextmanager
async def delivering(service: Service, gateways: Gateways, sources: Sources) -> AsyncIterator[None]:
    """Deliver through the gateways and the mail server and do the periodic work, while the block runs.

    At the end, work that has begun is finished and the connections are closed.
    """
    mailer = Mailer(smtp_server(service.settings.smtp_url))
    to_systems = webhook_transport(service.database, service.webhook_addresses, service.webhook_seal, service.clock)
    async with to_systems as by_webhook:
        transports = (by_gateways(gateways.failover, gateways.records, service.rate), by_mail(mailer), by_webhook)
        review = LastLook(service.reminders).review
        delivery = Delivery(service.database, *transports, review=review, clock=service.clock)
        heart = noting_successes(service.database, service.supervisor, service.clock)
        carrying_out = [service.carrying(sources).work()] if sources else []
        works = (*delivery.works(), *carrying_out, *service.periodic_works(gateways, sources), heart)
        service.supervisor.start(*works)
        try:
            yield
        finally:
            await service.supervisor.stop()
            await mailer.close()


def web_application(service: Service, gateways: Gateways, sources: Sources) -> Starlette:
    """The Starlette application. Errors are answered with one plain sentence, never with a traceback."""
    secured = [Middleware(StrictTransportSecurity)] if service.links.is_https else []
    return _application(service.routes(gateways, sources), [*secured, Middleware(CountedHttp, service.counters)])


def page_maker(service: Service) -> Answerer:
    """Makes the console's pages in the second process. `Service.pages_apart` of the first process asks for them."""
    return makes_pages(_application(service.console.routes(), []))


def _application(routes: Sequence[BaseRoute], middleware: Sequence[Middleware]) -> Starlette:
    application = Starlette(
        routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed}, middleware=middleware
    )
    application.router.redirect_slashes = False  # a redirect would be built from the Host header
    return application


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code, headers=error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("Something went wrong here; it has been noted. Please try again.\n", status_code=500)
