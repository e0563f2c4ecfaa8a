"""The pages on which administrators let other systems use the API, in organisations that they administer.

/agents/logiciels                        the systems that have access
/agents/logiciels/ajout                  gives a system access; its token is shown once, in the answer
/agents/logiciels/{id}                   one system: what it may do and where, and the forms to change its access
/agents/logiciels/{id}/renouvellement    makes a new token, which is shown once; the old one expires
/agents/logiciels/{id}/fin               ends the access of a system
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.administration import require_mandate
from smsbot.agents.directory import ALL_ORGANISATIONS, read_directory, read_key
from smsbot.agents.service_accounts import (
    ServiceRefused,
    connect_service,
    end_service,
    renew_service,
    service_within_mandate,
    services_within_mandate,
)
from smsbot.agents.tokens import ApiScope
from smsbot.model import OrganisationReference
from smsbot.policy import Policy
from smsbot.subscriptions.registering import subscriptions_of
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard

_SCOPE, _ORGANISATION = "droit-", "dans-"
"""How the names of the checkboxes in the form begin."""

_DAYS: Mapping[str, int | None] = {"90": 90, "365": 365, "730": 730, "sans-fin": None}
_HOURS: Mapping[str, int] = {"0": 0, "1": 1, "24": 24, "168": 168}


@dataclass(frozen=True, slots=True)
class ServiceAccountPages:
    """For administrators only. Everybody else gets a 404."""

    policy: Policy
    guard: Guard
    pages: ConsolePages

    def routes(self) -> list[Route]:
        page, post = self.guard.agents, self.guard.agents_posting
        one = f"{PATH}/logiciels/{{id}}"
        return [
            Route(f"{PATH}/logiciels", page(self.list), methods=["GET"]),
            Route(f"{PATH}/logiciels", post(self.add), methods=["POST"]),
            Route(f"{PATH}/logiciels/ajout", page(self.form), methods=["GET"]),
            Route(one, page(self.one), methods=["GET"]),
            Route(f"{one}/renouvellement", post(self.renew), methods=["POST"]),
            Route(f"{one}/fin", post(self.end), methods=["POST"]),
        ]

    def list(self, request: AgentRequest) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        return self.pages.page(
            "service_accounts",
            request,
            services=services_within_mandate(request.connection, mandate, request.now),
            directory=read_directory(request.connection, self.policy, mandate),
            ended="fini" in request.query,
        )

    def form(self, request: AgentRequest) -> Response:
        return self._form(request, {})

    def one(self, request: AgentRequest) -> Response:
        return self._one(request)

    def add(self, request: AgentRequest, form: Fields) -> Response:
        name = form.get("nom", "").strip().lower()
        scopes = {scope for scope in ApiScope if f"{_SCOPE}{scope}" in form}
        organisations = _organisations(form)
        days = _DAYS.get(form.get("duree", ""), 365)
        try:
            token = connect_service(request.connection, request.agent, name, scopes, organisations, days, request.now)
        except ServiceRefused as problem:
            return self._form(request, form, 422, problem=problem.what)
        return self.pages.page("service_account_token", request, service_name=name, token=token, old_ends_at=None)

    def renew(self, request: AgentRequest, form: Fields) -> Response:
        ends = request.now + timedelta(hours=_HOURS.get(form.get("encore", ""), 24))
        account, token = renew_service(request.connection, request.agent, request.id, ends - request.now, request.now)
        return self.pages.page(
            "service_account_token", request, service_name=account.name, token=token, old_ends_at=ends
        )

    def end(self, request: AgentRequest, form: Fields) -> Response:
        if form.get("certain") != "oui":
            return self._one(request, 422, problem="certain")
        end_service(request.connection, request.agent, request.id, request.now)
        return self.pages.redirect("/logiciels?fini")

    def _one(self, request: AgentRequest, status: int = 200, problem: str | None = None) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        service = service_within_mandate(request.connection, mandate, request.id, request.now)
        return self.pages.page(
            "service_account",
            request,
            status,
            service=service,
            webhooks=subscriptions_of(request.connection, service.account.agent),
            directory=read_directory(request.connection, self.policy, mandate),
            problem=problem,
        )

    def _form(self, request: AgentRequest, typed: Fields, status: int = 200, problem: str | None = None) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        return self.pages.page(
            "service_account_adding",
            request,
            status,
            mandate=mandate,
            directory=read_directory(request.connection, self.policy, mandate),
            scopes=list(ApiScope),
            scope_field=_SCOPE,
            organisation_field=_ORGANISATION,
            everywhere=ALL_ORGANISATIONS,
            typed=typed,
            problem=problem,
        )


def _organisations(form: Fields) -> list[OrganisationReference] | None:
    """The organisations that are marked in the form. None means all, also those that do not exist yet."""
    marked = [name.removeprefix(_ORGANISATION) for name in form if name.startswith(_ORGANISATION)]
    return None if ALL_ORGANISATIONS in marked else [read_key(each) for each in marked]
