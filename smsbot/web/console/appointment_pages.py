"""The pages about appointments: the day and the search, one appointment, and what can be done there.

    /agents/rdv                    the appointments of a day, or those that a search finds
    /agents/rdv.csv                the same as a file for spreadsheets
    /agents/rdv/{id}               one appointment, with its messages (`?personne=` says of which person)
    /agents/rdv/{id}/annulation    asks, then cancels it for all, or for the person in `?personne=`
    /agents/rdv/{id}/annulation/apercu    what people would read, for the script
    /agents/rdv/{id}/retablissement    takes a cancellation back, before anybody is told
    /agents/rdv/{id}/deblocage     lets the usager cancel again after three wrong answers
    /agents/rdv/{id}/renvoi        sends a message again that failed

As on the usager's pages, a GET only reads, and a POST redirects to a GET.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.appointment_actions import (
    AgentCancellation,
    NotCancellable,
    NotTakenBack,
    cancel_as_agent,
    take_back_as_agent,
)
from smsbot.agents.permissions import organisations_of, require_within_reach, row_id
from smsbot.agents.search import RunningSearches, TooManySearches
from smsbot.appointments.cancellation import TAKE_BACK_WITHIN, Door
from smsbot.appointments.locks import unlock
from smsbot.appointments.participation_queries import participations_by_id
from smsbot.diary.day_file import MOST_IN_A_FILE, diary_csv
from smsbot.diary.day_list import read_diary, read_whole_diary
from smsbot.diary.diary_query import DiaryQuery
from smsbot.diary.dossier import read_dossier
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach
from smsbot.diary.sending_again import send_again
from smsbot.logs import about
from smsbot.messages.fitting import one_line
from smsbot.messages.french_dates import local
from smsbot.messages.sms import MOST_WORD_SEPTETS, excess_of_word, room_of_word
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Canceller, Status, Via
from smsbot.notifications.herald import Herald
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, csv_file
from smsbot.web.console.guard import Fields, Guard, PageAnswer

T = TypeVar("T")

_REASONS = {"service": Status.REVOKED, "demande": Status.EXCUSED}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AppointmentPages:
    """The pages of appointments and of their cancellation. `segment_price` is in euros, None if it is not set."""

    door: Door
    herald: Herald
    guard: Guard
    pages: ConsolePages
    segment_price: Decimal | None = None
    source_writes: Mapping[str, bool] = field(default_factory=dict)
    searches: RunningSearches = field(default_factory=RunningSearches)

    def routes(self) -> list[Route]:
        guard, one = self.guard, f"{PATH}/rdv/{{id}}"
        return [
            Route(f"{PATH}/rdv", guard.agents(self.diary), methods=["GET"]),
            Route(f"{PATH}/rdv.csv", guard.agents(self.hand_over), methods=["GET"]),
            Route(one, guard.agents(self.appointment), methods=["GET"]),
            Route(f"{one}/annulation", guard.agents(self.question), methods=["GET"]),
            Route(f"{one}/annulation", guard.agents_posting(self.cancel), methods=["POST"]),
            Route(f"{one}/annulation/apercu", guard.agents_posting(self.foretell, writes=False), methods=["POST"]),
            Route(f"{one}/retablissement", guard.agents_posting(self.take_back), methods=["POST"]),
            Route(f"{one}/deblocage", guard.agents_posting(self.unlock), methods=["POST"]),
            Route(f"{one}/renvoi", guard.agents_posting(self.send_again), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    def diary(self, request: AgentRequest) -> Response:
        question = self._asked(request)
        found = self._searched(request, question, read_diary)

        def at(page: str = "rdv", **changes: object) -> str:
            """The address of this list, in which `changes` replace parameters of the present one."""
            wanted = question.parameters | {name: str(value or "") for name, value in changes.items()}
            written = urlencode({name: value for name, value in wanted.items() if value})
            return f"{self.pages.base}/{page}" + (f"?{written}" if written else "")

        return self.pages.page(
            "diary",
            request,
            question=question,
            days=found.days,
            at=at,
            following=found.position and at(apres=found.position.written()),
            matters=found.matters,
            organisations=organisations_of(request.connection, request.agent),
            a_day=timedelta(days=1),
            erased="efface" in request.query,
        )

    def hand_over(self, request: AgentRequest) -> Response:
        """All pages of the list, as CSV."""
        question = replace(self._asked(request), after=None)
        found = self._searched(request, question, partial(read_whole_diary, most=MOST_IN_A_FILE + 1))
        words = dict(line.split(": ", 1) for line in self.pages.text("diary_csv.txt").splitlines())
        text = diary_csv(found[:MOST_IN_A_FILE], words, is_whole=len(found) <= MOST_IN_A_FILE)
        logger.info("appointments handed over", agent_id=request.agent.id, appointments=len(found))
        day = question.asked_day or local(request.now, DEFAULT_TIME_ZONE).date()
        return csv_file(text, f"rendez-vous-{day}.csv")

    def _asked(self, request: AgentRequest) -> DiaryQuery:
        return DiaryQuery.read(request.query, local(request.now, DEFAULT_TIME_ZONE).date())

    def _searched(self, request: AgentRequest, question: DiaryQuery, read: Callable[..., T]) -> T:
        """What `read` finds. Raises HTTPException 429 if this agent has too many searches running."""
        asked = (request.connection, self.door.terms, request.agent, question, request.now)
        if not question.is_search:
            return read(*asked)
        try:
            with self.searches.one_of(request.agent.id):
                return read(*asked)
        except TooManySearches:
            raise HTTPException(429, "This agent's other searches are still running.") from None

    def appointment(self, request: AgentRequest) -> Response:
        dossier = read_dossier(
            request.connection, self.door.terms, request.agent, request.id, _participation_id(request), request.now
        )
        done = next((word for word in _DONE_WORDS if word in request.query), None)
        seconds = int(TAKE_BACK_WITHIN.total_seconds())
        return self.pages.page(
            "appointment", request, dossier=dossier, entry=dossier.entry, done=done, take_back_seconds=seconds
        )

    def question(self, request: AgentRequest) -> Response:
        entry, participation = self._meant(request)
        wanted = entry.cancellable_participations
        if not (wanted if participation is None else participation in wanted):
            return self.pages.redirect(f"/rdv/{entry.appointment.id}")
        return self._question(request, entry, participation)

    # Doing ------------------------------------------------------------------------------------------------------------

    def cancel(self, request: AgentRequest, form: Fields) -> PageAnswer:
        status, word = _REASONS.get(form.get("raison", "")), one_line(form.get("mot", ""))
        if status is None or excess_of_word(word):
            problem = "raison" if status is None else "mot"
            return self._question(
                request, *self._meant(request), 422, problem=problem, word=word, reason=form.get("raison")
            )
        if form.get("bouton") == "apercu":
            return self._question(request, *self._meant(request), word=word, reason=form.get("raison"), preview=True)
        appointment_id, participation_id = request.id, _participation_id(request)
        canceller = Canceller(
            Actor.AGENT, Via.CONSOLE, status, agent=request.agent.email, word=word or None, hold=TAKE_BACK_WITHIN
        )
        concerned = require_within_reach(request.connection, request.agent, appointment_id, participation_id)
        outcome = None
        with suppress(NotCancellable):
            outcome = cancel_as_agent(
                request.connection, self.door, appointment_id, participation_id, canceller, request.now
            )
        done = "deja" if outcome is None else _DONE[outcome]
        return partial(self._done, "cancelled in the console", outcome, concerned, request, done)

    async def _done(
        self, event: str, outcome: str | None, concerned: Mapping[int, str], request: AgentRequest, done: str
    ) -> Response:
        """Log what was done, one line for each person concerned, and show it. Called after the commit."""
        ids = {"appointment_id": request.id, "agent_id": request.agent.id}
        for participation_id, contact in concerned.items():
            with about(contact):
                logger.info(event, outcome=outcome, participation_id=participation_id, **ids)
        return self.pages.redirect(f"/rdv/{request.id}?{done}")

    def take_back(self, request: AgentRequest, form: Fields) -> PageAnswer:
        appointment_id, participation_id = request.id, row_id(form.get("personne", ""))
        concerned = require_within_reach(request.connection, request.agent, appointment_id, participation_id)
        done = "retabli"
        try:
            take_back_as_agent(
                request.connection,
                self.door,
                appointment_id,
                participation_id,
                request.agent.email,
                Via.CONSOLE,
                request.now,
            )
        except NotTakenBack:
            done = "trop-tard"
        return partial(self._done, "taken back in the console", done, concerned, request, done)

    def foretell(self, request: AgentRequest, form: Fields) -> Response:
        entry, participation = self._meant(request)
        status = _REASONS.get(form.get("raison", ""), Status.REVOKED)
        values = self._foretold(request, entry.concerned_by(participation), status, one_line(form.get("mot", "")))
        return self.pages.part("_foretold", request, **values)

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
        """The appointment of the request, and the participation in `?personne=`; None means all participations."""
        entry = entry_within_reach(request.connection, self.door.terms, request.agent, request.id, request.now)
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
        preview: bool = False,
    ) -> Response:
        """The page that asks before cancelling. `preview` also shows what people would read."""
        meant = entry.concerned_by(participation)
        foretold = {"foretold": None, "excess": excess_of_word(word)}
        if preview:
            foretold = self._foretold(request, meant, _REASONS[reason or ""], word)
        return self.pages.page(
            "cancellation",
            request,
            status,
            entry=entry,
            participation=participation,
            meant=meant,
            asks_source=self.door.asks_the_source(entry.appointment),
            source_writes=self.source_writes.get(entry.appointment.source, False),
            longest_word=MOST_WORD_SEPTETS,
            **foretold,
            problem=problem,
            word=word,
            reason=reason,
        )

    def _foretold(
        self, request: AgentRequest, meant: Sequence[ParticipationEntry], status: Status, word: str
    ) -> dict[str, Any]:
        """What people would read, for the template: each text, its segments, and how many telephones get it."""
        excess, written = excess_of_word(word), Counter[tuple[str, int]]()
        if not excess:
            canceller = Canceller(Actor.AGENT, Via.CONSOLE, status, agent=request.agent.email, word=word or None)
            concerned = list(participations_by_id(request.connection, [one.id for one in meant]).values())
            for message in self.herald.foretell(request.connection, concerned, canceller, request.now):
                written[message.body, message.segments or 1] += 1
        return {
            "foretold": written,
            "excess": excess,
            "room": room_of_word(word),
            "segment_price": self.segment_price,
        }


_DONE_WORDS = (
    *("annule", "demande", "deja", "retabli", "trop-tard", "debloque", "rien-a-debloquer", "renvoye", "pas-renvoye"),
    *("ecrit", "pas-ecrit"),
)
_DONE = {
    AgentCancellation.CANCELLED: "annule",
    AgentCancellation.REQUESTED: "demande",
    AgentCancellation.ALREADY_CANCELLED: "deja",
}


def _participation_id(request: AgentRequest) -> int | None:
    """Our id in `?personne=`, or None if there is none. Raises OutOfReach if the text cannot be an id."""
    asked_for = request.query.get("personne")
    return row_id(asked_for) if asked_for else None
