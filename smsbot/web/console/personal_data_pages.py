"""What is kept about a person: to be handed over, or erased, at their request.

    /agents/rdv/{id}/donnees          what there is to know before, and the buttons (`?personne=`)
    /agents/rdv/{id}/donnees/lecture  what is kept, to be read or printed
    /agents/rdv/{id}/donnees.json     all of it, as a file
    /agents/rdv/{id}/effacement       erases it, for good

Both go as far as the agent's organisations. Whether it is really the person who asks is for the agent to make sure of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, row_id
from smsbot.appointments.terms import TermsBook
from smsbot.diary.entries import Entry, Guest, entry_within_reach
from smsbot.retention.exporting import Json, export
from smsbot.retention.forgetting import StillComing, forget
from smsbot.retention.person import ContactAddress, traces_of
from smsbot.store.database import Database
from smsbot.store.tables import participations
from smsbot.web.console.console_page import PATH, ConsolePages, Desk
from smsbot.web.console.guard import Fields, Guard
from smsbot.web.security import page_headers

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """By whose participation it is asked for, and how far that goes: `names` are of all who are reached as they are."""

    entry: Entry
    guest: Guest
    names: Sequence[str]
    organisations: Sequence[KnownOrganisation]


@dataclass(frozen=True, slots=True)
class PersonalDataPages:
    """The two rights that have a button."""

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

    async def page(self, desk: Desk) -> Response:
        return await self._page(desk, desk.request.query_params.get("personne", ""))

    async def show(self, desk: Desk) -> Response:
        guest, kept = await self._kept(desk)
        logger.info("personal data shown", agent_id=desk.agent.id)
        return self.pages.page("kept", desk, guest=guest, kept=kept)

    async def hand_over(self, desk: Desk) -> Response:
        _, kept = await self._kept(desk)
        headers = page_headers() | {"Content-Disposition": 'attachment; filename="donnees-conservees.json"'}
        logger.info("personal data handed over", agent_id=desk.agent.id)
        return Response(json.dumps(kept, ensure_ascii=False, indent=2), 200, headers, "application/json")

    async def erase(self, desk: Desk, form: Fields) -> Response:
        participation_id = form.get("personne", "")
        including_coming = form.get("meme-a-venir") == "oui"

        def work(connection: Connection) -> None:
            _, guest = self._meant(connection, desk, participation_id)
            forget(
                connection,
                _contact(guest),
                desk.now,
                organisation_ids=_own(connection, desk),
                including_coming=including_coming,
            )

        if form.get("certain") != "oui":
            return await self._page(desk, participation_id, 422, problem="certain")
        try:
            await self.database.write(work)
        except StillComing as problem:
            return await self._page(desk, participation_id, 422, coming=problem.number)
        logger.info("personal data erased", agent_id=desk.agent.id)
        return self.pages.redirect("/rdv?efface")

    async def _page(self, desk: Desk, participation_id: str, status: int = 200, **values: object) -> Response:
        def look(connection: Connection) -> AskedPerson:
            entry, guest = self._meant(connection, desk, participation_id)
            own = organisations_of(connection, desk.agent)
            return AskedPerson(entry, guest, _names(connection, guest, desk, [each.id for each in own]), own)

        asked = await self.database.read(look)
        return self.pages.page(
            "personal_data", desk, status, asked=asked, entry=asked.entry, guest=asked.guest, **values
        )

    async def _kept(self, desk: Desk) -> tuple[Guest, Json]:
        participation_id = desk.request.query_params.get("personne", "")

        def look(connection: Connection) -> tuple[Guest, Json]:
            _, guest = self._meant(connection, desk, participation_id)
            return guest, export(connection, _contact(guest), desk.now, organisation_ids=_own(connection, desk))

        return await self.database.read(look)

    def _meant(self, connection: Connection, desk: Desk, participation_id: str) -> tuple[Entry, Guest]:
        """Raises OutOfReach, also for somebody of whom nothing is kept by which to find the rest."""
        entry = entry_within_reach(connection, self.terms, desk.agent, row_id(desk.request.path_params["id"]))
        guest = entry.guest(row_id(participation_id))
        _contact(guest)
        return entry, guest


def _contact(guest: Guest) -> ContactAddress:
    if guest.phone:
        return ContactAddress(phone=guest.phone)
    if guest.email:
        return ContactAddress(email=guest.email.lower())
    raise OutOfReach("nothing to find the person by")


def _names(connection: Connection, guest: Guest, desk: Desk, organisation_ids: Sequence[int]) -> Sequence[str]:
    """Of all whom it concerns: a family as a rule, where the number is shared."""
    ids = traces_of(connection, _contact(guest), desk.now, organisation_ids).participation_ids
    columns = (participations.c.first_name, participations.c.last_name)
    rows = connection.execute(select(*columns).where(participations.c.id.in_(ids)).order_by(participations.c.id))
    names = (" ".join(name for name in row if name) for row in rows)
    return list(dict.fromkeys(name for name in names if name))


def _own(connection: Connection, desk: Desk) -> list[int]:
    return [each.id for each in organisations_of(connection, desk.agent)]
