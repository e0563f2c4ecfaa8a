"""Many appointments in one request, each handled by itself; and one appointment by its id at its source."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from smsbot.store.tables import audit
from tests.web.api.office import BOB, CONNECTED, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio


async def test_what_is_wrong_with_one_keeps_no_other_out(office: Office) -> None:
    await office.made("7")
    many = [
        {"external_id": "7", **appointment(label="Dossier")},
        {"external_id": 8, **appointment()},
        {"external_id": "9", **appointment(starts_at="tomorrow", colour="blue")},
        {"external_id": "10", **appointment("2")},
        "no appointment",
        {"external_id": "11", **appointment()},
    ]
    response = await office.call("PUT", "", json={"appointments": many})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    results = response.json()["results"]
    assert [each["status"] for each in results] == [200, 201, 422, 403, 422, 201]
    assert results[0]["appointment"]["label"] == "Dossier"
    assert [each["pointer"] for each in results[2]["problem"]["errors"]] == ["/starts_at", "/colour"]
    assert results[2]["appointment"] is None
    known = (await office.get()).json()["appointments"]
    assert [each["external_id"] for each in known] == ["7", "8", "11"]


async def test_many_are_cancelled_and_again_they_are_as_they_were(office: Office) -> None:
    made = [await office.made(name) for name in ("7", "8")]
    body = {
        "cancellations": [
            {"id": "7", "reason": "usager_request"},
            {"id": made[1]["id"], "word": "Fermé"},
            {"id": "9"},
            {"reason": "service"},
        ]
    }
    results = (await office.call("POST", "/cancel", json=body)).json()["results"]
    assert [each["status"] for each in results] == [200, 200, 404, 422]
    assert [each["appointment"]["status"] for each in results[:2]] == ["excused", "revoked"]
    again = (await office.call("POST", "/cancel", json=body)).json()["results"]
    assert [each["appointment"]["outcome"] for each in again[:2]] == ["already_cancelled"] * 2


async def test_how_many_go_into_one_request(small_office: Office) -> None:
    for name, path, method in (("appointments", "", "PUT"), ("cancellations", "/cancel", "POST")):
        for number in (0, 101):
            many: list[dict[str, str]] = [{}] * number
            details = problem(await small_office.call(method, path, json={name: many}), 422)
            assert [each["pointer"] for each in details["errors"]] == [f"/{name}"]


async def test_it_is_read_by_its_id_at_its_source_and_by_no_other(office: Office) -> None:
    office.employ("carl@two.fr", "1", source="other")
    made = await office.made("A/7 é")
    other = await office.made("A/7 é", agent="carl@two.fr", source="other")
    looks_like_ours = await office.made(made["id"])
    assert (await office.get("/by-external-id/A/7 é")).json() == made
    assert (await office.get("/by-external-id/A/7 é", agent="carl@two.fr", source="other")).json() == other
    assert (await office.get(f"/by-external-id/{made['id']}")).json() == looks_like_ours
    problem(await office.get("/by-external-id/A/7 é", source="other"), 404)
    problem(await office.get("/by-external-id/A/7 é", agent=BOB), 404)
    problem(await office.get("/by-external-id/8"), 404)
    problem(await office.get("/by-external-id/A/7 é", colour="blue"), 422)


async def test_what_its_source_no_longer_has_is_gone_for_good(office: Office) -> None:
    made = await office.made("7")
    problem(await office.call("DELETE", "/by-external-id/7", agent=BOB), 404)
    gone = await office.call("DELETE", "/by-external-id/7")
    assert (gone.status_code, gone.content) == (204, b"")
    for path in ("/by-external-id/7", f"/{made['id']}"):
        problem(await office.get(path), 404)
    problem(await office.call("DELETE", "/by-external-id/7"), 404)
    assert "does not come back" in problem(await office.put("7", appointment()), 409)["detail"]
    acts = select(audit.c.act, audit.c.appointment_id).where(audit.c.act == "destroyed")
    assert office.database.read_now(lambda connection: len(connection.execute(acts).all())) == 1


async def test_what_a_connected_source_owns_is_not_deleted_here(small_office: Office) -> None:
    small_office.employ("carl@two.fr", "1", source=CONNECTED)
    response = await small_office.call("DELETE", "/by-external-id/7", agent="carl@two.fr", params={"source": CONNECTED})
    assert "Change the appointment there" in problem(response, 409)["detail"]


async def test_people_are_told_and_reminded_unless_it_is_switched_off(small_office: Office) -> None:
    quiet = participation("p2", send_lifecycle_notifications=False, send_reminder_notification=False)
    await small_office.made("7", participations=[participation("p1"), quiet])
    [(event, _)] = small_office.arrivals.taken
    assert event.record is not None
    flags = [
        (each.send_lifecycle_notifications, each.send_reminder_notification) for each in event.record.participations
    ]
    assert flags == [(True, True), (False, False)]
