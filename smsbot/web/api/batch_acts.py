"""The endpoints for many appointments of an organisation at once: preview a batch, begin it, read it, stop it."""

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
from smsbot.agents.permissions import OutOfReach, organisation_within_reach, read_id, within_reach
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.terms import TermsBook
from smsbot.batches.choosing import BatchChoice, TooMany, choose, foretell
from smsbot.batches.records import BatchAct, BatchRecord, NewBatch, begin_batch, read_batch, stop_batch
from smsbot.model import Actor, Canceller, Via
from smsbot.notifications.herald import Herald
from smsbot.store.database import Database
from smsbot.web.api.batch_resources import BatchPreview, BatchResource, batch_preview, batch_resource
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import BatchRequest
from smsbot.web.api.json_answers import json_answer
from smsbot.web.api.problems import ApiProblem
from smsbot.web.api.reading_requests import OrganisationKey, read_json, read_query


@dataclass(frozen=True, slots=True)
class BatchActs:
    """The endpoints of batches. `agent_of` returns whose request it is, or refuses it."""

    database: Database
    herald: Herald
    terms: TermsBook
    public_url: str
    clock: Callable[[], datetime]
    agent_of: AgentOf

    def routes(self) -> list[Route]:
        return [
            Route("/v1/organisations/{id}/batches", self.begin, methods=["POST"]),
            Route("/v1/batches/{id}", self.read, methods=["GET"]),
            Route("/v1/batches/{id}/stop", self.stop, methods=["POST"]),
        ]

    async def begin(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE), self.clock()
        key = read_query(request, OrganisationKey, id=request.path_params["id"])
        organisation_id = await self.database.read(
            lambda connection: _organisation(connection, agent, key.source, key.id)
        )
        asked = await read_json(request, BatchRequest)

        def work(connection: Connection) -> BatchPreview | BatchResource:
            return self._begin(connection, agent, organisation_id, asked, now)

        if asked.dry_run:
            return json_answer(await self.database.read(work), HTTPStatus.OK)
        made = await self.database.write(work)
        assert isinstance(made, BatchResource)
        location = {"Location": f"{self.public_url}/api/v1/batches/{made.id}"}
        return json_answer(made, HTTPStatus.CREATED, **location)

    async def read(self, request: Request) -> Response:
        agent, name = await self.agent_of(request, ApiScope.APPOINTMENTS_READ), request.path_params["id"]
        return json_answer(await self.database.read(lambda connection: batch_resource(_find(connection, agent, name))))

    async def stop(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.APPOINTMENTS_WRITE), self.clock()
        name = request.path_params["id"]

        def work(connection: Connection) -> BatchResource:
            batch = _find(connection, agent, name)
            if not stop_batch(connection, batch.id, now):
                raise ApiProblem(HTTPStatus.CONFLICT, "The batch has ended already.")
            return batch_resource(_find(connection, agent, name))

        return json_answer(await self.database.write(work))

    def _begin(
        self, connection: Connection, agent: Agent, organisation_id: int, asked: BatchRequest, now: datetime
    ) -> BatchPreview | BatchResource:
        choice = BatchChoice(asked.day, asked.begins_from, asked.begins_before, organisation_id, asked.place)
        try:
            entries = choose(connection, self.terms, choice, within_reach(agent), now)
        except TooMany as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        status = asked.reason.status if asked.act is BatchAct.CANCEL else None
        if asked.dry_run:
            canceller = None if status is None else Canceller(Actor.AGENT, Via.API, status, word=asked.word)
            return batch_preview(foretell(connection, self.herald, entries, canceller, asked.word, now))
        if not entries:
            raise ApiProblem(HTTPStatus.CONFLICT, "No appointment is concerned: nothing was begun.")
        new = NewBatch(asked.act, Via.API, agent, status, asked.word, now)
        batch_id = begin_batch(connection, new, [entry.appointment.id for entry in entries], now)
        return batch_resource(read_batch(connection, batch_id, agent))


def _organisation(connection: Connection, agent: Agent, source: str, external_id: str) -> int:
    try:
        return organisation_within_reach(connection, agent, source, external_id)
    except OutOfReach:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "The organisation is not one of the agent's.") from None


def _find(connection: Connection, agent: Agent, name: str) -> BatchRecord:
    number = read_id(name.removeprefix("batch-")) if name.startswith("batch-") else None
    try:
        return read_batch(connection, number or 0, agent)
    except OutOfReach:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "There is no such batch in the agent's organisations.") from None
