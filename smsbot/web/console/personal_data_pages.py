"""The pages with which an agent gives a person the data kept about them, or erases it, if the person asks for it.

    /agents/rdv/{id}/donnees          explains both, and has the buttons; `?personne=` says who asks
    /agents/rdv/{id}/donnees/lecture  shows the data, to read or to print
    /agents/rdv/{id}/donnees.json     gives all of it as a file
    /agents/rdv/{id}/effacement       erases it for good

Both cover the agent's organisations only. The agent must make sure that it is really the person who asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, row_id
from smsbot.appointments.terms import TermsBook
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach
from smsbot.retention.person import ContactAddress, names_of, traces_of
from smsbot.retention.personal_rights import ExportedData, StillComing, export, forget
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer
from smsbot.web.security import page_headers

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """Whose data is asked for: the participation from which the agent came, its number or address, and the
    organisations in which to search.
    """

    entry: AppointmentEntry
    participation: ParticipationEntry
    contact: ContactAddress
    organisations: Sequence[KnownOrganisation]

    @property
    def organisation_ids(self) -> list[int]:
        return [each.id for each in self.organisations]


@dataclass(frozen=True, slots=True)
class PersonalDataPages:
    """The pages to show and to erase a person's data."""

    database: Database
    terms: TermsBook
    guard: Guard
    pages: ConsolePages

    def routes(self) -> list[Route]:
        guard, one = self.guard, f"{PATH}/rdv/{{id}}"
        return [
            Route(f"{one}/donnees", guard.agents(self.page), methods=["GET"]),
            Route(f"{one}/donnees/lecture", guard.agents(self.show), methods=["GET"]),
            Route(f"{one}/donnees.json", guard.agents(self.hand_over), methods=["GET"]),
            Route(f"{one}/effacement", guard.agents_posting(self.erase), methods=["POST"]),
        ]

    def page(self, request: AgentRequest) -> Response:
        return self._page(request, self._asked(request, request.query.get("personne", "")))

    def show(self, request: AgentRequest) -> Response:
        asked, kept = self._kept(request)
        logger.info("personal data shown", agent_id=request.agent.id)
        return self.pages.page("kept", request, participation=asked.participation, kept=kept)

    def hand_over(self, request: AgentRequest) -> Response:
        _, kept = self._kept(request)
        headers = page_headers() | {"Content-Disposition": 'attachment; filename="donnees-conservees.json"'}
        logger.info("personal data handed over", agent_id=request.agent.id)
        return Response(json.dumps(kept, ensure_ascii=False, indent=2), 200, headers, "application/json")

    def erase(self, request: AgentRequest, form: Fields) -> PageAnswer:
        asked = self._asked(request, form.get("personne", ""))
        if form.get("certain") != "oui":
            return self._page(request, asked, 422, problem="certain")
        try:
            forget(
                request.connection,
                asked.contact,
                request.now,
                organisation_ids=asked.organisation_ids,
                including_coming=form.get("meme-a-venir") == "oui",
            )
        except StillComing as problem:
            return self._page(request, asked, 422, coming=problem.number)
        return partial(self._erased, request.agent.id)

    async def _erased(self, agent_id: int) -> Response:
        await self.database.truncate_log()
        logger.info("personal data erased", agent_id=agent_id)
        return self.pages.redirect("/rdv?efface")

    def _page(self, request: AgentRequest, asked: AskedPerson, status: int = 200, **values: object) -> Response:
        traces = traces_of(request.connection, asked.contact, request.now, asked.organisation_ids)
        return self.pages.page(
            "personal_data",
            request,
            status,
            entry=asked.entry,
            participation=asked.participation,
            organisations=asked.organisations,
            names=names_of(request.connection, traces),
            **values,
        )

    def _kept(self, request: AgentRequest) -> tuple[AskedPerson, ExportedData]:
        asked = self._asked(request, request.query.get("personne", ""))
        kept = export(request.connection, asked.contact, request.now, organisation_ids=asked.organisation_ids)
        return asked, kept

    def _asked(self, request: AgentRequest, participation_id: str) -> AskedPerson:
        """The person whose data is asked for.

        Raises OutOfReach if the participation is not within the agent's reach, or if it has neither a number nor an
        address by which the rest could be found.
        """
        entry = entry_within_reach(request.connection, self.terms, request.agent, request.id, request.now)
        participation = entry.participation(row_id(participation_id))
        own = organisations_of(request.connection, request.agent)
        return AskedPerson(entry, participation, _contact(participation), own)


def _contact(participation: ParticipationEntry) -> ContactAddress:
    if participation.phone:
        return ContactAddress(phone=participation.phone)
    if participation.email:
        return ContactAddress(email=participation.email.lower())
    raise OutOfReach("nothing to find the person by")
