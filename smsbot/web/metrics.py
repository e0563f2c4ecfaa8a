"""`/metrics` in Prometheus' format, for those who know `SMSBOT_METRICS_TOKEN`; without that setting it answers 404.

There are two kinds of figures. Those of the database (outgoing, incoming, inbox) are the same in every process: with
several, take the maximum. Those of the process (`smsbot_http_…`, `process_…`) are its own: with several, take the sum.
Labels are few, have few values, and name no person.

Set alerts on `smsbot_outgoing_resting`: these are messages that delivery has given up, and somebody should look at them
(`smsbot outbox list`). Where a source is connected, also set alerts on `smsbot_source_signed_in` and
`smsbot_source_refused`.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from time import perf_counter
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsbot.connected.source_state import SourceState
from smsbot.figures.present import Counts, Present, at_present
from smsbot.http_headers import credentials_of
from smsbot.store.database import Database
from smsbot.web.health import BackgroundState, BackgroundWatch

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A turn takes some milliseconds; Twilio waits 15 seconds at most."""


class HttpCounters:
    """Counts the requests that one process answers."""

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

        pages = Counter(
            "smsbot_console_pages",
            "Pages of the console that are only read, by the process that made them.",
            ["process"],
            registry=self.registry,
        )
        self._pages = {True: pages.labels("pages"), False: pages.labels("serve")}

    def count_page(self, is_by_second: bool) -> None:
        """Count a page of the console. `is_by_second` says whether the second process made it, or this one."""
        self._pages[is_by_second].inc()

    def watch_pages(self, pid: Callable[[], int | None]) -> None:
        """Add the memory and processor time of the process that makes pages.

        `pid` returns the number of that process, or None while there is none.
        """
        ProcessCollector("smsbot_pages", lambda: pid() or 0, registry=self.registry)

    def count(self, status: int, seconds: float) -> None:
        self._responses[status // 100].inc()
        self._seconds.observe(seconds)


@dataclass(frozen=True, slots=True)
class CountedHttp:
    """An ASGI middleware that counts what `app` answers. Give it to Starlette as `Middleware(CountedHttp, counters)`.

    A client that breaks off in the middle of its request gets no answer. The service did not fail, so it is not
    counted.
    """

    app: ASGIApp
    counters: HttpCounters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        status = 500  # the server's answer for an application that fails before it answers
        broken_off = False

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_counted)
        except ClientDisconnect:
            broken_off = True
        finally:
            if not broken_off:
                self.counters.count(status, perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Metrics:
    """`/metrics`. Requests must have `token` as their bearer token. If `token` is None, the answer is 404."""

    database: Database
    token: SecretStr | None
    counters: HttpCounters
    clock: Callable[[], datetime]
    background: BackgroundWatch

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
            stored = await self.database.read(
                lambda connection: (at_present(connection, now), self.background.look(connection, now))
            )
        except SQLAlchemyError:
            stored = None
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # a version that no format has
            encode, content_type = choose_encoder("")
        answer = encode(_Together(self.counters.registry, stored, now))
        return Response(answer, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


_Stored: TypeAlias = tuple[Present, BackgroundState]


@dataclass(frozen=True, slots=True)
class _Together(Collector):
    """Joins the figures of the process with those of the database, for the encoder of Prometheus."""

    process: Collector
    stored: _Stored | None
    now: datetime

    def collect(self) -> Iterator[Metric]:
        yield from self.process.collect()
        yield from _families(self.stored, self.now)


def _is_allowed(request: Request, token: SecretStr) -> bool:
    given = credentials_of(request.headers.get("authorization", ""), "bearer")
    return given is not None and hmac.compare_digest(given.encode(), token.get_secret_value().encode())


def _families(stored: _Stored | None, now: datetime) -> Iterator[Metric]:
    """The figures of the database. `stored` is None if the database does not answer."""
    yield _gauges("smsbot_build_info", "The version that runs.", {(version("smsbot"),): 1.0}, ("version",))
    yield _gauge("smsbot_database_up", "Whether the database answers.", stored is not None)
    if stored is None:
        return
    present, background = stored
    yield _gauges(
        "smsbot_work_last_success_seconds",
        "Since background work last went well, in whichever process; +Inf: never.",
        {(name,): math.inf if since is None else since for name, since in background.since_success.items()},
        ("work",),
    )
    yield _gauge(
        "smsbot_reminders_oldest_seconds",
        "Since the oldest due reminder was due that is not written yet.",
        background.reminders,
    )
    yield _gauges("smsbot_outgoing_unfinished", "Messages that have not left.", present.unfinished, _BY_STATE)
    yield _gauges(
        "smsbot_outgoing_oldest_seconds",
        "Age of the oldest message that should have left.",
        present.oldest_seconds,
        ("channel", "kind"),
    )
    yield _gauges(
        "smsbot_outgoing_in_doubt",
        "Messages of which nobody knows whether they were taken: nobody saw how their last attempt ended.",
        present.in_doubt,
        ("channel",),
    )
    yield _gauges(
        "smsbot_outgoing_resting", "Messages given up, to be looked at.", present.resting, ("channel", "kind")
    )
    yield _gauges(
        "smsbot_outgoing_repeats_today",
        "Sends since midnight that may be a second copy: the attempt before was in doubt.",
        present.repeats_today,
        ("channel",),
    )
    yield _gauges(
        "smsbot_outgoing_today",
        "Messages that were sent, refused or given up since midnight.",
        present.finished_today,
        _BY_STATE,
    )
    yield _gauges(
        "smsbot_incoming_today", "Messages received since midnight, by outcome.", present.received_today, ("outcome",)
    )
    yield _gauges(
        "smsbot_deliveries_today",
        "Final statuses from gateways since midnight, of messages that they took: delivered or lost.",
        present.deliveries_today,
        ("gateway", "sender", "fate"),
    )
    yield _gauge("smsbot_inbox_waiting", "Messages in the agents' inbox that nobody has dealt with.", present.in_inbox)
    yield _gauges(
        "smsbot_source_heard_seconds",
        "Since a source was last heard of, by webhook, API or file; +Inf: its webhook is set up and never came.",
        {key: math.inf if since is None else since for key, since in background.heard.items()},
        ("source", "feed"),
    )
    if background.sources:
        yield from _source_families(background.sources, now)


def _source_families(sources: Mapping[str, SourceState], now: datetime) -> Iterator[Metric]:
    """The figures of the connected sources. A time that was never noted is +Inf."""

    def by_source(name: str, meaning: str, value: Callable[[SourceState], float]) -> Metric:
        return _gauges(name, meaning, {(source,): value(state) for source, state in sources.items()}, ("source",))

    def since(moment: datetime | None) -> float:
        return math.inf if moment is None else max((now - moment).total_seconds(), 0.0)

    yield by_source("smsbot_source_signed_in", "Whether we are signed in there.", lambda each: each.is_signed_in)
    yield by_source(
        "smsbot_source_refused",
        "Whether the last call there was refused.",
        lambda each: each.problem is not None,
    )
    yield by_source(
        "smsbot_source_sync_seconds",
        "Since its coming appointments were last read to the end; +Inf: never.",
        lambda each: since(each.synced_at),
    )
    yield by_source("smsbot_source_to_read", "Appointments that will be read there again.", lambda each: each.to_read)
    yield by_source(
        "smsbot_cancellations_waiting", "Cancellations that wait to be made there.", lambda each: each.waiting
    )
    yield by_source(
        "smsbot_cancellations_oldest_seconds",
        "Since the oldest waiting cancellation was asked for; 0 if none waits.",
        lambda each: 0.0 if each.waiting_since is None else since(each.waiting_since),
    )
    yield by_source(
        "smsbot_cancellations_refused", "Cancellations refused there in the last 24 hours.", lambda each: each.refused
    )


_BY_STATE = ("channel", "kind", "state")


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _gauges(name: str, meaning: str, values: Counts, labels: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
