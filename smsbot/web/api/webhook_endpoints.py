"""The endpoints with which another system manages its webhooks: the addresses to which we send events."""

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

from smsbot.agents.public_ids import PublicId
from smsbot.agents.tokens import ApiScope
from smsbot.events import EventType
from smsbot.store.database import Database
from smsbot.subscriptions.event_list import EventFilter
from smsbot.subscriptions.registering import Subscription, Subscriptions, TooManySubscriptions, subscriptions_of
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.subscriptions.webhook_signature import new_secret
from smsbot.web.api.answering_requests import ApiProblem, Violation, json_answer
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import NewSecret, NewWebhook, Replay
from smsbot.web.api.reading_requests import read_json
from smsbot.web.api.resources import ApiResource

WEBHOOKS = "/api/v1/webhooks"


class WebhookResource(ApiResource):
    """An address to which the events of the agent's organisations are sent."""

    id: Annotated[str, Field(examples=["webhook-3"])]
    url: Annotated[str, Field(examples=["https://agenda.example.fr/smsbot"])]
    types: Annotated[tuple[EventType, ...], Field(description="The events that are sent; empty: all.")]
    created_at: datetime
    waiting: Annotated[int, Field(description="Events that were not sent yet.", examples=[0])]
    resting: Annotated[int, Field(description="Events that were given up after a day of tries.", examples=[0])]
    ended_at: Annotated[
        datetime | None,
        Field(
            description="Since when nothing more is sent, because it answered 410. Register it again to go on.",
            examples=[None],
        ),
    ]


class NewSecretResource(ApiResource):
    """The new secret of a webhook. No other answer shows it."""

    secret: Annotated[str, Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])]
    old_secret_until: Annotated[
        datetime, Field(description="Until then each event is signed with both.", examples=["2026-05-05T10:00:00Z"])
    ]


class NewWebhookResource(WebhookResource):
    """A webhook that was just registered, with its secret. No other answer shows the secret."""

    secret: Annotated[str, Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])]


class WebhookList(ApiResource):
    """The webhooks of the agent, the oldest first."""

    webhooks: tuple[WebhookResource, ...]


class ReplayResource(ApiResource):
    """How many events are sent again; at most 10,000 for one request."""

    events: Annotated[int, Field(examples=[12])]


@dataclass(frozen=True, slots=True)
class WebhookEndpoints:
    """Registers, lists and removes the webhooks of the token's agent, changes their secrets, and sends events again."""

    database: Database
    subscriptions: Subscriptions
    addresses: WebhookAddresses
    public_url: str
    agent_of: AgentOf
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/webhooks", self.browse, methods=["GET"]),
            Route("/v1/webhooks", self.register, methods=["POST"]),
            Route("/v1/webhooks/{id}", self.read, methods=["GET"]),
            Route("/v1/webhooks/{id}", self.remove, methods=["DELETE"]),
            Route("/v1/webhooks/{id}/rotate", self.rotate, methods=["POST"]),
            Route("/v1/webhooks/{id}/replay", self.replay, methods=["POST"]),
        ]

    async def browse(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        found = await self.database.read(lambda connection: subscriptions_of(connection, agent))
        return json_answer(WebhookList(webhooks=tuple(map(_resource, found))))

    async def register(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        asked = await read_json(request, NewWebhook)
        try:
            url = self.addresses.check(asked.url)
        except ValueError as problem:
            wrong = Violation(pointer="/url", detail=str(problem))
            raise ApiProblem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "No events can be sent to this address: see errors.", errors=[wrong]
            ) from None
        secret, now = asked.secret or new_secret(), self.clock()

        def work(connection: Connection) -> Subscription:
            return self.subscriptions.add(connection, agent, url, secret, asked.types, now)

        try:
            made = await self.database.write(work)
        except TooManySubscriptions as problem:
            raise ApiProblem(HTTPStatus.CONFLICT, problem.sentence) from None
        resource = _resource(made)
        answer = NewWebhookResource(**dict(resource), secret=secret)
        return json_answer(answer, HTTPStatus.CREATED, Location=f"{self.public_url}{WEBHOOKS}/{resource.id}")

    async def read(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        this = _this(request)
        found = await self.database.read(lambda connection: subscriptions_of(connection, agent, this))
        if not found:
            raise _not_found()
        return json_answer(_resource(found[0]))

    async def remove(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        this, now = _this(request), self.clock()
        if not await self.database.write(lambda connection: self.subscriptions.remove(connection, agent, this, now)):
            raise _not_found()
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})

    async def rotate(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        asked = await read_json(request, NewSecret, optional=True)
        this, secret, now = _this(request), asked.secret or new_secret(), self.clock()
        until = await self.database.write(
            lambda connection: self.subscriptions.rotate(connection, agent, this, secret, now)
        )
        if until is None:
            raise _not_found()
        return json_answer(NewSecretResource(secret=secret, old_secret_until=until))

    async def replay(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.WEBHOOKS_WRITE)
        asked = await read_json(request, Replay)
        this, now = _this(request), self.clock()
        wanted = EventFilter(since=asked.since, until=asked.until)

        def work(connection: Connection) -> int:
            if not subscriptions_of(connection, agent, this):
                raise _not_found()
            return self.subscriptions.replay(connection, agent, this, wanted, now)

        return json_answer(ReplayResource(events=await self.database.write(work)), HTTPStatus.ACCEPTED)


def _this(request: Request) -> int:
    name: str = request.path_params["id"]
    this = PublicId.WEBHOOK.number_in(name)
    if this is None:
        raise _not_found()
    return this


def _not_found() -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "The agent has no such webhook.")


def _resource(found: Subscription) -> WebhookResource:
    return WebhookResource(
        id=PublicId.WEBHOOK.of(found.id),
        url=found.url,
        types=found.types,
        created_at=found.created_at,
        waiting=found.waiting,
        resting=found.resting,
        ended_at=found.ended_at,
    )
