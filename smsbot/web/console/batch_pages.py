"""The pages for many appointments at once, and for writing to the people of one appointment.

/agents/ensemble               chooses appointments by `?jour=`, `?de=`, `?a=`, `?organisation=` and `?lieu=`, or one by
                               one by `?rdv=`
/agents/ensemble (POST)        shows what would be sent, then begins the batch
/agents/ensemble/{id}          how far the batch is, and the result for each appointment
/agents/ensemble/{id}/etat     the same for the script
/agents/ensemble/{id}/arret    stops the batch
/agents/rdv/{id}/message       sends a message to the people of one appointment, without cancelling it
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import organisations_of, read_id, require_within_reach, row_id, within_reach
from smsbot.agents.search import NoSuchDay, read_day
from smsbot.appointments.cancellation import TAKE_BACK_WITHIN, Door
from smsbot.appointments.participation_queries import participations_by_id
from smsbot.batches.choosing import MOST_TOGETHER, BatchChoice, TooMany, choose, foretell
from smsbot.batches.records import (
    BatchAct,
    BatchOutcome,
    BatchState,
    NewBatch,
    begin_batch,
    read_batch,
    stop_batch,
)
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach, read_entries
from smsbot.diary.matters import read_matters
from smsbot.messages.fitting import one_line
from smsbot.messages.french_dates import local
from smsbot.messages.sms import MOST_WORD_SEPTETS, excess_of_word, room_of_word
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Canceller, Status, Via
from smsbot.notifications.herald import Herald
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer

_KEPT = "avec"
"""Names the checkbox of an appointment in the form: this word, then our id of the appointment."""
_ACTS = {"annuler": BatchAct.CANCEL, "ecrire": BatchAct.WRITE}
_HOUR = re.compile(r"([0-9]{1,2})(?: ?[h:]([0-9]{2})?)?", re.IGNORECASE)
_LAST_HOUR, _LAST_MINUTE = 23, 59
_PLACES_AHEAD = timedelta(days=60)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BatchPages:
    """The pages of batches. `segment_price` is in euros, None if it is not set."""

    door: Door
    herald: Herald
    guard: Guard
    pages: ConsolePages
    segment_price: Decimal | None = None

    def routes(self) -> list[Route]:
        guard, one = self.guard, f"{PATH}/ensemble/{{id}}"
        return [
            Route(f"{PATH}/ensemble", guard.agents(self.choice), methods=["GET"]),
            Route(f"{PATH}/ensemble", guard.agents_posting(self.begin), methods=["POST"]),
            Route(one, guard.agents(self.progress), methods=["GET"]),
            Route(f"{one}/etat", guard.agents_listening(self.state), methods=["GET"]),
            Route(f"{one}/arret", guard.agents_posting(self.stop), methods=["POST"]),
            Route(f"{PATH}/rdv/{{id}}/message", guard.agents(self.message), methods=["GET"]),
            Route(f"{PATH}/rdv/{{id}}/message", guard.agents_posting(self.write), methods=["POST"]),
        ]

    # Choosing ---------------------------------------------------------------------------------------------------------

    def choice(self, request: AgentRequest) -> Response:
        choice, problem = _read_choice(request)
        found: Sequence[AppointmentEntry] = ()
        is_asked = choice.day is not None or choice.ids is not None
        if is_asked and problem is None:
            try:
                found = choose(request.connection, self.door.terms, choice, within_reach(request.agent), request.now)
            except TooMany:
                problem = "trop"
        matters = read_matters(
            request.connection, self.door.terms, request.agent, request.now, request.now + _PLACES_AHEAD
        )
        return self.pages.page(
            "batch_choice",
            request,
            200 if problem is None else 422,
            query=request.query,
            is_asked=is_asked,
            problem=problem,
            found=found,
            ids=_joined(found),
            organisations=organisations_of(request.connection, request.agent),
            places=matters.places,
            most=MOST_TOGETHER,
            act=None,
            word="",
            longest_word=MOST_WORD_SEPTETS,
        )

    # Doing ------------------------------------------------------------------------------------------------------------

    def begin(self, request: AgentRequest, form: Fields) -> PageAnswer:
        act, word = _ACTS.get(form.get("acte", "")), one_line(form.get("mot", ""))
        shown = _split(form.get("lesquels", ""))
        ids = [each for each in shown if f"{_KEPT}{each}" in form] if "choisis" in form else shown
        choice = BatchChoice(ids=tuple((ids or shown)[:MOST_TOGETHER]))
        entries = choose(request.connection, self.door.terms, choice, within_reach(request.agent), request.now)
        if not entries:
            require_within_reach(request.connection, request.agent, shown[0] if shown else 0)
            return self.pages.redirect("/ensemble?rdv=0")
        problem = None
        if not ids and shown:
            problem = "aucun"
        elif act is None:
            problem = "acte"
        elif excess_of_word(word):
            problem = "mot"
        elif act is BatchAct.WRITE and not word:
            problem = "vide"
        if problem is not None or act is None or form.get("bouton") != "faire":
            return self._preview(request, entries, act, word, problem)
        begins_at = request.now + (TAKE_BACK_WITHIN if act is BatchAct.CANCEL else timedelta(0))
        status = Status.REVOKED if act is BatchAct.CANCEL else None
        new = NewBatch(act, Via.CONSOLE, request.agent, status, word or None, begins_at)
        batch_id = begin_batch(request.connection, new, [entry.appointment.id for entry in entries], request.now)
        agent_id, number = request.agent.id, len(entries)

        async def begun() -> Response:
            logger.info("batch begun", batch_id=batch_id, act=act.value, agent_id=agent_id, appointments=number)
            return self.pages.redirect(f"/ensemble/{batch_id}")

        return begun

    def stop(self, request: AgentRequest, _form: Fields) -> Response:
        batch = read_batch(request.connection, request.id, request.agent)
        stop_batch(request.connection, batch.id, request.now)
        return self.pages.redirect(f"/ensemble/{batch.id}")

    def _preview(
        self,
        request: AgentRequest,
        entries: Sequence[AppointmentEntry],
        act: BatchAct | None,
        word: str,
        problem: str | None,
    ) -> Response:
        """The page before the batch begins: it shows what people would get, or what is wrong with the form.

        Each appointment has a checkbox, which is marked at first. An agent leaves an appointment out by unmarking it.
        """
        foretold = None
        if problem in (None, "aucun") and act is not None:
            foretold = foretell(
                request.connection, self.herald, entries, _canceller(request, act, word), word, request.now
            )
        return self.pages.page(
            "batch_preview",
            request,
            200 if problem is None else 422,
            entries=entries,
            ids=_joined(entries),
            kept=_KEPT,
            act=next((name for name, each in _ACTS.items() if each is act), None),
            word=word,
            problem=problem,
            excess=excess_of_word(word),
            foretold=foretold,
            segment_price=self.segment_price,
            longest_word=MOST_WORD_SEPTETS,
            asks_source=any(self.door.asks_the_source(entry.appointment) for entry in entries),
        )

    # How far it is ----------------------------------------------------------------------------------------------------

    def progress(self, request: AgentRequest) -> Response:
        return self.pages.page("batch", request, **self._standing(request))

    def state(self, request: AgentRequest) -> Response:
        return self.pages.part("_batch_state", request, **self._standing(request))

    def _standing(self, request: AgentRequest) -> dict[str, Any]:
        batch = read_batch(request.connection, request.id, request.agent)
        entries = read_entries(
            request.connection, self.door.terms, [item.appointment_id for item in batch.items], request.now
        )
        return {
            "batch": batch,
            "entries": {entry.appointment.id: entry for entry in entries},
            "counts": Counter(item.outcome for item in batch.items if item.outcome is not None),
            "is_running": batch.state is BatchState.RUNNING,
            "seconds": max(int((batch.begins_at - request.now).total_seconds()), 0),
            "outcomes": BatchOutcome,
        }

    # One appointment --------------------------------------------------------------------------------------------------

    def message(self, request: AgentRequest) -> Response:
        entry, concerned = self._meant(request)
        if not concerned:
            return self.pages.redirect(f"/rdv/{entry.appointment.id}")
        return self._message(request, entry, concerned)

    def write(self, request: AgentRequest, form: Fields) -> PageAnswer:
        entry, concerned = self._meant(request)
        word, appointment_id = one_line(form.get("mot", "")), entry.appointment.id
        if not concerned:
            return self.pages.redirect(f"/rdv/{appointment_id}")
        if not word or excess_of_word(word):
            return self._message(request, entry, concerned, 422, word=word, problem="mot" if word else "vide")
        if form.get("bouton") == "apercu":
            return self._message(request, entry, concerned, word=word, preview=True)
        people = _participations(request.connection, concerned)
        number = self.herald.write(
            request.connection, people, word, request.now, agent=request.agent.email, via=Via.CONSOLE
        )
        agent_id = request.agent.id

        async def written() -> Response:
            logger.info("written to first", appointment_id=appointment_id, agent_id=agent_id, messages=number)
            return self.pages.redirect(f"/rdv/{appointment_id}?{'ecrit' if number else 'pas-ecrit'}")

        return written

    def _meant(self, request: AgentRequest) -> tuple[AppointmentEntry, Sequence[ParticipationEntry]]:
        """The appointment, and the people to write to: all who are still expected, or the one in `?personne=`."""
        entry = entry_within_reach(request.connection, self.door.terms, request.agent, request.id, request.now)
        asked_for = request.query.get("personne")
        if not asked_for:
            return entry, entry.coming_participations
        one = entry.participation(row_id(asked_for))
        return entry, [one] if one.is_coming else []

    def _message(
        self,
        request: AgentRequest,
        entry: AppointmentEntry,
        concerned: Sequence[ParticipationEntry],
        status: int = 200,
        *,
        word: str = "",
        problem: str | None = None,
        preview: bool = False,
    ) -> Response:
        ways = None
        if preview:
            people = _participations(request.connection, concerned)
            ways = self.herald.foretell_word(request.connection, people, word, request.now)
        written = None if ways is None else Counter((one.body, one.segments or 1) for one in ways.sms)
        return self.pages.page(
            "writing",
            request,
            status,
            entry=entry,
            concerned=concerned,
            word=word,
            problem=problem,
            excess=excess_of_word(word),
            room=room_of_word(word),
            foretold=written,
            emails=0 if ways is None else ways.emails,
            segment_price=self.segment_price,
            longest_word=MOST_WORD_SEPTETS,
            personne=request.query.get("personne", ""),
        )


def _canceller(request: AgentRequest, act: BatchAct, word: str) -> Canceller | None:
    if act is BatchAct.WRITE:
        return None
    return Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED, agent=request.agent.email, word=word or None)


def _participations(connection: Connection, concerned: Sequence[ParticipationEntry]) -> list[Any]:
    return list(participations_by_id(connection, [one.id for one in concerned]).values())


def _read_choice(request: AgentRequest) -> tuple[BatchChoice, str | None]:
    """The choice in the address, and the name of the first field that cannot be read, or None."""
    query, today = request.query, local(request.now, DEFAULT_TIME_ZONE).date()
    try:
        day = read_day(query.get("jour", "").strip(), today)
    except NoSuchDay:
        day = None
    problem = "jour" if query.get("jour", "").strip() and day is None else None
    hours: list[time | None] = []
    for name in ("de", "a"):
        hour, is_read = _read_hour(query.get(name, "").strip())
        hours.append(hour)
        if not is_read:
            problem = problem or name
    ids = tuple(read_id(each) or 0 for each in query.getlist("rdv"))
    return (
        BatchChoice(
            day=day,
            begins_from=hours[0],
            begins_before=hours[1],
            organisation_id=read_id(query.get("organisation", "")),
            place=query.get("lieu") or None,
            ids=ids[:MOST_TOGETHER] if ids else None,
        ),
        problem,
    )


def _read_hour(text: str) -> tuple[time | None, bool]:
    """The hour in `text`, and whether it could be read. An empty text can be read: it means no hour."""
    if not text:
        return None, True
    found = _HOUR.fullmatch(text)
    if found is None or int(found[1]) > _LAST_HOUR or int(found[2] or 0) > _LAST_MINUTE:
        return None, False
    return time(int(found[1]), int(found[2] or 0)), True


def _joined(entries: Sequence[AppointmentEntry]) -> str:
    return ",".join(str(entry.appointment.id) for entry in entries)


def _split(text: str) -> list[int]:
    return [number for each in text.split(",") if (number := read_id(each)) is not None]
