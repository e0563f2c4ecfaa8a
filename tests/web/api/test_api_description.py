"""The OpenAPI document is true: right and wrong requests are generated from it and sent to every endpoint."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth
from starlette.routing import Mount, Route

from smsbot.agents.tokens import ApiScope
from smsbot.store.database import Database
from smsbot.understanding.topics import Topic
from tests.web.api.office import ADA, PUBLIC_URL, Office

EXAMPLES = 16
"""How many right and how many wrong requests each operation gets. 30 found no more mistakes planted in answers."""

NAMES = {"appointments": ["rdv-1", "8"], "messages": ["sms-1"], "organisations": ["1"], "batches": ["batch-1"]}
"""Names that exist, by the part of the path in which they stand."""

DAY = "2026-05-06"
"""The day of the appointments."""

ANSWERS = {
    "listAppointments": {200, 422},
    "readAppointment": {200, 404},
    "replaceAppointment": {200, 201, 422},
    "readAppointmentByExternalId": {200, 404, 422},
    "deleteAppointment": {204, 404, 422},
    "replaceAppointments": {200},
    "cancelAppointments": {200},
    "cancelAppointment": {200, 404, 422},
    "listMessagesOfAppointment": {200, 404, 422},
    "listMessages": {200, 422},
    "readMessage": {200, 404},
    "answerMessage": {404, 409, 422},
    "closeMessage": {200, 404},
    "handMessageOver": {404, 409, 422},
    "putMessageOff": {404, 409, 422},
    "noteOnMessage": {200, 404, 422},
    "beginBatch": {200, 201, 404, 422},
    "readBatch": {404},
    "stopBatch": {404},
    "takeBackCancellation": {404, 409, 422},
    "listDeliveries": {200, 404, 422},
    "listOrganisations": {200, 422},
    "readOrganisation": {200, 404, 422},
    "listStops": {200, 422},
    "listEvents": {200, 422},
    "listWebhooks": {200},
    "registerWebhook": {201, 422},
    "readWebhook": {404},
    "deleteWebhook": {404},
    "rotateWebhookSecret": {404, 422},
    "replayEvents": {404, 422},
}
"""Statuses that each endpoint must have answered at least once. Otherwise too little was tried."""

schemathesis.openapi.format("phone", st.sampled_from(["06 12 34 56 78", "+262692123456", "0590 27 12 34"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["Europe/Paris", "Indian/Reunion"]))
schemathesis.openapi.format("webhook-secret", st.sampled_from(["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]))
schemathesis.openapi.format(
    "date-time",
    st.integers(1_000_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat()),
)


MANY = ("replaceAppointments", "cancelAppointments")
"""They handle each item by itself: a wrong item gets its own problem, and the whole answer is 200. They are
slow to generate, and single items are tried at the endpoints for one."""


def bodies(case: schemathesis.Case[Any]) -> list[Any]:
    """The bodies to send for a generated case: itself, and a copy that names things which exist for the agent."""
    match case.body:
        case {"organisation": dict(organisation)}:
            organisation["external_id"] = "1"
        case dict(webhook) if "url" in webhook:
            webhook["url"] = "https://agenda.example.fr/smsbot"
        case {"act": _, "day": _}:
            return [{"act": "write", "word": "Fermé", "day": DAY, "dry_run": dry_run} for dry_run in (True, False)]
    return [case.body]


def answers(offices: Sequence[Office], operation: Any, mode: GenerationMode) -> list[set[int]]:
    """The statuses with which each office answers generated requests. Every answer is checked against the document."""
    statuses = [set[int]() for _ in offices]
    is_many = operation.definition.raw["operationId"] in MANY
    unchecked = [positive_data_acceptance, *([negative_data_rejection] if is_many else [])]
    has_succeeded = [False for _ in offices]

    @settings(
        max_examples=EXAMPLES // 3 if is_many else EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),  # what is drawn also depends on the modules that are loaded
    )
    @given(case=operation.as_strategy(mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # No generated name exists. So each request is also sent with a name that exists.
        paths, sent = [case.path_parameters], [case.body]
        if mode is GenerationMode.POSITIVE:
            sent = bodies(case)
            names = NAMES.get(operation.path.split("/")[3], ()) if case.path_parameters else ()
            paths += [dict.fromkeys(case.path_parameters, name) for name in names]
        for case.path_parameters, body in product(paths, sent):
            if body is not case.body:  # schemathesis then checks again whether the body is right
                case.body = body
            for number, (office, seen) in enumerate(zip(offices, statuses, strict=True)):
                response = case.call(headers={"Authorization": f"Bearer {office.tokens[ADA]}"}, app=office.app)
                seen.add(response.status_code)
                # No schema can say that a telephone number exists, or that a cursor belongs to this list.
                # Of each answer that succeeds, the check of tokens asks twice more: without one and with a wrong one.
                known = [ignored_auth] if has_succeeded[number] else []
                case.validate_response(response, excluded_checks=[*unchecked, *known])
                has_succeeded[number] |= response.status_code < 300

    check()
    return statuses


@pytest.mark.timeout(600)  # generating a thousand requests is slow
def test_every_endpoint_does_what_the_document_says(sqlite_database: Database, postgresql_database: Database) -> None:
    """Both engines get the same requests, because generating one takes much longer than answering it."""
    offices = [Office(sqlite_database), Office(postgresql_database)]
    for office in offices:
        asyncio.run(office.made("7"))
        asyncio.run(office.made("8"))
        for topic in (None, *Topic):
            office.wrote("Bonjour", topic, waiting=topic is Topic.LATE)
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})  # the token is right
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", offices[0].app, config=config)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        statuses = answers(offices, operation, GenerationMode.POSITIVE)
        if operation.query or operation.body:  # any text is a path that can be asked for
            more = answers(offices, operation, GenerationMode.NEGATIVE)
            statuses = [one | other for one, other in zip(statuses, more, strict=True)]
        for seen in statuses:
            assert ANSWERS[operation.definition.raw["operationId"]] <= seen


@pytest.mark.anyio
async def test_the_document_is_there_for_everybody_and_valid(small_office: Office) -> None:
    response = await small_office.client.get("/api/openapi.json")
    assert response.status_code == 200
    document = response.json()
    assert document["servers"] == [{"url": PUBLIC_URL}]
    schemathesis.openapi.from_dict(document).validate()


@pytest.mark.anyio
async def test_every_endpoint_is_described_and_no_other(small_office: Office) -> None:
    document = (await small_office.client.get("/api/openapi.json")).json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert described == set(endpoints(small_office)) - {("GET", "/api/openapi.json")}


@pytest.mark.anyio
async def test_the_commands_of_the_page_about_the_api_work(small_office: Office) -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    commands = [block for block in page.split("```") if block.strip().startswith("curl")]
    assert len(commands) == 5
    [create] = [block for block in page.split("```") if block.strip().startswith("smsbot tokens create")]
    words = shlex.split(create.replace("\\\n", " "))
    scopes = [ApiScope(each) for name, each in pairwise(words) if name == "--scope"]
    small_office.connect("agenda-mairie", *scopes, organisations=("12",))
    for command in commands:
        words = shlex.split(command.replace("\\\n", " "))
        bodies = [json.loads(each) for name, each in pairwise(words) if name == "-d"]
        method = next((each for name, each in pairwise(words) if name == "-X"), "GET")
        path = words[-1].removeprefix("https://rdv.example.fr/api/v1")
        response = await small_office.call(
            method, path, agent="agenda-mairie", under="", json=bodies[0] if bodies else None
        )
        assert response.is_success, response.text


def endpoints(office: Office) -> Iterator[tuple[str, str]]:
    for mount in office.app.routes:
        assert isinstance(mount, Mount)
        for route in mount.routes:
            assert isinstance(route, Route)
            path = f"{mount.path}{route.path}".replace(":path}", "}")
            yield from ((method, path) for method in route.methods or () if method != "HEAD")
