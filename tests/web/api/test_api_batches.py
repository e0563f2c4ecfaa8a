"""Batches through the API: preview, beginning, reading, stopping; and that others cannot reach them."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from smsbot.batches.records import waiting_tasks
from smsbot.batches.working import BatchWorker
from smsbot.store.tables import audit, batches
from tests.web.api.office import ADA, BOB, NOW, Office, participation, problem

pytestmark = pytest.mark.anyio

DAY = "2026-05-11"


async def begin(office: Office, *, agent: str = ADA, **body: Any) -> Response:
    return await office.call("POST", "/1/batches", under="/organisations", agent=agent, json={"day": DAY, **body})


async def three(office: Office) -> list[str]:
    """Add appointments at 9h, 10h and 11h in Paris. The person of the last one cannot be reached."""
    made = []
    for hour in (7, 8, 9):
        part = participation(
            "p", send_lifecycle_notifications=True, **({} if hour < 9 else {"phone": None, "email": None})
        )
        one = await office.made(str(hour), starts_at=f"{DAY}T0{hour}:00:00Z", participations=[part])
        made.append(one["id"])
    return made


def work(office: Office, at_most: int = 10) -> None:
    worker = BatchWorker(office.door, office.herald)
    for task in office.database.read_now(lambda c: waiting_tasks(c, NOW, at_most)):
        office.database.write_now(lambda c, task=task: worker.do(c, task, NOW))  # type: ignore[misc]


async def test_it_is_foretold_begun_and_read(office: Office) -> None:
    ids = await three(office)
    foretold = await begin(office, act="cancel", word="Fermé", dry_run=True, begins_from="10:00")
    assert foretold.status_code == 200
    body = foretold.json()
    assert [each["appointment_id"] for each in body["appointments"]] == ids[1:]
    assert (body["people"], body["sms"], body["unreached"]) == (2, 1, 1)
    assert "Message : Fermé." in body["example"]
    assert office.database.read_now(lambda c: c.execute(select(batches)).all()) == []

    begun = await begin(office, act="cancel", word="Fermé", begins_before="11:00")
    assert begun.status_code == 201
    made = begun.json()
    assert begun.headers["location"].endswith(f"/api/v1/batches/{made['id']}")
    assert (made["state"], [each["outcome"] for each in made["appointments"]]) == ("running", [None, None])
    work(office, 1)
    stopped = await office.call("POST", f"/{made['id']}/stop", under="/batches")
    assert stopped.json()["state"] == "stopped"
    work(office)
    read = (await office.call("GET", f"/{made['id']}", under="/batches")).json()
    assert [each["outcome"] for each in read["appointments"]] == ["cancelled", None]
    problem(await office.call("POST", f"/{made['id']}/stop", under="/batches"), 409)
    who = select(audit.c.act, audit.c.way, audit.c.agent).where(audit.c.act == "cancelled")
    assert office.database.read_now(lambda c: c.execute(who).all()) == [("cancelled", "api", ADA)]


async def test_others_have_no_part_in_it(office: Office) -> None:
    await three(office)
    made = (await begin(office, act="write", word="Entrée par la cour")).json()
    problem(await begin(office, agent=BOB, act="cancel"), 404)
    for method, path in (
        ("GET", f"/{made['id']}"),
        ("POST", f"/{made['id']}/stop"),
        ("GET", "/batch-x"),
        ("GET", "/1"),
    ):
        problem(await office.call(method, path, under="/batches", agent=BOB), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"act": "write"}, 422),
        ({"act": "drop"}, 422),
        ({"act": "cancel", "begins_from": "25:00"}, 422),
        ({"act": "cancel", "day": "11/05/2026"}, 422),
        ({"act": "cancel", "place": "Ailleurs"}, 409),
        ({"act": "cancel", "day": "0001-01-01"}, 409),  # the calendar ends there
        ({"act": "cancel", "day": "9999-12-31"}, 409),
    ],
)
async def test_what_cannot_be_begun(office: Office, body: dict[str, Any], status: int) -> None:
    await three(office)
    problem(await begin(office, **body), status)
