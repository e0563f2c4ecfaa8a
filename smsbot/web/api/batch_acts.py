"""The endpoints for many appointments of an organisation at once: preview a batch, begin it, read it, stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, organisation_within_reach, within_reach
from smsbot.agents.public_ids import PublicId
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.terms import TermsBook
from smsbot.batches.choosing import BatchChoice, BatchForetold, TooMany, choose, foretell
from smsbot.batches.records import (
    BatchAct,
    BatchOutcome,
    BatchRecord,
    BatchState,
    NewBatch,
    begin_batch,
    read_batch,
    stop_batch,
)
from smsbot.model import Actor, Canceller, Via
from smsbot.notifications.herald import Herald
from smsbot.store.database import Database
from smsbot.web.api.answering_requests import ApiProblem, json_answer
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import BatchRequest
from smsbot.web.api.reading_requests import OrganisationKey, read_json, read_query
from smsbot.web.api.resources import ApiResource


class BatchItemResource(ApiResource):
    """One appointment of a batch. `outcome` is null until it is done."""

    appointment_id: Annotated[str, Field(examples=["rdv-12"])]
    outcome: BatchOutcome | None
    done_at: datetime | None


class BatchResource(ApiResource):
    """Many appointments at once. They are done one after the other, at the rate of the sender."""

    id: Annotated[str, Field(examples=["batch-3"])]
    act: BatchAct
    state: Annotated[BatchState, Field(description="`stopped`: appointments not done by then stay as they are.")]
    word: str | None
    begins_at: datetime
    finished_at: datetime | None
    appointments: tuple[BatchItemResource, ...]


class ForetoldResource(ApiResource):
    """What the people of one appointment would get. `unreached` of them would get nothing."""

    appointment_id: Annotated[str, Field(examples=["rdv-12"])]
    people: int
    sms: int
    segments: int
    emails: int
    unreached: int


class BatchPreview(ApiResource):
    """What a batch would do, without doing it."""

    appointments: tuple[ForetoldResource, ...]
    people: int
    sms: int
    segments: int
    emails: int
    unreached: int
    example: Annotated[str | None, Field(description="The text of the first SMS.")]


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
    number = PublicId.BATCH.number_in(name)
    try:
        return read_batch(connection, number or 0, agent)
    except OutOfReach:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "There is no such batch in the agent's organisations.") from None


def batch_resource(batch: BatchRecord) -> BatchResource:
    """The batch for the answer."""
    return BatchResource(
        id=PublicId.BATCH.of(batch.id),
        act=batch.act,
        state=batch.state,
        word=batch.word,
        begins_at=batch.begins_at,
        finished_at=batch.finished_at,
        appointments=tuple(
            BatchItemResource(
                appointment_id=PublicId.APPOINTMENT.of(each.appointment_id), outcome=each.outcome, done_at=each.done_at
            )
            for each in batch.items
        ),
    )


def batch_preview(foretold: BatchForetold) -> BatchPreview:
    """What a batch would do, for the answer."""
    return BatchPreview(
        appointments=tuple(
            ForetoldResource(
                appointment_id=PublicId.APPOINTMENT.of(each.entry.appointment.id),
                people=len(each.people),
                sms=len(each.sms),
                segments=sum(segments for _, segments in each.sms),
                emails=each.emails,
                unreached=len(each.unreached),
            )
            for each in foretold.each
        ),
        people=foretold.people,
        sms=foretold.sms,
        segments=foretold.segments,
        emails=foretold.emails,
        unreached=foretold.unreached,
        example=foretold.example,
    )
