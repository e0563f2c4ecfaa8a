"""The pages on which an administrator manages colleagues' accounts, only in the administrator's own organisations.
    /agents/comptes          who may come in, with the form to add somebody
    /agents/comptes/retrait  asks, then takes an organisation from somebody; without any left they are revoked
    /agents/comptes/alerte   where an organisation is told of new messages in its inbox

A new agent gets an e-mail with a link to choose a password. Administrators are named from the shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.administration import (
    add_colleague,
    lock_managed_organisation,
    managed_accounts,
    remove_colleague,
)
from smsbot.agents.passwords import issue_reset
from smsbot.agents.permissions import OutOfReach, row_id
from smsbot.inbox.alerts import alert_addresses, set_alert_address
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.sources import texts
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountPages:
    """For administrators only. Everybody else gets a 404."""

    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails

    def routes(self) -> list[Route]:
        guard = self.guard
        return [
            Route(f"{PATH}/comptes", guard.agents(self.page), methods=["GET"]),
            Route(f"{PATH}/comptes", guard.agents_posting(self.add), methods=["POST"]),
            Route(f"{PATH}/comptes/retrait", guard.agents(self.question), methods=["GET"]),
            Route(f"{PATH}/comptes/retrait", guard.agents_posting(self.remove), methods=["POST"]),
            Route(f"{PATH}/comptes/alerte", guard.agents_posting(self.set_alert), methods=["POST"]),
        ]

    def page(self, request: AgentRequest) -> Response:
        done = next((word for word in ("ajoute", "retire", "alerte") if word in request.query), None)
        return self._page(request, done=done)

    def add(self, request: AgentRequest, form: Fields) -> PageAnswer:
        email, organisation_id = texts.email(form.get("email", "")), row_id(form.get("organisation", ""))
        if email is None:
            return self._page(request, 422, problem="email", email=form.get("email", "")[:254])
        agent = add_colleague(request.connection, request.agent, email, organisation_id, request.now)
        token = issue_reset(request.connection, agent, request.now)
        enqueue(request.connection, self.agent_emails.invitation(agent, token), request.now)
        return partial(self._done, "agent added in the console", request.agent.id, "/comptes?ajoute")

    def question(self, request: AgentRequest) -> Response:
        _only_administrators(request)
        agent_id, organisation_id = (row_id(request.query.get(name, "")) for name in ("agent", "organisation"))
        if agent_id == request.agent.id:
            raise OutOfReach("nobody removes themselves")
        accounts = managed_accounts(request.connection, request.agent, request.now)
        colleague, organisation = accounts.find(agent_id, organisation_id)
        return self.pages.page("removal", request, colleague=colleague, organisation=organisation)

    def remove(self, request: AgentRequest, form: Fields) -> PageAnswer:
        agent_id, organisation_id = (row_id(form.get(name, "")) for name in ("agent", "organisation"))
        remove_colleague(request.connection, request.agent, agent_id, organisation_id, request.now)
        return partial(self._done, "agent removed in the console", request.agent.id, "/comptes?retire")

    def set_alert(self, request: AgentRequest, form: Fields) -> Response:
        written, organisation_id = form.get("email", "").strip(), row_id(form.get("organisation", ""))
        email = texts.email(written)
        if written and email is None:
            return self._page(request, 422, alert_problem=organisation_id, email=written[:254])
        lock_managed_organisation(request.connection, request.agent, organisation_id)
        set_alert_address(request.connection, organisation_id, email)
        return self.pages.redirect("/comptes?alerte")

    async def _done(self, event: str, agent_id: int, path: str) -> Response:
        logger.info(event, agent_id=agent_id)
        return self.pages.redirect(path)

    def _page(self, request: AgentRequest, status: int = 200, **values: object) -> Response:
        _only_administrators(request)
        accounts = managed_accounts(request.connection, request.agent, request.now)
        return self.pages.page(
            "accounts",
            request,
            status,
            colleagues=accounts.colleagues,
            organisations=accounts.organisations,
            alert_addresses=alert_addresses(request.connection, [each.id for each in accounts.organisations]),
            **values,
        )


def _only_administrators(request: AgentRequest) -> None:
    if not request.manages:
        raise OutOfReach("only administrators manage accounts")
