"""The pages about appointments: the day and the search, one appointment, and what can be done there.

    /agents/rdv                    today and what comes, or what is searched for
    /agents/rdv/{id}               one appointment, with what was written (`?personne=` says whose)
    /agents/rdv/{id}/annulation    the question before it is cancelled, for all or for `?personne=`
    /agents/rdv/{id}/deblocage     the usager may cancel again after three wrong answers
    /agents/rdv/{id}/renvoi        what failed is sent again

As on the usager's pages, a GET only reads, and a POST redirects to a GET.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.appointment_actions import AgentCancellation, NotCancellable, cancel
from smsbot.agents.permissions import organisations_of, require_within_reach, row_id
from smsbot.agents.search import RunningSearches, TooManySearches
from smsbot.appointments.cancellation import Door
from smsbot.appointments.locks import unlock
from smsbot.diary.day_list import DiaryPage, DiaryQuery, read_diary
from smsbot.diary.dossier import read_dossier
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach
from smsbot.diary.sending_again import send_again
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Canceller, Status, Via
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer

LONGEST_WORD = 160
_REASONS = {"service": Status.REVOKED, "demande": Status.EXCUSED}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AppointmentPages:
    """The pages of appointments and of their cancellation."""

    door: Door
    guard: Guard
    pages: ConsolePages
    source_writes: Mapping[str, bool] = field(default_factory=dict)
    searches: RunningSearches = field(default_factory=RunningSearches)

    def routes(self) -> list[Route]:
        guard, one = self.guard, f"{PATH}/rdv/{{id}}"
        return [
            Route(f"{PATH}/rdv", guard.agents(self.diary), methods=["GET"]),
            Route(one, guard.agents(self.appointment), methods=["GET"]),
            Route(f"{one}/annulation", guard.agents(self.question), methods=["GET"]),
            Route(f"{one}/annulation", guard.agents_posting(self.cancel), methods=["POST"]),
            Route(f"{one}/deblocage", guard.agents_posting(self.unlock), methods=["POST"]),
            Route(f"{one}/renvoi", guard.agents_posting(self.send_again), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    def diary(self, request: AgentRequest) -> Response:
        query = dict(request.query)
        question = DiaryQuery.read(query, local(request.now, DEFAULT_TIME_ZONE).date())
        found = self._found(request, question)
        following = found.position and urlencode({**query, "apres": found.position.written()})
        kept = {name: value for name, value in query.items() if name in ("q", "jour") and value}
        return self.pages.page(
            "diary",
            request,
            question=question,
            days=found.days,
            following=following,
            kept=urlencode(kept),
            several=len(organisations_of(request.connection, request.agent)) > 1,
            erased="efface" in query,
        )

    def _found(self, request: AgentRequest, question: DiaryQuery) -> DiaryPage:
        if question.sought is None:
            return read_diary(request.connection, self.door.terms, request.agent, question, request.now)
        try:
            with self.searches.one_of(request.agent.id):
                return read_diary(request.connection, self.door.terms, request.agent, question, request.now)
        except TooManySearches:
            raise HTTPException(429, "This agent's other searches are still running.") from None

    def appointment(self, request: AgentRequest) -> Response:
        dossier = read_dossier(
            request.connection, self.door.terms, request.agent, request.id, _participation_id(request), request.now
        )
        words = ("annule", "demande", "deja", "debloque", "rien-a-debloquer", "renvoye", "pas-renvoye")
        done = next((word for word in words if word in request.query), None)
        return self.pages.page("appointment", request, dossier=dossier, entry=dossier.entry, done=done)

    def question(self, request: AgentRequest) -> Response:
        entry, participation = self._meant(request)
        wanted = entry.cancellable_participations
        if not (wanted if participation is None else participation in wanted):
            return self.pages.redirect(f"/rdv/{entry.appointment.id}")
        return self._question(request, entry, participation)

    # Doing ------------------------------------------------------------------------------------------------------------

    def cancel(self, request: AgentRequest, form: Fields) -> PageAnswer:
        status, word = _REASONS.get(form.get("raison", "")), " ".join(form.get("mot", "").split())
        if status is None or len(word) > LONGEST_WORD:
            problem = "raison" if status is None else "mot"
            return self._question(
                request, *self._meant(request), 422, problem=problem, word=word, reason=form.get("raison")
            )
        appointment_id, participation_id = request.id, _participation_id(request)
        canceller = Canceller(Actor.AGENT, Via.CONSOLE, status, agent=request.agent.email, word=word or None)
        require_within_reach(request.connection, request.agent, appointment_id, participation_id)
        outcome = None
        with suppress(NotCancellable):
            outcome = cancel(request.connection, self.door, appointment_id, participation_id, canceller, request.now)
        return partial(self._cancelled, appointment_id, outcome, request.agent.id)

    async def _cancelled(self, appointment_id: int, outcome: AgentCancellation | None, agent_id: int) -> Response:
        logger.info("cancelled in the console", outcome=outcome, appointment_id=appointment_id, agent_id=agent_id)
        done = "deja" if outcome is None else _DONE[outcome]
        return self.pages.redirect(f"/rdv/{appointment_id}?{done}")

    def unlock(self, request: AgentRequest, form: Fields) -> Response:
        appointment_id, participation_id = request.id, row_id(form.get("personne", ""))
        require_within_reach(request.connection, request.agent, appointment_id)
        unlocked = unlock(
            request.connection,
            appointment_id,
            participation_id,
            via=Via.CONSOLE,
            agent=request.agent.email,
            now=request.now,
        )
        done = "debloque" if unlocked else "rien-a-debloquer"
        return self.pages.redirect(f"/rdv/{appointment_id}?{done}&personne={participation_id}")

    def send_again(self, request: AgentRequest, form: Fields) -> Response:
        appointment_id, message_id = request.id, row_id(form.get("message", ""))
        person = f"&personne={row_id(form['personne'])}" if form.get("personne") else ""
        hindrance = send_again(request.connection, request.agent, message_id, request.now)
        done = "renvoye" if hindrance is None else "pas-renvoye"
        return self.pages.redirect(f"/rdv/{appointment_id}?{done}{person}#messages")

    # Underneath -------------------------------------------------------------------------------------------------------

    def _meant(self, request: AgentRequest) -> tuple[AppointmentEntry, ParticipationEntry | None]:
        """The appointment of the request, and the participation that is meant; None for all of them."""
        entry = entry_within_reach(request.connection, self.door.terms, request.agent, request.id)
        participation_id = _participation_id(request)
        return entry, None if participation_id is None else entry.participation(participation_id)

    def _question(
        self,
        request: AgentRequest,
        entry: AppointmentEntry,
        participation: ParticipationEntry | None,
        status: int = 200,
        *,
        problem: str | None = None,
        word: str = "",
        reason: str | None = None,
    ) -> Response:
        # An individual appointment is cancelled for all, whoever is meant.
        one = [participation] if participation is not None and entry.appointment.collective else None
        return self.pages.page(
            "cancellation",
            request,
            status,
            entry=entry,
            participation=participation,
            meant=one or entry.cancellable_participations,
            asks_source=self.door.asks_the_source(entry.appointment),
            source_writes=self.source_writes.get(entry.appointment.source, False),
            longest_word=LONGEST_WORD,
            problem=problem,
            word=word,
            reason=reason,
        )


_DONE = {
    AgentCancellation.CANCELLED: "annule",
    AgentCancellation.REQUESTED: "demande",
    AgentCancellation.ALREADY_CANCELLED: "deja",
}


def _participation_id(request: AgentRequest) -> int | None:
    """Our id in `?personne=`, None where it is not given. Raises OutOfReach where it cannot be an id."""
    asked_for = request.query.get("personne")
    return row_id(asked_for) if asked_for else None
