"""The pages on which an administrator sees organisations.

/agents/organisations/fiche    `?structure=`: one organisation
/agents/organisations/alerte   where it is told of new messages in its inbox
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.administration import lock_mandate, require_mandate
from smsbot.agents.directory import DirectoryEntry, read_directory, read_key
from smsbot.agents.permissions import OutOfReach
from smsbot.inbox.alerts import alert_addresses, choose_alert_address
from smsbot.policy import Policy
from smsbot.sources import texts
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard


@dataclass(frozen=True, slots=True)
class OrganisationPages:
    """For administrators only. Everybody else gets a 404."""

    policy: Policy
    guard: Guard
    pages: ConsolePages

    def routes(self) -> list[Route]:
        guard = self.guard
        return [
            Route(f"{PATH}/organisations/fiche", guard.agents(self.one), methods=["GET"]),
            Route(f"{PATH}/organisations/alerte", guard.agents_posting(self.set_alert), methods=["POST"]),
        ]

    def one(self, request: AgentRequest) -> Response:
        return self._one(request, request.query.get("structure", ""))

    def set_alert(self, request: AgentRequest, form: Fields) -> Response:
        written, structure = form.get("email", "").strip(), form.get("structure", "")
        email = texts.email(written)
        if written and email is None:
            return self._one(request, structure, 422, email=written[:254])
        mandate = lock_mandate(request.connection, request.agent)
        entry = self._entry(request, structure)
        if not mandate.covers(entry.key) or entry.id is None:
            raise OutOfReach("no such organisation")
        choose_alert_address(request.connection, request.agent, entry.id, email, request.now)
        return self.pages.redirect(f"/organisations/fiche?structure={structure}&alerte")

    def _entry(self, request: AgentRequest, structure: str) -> DirectoryEntry:
        mandate = require_mandate(request.connection, request.agent)
        entry = read_directory(request.connection, self.policy, mandate).get(read_key(structure))
        if entry is None:
            raise OutOfReach("no such organisation")
        return entry

    def _one(self, request: AgentRequest, structure: str, status: int = 200, email: str | None = None) -> Response:
        entry = self._entry(request, structure)
        ids = [] if entry.id is None else [entry.id]
        kept = alert_addresses(request.connection, ids)
        return self.pages.page(
            "organisation",
            request,
            status,
            entry=entry,
            alert_address=kept.get(entry.id or 0, "") if email is None else email,
            is_wrong=email is not None,
            done="alerte" in request.query,
        )
