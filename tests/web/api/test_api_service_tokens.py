"""Tokens of other systems: what they may do, where and until when, and their name in the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.agents.service_accounts import find_service, revoke_service
from smsbot.agents.tokens import ApiScope
from smsbot.store.database import Database
from smsbot.store.tables import audit
from smsbot.subscriptions.publishing import publish
from tests.web.api.office import BOB, Office, appointment, problem

pytestmark = pytest.mark.anyio

READ, WRITE = ApiScope.APPOINTMENTS_READ, ApiScope.APPOINTMENTS_WRITE


async def test_it_acts_in_its_organisations_under_its_name(office: Office) -> None:
    office.connect("agenda", READ, WRITE)
    made = await office.made("7", agent="agenda")
    await office.made("8", agent=BOB, in_organisation="2")
    assert (await office.get(agent="agenda")).json()["appointments"] == [made]
    problem(await office.get("/8", agent="agenda"), 404)
    problem(await office.put("9", appointment("2"), agent="agenda"), 403)
    assert (await office.cancel("7", agent="agenda")).json()["outcome"] == "cancelled"
    rows = office.database.read_now(lambda c: c.execute(select(audit).where(audit.c.act == "cancelled")).all())
    assert [(row.by, row.way, row.agent) for row in rows] == [("agent", "api", "agenda")]


async def test_one_of_all_organisations_sees_those_that_come_later(office: Office) -> None:
    office.connect("all", READ, ApiScope.EVENTS_READ, ApiScope.WEBHOOKS_WRITE, organisations=None)
    hook = {"url": "https://agenda.example.fr"}
    assert (await office.call("POST", "", agent="all", under="/webhooks", json=hook)).status_code == 201
    made = [await office.made("7"), await office.made("8", agent=BOB, in_organisation="2")]
    assert (await office.get(agent="all")).json()["appointments"] == made
    await office.cancel("8", agent=BOB)
    office.database.write_now(lambda connection: publish(connection, office.now))
    [event] = (await office.call("GET", "", agent="all", under="/events")).json()["events"]
    assert event["data"]["organisation"]["external_id"] == "2"
    [told] = (await office.call("GET", "", agent="all", under="/webhooks")).json()["webhooks"]
    assert told["waiting"] == 1


async def test_a_token_that_has_ended_says_so(office: Office) -> None:
    office.connect("agenda", READ, token_days=30)
    office.now += timedelta(days=30)
    ended = await office.get(agent="agenda")
    assert problem(ended, 401)["detail"] == "The token has expired, on 2026-06-03 at 10:00 UTC."
    assert 'error="invalid_token"' in ended.headers["www-authenticate"]
    office.now += timedelta(days=365)
    office.connect("other", READ)

    def end(connection: Any) -> None:
        revoke_service(connection, find_service(connection, "other", office.now), office.now)

    office.database.write_now(end)
    assert problem(await office.get(agent="other"), 401)["detail"] == "The token is not valid, or no longer."


async def test_the_scope_comes_before_anything_that_is_asked(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    office.connect("agenda", READ)
    refused = await office.call("PUT", "/by-external-id/7", agent="agenda", content="{")
    assert problem(refused, 403)["detail"] == "The token needs the scope appointments:write for this."
    assert refused.headers["www-authenticate"] == (
        'Bearer realm="smsbot", error="insufficient_scope", scope="appointments:write"'
    )
