"""All routes of the API, under `/api`, and the endpoints that only read appointments, messages and events.

A token belongs to an agent or to another system. It gives access to the appointments of their organisations. For any
other appointment the answer is 404, not 403, as if it did not exist. The token and its scope are checked before
anything else in a request is read. The organisations are read in the same transaction that does the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from smsbot.agents.accounts import Agent
from smsbot.agents.public_ids import PublicId
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.cancellation import Door
from smsbot.appointments.intake import Arrivals, LastWords
from smsbot.diary.appointments_in_reach import ListPosition, find_page
from smsbot.diary.messages_in_reach import find_messages
from smsbot.inbox.answering import AnswerWriter
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.notifications.herald import Herald
from smsbot.store.database import Database
from smsbot.subscriptions.event_list import find_events
from smsbot.subscriptions.registering import Subscriptions
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.web.api.answering_requests import NextPages, handlers, json_answer
from smsbot.web.api.appointment_acts import (
    APPOINTMENTS,
    BY_EXTERNAL_ID,
    AppointmentActs,
    find_by_key,
    find_within_reach,
    resource,
)
from smsbot.web.api.batch_acts import BatchActs
from smsbot.web.api.callers import Callers
from smsbot.web.api.list_endpoints import ListEndpoints
from smsbot.web.api.message_acts import MessageActs
from smsbot.web.api.openapi import openapi_document
from smsbot.web.api.reading_requests import AppointmentKey, EventsQuery, ListQuery, MessagesQuery, read_query
from smsbot.web.api.request_limits import QuotaHeaders, RequestLimits
from smsbot.web.api.resources import (
    AppointmentPage,
    AppointmentResource,
    EventsPage,
    MessagePage,
    MessageResource,
    appointment_resource,
    message_resource,
)
from smsbot.web.api.webhook_endpoints import WebhookEndpoints

MESSAGES = "/api/v1/messages"
EVENTS = "/api/v1/events"


@dataclass(frozen=True, slots=True)
class Api:
    """The agents' API. `public_url` is how others reach the service, without a slash at its end."""

    database: Database
    door: Door
    arrivals: Arrivals
    subscriptions: Subscriptions
    webhook_addresses: WebhookAddresses
    public_url: str
    clock: Callable[[], datetime]
    agent_emails: AgentEmails
    answers: AnswerWriter
    herald: Herald
    limits: RequestLimits
    last_words: LastWords

    def routes(self) -> list[BaseRoute]:
        endpoints = [
            Route("/openapi.json", self.describe, methods=["GET"]),
            Route("/v1/appointments", self.browse, methods=["GET"]),
            *self._appointment_acts().routes(),
            Route(BY_EXTERNAL_ID, self.read_by_external_id, methods=["GET"]),
            Route("/v1/appointments/{id}", self.read, methods=["GET"]),
            Route("/v1/appointments/{id}/messages", self.messages_of, methods=["GET"]),
            Route("/v1/messages", self.messages, methods=["GET"]),
            *self._message_acts().routes(),
            *self._lists().routes(),
            Route("/v1/events", self.events, methods=["GET"]),
            *self._webhooks().routes(),
            *BatchActs(
                self.database, self.herald, self.door.terms, self.public_url, self.clock, self.callers.agent
            ).routes(),
        ]
        # Starlette would make redirects for a slash at the end from the Host header, which is not to be trusted.
        router = Router(endpoints, redirect_slashes=False)
        mount = Mount(
            "/api", router, middleware=[Middleware(QuotaHeaders), Middleware(ExceptionMiddleware, handlers=handlers())]
        )
        # Starlette's pattern stops at a line break, so the API would not answer a path with a line break in it.
        mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
        return [mount]

    def _appointment_acts(self) -> AppointmentActs:
        return AppointmentActs(
            self.database,
            self.door,
            self.arrivals,
            self.herald,
            self.public_url,
            self.clock,
            self.callers.agent,
            self.last_words,
        )

    def _webhooks(self) -> WebhookEndpoints:
        return WebhookEndpoints(
            self.database, self.subscriptions, self.webhook_addresses, self.public_url, self.callers.agent, self.clock
        )

    def _message_acts(self) -> MessageActs:
        return MessageActs(self.database, self.agent_emails, self.answers, self.clock, self.callers.agent)

    def _lists(self) -> ListEndpoints:
        return ListEndpoints(
            self.database, self.door.terms, self.next_pages, self.clock, self.callers.agent, find_within_reach
        )

    @property
    def next_pages(self) -> NextPages:
        return NextPages(self.public_url)

    @property
    def callers(self) -> Callers:
        return Callers(self.database, self.limits, self.clock)

    async def describe(self, _request: Request) -> Response:
        return JSONResponse(openapi_document(self.public_url))

    async def browse(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_READ)
        query = read_query(request, ListQuery)
        found, position = await self.database.read(lambda connection: _page(connection, agent, query))
        return json_answer(
            AppointmentPage(appointments=found, next=self.next_pages.address(request, APPOINTMENTS, position))
        )

    async def read(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_READ)
        name: str = request.path_params["id"]
        return json_answer(await self.database.read(lambda connection: _read(connection, agent, name)))

    async def read_by_external_id(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.APPOINTMENTS_READ)
        key = read_query(request, AppointmentKey, external_id=request.path_params["external_id"])

        def work(connection: Connection) -> AppointmentResource:
            return resource(connection, find_by_key(connection, agent, key))

        return json_answer(await self.database.read(work))

    async def messages(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.MESSAGES_READ)
        query, now = read_query(request, MessagesQuery), self.clock()
        found, position = await self.database.read(lambda connection: _messages(connection, agent, query, now))
        return json_answer(MessagePage(messages=found, next=self.next_pages.address(request, MESSAGES, position)))

    async def messages_of(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.MESSAGES_READ)
        name: str = request.path_params["id"]
        query, now = read_query(request, MessagesQuery), self.clock()

        def work(connection: Connection) -> tuple[tuple[MessageResource, ...], ListPosition | None, str]:
            appointment_id = find_within_reach(connection, agent, name)
            found, position = _messages(connection, agent, query, now, appointment_id)
            return found, position, f"{APPOINTMENTS}/{PublicId.APPOINTMENT.of(appointment_id)}/messages"

        found, position, path = await self.database.read(work)
        return json_answer(MessagePage(messages=found, next=self.next_pages.address(request, path, position)))

    async def events(self, request: Request) -> Response:
        agent = await self.callers.agent(request, ApiScope.EVENTS_READ)
        query = read_query(request, EventsQuery)
        page = await self.database.read(lambda connection: find_events(connection, agent, query.filter(), query.limit))
        last = query.after if page.last is None else page.last
        parameters = {**request.query_params, "after": str(last)}
        following = None if page.is_end else f"{self.public_url}{EVENTS}?{urlencode(parameters)}"
        return json_answer(EventsPage(events=tuple(page.events), after=str(last), next=following))


def _page(
    connection: Connection, agent: Agent, query: ListQuery
) -> tuple[tuple[AppointmentResource, ...], ListPosition | None]:
    found, position = find_page(connection, agent, query.filter(), query.cursor, query.limit)
    return tuple(map(appointment_resource, found)), position


def _messages(
    connection: Connection, agent: Agent, query: MessagesQuery, now: datetime, appointment_id: int | None = None
) -> tuple[tuple[MessageResource, ...], ListPosition | None]:
    found, position = find_messages(
        connection, agent, query.filter(), query.cursor, query.limit, now, appointment_id=appointment_id
    )
    return tuple(message_resource(each, now) for each in found), position


def _read(connection: Connection, agent: Agent, name: str) -> AppointmentResource:
    return resource(connection, find_within_reach(connection, agent, name))
