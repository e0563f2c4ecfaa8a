"""`/metrics` in Prometheus' format, for whoever knows `SMSBOT_METRICS_TOKEN`; without the setting there is none.

Two kinds of figures stand side by side. Those of the database (`smsbot_outgoing_…`, `smsbot_incoming_…`, `smsbot_inbox_…`)
are the same whichever process is asked: of several, take the maximum. Those of the process (`smsbot_http_…`,
`process_…`) are its own: of several, take the sum. Labels are few and take few values; nobody is in them.

The figure to be alerted by is `smsbot_outgoing_resting`: messages that delivery has given up, and that wait for somebody
to look (`smsbot outbox list`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from time import perf_counter
from typing import get_args
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import SecretStr
from sqlalchemy import Connection, and_, case, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsbot.appointments.model import DEFAULT_TIME_ZONE
from smsbot.delivery.outbox import SENDING, WAITING, Channel, Kind
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, outgoing_messages

_CHANNELS: tuple[str, ...] = get_args(Channel)
_KINDS: tuple[str, ...] = get_args(Kind)
_DAYS_BEGIN_IN = ZoneInfo(DEFAULT_TIME_ZONE)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A turn takes some milliseconds; Twilio waits for 15 seconds in all."""


class HttpCounters:
    """What one process counts of the requests that it answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        responses = Counter("smsbot_http_responses", "By class of status.", ["status"], registry=self.registry)
        self._responses = {hundreds: responses.labels(f"{hundreds}xx") for hundreds in range(1, 6)}
        self._seconds = Histogram(
            "smsbot_http_seconds",
            "From the start of a request to the end of its response.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count(self, status: int, seconds: float) -> None:
        self._responses[status // 100].inc()
        self._seconds.observe(seconds)


@dataclass(frozen=True, slots=True)
class CountedHttp:
    """An ASGI middleware: counts what `app` answers. Starlette takes it as `Middleware(CountedHttp, counters)`."""

    app: ASGIApp
    counters: HttpCounters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        status = 500  # what the server sends for an application that fails before it answers

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_counted)
        finally:
            self.counters.count(status, perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Metrics:
    """`/metrics`. `token` is the bearer token it asks for; None: it answers 404."""

    database: Database
    token: SecretStr | None
    counters: HttpCounters
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        if self.token is None:
            return PlainTextResponse("There are no metrics here: SMSBOT_METRICS_TOKEN is not set.\n", status_code=404)
        if not _is_allowed(request, self.token):
            return PlainTextResponse(
                "The metrics need the bearer token of SMSBOT_METRICS_TOKEN.\n",
                status_code=401,
                headers={"WWW-Authenticate": 'Bearer realm="smsbot metrics"'},
            )
        now = self.clock()
        try:
            stored = await self.database.read(lambda connection: _stored(connection, now))
        except SQLAlchemyError:
            stored = [_gauge("smsbot_database_up", "Whether the database answers.", 0)]
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        answer = encode(_Together(self.counters.registry, stored))  # type: ignore[arg-type] # all it does is collect
        return Response(answer, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _Together(Collector):
    """What the process counts and what the database holds, as one."""

    process: Collector
    stored: Iterable[Metric]

    def collect(self) -> Iterator[Metric]:
        yield from self.process.collect()
        yield from self.stored


def _is_allowed(request: Request, token: SecretStr) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())
    return scheme.lower() == "bearer" and right


# What the database holds ---------------------------------------------------------------------------------------------

_outgoing, _incoming = outgoing_messages.c, incoming_messages.c

# Conditions with an index of their own are written out, not bound: only so do both engines see that it serves.
_UNFINISHED = text("outgoing_messages.state IN ('waiting', 'sending')")
_RESTING = text("outgoing_messages.state = 'resting'")
_IN_INBOX = text("incoming_messages.for_agents")


def _stored(connection: Connection, now: datetime) -> list[Metric]:
    today = now.astimezone(_DAYS_BEGIN_IN).replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        _gauge("smsbot_database_up", "Whether the database answers.", 1),
        *_unfinished(connection, now),
        _resting(connection),
        _sent_today(connection, today),
        _received_today(connection, today),
        _inbox(connection),
    ]


def _unfinished(connection: Connection, now: datetime) -> Iterator[Metric]:
    may_leave = or_(
        _outgoing.due_at <= now, _outgoing.attempts > 0
    )  # one for later, as a reminder at night, is not late
    in_doubt = and_(_outgoing.state == SENDING, or_(_outgoing.due_at <= now, _outgoing.error_code.is_not(None)))
    keys = (_outgoing.channel, _outgoing.kind, _outgoing.state)
    rows = connection.execute(
        select(
            *keys,
            func.count().label("messages"),
            func.min(case((may_leave, _outgoing.created_at))).label("oldest"),
            func.sum(case((in_doubt, 1), else_=0)).label("in_doubt"),
        )
        .where(_UNFINISHED)
        .group_by(*keys)
    ).all()
    counts = dict.fromkeys(product(_CHANNELS, _KINDS, (WAITING, SENDING)), 0)
    ages, doubts = dict.fromkeys(_CHANNELS, 0.0), dict.fromkeys(_CHANNELS, 0)
    for row in rows:
        counts[row.channel, row.kind, row.state] = row.messages
        doubts[row.channel] += row.in_doubt
        if row.oldest is not None:
            ages[row.channel] = max(ages[row.channel], (now - row.oldest).total_seconds())
    yield _gauges("smsbot_outgoing_unfinished", "Messages that have not left.", ("channel", "kind", "state"), counts)
    yield _gauges(
        "smsbot_outgoing_oldest_seconds",
        "Age of the oldest message that should have left.",
        ("channel",),
        {(channel,): age for channel, age in ages.items()},
    )
    yield _gauges(
        "smsbot_outgoing_in_doubt",
        "Messages that may have been taken or not: nobody saw how their last attempt ended.",
        ("channel",),
        {(channel,): number for channel, number in doubts.items()},
    )


def _resting(connection: Connection) -> Metric:
    keys = (_outgoing.channel, _outgoing.kind)
    rows = connection.execute(select(*keys, func.count()).where(_RESTING).group_by(*keys))
    counts = dict.fromkeys(product(_CHANNELS, _KINDS), 0) | {(channel, kind): number for channel, kind, number in rows}
    return _gauges("smsbot_outgoing_resting", "Messages given up, to be looked at.", ("channel", "kind"), counts)


def _sent_today(connection: Connection, today: datetime) -> Metric:
    keys = (_outgoing.channel, _outgoing.kind, _outgoing.state)
    rows = connection.execute(select(*keys, func.count()).where(_outgoing.created_at >= today).group_by(*keys))
    counts = {(channel, kind, state): number for channel, kind, state, number in rows}
    return _gauges(
        "smsbot_outgoing_today",
        "Messages written since midnight, by what has become of them.",
        ("channel", "kind", "state"),
        counts,
    )


def _received_today(connection: Connection, today: datetime) -> Metric:
    statement = select(_incoming.outcome, func.count()).where(_incoming.received_at >= today)
    rows = connection.execute(statement.group_by(_incoming.outcome))
    counts = {(outcome,): number for outcome, number in rows}
    return _gauges("smsbot_incoming_today", "Messages received since midnight, by outcome.", ("outcome",), counts)


def _inbox(connection: Connection) -> Metric:
    waiting = select(func.count()).select_from(incoming_messages).where(_IN_INBOX, _incoming.handled_at.is_(None))
    number = connection.execute(waiting).scalar_one()
    return _gauge("smsbot_inbox_waiting", "Messages in the agents' inbox that nobody has dealt with.", number)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return _gauges(name, meaning, (), {(): value})


def _gauges(
    name: str, meaning: str, labels: tuple[str, ...], values: dict[tuple[str, ...], int] | dict[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
