"""`/metrics`: who may see them, what they contain, and that they hold no personal data."""

from __future__ import annotations

import math
from datetime import timedelta
from importlib.metadata import version

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smsbot.appointments.intake import Feed, note_last_word
from smsbot.runtime import last_successes, note_successes
from smsbot.store.daily_counts import DELIVERIES, INCOMING, OUTGOING, count
from smsbot.store.database import Database
from smsbot.web.health import BackgroundWatch
from smsbot.web.metrics import CountedHttp, HttpCounters, Metrics
from tests.retention.people import NOW, World, days

BACKGROUND = BackgroundWatch(["reminders", "purge"], lambda _connection, now: now - timedelta(minutes=7), [], ["rdvsp"])
TOKEN = "a token for the scraper"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}
A = "+33612345678"


def application(database: Database, token: str | None = TOKEN) -> Starlette:
    """An application with the metrics, mounted as in the service, and a route that fails."""

    def fail(_request: Request) -> Response:
        raise RuntimeError

    counters = HttpCounters()
    secret = SecretStr(token) if token is not None else None
    routes = [
        *Metrics(database, secret, counters, lambda: NOW, BACKGROUND).routes(),
        Route("/fail", fail),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(CountedHttp, counters)],
        exception_handlers={Exception: lambda _request, _error: PlainTextResponse("no", status_code=500)},
    )


async def get(app: Starlette, path: str = "/metrics", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


def values(answer: httpx.Response) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus writes them."""
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.anyio
async def test_without_the_setting_there_is_nothing_there(sqlite_database: Database) -> None:
    app = application(sqlite_database, token=None)
    assert (await get(app)).status_code == 404
    assert (await get(app, **ALLOWED)).status_code == 404


@pytest.mark.anyio
@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"]
)
async def test_without_the_token_nothing_is_told(sqlite_database: Database, authorization: str) -> None:
    app = application(sqlite_database)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/metrics", headers=[(b"authorization", authorization.encode())])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "smsbot_" not in answer.text


@pytest.mark.anyio
async def test_what_the_database_holds_is_told(database: Database) -> None:
    world = World(database)
    world.sent(A, NOW - days(2), kind="notification", state="resting")
    world.sent(A, NOW, state="waiting", due_at=NOW)
    world.received(A, NOW, "Sophie Dupont", outcome="cancelled", for_agents=True, organisation_id=world.organisation())
    await database.write(lambda c: count(c, OUTGOING, "sms", "reply", "sent", now=NOW))
    await database.write(lambda c: count(c, INCOMING, "cancelled", now=NOW))
    await database.write(lambda c: count(c, DELIVERIES, "vonage", "RdvSoli", "lost", now=NOW))
    await database.write(
        lambda connection: note_successes(connection, {"reminders": NOW - timedelta(seconds=90), "gone": NOW}, NOW)
    )
    heard = NOW - timedelta(hours=2)
    await database.write(lambda connection: note_last_word(connection, "ccas", Feed.FILE, heard))
    answer = await get(application(database), **ALLOWED)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    told = values(answer)
    assert told["smsbot_database_up"] == 1
    assert told["smsbot_outgoing_resting channel=sms kind=notification"] == 1
    assert told["smsbot_outgoing_resting channel=email kind=reply"] == 0
    assert told["smsbot_outgoing_unfinished channel=sms kind=reply state=waiting"] == 1
    assert told["smsbot_outgoing_oldest_seconds channel=sms kind=reply"] == 0
    assert told["smsbot_outgoing_in_doubt channel=sms"] == 0
    assert told["smsbot_outgoing_today channel=sms kind=reply state=sent"] == 1
    assert told["smsbot_incoming_today outcome=cancelled"] == 1
    assert told["smsbot_deliveries_today fate=lost gateway=vonage sender=RdvSoli"] == 1
    assert told["smsbot_deliveries_today fate=delivered gateway=vonage sender=RdvSoli"] == 0
    assert told[f"smsbot_build_info version={version('smsbot')}"] == 1
    assert told["smsbot_inbox_waiting"] == 1
    assert told["smsbot_work_last_success_seconds work=reminders"] == 90
    assert told["smsbot_work_last_success_seconds work=purge"] == math.inf
    assert told["smsbot_reminders_oldest_seconds"] == 420
    assert told["smsbot_source_heard_seconds feed=file source=ccas"] == 7200
    assert told["smsbot_source_heard_seconds feed=webhook source=rdvsp"] == math.inf, "it is set up and never came"
    for word in (A, A[1:], "Sophie", "Dupont"):
        assert word not in answer.text


@pytest.mark.anyio
@pytest.mark.parametrize("version_asked", ["9" * 5000, "x", "", "1.0.0"])
async def test_a_version_of_no_format_is_answered_as_if_none_was_asked_for(
    sqlite_database: Database, version_asked: str
) -> None:
    accept = f"application/openmetrics-text;version={version_asked}"
    answer = await get(application(sqlite_database), Accept=accept, **ALLOWED)
    assert answer.status_code == 200
    assert "smsbot_build_info" in answer.text


def test_the_last_success_is_that_of_the_process_where_it_goes_well(database: Database) -> None:
    hour = timedelta(hours=1)
    for at, now in ((NOW, NOW), (NOW - hour, NOW), (NOW - 2 * hour, NOW)):
        database.write_now(lambda c, at=at, now=now: note_successes(c, {"reminders": at}, now))  # type: ignore[misc]
    assert database.read_now(last_successes) == {"reminders": NOW}
    before = NOW - 3 * hour
    database.write_now(lambda c: note_successes(c, {"reminders": before}, before))
    assert database.read_now(last_successes) == {"reminders": before}, "the clock was set back"


@pytest.mark.anyio
async def test_a_process_counts_what_it_answers(sqlite_database: Database) -> None:
    app = application(sqlite_database)
    await get(app, "/nowhere")
    await get(app, "/fail")
    await get(app)
    told = values(await get(app, **ALLOWED))
    assert told["smsbot_http_responses_total status=4xx"] == 2
    assert told["smsbot_http_responses_total status=5xx"] == 1
    assert told["smsbot_http_responses_total status=2xx"] == 0, "the answer in hand is counted afterwards"
    assert told["smsbot_http_seconds_count"] == 3
    again = values(await get(app, **ALLOWED))
    assert again["smsbot_http_responses_total status=2xx"] == 1


@pytest.mark.anyio
async def test_two_applications_in_one_process_do_not_count_together(sqlite_database: Database) -> None:
    here, there = application(sqlite_database), application(sqlite_database)
    await get(here, "/nowhere")
    assert values(await get(there, **ALLOWED))["smsbot_http_responses_total status=4xx"] == 0


@pytest.mark.anyio
async def test_when_the_database_is_away_the_process_is_still_told(sqlite_database: Database) -> None:
    with sqlite_database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outgoing_messages RENAME TO elsewhere")
    answer = await get(application(sqlite_database), **ALLOWED)
    told = values(answer)
    assert answer.status_code == 200
    assert told["smsbot_database_up"] == 0
    assert told["smsbot_http_seconds_count"] == 0
    assert not any(name.startswith("smsbot_outgoing") for name in told)


@pytest.mark.anyio
async def test_openmetrics_is_spoken_to_who_asks_for_it(sqlite_database: Database) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    answer = await get(application(sqlite_database), **ALLOWED, Accept=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = read_openmetrics(answer.text)  # type: ignore[no-untyped-call]
    assert "smsbot_outgoing_resting" in {family.name for family in families}
