"""The pages about appointments: the day and the search, one appointment, and what can be done there.

    /agents/rdv                    today and what comes, or what is searched for
    /agents/rdv/{id}               one appointment, with what was written (`?personne=` says whose)
    /agents/rdv/{id}/annulation    the question before it is cancelled, for all or for `?personne=`
    /agents/rdv/{id}/deblocage     the usager may cancel again after three wrong answers
    /agents/rdv/{id}/renvoi        what failed is sent again

As on the usager's pages every GET only looks, and every POST leads on to a GET.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

import structlog
from sqlalchemy import Connection, select
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.cancelling import AgentCancellation, NotCancellable, cancel
from smsbot.agents.permissions import organisations_of, row_id
from smsbot.appointments.cancellation import Canceller, Door
from smsbot.appointments.locks import unlock
from smsbot.diary.correspondence import Line, ReceivedMessage, WrittenMessage, correspondence_with
from smsbot.diary.day_list import DiaryPage, Question, read_diary
from smsbot.diary.entries import Entry, Guest, entry_within_reach
from smsbot.diary.sending_again import send_again
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import audit
from smsbot.web.console.console_page import PATH, ConsolePages, Desk
from smsbot.web.console.guard import Fields, Guard

LONGEST_WORD = 160
_REASONS = {"service": Status.REVOKED, "demande": Status.EXCUSED}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to an appointment, as the audit has it; `agent` is an e-mail address."""

    at: datetime
    act: str
    by: str
    way: str
    agent: str | None
    participation_id: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One appointment as its page tells it. `guest` is whose messages are shown; None where several could be meant."""

    entry: Entry
    guest: Guest | None
    lines: Sequence[Line]
    acts: Sequence[Act]

    @property
    def segments(self) -> int:
        """What the SMS shown have cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_sent)

    @property
    def segments_under_way(self) -> int:
        """What they are still to cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_under_way)

    @property
    def waiting_message(self) -> int | None:
        """One that waits in the inbox."""
        return next((line.id for line in self.lines if isinstance(line, ReceivedMessage) and line.is_waiting), None)

    @property
    def _written(self) -> Iterator[WrittenMessage]:
        return (line for line in self.lines if isinstance(line, WrittenMessage))


@dataclass(frozen=True, slots=True)
class AppointmentPages:
    """The day, an appointment, its cancellation."""

    database: Database
    door: Door
    guard: Guard
    pages: ConsolePages

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

    async def diary(self, desk: Desk) -> Response:
        query = dict(desk.request.query_params)
        question = Question.read(query, local(desk.now, DEFAULT_TIME_ZONE).date())

        def look(connection: Connection) -> tuple[DiaryPage, int]:
            found = read_diary(connection, self.door.terms, desk.agent, question, desk.now)
            return found, len(organisations_of(connection, desk.agent))

        found, organisations = await self.database.read(look)
        following = found.position and urlencode({**query, "apres": found.position.written()})
        kept = {name: value for name, value in query.items() if name in ("q", "jour") and value}
        return self.pages.page(
            "diary",
            desk,
            question=question,
            days=found.days,
            following=following,
            kept=urlencode(kept),
            several=organisations > 1,
            erased="efface" in query,
        )

    async def appointment(self, desk: Desk) -> Response:
        dossier = await self._dossier(desk)
        query = desk.request.query_params
        done = next((word for word in ("annule", "deja", "debloque", "renvoye", "pas-renvoye") if word in query), None)
        return self.pages.page("appointment", desk, dossier=dossier, entry=dossier.entry, done=done)

    async def question(self, desk: Desk) -> Response:
        entry, guest = await self._meant(desk)
        if not _can_be_cancelled(entry, guest):
            return self.pages.redirect(f"/rdv/{entry.appointment.id}")
        return self._question(desk, entry, guest)

    # Doing ------------------------------------------------------------------------------------------------------------

    async def cancel(self, desk: Desk, form: Fields) -> Response:
        entry, guest = await self._meant(desk)
        appointment_id = entry.appointment.id
        status, word = _REASONS.get(form.get("raison", "")), " ".join(form.get("mot", "").split())
        if status is None or len(word) > LONGEST_WORD:
            problem = "raison" if status is None else "mot"
            return self._question(desk, entry, guest, 422, problem=problem, word=word, reason=form.get("raison"))
        canceller = Canceller(Actor.AGENT, Via.CONSOLE, status, agent=desk.agent.email, word=word or None)

        def work(connection: Connection) -> AgentCancellation | None:
            entry_within_reach(connection, self.door.terms, desk.agent, appointment_id)
            try:
                return cancel(connection, self.door, appointment_id, guest.id if guest else None, canceller, desk.now)
            except NotCancellable:
                return None

        outcome = await self.database.write(work)
        logger.info("cancelled in the console", outcome=outcome, appointment_id=appointment_id, agent_id=desk.agent.id)
        return self.pages.redirect(
            f"/rdv/{appointment_id}?{'annule' if outcome is AgentCancellation.CANCELLED else 'deja'}"
        )

    async def unlock(self, desk: Desk, form: Fields) -> Response:
        appointment_id = row_id(desk.request.path_params["id"])
        participation_id = row_id(form.get("personne", ""))

        def work(connection: Connection) -> None:
            entry_within_reach(connection, self.door.terms, desk.agent, appointment_id)
            unlock(
                connection,
                appointment_id,
                participation_id,
                via=Via.CONSOLE,
                agent=desk.agent.email,
                now=desk.now,
            )

        await self.database.write(work)
        return self.pages.redirect(f"/rdv/{appointment_id}?debloque&personne={participation_id}")

    async def send_again(self, desk: Desk, form: Fields) -> Response:
        appointment_id = row_id(desk.request.path_params["id"])
        message_id = row_id(form.get("message", ""))

        hindrance = await self.database.write(
            lambda connection: send_again(connection, desk.agent, message_id, desk.now)
        )
        done = "renvoye" if hindrance is None else "pas-renvoye"
        person = f"&personne={row_id(form['personne'])}" if form.get("personne") else ""
        return self.pages.redirect(f"/rdv/{appointment_id}?{done}{person}#messages")

    # Underneath -------------------------------------------------------------------------------------------------------

    async def _dossier(self, desk: Desk) -> Dossier:
        asked_for = desk.request.query_params.get("personne")

        def look(connection: Connection) -> Dossier:
            entry = self._entry(connection, desk)
            guest = entry.guest(row_id(asked_for)) if asked_for else entry.guests[0] if len(entry.guests) == 1 else None
            lines: Sequence[Line] = ()
            if guest is not None:
                lines = correspondence_with(
                    connection,
                    desk.agent,
                    desk.now,
                    phone=guest.phone,
                    appointment_id=entry.appointment.id,
                    participation_id=guest.id,
                )
            return Dossier(entry, guest, lines, _acts(connection, entry.appointment.id))

        return await self.database.read(look)

    async def _meant(self, desk: Desk) -> tuple[Entry, Guest | None]:
        """The appointment, and the one whose participation is meant; None for all of it."""
        asked_for = desk.request.query_params.get("personne")
        entry = await self.database.read(lambda connection: self._entry(connection, desk))
        return entry, entry.guest(row_id(asked_for)) if asked_for else None

    def _entry(self, connection: Connection, desk: Desk) -> Entry:
        appointment_id = row_id(desk.request.path_params["id"])
        return entry_within_reach(connection, self.door.terms, desk.agent, appointment_id)

    def _question(
        self,
        desk: Desk,
        entry: Entry,
        guest: Guest | None,
        status: int = 200,
        *,
        problem: str | None = None,
        word: str = "",
        reason: str | None = None,
    ) -> Response:
        # In an individual appointment it ends for all, whoever is meant.
        meant = [guest] if guest is not None and entry.appointment.collective else entry.coming_guests
        return self.pages.page(
            "cancellation",
            desk,
            status,
            entry=entry,
            guest=guest,
            meant=meant,
            longest_word=LONGEST_WORD,
            problem=problem,
            word=word,
            reason=reason,
        )


def _can_be_cancelled(entry: Entry, guest: Guest | None) -> bool:
    return guest.is_coming if guest is not None else bool(entry.coming_guests)


def _acts(connection: Connection, appointment_id: int) -> Sequence[Act]:
    """What was done to it, in order."""
    columns = (audit.c[field.name] for field in fields(Act))
    rows = connection.execute(select(*columns).where(audit.c.appointment_id == appointment_id).order_by(audit.c.id))
    return [Act(*row) for row in rows]
