"""The endpoints of the API, under `/api`.

Whose token it is, an agent's or another system's, sees and changes the appointments of their organisations. For all
others the answer is 404, not 403, as if they did not exist. The token and its scope are checked before anything else in
a request is read. The organisations are read in the transaction that does the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from smsbot.agents.accounts import Agent, may_act_in, within_reach
from smsbot.agents.api_scopes import ApiScope
from smsbot.agents.appointment_actions import (
    AgentCancellation,
    Ambiguous,
    NotCancellable,
    NotFound,
    NotTakenBack,
    cancel,
    find_appointment,
    find_participation,
    public_appointment_id,
    take_back,
)
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import IntakeKind
from smsbot.appointments.intake.bulk_write import lock
from smsbot.diary.appointments_in_reach import ListPosition, find_page, is_of_others, read_appointments
from smsbot.diary.messages_in_reach import find_messages
from smsbot.model import Actor, AppointmentRecord, Canceller, Status, Via
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.notifications.herald import Herald
from smsbot.sources.rdvsp import AppointmentEvent, Arrivals, SourceEvent
from smsbot.store.database import Database
from smsbot.subscriptions.event_list import find_events
from smsbot.subscriptions.registering import Subscriptions
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.web.api.batch_acts import BatchActs
from smsbot.web.api.callers import Callers
from smsbot.web.api.inputs import Cancellation, NewAppointment, TakingBackRequest
from smsbot.web.api.message_acts import MessageActs
from smsbot.web.api.openapi import document
from smsbot.web.api.problems import ApiProblem, handlers
from smsbot.web.api.reading_requests import (
    AppointmentKey,
    EventsQuery,
    ListQuery,
    MessagesQuery,
    read_json,
    read_query,
)
from smsbot.web.api.request_limits import QuotaHeaders, RequestLimits
from smsbot.web.api.resources import (
    AppointmentPage,
    AppointmentResource,
    CancelledAppointment,
    EventsPage,
    MessagePage,
    MessageResource,
    appointment_resource,
    message_resource,
)
from smsbot.web.api.webhook_endpoints import WebhookEndpoints

APPOINTMENTS = "/api/v1/appointments"
MESSAGES = "/api/v1/messages"
EVENTS = "/api/v1/events"


@dataclass(frozen=True, slots=True)
class Api:
    """The agents' API. `public_url` is where the outside reaches the service, without a slash at its end."""

    database: Database
    door: Door
    arrivals: Arrivals
    subscriptions: Subscriptions
    webhook_addresses: WebhookAddresses
    public_url: str
    clock: Callable[[], datetime]
    agent_emails: AgentEmails
    herald: Herald
    limits: RequestLimits

    def routes(self) -> list[BaseRoute]:
        endpoints = [
            Route("/openapi.json", self.describe, methods=["GET"]),
            Route("/v1/appointments", self.browse, methods=["GET"]),
            Route("/v1/appointments/by-external-id/{external_id:path}", self.replace, methods=["PUT"]),
            Route("/v1/appointments/{id}", self.read, methods=["GET"]),
            Route("/v1/appointments/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/v1/appointments/{id}/take-back", self.take_back, methods=["POST"]),
            Route("/v1/appointments/{id}/messages", self.messages_of, methods=["GET"]),
            Route("/v1/messages", self.messages, methods=["GET"]),
            *MessageActs(self.database, self.agent_emails, self.clock, self.callers.agent).routes(),
            Route("/v1/events", self.events, methods=["GET"]),
            *self._webhooks().routes(),
            *BatchActs(
                self.database, self.herald, self.door.terms, self.public_url, self.clock, self.callers.agent
            ).routes(),
        ]
        # Redirects to and from a slash at the end would be made of the Host header.
        router = Router(endpoints, redirect_slashes=False)
        mount = Mount(
            "/api", router, middleware=[Middleware(QuotaHeaders), Middleware(ExceptionMiddleware, handlers=handlers())]
        )
        # Starlette's own pattern ends at a line break, and what is behind one would not be answered from here.
        mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
        return [mount]

    def _webhooks(self) -> WebhookEndpoints:
        return WebhookEndpoints(
            self.database, self.subscriptions, self.webhook_addresses, self.public_url, self.callers.agent, self.clock
        )

    @property
    def callers(self) -> Callers:
        return Callers(self.database, self.limits, self.clock)

    async def describe(self, _request: Request) -> Response:
        return JSONResponse(document(self.public_url))

    async def browse(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_READ)
        query = read_query(request, ListQuery)
        found, position = await self.database.read(lambda connection: _page(connection, agent, query))
        return _json(AppointmentPage(appointments=found, next=self._next(request, APPOINTMENTS, position)))

    async def read(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_READ)
        name: str = request.path_params["id"]
        return _json(await self.database.read(lambda connection: _read(connection, agent, name)))

    async def replace(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_WRITE)
        key = read_query(request, AppointmentKey, external_id=request.path_params["external_id"])
        body = await read_json(request, NewAppointment)
        record, now = body.record(key.external_id), self.clock()
        appointment, is_new = await self.database.write(
            lambda connection: self._replace(connection, agent, key.source, record, now)
        )
        if not is_new:
            return _json(appointment)
        return _json(appointment, HTTPStatus.CREATED, Location=f"{self.public_url}{APPOINTMENTS}/{appointment.id}")

    async def cancel(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_WRITE)
        name: str = request.path_params["id"]
        asked = await read_json(request, Cancellation, optional=True)
        now = self.clock()
        cancelled = await self.database.write(lambda connection: self._cancel(connection, agent, name, asked, now))
        is_requested = cancelled.outcome is AgentCancellation.REQUESTED
        return _json(cancelled, HTTPStatus.ACCEPTED if is_requested else HTTPStatus.OK)

    async def take_back(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_WRITE)
        name: str = request.path_params["id"]
        asked = await read_json(request, TakingBackRequest, optional=True)
        now = self.clock()
        return _json(await self.database.write(lambda connection: self._take_back(connection, agent, name, asked, now)))

    async def messages(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.MESSAGES_READ)
        query = read_query(request, MessagesQuery)
        found, position = await self.database.read(lambda connection: _messages(connection, agent, query))
        return _json(MessagePage(messages=found, next=self._next(request, MESSAGES, position)))

    async def messages_of(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.MESSAGES_READ)
        name: str = request.path_params["id"]
        query = read_query(request, MessagesQuery)

        def work(connection: Connection) -> tuple[tuple[MessageResource, ...], ListPosition | None, str]:
            appointment_id = _find(connection, agent, name)
            found, position = _messages(connection, agent, query, appointment_id)
            return found, position, f"{APPOINTMENTS}/{public_appointment_id(appointment_id)}/messages"

        found, position, path = await self.database.read(work)
        return _json(MessagePage(messages=found, next=self._next(request, path, position)))

    async def events(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.EVENTS_READ)
        query = read_query(request, EventsQuery)
        page = await self.database.read(lambda connection: find_events(connection, agent, query.filter(), query.limit))
        last = query.after if page.last is None else page.last
        parameters = {**request.query_params, "after": str(last)}
        following = None if page.is_end else f"{self.public_url}{EVENTS}?{urlencode(parameters)}"
        return _json(EventsPage(events=tuple(page.events), after=str(last), next=following))

    def _next(self, request: Request, path: str, position: ListPosition | None) -> str | None:
        """The address of the next page of the list at `path`, which begins after `position`; None at the end."""
        if position is None:
            return None
        parameters = {**request.query_params, "cursor": position.cursor()}
        return f"{self.public_url}{path}?{urlencode(parameters)}"

    def _replace(
        self, connection: Connection, agent: Agent, source: str, record: AppointmentRecord, now: datetime
    ) -> tuple[AppointmentResource, bool]:
        """Create or replace the appointment. Returns it as it is afterwards, and whether it is new."""
        assert record.organisation is not None
        if not may_act_in(connection, agent, source, record.organisation.external_id):
            raise ApiProblem(HTTPStatus.FORBIDDEN, "The organisation is not one of the agent's.")
        if source in self.door.connected:
            raise ApiProblem(
                HTTPStatus.CONFLICT,
                f"The source {source} is connected: its appointments change only by what RDV Service Public says. "
                "Change the appointment there.",
            )
        lock(connection, source, [record.external_id])
        if is_of_others(connection, agent, source, record.external_id):
            raise _not_found()
        # No time of an event: it would have to stand up to those of the source's clock.
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
        appointment = _resource(connection, intake.appointment_id)
        if record.status is Status.UNKNOWN and appointment.status.is_cancelled:
            raise ApiProblem(
                HTTPStatus.CONFLICT,
                "The appointment was cancelled here, and that stands. Leave status out to change the rest of it; an "
                "appointment that is booked anew needs an external_id of its own.",
            )
        return appointment, intake.kind is IntakeKind.NEW

    def _cancel(
        self, connection: Connection, agent: Agent, name: str, asked: Cancellation, now: datetime
    ) -> CancelledAppointment:
        appointment_id = _find(connection, agent, name)
        participation_id = _participation_id(connection, asked.participation_id, appointment_id)
        hold = timedelta(seconds=asked.hold_seconds)
        canceller = Canceller(Actor.AGENT, Via.API, asked.reason.status, agent=agent.email, word=asked.word, hold=hold)
        try:
            outcome = cancel(connection, self.door, appointment_id, participation_id, canceller, now)
        except NotCancellable as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        appointment = _resource(connection, appointment_id)
        return CancelledAppointment(**dict(appointment), outcome=outcome)

    def _take_back(
        self, connection: Connection, agent: Agent, name: str, asked: TakingBackRequest, now: datetime
    ) -> AppointmentResource:
        appointment_id = _find(connection, agent, name)
        participation_id = _participation_id(connection, asked.participation_id, appointment_id)
        try:
            take_back(connection, self.door, appointment_id, participation_id, agent.email, Via.API, now)
        except NotTakenBack as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        return _resource(connection, appointment_id)


