"""The endpoints of the API that change appointments: create or replace, delete, cancel, take a cancellation back.

Appointments of a connected source can only be cancelled here. Everything else about them comes from that source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent, may_act_in
from smsbot.agents.appointment_actions import (
    AgentCancellation,
    Ambiguous,
    NotCancellable,
    NotFound,
    NotTakenBack,
    cancel_as_agent,
    find_appointment,
    find_participation,
    take_back_as_agent,
)
from smsbot.agents.permissions import within_reach
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import Arrivals, Feed, IntakeKind, LastWords
from smsbot.appointments.intake.bulk_write import lock
from smsbot.diary.appointments_in_reach import find_of_source, read_appointments
from smsbot.model import Actor, AppointmentRecord, Canceller, Status, Via
from smsbot.notifications.herald import Herald
from smsbot.notifications.notified import last_written, notified_since
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent
from smsbot.store.database import Database
from smsbot.web.api.answering_requests import ApiProblem, details_of, json_answer
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import (
    Cancellation,
    IdentifiedAppointment,
    IdentifiedCancellation,
    ManyAppointments,
    ManyCancellations,
    NewAppointment,
    TakingBackRequest,
)
from smsbot.web.api.reading_requests import (
    MOST_BYTES_OF_MANY,
    AppointmentKey,
    SourceQuery,
    read_json,
    read_one,
    read_query,
)
from smsbot.web.api.resources import (
    AppointmentResource,
    AppointmentResult,
    AppointmentResults,
    CancellationResult,
    CancellationResults,
    CancelledAppointment,
    WrittenAppointment,
    appointment_resource,
    notified_resources,
)

APPOINTMENTS = "/api/v1/appointments"
BY_EXTERNAL_ID = "/v1/appointments/by-external-id/{external_id:path}"


@dataclass(frozen=True, slots=True)
class AppointmentActs:
    """The endpoints that change appointments. `agent_of` returns whose request it is, or refuses it."""

    database: Database
    door: Door
    arrivals: Arrivals
    herald: Herald
    public_url: str
    clock: Callable[[], datetime]
    agent_of: AgentOf
    last_words: LastWords

    def routes(self) -> list[Route]:
        return [
            Route("/v1/appointments", self.replace_many, methods=["PUT"]),
            Route("/v1/appointments/cancel", self.cancel_many, methods=["POST"]),
            Route(BY_EXTERNAL_ID, self.replace, methods=["PUT"]),
            Route(BY_EXTERNAL_ID, self.remove, methods=["DELETE"]),
            Route("/v1/appointments/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/v1/appointments/{id}/take-back", self.take_back, methods=["POST"]),
        ]

    async def replace(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        key = read_query(request, AppointmentKey, external_id=request.path_params["external_id"])
        body = await read_json(request, NewAppointment)
        appointment, is_new = await self._replaced(agent, key.source, body.record(key.external_id))
        if not is_new:
            return json_answer(appointment)
        return json_answer(
            appointment, HTTPStatus.CREATED, Location=f"{self.public_url}{APPOINTMENTS}/{appointment.id}"
        )

    async def remove(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        key = read_query(request, AppointmentKey, external_id=request.path_params["external_id"])
        now = self.clock()
        await self.database.write(lambda connection: self._remove(connection, agent, key, now))
        await self.last_words.heard(key.source, Feed.API)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})

    async def replace_many(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        source = read_query(request, SourceQuery).source
        asked = await read_json(request, ManyAppointments, most_bytes=MOST_BYTES_OF_MANY)
        results = []
        for each in asked.appointments:
            try:
                body = read_one(IdentifiedAppointment, each)
                appointment, is_new = await self._replaced(agent, source, body.record(body.external_id))
            except ApiProblem as problem:
                results.append(AppointmentResult(status=problem.status_code, problem=details_of(problem)))
            else:
                status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
                results.append(AppointmentResult(status=status, appointment=appointment))
        return json_answer(AppointmentResults(results=tuple(results)))

    async def cancel(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        name: str = request.path_params["id"]
        asked = await read_json(request, Cancellation, optional=True)
        cancelled = await self._cancelled(agent, name, asked)
        return json_answer(cancelled, _status_of(cancelled))

    async def cancel_many(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        asked = await read_json(request, ManyCancellations, most_bytes=MOST_BYTES_OF_MANY)
        results = []
        for each in asked.cancellations:
            try:
                body = read_one(IdentifiedCancellation, each)
                cancelled = await self._cancelled(agent, body.id, body)
            except ApiProblem as problem:
                results.append(CancellationResult(status=problem.status_code, problem=details_of(problem)))
            else:
                results.append(CancellationResult(status=_status_of(cancelled), appointment=cancelled))
        return json_answer(CancellationResults(results=tuple(results)))

    async def take_back(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE)
        name: str = request.path_params["id"]
        asked = await read_json(request, TakingBackRequest, optional=True)
        now = self.clock()
        return json_answer(
            await self.database.write(lambda connection: self._take_back(connection, agent, name, asked, now))
        )

    async def _replaced(self, agent: Agent, source: str, record: AppointmentRecord) -> tuple[WrittenAppointment, bool]:
        now = self.clock()
        written = await self.database.write(lambda connection: self._replace(connection, agent, source, record, now))
        await self.last_words.heard(source, Feed.API)
        return written

    async def _cancelled(self, agent: Agent, name: str, asked: Cancellation) -> CancelledAppointment:
        now = self.clock()
        return await self.database.write(lambda connection: self._cancel(connection, agent, name, asked, now))

    def _replace(
        self, connection: Connection, agent: Agent, source: str, record: AppointmentRecord, now: datetime
    ) -> tuple[WrittenAppointment, bool]:
        """Create or replace the appointment. Returns it as it is afterwards, and whether it is new."""
        assert record.organisation is not None
        if not may_act_in(connection, agent, source, record.organisation.external_id):
            raise ApiProblem(HTTPStatus.FORBIDDEN, "The organisation is not one of the agent's.")
        self._refuse_connected(source)
        lock(connection, source, [record.external_id])
        known = find_of_source(connection, agent, source, record.external_id)
        if known is not None and not known.is_within_reach:
            raise not_found()
        newest = 0 if known is None else last_written(connection, known.id)
        # The event has no time: it would be compared with times from the source's clock, and could lose.
        event = AppointmentEvent(SourceEvent.UPDATED, record.external_id, record, at=None, reason=None)
        intake = self.arrivals.take(connection, source, event, now)
        assert intake is not None, "the event has a record"
        if intake.appointment_id is None:
            raise ApiProblem(
                HTTPStatus.CONFLICT, "The appointment began so long ago that it would be erased again at once."
            )
        if intake.kind is IntakeKind.IGNORED:
            raise ApiProblem(
                HTTPStatus.CONFLICT, "The appointment was destroyed at its source, and does not come back."
            )
        appointment = resource(connection, intake.appointment_id)
        if record.status is Status.UNKNOWN and appointment.status.is_cancelled:
            raise ApiProblem(
                HTTPStatus.CONFLICT,
                "The appointment was cancelled here, and that stands. Leave status out to change the rest of it. A new "
                "booking needs an external_id of its own.",
            )
        notified = notified_since(connection, self.herald, intake.appointment_id, newest, now)
        written = WrittenAppointment(**dict(appointment), notified=notified_resources(notified))
        return written, intake.kind is IntakeKind.NEW

    def _remove(self, connection: Connection, agent: Agent, key: AppointmentKey, now: datetime) -> None:
        self._refuse_connected(key.source)
        lock(connection, key.source, [key.external_id])
        find_by_key(connection, agent, key)
        event = AppointmentEvent(SourceEvent.DESTROYED, key.external_id, None, at=None, reason=None)
        self.arrivals.take(connection, key.source, event, now)

    def _refuse_connected(self, source: str) -> None:
        if source in self.door.connected:
            raise ApiProblem(
                HTTPStatus.CONFLICT,
                f"The source {source} is connected: its appointments are only changed in RDV Service Public. "
                "Change the appointment there.",
            )

    def _cancel(
        self, connection: Connection, agent: Agent, name: str, asked: Cancellation, now: datetime
    ) -> CancelledAppointment:
        appointment_id = find_within_reach(connection, agent, name)
        participation_id = _participation_id(connection, asked.participation_id, appointment_id)
        hold = timedelta(seconds=asked.hold_seconds)
        canceller = Canceller(Actor.AGENT, Via.API, asked.reason.status, agent=agent.email, word=asked.word, hold=hold)
        newest = last_written(connection, appointment_id)
        try:
            outcome = cancel_as_agent(connection, self.door, appointment_id, participation_id, canceller, now)
        except NotCancellable as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        appointment = resource(connection, appointment_id)
        only = participation_id if appointment.collective else None  # an individual appointment ends for all
        is_requested = outcome is AgentCancellation.REQUESTED
        notified = notified_since(
            connection, self.herald, appointment_id, newest, now, only=only, is_requested=is_requested
        )
        return CancelledAppointment(**dict(appointment), outcome=outcome, notified=notified_resources(notified))

    def _take_back(
        self, connection: Connection, agent: Agent, name: str, asked: TakingBackRequest, now: datetime
    ) -> AppointmentResource:
        appointment_id = find_within_reach(connection, agent, name)
        participation_id = _participation_id(connection, asked.participation_id, appointment_id)
        try:
            take_back_as_agent(connection, self.door, appointment_id, participation_id, agent.email, Via.API, now)
        except NotTakenBack as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        return resource(connection, appointment_id)


def resource(connection: Connection, appointment_id: int) -> AppointmentResource:
    """One appointment, by our id. It must exist and have an organisation."""
    return appointment_resource(read_appointments(connection, [appointment_id])[0])


def find_within_reach(connection: Connection, agent: Agent, name: str) -> int:
    """Our id of the appointment that `name` means: its id that begins with rdv-, or its id at any source.

    Raises ApiProblem: 404 if there is none within the agent's reach, 409 if several sources have one of this id.
    """
    try:
        return find_appointment(connection, name, within_reach(agent))
    except NotFound:
        raise not_found() from None
    except Ambiguous:
        detail = "Several sources have an appointment of this id: name it by the id that begins with rdv-."
        raise ApiProblem(HTTPStatus.CONFLICT, detail) from None


def find_by_key(connection: Connection, agent: Agent, key: AppointmentKey) -> int:
    """Our id of the appointment with this id at its source.

    Raises ApiProblem 404 if there is none within the agent's reach, or if it was destroyed.
    """
    known = find_of_source(connection, agent, key.source, key.external_id)
    if known is None or known.is_destroyed or not known.is_within_reach:
        raise not_found()
    return known.id


def not_found() -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "There is no such appointment in the agent's organisations.")


def _participation_id(connection: Connection, name: str | None, appointment_id: int) -> int | None:
    """Our id of the participation that `name` means, or None if `name` is None. Raises ApiProblem 404."""
    if name is None:
        return None
    try:
        return find_participation(connection, name, appointment_id)
    except NotFound:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "The appointment has no such participation.") from None


def _status_of(cancelled: CancelledAppointment) -> HTTPStatus:
    return HTTPStatus.ACCEPTED if cancelled.outcome is AgentCancellation.REQUESTED else HTTPStatus.OK
