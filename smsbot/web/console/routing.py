"""Makes the whole console: all its pages, each behind the guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import jinja2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.signing_in.openid_provider import OpenIdProvider, Registration
from smsbot.agents.signing_in.passwords import Hashing
from smsbot.agents.signing_in.sign_in import SignIn
from smsbot.agents.signing_in.sign_in_limits import KnownDevices, Throttle
from smsbot.agents.signing_in.sign_in_openid import Handshakes
from smsbot.appointments.cancellation import Door
from smsbot.inbox.alerts import InboxAlerts
from smsbot.inbox.answering import AnswerWriter
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.notifications.herald import Herald
from smsbot.organisations.overview import Overviews
from smsbot.organisations.own_rules import ServiceDefaults
from smsbot.signing import FeedAddresses, Links
from smsbot.store.database import Database
from smsbot.web.console.account_import_pages import AccountImportPages
from smsbot.web.console.account_pages import AccountPages
from smsbot.web.console.appointment_pages import AppointmentPages
from smsbot.web.console.batch_pages import BatchPages
from smsbot.web.console.calendar_pages import CalendarPages
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.figures_pages import FiguresPages
from smsbot.web.console.guard import Cookies, Guard
from smsbot.web.console.inbox_pages import InboxPages
from smsbot.web.console.organisation_pages import OrganisationPages
from smsbot.web.console.pages_apart import PagesApart
from smsbot.web.console.personal_data_pages import PersonalDataPages
from smsbot.web.console.ready_answer_pages import ReadyAnswerPages
from smsbot.web.console.service_account_pages import ServiceAccountPages
from smsbot.web.console.sign_in_pages import RETURN_PATH, OpenIdPages, SigningIn
from smsbot.web.console.thread_pages import ThreadPages


class _Room(Protocol):
    def routes(self) -> list[Route]: ...


@dataclass(frozen=True, slots=True)
class Console:
    """Everything under `/agents`, and `/`, which redirects there.

    - `mail_from`: the sender of its e-mails.
    - `openid`: the OpenID Connect provider, None if only passwords are used.
    - `segment_price`: the price of one SMS segment in euros, None if it is not set.
    - `defaults`: what the settings say for all organisations.
    - `apart`: makes the pages that change nothing in a second process. If it is None, this process makes them.
    """

    database: Database
    door: Door
    herald: Herald
    environment: jinja2.Environment
    links: Links
    mail_from: str
    clock: Callable[[], datetime]
    secret_key: str = field(repr=False)
    defaults: ServiceDefaults
    openid: Registration | None = None
    segment_price: Decimal | None = None
    apart: PagesApart | None = None
    hashing: Hashing = field(default_factory=Hashing)

    def routes(self) -> list[Route]:
        pages = ConsolePages(self.environment, self.links.base_path, self.clock)
        guard = Guard(self.database, pages, Cookies(self.links, pages.base), self.clock, self.secret_key, self.apart)
        openid = self._openid_pages(guard, pages)
        agent_emails = self.agent_emails
        sign_in = SignIn(self.database, Throttle(self.secret_key), KnownDevices(self.secret_key), self.hashing)
        signing_in = SigningIn(self.database, sign_in, guard, pages, agent_emails, openid)
        rooms: tuple[_Room, ...] = (
            signing_in,
            AppointmentPages(self.door, self.herald, guard, pages, self.segment_price, self.herald.source_writes),
            BatchPages(self.door, self.herald, guard, pages, self.segment_price),
            PersonalDataPages(self.database, self.door.terms, guard, pages),
            InboxPages(guard, pages, agent_emails),
            ThreadPages(guard, pages, agent_emails, self.answers, signing_in, self.door.terms, self.segment_price),
            ReadyAnswerPages(guard, pages),
            AccountImportPages(self.door.terms.policy, guard, pages, agent_emails),
            AccountPages(self.door.terms.policy, guard, pages, agent_emails),
            OrganisationPages(self._overviews, guard, pages),
            ServiceAccountPages(self.door.terms.policy, guard, pages),
            FiguresPages(guard, pages, self.segment_price),
            CalendarPages(self.door.terms, guard, pages, FeedAddresses(self.secret_key, self.links.public_url)),
        )
        return [
            *pages.routes(),
            *(openid.routes() if openid is not None else ()),
            *(route for room in rooms for route in room.routes()),
            *_fallbacks(guard, pages),
        ]

    def alerts(self) -> InboxAlerts:
        """Tells organisations by e-mail when messages wait in their inbox; see `inbox.alerts.alerting`."""
        return InboxAlerts(self.agent_emails)

    @property
    def agent_emails(self) -> AgentEmails:
        """Writes the e-mails to agents."""
        return AgentEmails(self.environment, self.links, self.mail_from)

    @property
    def answers(self) -> AnswerWriter:
        """Writes agents' answers to usagers as messages of the outbox."""
        return AnswerWriter(self.environment, self.door.terms, self.mail_from)

    @property
    def _overviews(self) -> Overviews:
        return Overviews(self.door.terms.policy, self.defaults, self.door.connected)

    def _openid_pages(self, guard: Guard, pages: ConsolePages) -> OpenIdPages | None:
        if self.openid is None:
            return None
        provider = OpenIdProvider(self.openid, f"{self.links.public_url}{RETURN_PATH}")
        return OpenIdPages(self.database, provider, Handshakes(self.secret_key), guard, pages, self.links)


def _fallbacks(guard: Guard, pages: ConsolePages) -> list[Route]:
    def first_page(_request: AgentRequest) -> Response:
        return pages.redirect("/rdv")

    def nowhere(request: AgentRequest) -> Response:
        return guard.refused(request, 404)

    def front_door(_request: Request) -> Response:
        return pages.redirect("")

    return [
        Route("/", front_door, methods=["GET"]),
        Route(PATH, guard.agents(first_page), methods=["GET"]),
        Route(f"{PATH}/", guard.agents(first_page), methods=["GET"]),
        Route(f"{PATH}/{{anything:path}}", guard.agents(nowhere), methods=["GET", "POST"]),
    ]
