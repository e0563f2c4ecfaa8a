"""The endpoints of the API that list organisations, messages to usagers and the STOP list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.appointment_actions import public_appointment_id
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.terms import TermsBook
from smsbot.diary.messages_in_reach import find_deliveries, find_stops
from smsbot.organisations.organisations_in_reach import find_organisations
from smsbot.store.database import Database
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.json_answers import NextPages, json_answer
from smsbot.web.api.listed_resources import (
    DeliveryPage,
    OrganisationPage,
    StopPage,
    StopResource,
    delivery_resource,
    organisation_details,
)
from smsbot.web.api.problems import ApiProblem
from smsbot.web.api.reading_requests import OrganisationKey, PageQuery, StopsQuery, read_query

ORGANISATIONS = "/api/v1/organisations"
STOP_LIST = "/api/v1/stop-list"


@dataclass(frozen=True, slots=True)
class ListEndpoints:
    """The endpoints of these lists. `agent_of` returns whose request it is, or refuses it.

    `appointment_of` returns our id of the appointment that the agent means by a name.
    """

    database: Database
    terms: TermsBook
    next_pages: NextPages
    clock: Callable[[], datetime]
    agent_of: AgentOf
    appointment_of: Callable[[Connection, Agent, str], int]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/organisations", self.organisations, methods=["GET"]),
            Route("/v1/organisations/{id}", self.organisation, methods=["GET"]),
            Route("/v1/appointments/{id}/deliveries", self.deliveries, methods=["GET"]),
            Route("/v1/stop-list", self.stops, methods=["GET"]),
        ]

    async def organisations(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.ORGANISATIONS_READ), self.clock()
        query = read_query(request, PageQuery)
        found, position = await self.database.read(
            lambda connection: find_organisations(connection, agent, now, after=query.cursor, limit=query.limit)
        )
        organisations = tuple(organisation_details(each, self.terms) for each in found)
        following = self.next_pages.address(request, ORGANISATIONS, position)
        return json_answer(OrganisationPage(organisations=organisations, next=following))

    async def organisation(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.ORGANISATIONS_READ), self.clock()
        asked = read_query(request, OrganisationKey, id=request.path_params["id"])
        key = (asked.source, asked.id)
        found, _ = await self.database.read(lambda connection: find_organisations(connection, agent, now, key=key))
        if not found:
            raise ApiProblem(HTTPStatus.NOT_FOUND, "The organisation is not one of the agent's, or not known yet.")
        return json_answer(organisation_details(found[0], self.terms))

    async def deliveries(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.MESSAGES_READ)
        name: str = request.path_params["id"]
        query = read_query(request, PageQuery)

        def work(connection: Connection) -> DeliveryPage:
            appointment_id = self.appointment_of(connection, agent, name)
            rows, position = find_deliveries(connection, agent, appointment_id, query.cursor, query.limit)
            path = f"/api/v1/appointments/{public_appointment_id(appointment_id)}/deliveries"
            following = self.next_pages.address(request, path, position)
            return DeliveryPage(deliveries=tuple(map(delivery_resource, rows)), next=following)

        return json_answer(await self.database.read(work))

    async def stops(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.STOP_LIST_READ)
        query = read_query(request, StopsQuery)
        found, position = await self.database.read(
            lambda connection: find_stops(
                connection, agent, query.cursor, query.limit, phone=query.phone, since=query.since
            )
        )
        stops = tuple(StopResource(phone=each.phone, stopped_at=each.stopped_at) for each in found)
        return json_answer(StopPage(stops=stops, next=self.next_pages.address(request, STOP_LIST, position)))