def _participation_id(connection: Connection, name: str | None, appointment_id: int) -> int | None:
    """Our id of the participation that is named; None where none is."""
    if name is None:
        return None
    try:
        return find_participation(connection, name, appointment_id)
    except NotFound:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "The appointment has no such participation.") from None


def _page(
    connection: Connection, agent: Agent, query: ListQuery
) -> tuple[tuple[AppointmentResource, ...], ListPosition | None]:
    found, position = find_page(connection, agent, query.filter(), query.cursor, query.limit)
    return tuple(map(appointment_resource, found)), position


def _messages(
    connection: Connection, agent: Agent, query: MessagesQuery, appointment_id: int | None = None
) -> tuple[tuple[MessageResource, ...], ListPosition | None]:
    found, position = find_messages(
        connection, agent, query.filter(), query.cursor, query.limit, appointment_id=appointment_id
    )
    return tuple(map(message_resource, found)), position


def _read(connection: Connection, agent: Agent, name: str) -> AppointmentResource:
    return _resource(connection, _find(connection, agent, name))


def _resource(connection: Connection, appointment_id: int) -> AppointmentResource:
    """One appointment, by our id. It must exist and have an organisation."""
    return appointment_resource(read_appointments(connection, [appointment_id])[0])


def _find(connection: Connection, agent: Agent, name: str) -> int:
    try:
        return find_appointment(connection, name, within_reach(agent))
    except NotFound:
        raise _not_found() from None
    except Ambiguous:
        detail = "Several sources have an appointment of this id: name it by the id that begins with rdv-."
        raise ApiProblem(HTTPStatus.CONFLICT, detail) from None


def _not_found() -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "There is no such appointment in the agent's organisations.")


def _json(resource: BaseModel, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """The answer. It holds personal data, so no cache on the way may keep it."""
    return Response(resource.model_dump_json(), status, {**headers, "Cache-Control": "no-store"}, "application/json")
