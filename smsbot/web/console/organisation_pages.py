"""The pages on which administrators see organisations: the settings of each, its figures, and what is wrong there.

/agents/organisations          all that they administer: searched, filtered, one page at a time
/agents/organisations/fiche    the one in `?structure=`
/agents/organisations/alerte   sets the address that is told of new messages in its inbox
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.administration import lock_mandate, require_mandate
from smsbot.agents.directory import read_directory, read_key
from smsbot.agents.permissions import OutOfReach
from smsbot.inbox.alerts import alert_addresses, choose_alert_address
from smsbot.organisations.overview import OrganisationFilter, OrganisationQuery, Overviews
from smsbot.organisations.shortcomings import QUIET_AFTER
from smsbot.sources import texts
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.figures_pages import percent
from smsbot.web.console.guard import Fields, Guard


@dataclass(frozen=True, slots=True)
class OrganisationPages:
    """For administrators only. Everybody else gets a 404."""

    overviews: Overviews
    guard: Guard
    pages: ConsolePages

    def routes(self) -> list[Route]:
        page, post = self.guard.agents, self.guard.agents_posting
        return [
            Route(f"{PATH}/organisations", page(self.list), methods=["GET"]),
            Route(f"{PATH}/organisations/fiche", page(self.one), methods=["GET"]),
            Route(f"{PATH}/organisations/alerte", post(self.set_alert), methods=["POST"]),
        ]

    def list(self, request: AgentRequest) -> Response:
        mandate, query = require_mandate(request.connection, request.agent), OrganisationQuery.read(request.query)
        return self.pages.page(
            "organisations",
            request,
            query=query,
            page=self.overviews.page(request.connection, mandate, query, request.now),
            filters=OrganisationFilter,
            parameters=urlencode(query.parameters),
            percent=percent,
            quiet_days=QUIET_AFTER.days,
        )

    def one(self, request: AgentRequest) -> Response:
        return self._one(request, request.query.get("structure", ""))

    def set_alert(self, request: AgentRequest, form: Fields) -> Response:
        written, structure = form.get("email", "").strip(), form.get("structure", "")
        email = texts.email(written)
        if written and email is None:
            return self._one(request, structure, 422, email=written[:254])
        mandate = lock_mandate(request.connection, request.agent)
        entry = read_directory(request.connection, self.overviews.policy, mandate).get(read_key(structure))
        if entry is None or entry.id is None:
            raise OutOfReach("no such organisation")
        choose_alert_address(request.connection, request.agent, entry.id, email, request.now)
        return self.pages.redirect(f"/organisations/fiche?structure={quote(structure, safe='')}&alerte")

    def _one(self, request: AgentRequest, structure: str, status: int = 200, email: str | None = None) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        found = self.overviews.one(request.connection, mandate, read_key(structure), request.now)
        ids = [] if found.entry.id is None else [found.entry.id]
        kept = alert_addresses(request.connection, ids)
        return self.pages.page(
            "organisation",
            request,
            status,
            each=found,
            alert_address=kept.get(found.entry.id or 0, "") if email is None else email,
            is_wrong=email is not None,
            done="alerte" in request.query,
            percent=percent,
            quiet_days=QUIET_AFTER.days,
        )
