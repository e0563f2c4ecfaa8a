"""The OpenAPI document besides its schemas: scopes, examples, and links from one operation to the next."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import positive_data_acceptance
from starlette.responses import Response

from smsbot.agents.tokens import ApiScope
from smsbot.store.database import Database
from smsbot.web.api.openapi import openapi_document
from tests.web.api.office import ADA, PUBLIC_URL, Office, problem
from tests.web.api.test_api_description import DAY

Operation = tuple[str, str, Mapping[str, Any]]


def operations() -> Iterator[Operation]:
    for path, item in openapi_document(PUBLIC_URL)["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation


def resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The component to which a reference leads. Anything else is returned unchanged."""
    if "$ref" not in described:
        return described
    _, _, kind, name = described["$ref"].split("/")
    found: Mapping[str, Any] = openapi_document(PUBLIC_URL)["components"][kind][name]
    return found


@pytest.mark.anyio
async def test_every_operation_names_the_one_scope_that_it_needs(small_office: Office) -> None:
    office, seen = small_office, set()
    for scope in ApiScope:
        office.connect(f"all-but-{scope.replace(':', '-')}", *(set(ApiScope) - {scope}))
    for method, path, operation in operations():
        [security] = operation["security"]
        [scope] = security["token"]
        seen.add(scope)
        url = path.replace("{id}", "1").replace("{external_id}", "1").removeprefix("/api/v1")
        refused = await office.call(method, url, agent=f"all-but-{scope.replace(':', '-')}", under="")
        told = problem(refused, 403)["detail"]
        assert told == f"The token needs the scope {scope} for this.", (method, path)
    assert seen == set(ApiScope)


def test_every_body_and_every_answer_has_an_example_that_fits_its_schema() -> None:
    whole, tried, fitting = openapi_document(PUBLIC_URL), 0, set[str]()
    for _, path, operation in operations():
        described = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
        for content in (each for one in described for each in one.get("content", {}).values()):
            tried += 1
            if str(content) in fitting:  # many operations give the same answer
                continue
            schema = {**content["schema"], "components": whole["components"]}
            jsonschema_rs.Draft202012Validator(copy.deepcopy(schema)).validate(content["example"])
            fitting.add(str(content))
        bodies = [each for each in described[1:] if "content" not in each]
        assert bodies == [] or operation["operationId"].startswith("delete"), path
    assert tried > 200


def test_nothing_is_described_twice() -> None:
    summaries = [operation["summary"] for _, _, operation in operations()]
    assert len(set(summaries)) == len(summaries)
    whole = openapi_document(PUBLIC_URL)
    inline = [
        str(parameter)
        for item in whole["paths"].values()
        for described in (item, *(each for key, each in item.items() if key != "parameters"))
        for parameter in described.get("parameters", ())
        if "$ref" not in parameter
    ]
    assert len(set(inline)) == len(inline)
    assert {tag for _, _, operation in operations() for tag in operation["tags"]} == {t["name"] for t in whole["tags"]}


@pytest.mark.anyio
async def test_the_examples_of_bodies_are_taken(small_office: Office) -> None:
    office = small_office
    office.employ(ADA, "1", "12")
    made = await office.made("7")
    message = office.wrote("Je serai en retard", waiting=True)
    names = {"appointments": made["id"], "messages": message, "organisations": "12", "webhooks": "webhook-1"}
    for method, path, operation in operations():
        if "requestBody" not in operation:
            continue
        example = operation["requestBody"]["content"]["application/json"]["example"]
        url = path.removeprefix("/api/v1").replace("{id}", names.get(path.split("/")[3], ""))
        response = await office.call(method, url.replace("{external_id}", "4711"), under="", json=example)
        assert response.status_code not in (400, 404, 415, 422) or "take-back" in path, (path, response.text)


@pytest.mark.anyio
async def test_every_link_leads_to_something_that_is_there(small_office: Office) -> None:
    office = small_office
    office.employ(ADA, "1", "12")
    await office.made("7")
    office.wrote("Je serai en retard", waiting=True)
    found = {operation["operationId"]: (method, path, operation) for method, path, operation in operations()}
    followed = 0

    async def call(name: str, this: str) -> Any:
        body: Any
        method, path, operation = found[name]
        url = path.removeprefix("/api/v1").replace("{id}", this).replace("{external_id}", this)
        asked = operation.get("requestBody", {"required": False})
        body = asked["content"]["application/json"]["example"] if asked["required"] else None
        if name == "beginBatch":
            await office.made(f"new-{followed}")
            body = dict(body, day=DAY, dry_run=False)
        return await office.call(method, url, under="", json=body)

    for name, (_, _, operation) in found.items():
        for link in (each for answer in operation["responses"].values() for each in answer.get("links", {}).values()):
            here: Any = (await call(name, "1" if name == "beginBatch" else "4711")).json()
            for part in link["parameters"]["id"].removeprefix("$response.body#/").split("/"):
                here = here[int(part) if part.isdecimal() else part]
            response = await call(link["operationId"], here)
            assert response.status_code not in (400, 404, 415, 422), (name, link, response.text)
            followed += 1
    assert followed > 20


def test_every_way_from_one_operation_to_the_next_keeps_to_the_document(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    asyncio.run(office.made("7"))
    office.wrote("Je serai en retard", waiting=True)
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False, "mode": "positive"}})
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", office.app, config=config)
    visited: set[tuple[str, int]] = set()

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: schemathesis.Case[Any]) -> None:
            match case.body:
                case {"organisation": dict(organisation)}:
                    organisation["external_id"] = "1"
                case dict(webhook) if "url" in webhook:
                    webhook["url"] = "https://agenda.example.fr/smsbot"
                case {"act": _, "day": _}:
                    case.body = {"act": "write", "word": "Fermé", "day": DAY}

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {office.tokens[ADA]}"}}

        def validate_response(self, response: Response, case: schemathesis.Case[Any], **_: Any) -> None:
            visited.add((case.operation.definition.raw["operationId"], response.status_code))
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

    chosen = settings(
        max_examples=8,
        stateful_step_count=6,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Walk, settings=chosen)
    assert len({name for name, status in visited if status < 300}) > 4
