"""Who may read and change what: nobody without a valid token, and no agent outside their organisations."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from smsbot.agents.account_changes import revoke_agent
from smsbot.store.database import Database
from smsbot.store.tables import appointments
from tests.web.api.office import ADA, BOB, Office, appointment, problem

pytestmark = pytest.mark.anyio

ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("GET", "/7", {}),
    ("PUT", "/by-external-id/7", {"json": appointment()}),
    ("POST", "/7/cancel", {}),
    ("GET", "/7/messages", {}),
    ("GET", "/../messages", {}),
    ("GET", "/../events", {}),
    ("GET", "/../webhooks", {}),
    ("POST", "/../webhooks", {"json": {"url": "https://agenda.example.fr"}}),
    ("GET", "/../webhooks/webhook-1", {}),
    ("DELETE", "/../webhooks/webhook-1", {}),
    ("POST", "/../webhooks/webhook-1/replay", {"json": {"since": "2026-05-04T10:00:00Z"}}),
]


NO_TOKENS = [
    None,
    "",
    "Bearer",
    "Bearer  ",
    "bearer",
    "Basic YWRhOmFkYQ==",
    "Bearer smsbot_unknown",
    "Bearer à",
    "Bearer a b",
    f"Bearer {'x' * 5000}",
]


@pytest.mark.parametrize("header", NO_TOKENS)
async def test_nobody(small_office: Office, header: str | None) -> None:
    made = await small_office.made("7")
    headers = [] if header is None else [(b"authorization", header.encode())]
    for method, path, request_body in ROUTES:
        url = f"/api/v1/appointments{path}"
        response = await small_office.client.request(method, url, headers=headers, **request_body)
        problem(response, 401)
        assert response.headers["www-authenticate"].startswith('Bearer realm="smsbot"')
    assert (await small_office.get("/7")).json() == made
    assert small_office.announcer.told == []


async def test_two_tokens_in_one_request(small_office: Office) -> None:
    headers = [("Authorization", f"Bearer {small_office.tokens[each]}") for each in (ADA, BOB)]
    problem(await small_office.client.get("/api/v1/appointments", headers=headers), 401)


async def test_the_word_bearer_in_any_case(small_office: Office) -> None:
    headers = {"Authorization": f"bEARER {small_office.tokens[ADA]}"}
    assert (await small_office.client.get("/api/v1/appointments", headers=headers)).status_code == 200


async def test_no_body_is_looked_at_before_the_token(small_office: Office) -> None:
    response = await small_office.client.put("/api/v1/appointments/by-external-id/7", content="{")
    problem(response, 401)


async def test_a_revoked_agent(office: Office) -> None:
    await office.made("7")
    office.employ(ADA, "1")  # a second token, which ends together with the first
    office.database.write_now(lambda connection: revoke_agent(connection, ADA, office.now))
    for method, path, request_body in ROUTES:
        response = await office.call(method, path, **request_body)
        problem(response, 401)
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert office.announcer.told == []


async def test_what_is_of_another_organisation_is_not_there(office: Office) -> None:
    made = await office.made("7")
    for name in (made["id"], "7"):
        problem(await office.get(f"/{name}", agent=BOB), 404)
        problem(await office.cancel(name, agent=BOB), 404)
        problem(await office.cancel(name, agent=BOB, participation_id="p1"), 404)
    for query in ({}, {"external_id": "7"}, {"phone": "0612345678"}, {"changed_since": "2026-01-01"}):
        assert (await office.get(agent=BOB, **query)).json() == {"appointments": [], "next": None}
    assert (await office.get("/7")).json() == made
    assert office.announcer.told == []


async def test_nothing_is_written_into_another_organisation_nor_taken_from_it(office: Office) -> None:
    made = await office.made("7")
    problem(await office.put("8", appointment("1"), agent=BOB), 403)  # a new appointment in her organisation
    problem(await office.put("7", appointment("1"), agent=BOB), 403)  # her appointment
    problem(await office.put("7", appointment("2"), agent=BOB), 404)  # her appointment, moved to his organisation
    problem(await office.put("7", appointment("2")), 403)  # her own appointment, moved to his organisation
    assert (await office.get()).json()["appointments"] == [made]
    assert (await office.get(agent=BOB)).json()["appointments"] == []


async def test_the_same_number_at_another_source_is_another_organisation(office: Office) -> None:
    office.employ("eve@other.fr", "1", source="autre")
    made = await office.made("7")
    problem(await office.get(f"/{made['id']}", agent="eve@other.fr"), 404)
    problem(await office.put("7", appointment("1"), agent="eve@other.fr"), 403)
    theirs = await office.made("7", agent="eve@other.fr", source="autre")
    assert (await office.get()).json()["appointments"] == [made]
    assert (await office.get(agent="eve@other.fr")).json()["appointments"] == [theirs]


async def test_what_is_of_no_organisation_is_nobodys(office: Office) -> None:
    await office.made("7")
    office.database.write_now(lambda c: c.execute(update(appointments).values(organisation_id=None)))
    problem(await office.get("/7"), 404)
    problem(await office.cancel("7"), 404)
    problem(await office.put("7", appointment()), 404)
    assert (await office.get()).json()["appointments"] == []


async def test_an_agent_of_several_organisations(office: Office) -> None:
    office.employ("eve@both.fr", "1", "2")
    made = [await office.made("7"), await office.made("8", agent=BOB, in_organisation="2")]
    assert (await office.get(agent="eve@both.fr")).json()["appointments"] == made
    moved = await office.put("7", appointment("2"), agent="eve@both.fr")
    assert moved.json()["organisation"]["external_id"] == "2"
    problem(await office.get("/7"), 404)


async def test_an_agent_of_no_organisation_that_is_known(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    office.employ("eve@new.fr", "99")
    assert (await office.get(agent="eve@new.fr")).json() == {"appointments": [], "next": None}
