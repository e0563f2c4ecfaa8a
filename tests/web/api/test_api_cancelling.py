"""An agent cancels through the API: it happens once, even if others cancel too, and the answer has the outcome."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.agents.account_changes import revoke_agent
from smsbot.appointments.intake import take_record
from smsbot.model import Actor, Status, Via
from smsbot.store.tables import audit
from tests.appointments.records import appointment as record
from tests.web.api.office import ADA, CONNECTED, NOW, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio

TWO = [participation("p1"), participation("p2", phone="06 12 34 56 79")]


def statuses(appointment: dict[str, Any]) -> list[str]:
    """The status of the appointment, then that of each participation."""
    return [appointment["status"], *(each["status"] for each in appointment["participations"])]


def audited(office: Office) -> list[tuple[str, ...]]:
    columns = (audit.c.act, audit.c.by, audit.c.way, audit.c.agent)
    wanted = select(*columns).where(audit.c.act == "cancelled").order_by(audit.c.id)
    return office.database.read_now(lambda connection: [tuple(row) for row in connection.execute(wanted)])


async def test_without_a_body_the_service_cancels_the_whole(office: Office) -> None:
    made = await office.made("7", participations=TWO)
    office.now += timedelta(minutes=5)
    response = await office.call("POST", f"/{made['id']}/cancel")
    assert response.status_code == 200
    cancelled = response.json()
    assert cancelled["outcome"] == "cancelled"
    assert statuses(cancelled) == ["revoked", "revoked", "revoked"]
    assert cancelled["changed_at"] == "2026-05-04T10:05:00Z"
    for part in cancelled["participations"]:
        assert (part["cancelled_at"], part["cancelled_by"], part["cancelled_way"]) == (
            "2026-05-04T10:05:00Z",
            "agent",
            "api",
        )
    assert audited(office) == [("cancelled", "agent", "api", ADA)] * 2


async def test_again_it_is_as_it_was_and_nobody_is_told_twice(office: Office) -> None:
    made = await office.made("7")
    first = (await office.cancel(made["id"])).json()
    office.now += timedelta(minutes=5)
    again = await office.cancel("7", reason="usager_request")
    assert again.status_code == 200
    assert again.json() == {**first, "outcome": "already_cancelled"}
    assert len(office.announcer.told) == 1
    assert len(audited(office)) == 1


async def test_at_the_usagers_request(office: Office) -> None:
    made = await office.made("7")
    cancelled = (await office.cancel(made["id"], reason="usager_request", word="  À bientôt\n! ")).json()
    assert statuses(cancelled) == ["excused", "excused"]
    (told,) = office.announcer.told
    assert told.canceller.by is Actor.AGENT
    assert told.canceller.via is Via.API
    assert told.canceller.status is Status.EXCUSED
    assert told.canceller.agent == ADA
    assert told.canceller.word == "À bientôt !"


@pytest.mark.parametrize("by", ["id", "external_id"])
async def test_one_participation_of_a_collective_appointment(office: Office, by: str) -> None:
    made = await office.made("7", collective=True, participations=TWO)
    cancelled = (await office.cancel(made["id"], participation_id=made["participations"][1][by])).json()
    assert cancelled["outcome"] == "cancelled"
    assert statuses(cancelled) == ["unknown", "unknown", "revoked"]
    again = (await office.cancel(made["id"], participation_id=made["participations"][1][by])).json()
    assert again == {**cancelled, "outcome": "already_cancelled"}
    whole = (await office.cancel(made["id"])).json()
    assert whole["outcome"] == "cancelled"
    assert statuses(whole) == ["revoked", "revoked", "revoked"]
    assert [len(ended.participations) for ended in office.announcer.told] == [1, 1]


async def test_one_participation_of_an_individual_appointment_ends_it_for_all(office: Office) -> None:
    made = await office.made("7", participations=TWO)
    cancelled = (await office.cancel(made["id"], participation_id="p2")).json()
    assert statuses(cancelled) == ["revoked", "revoked", "revoked"]


async def test_a_participation_of_another_appointment(office: Office) -> None:
    first, second = await office.made("7"), await office.made("8", participations=[participation("p2")])
    for name in (first["participations"][0]["id"], "p1", "part-999"):
        problem(await office.cancel(second["id"], participation_id=name), 404)
    assert statuses((await office.get(f"/{second['id']}")).json()) == ["unknown", "unknown"]


async def test_no_notice_period_holds_for_agents(small_office: Office) -> None:
    for hours in (1, -1):  # it begins soon, or has begun
        made = await small_office.made(f"in {hours}", starts_at=(NOW + timedelta(hours=hours)).isoformat())
        assert (await small_office.cancel(made["id"])).json()["outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"status": "seen"}, "It is marked seen"),
        ({"participations": [participation("p1", status="noshow")]}, "It is marked noshow"),
        ({"participations": []}, "Nobody takes part"),
    ],
)
async def test_where_there_is_nothing_to_cancel(small_office: Office, members: dict[str, Any], why: str) -> None:
    made = await small_office.made("7", **members)
    details = problem(await small_office.cancel(made["id"]), 409)
    assert details["detail"].startswith(why)
    assert small_office.announcer.told == []


async def test_twenty_at_once_cancel_once_and_each_is_told(office: Office) -> None:
    made = await office.made("7", participations=TWO)
    responses = await asyncio.gather(*(office.cancel(made["id"]) for _ in range(20)))
    assert [response.status_code for response in responses] == [200] * 20
    answers = [response.json() for response in responses]
    assert sorted(answer.pop("outcome") for answer in answers) == ["already_cancelled"] * 19 + ["cancelled"]
    assert all(answer == answers[0] for answer in answers)
    assert statuses(answers[0]) == ["revoked", "revoked", "revoked"]
    assert len(office.announcer.told) == 1
    assert len(audited(office)) == 2


async def test_cancelling_while_it_is_replaced(office: Office) -> None:
    made = await office.made("7", participations=TWO)
    moved = [appointment(starts_at=(NOW + timedelta(days=day)).isoformat(), participations=TWO) for day in range(3, 13)]
    responses = await asyncio.gather(
        *(office.put("7", each) for each in moved), *(office.cancel(made["id"]) for _ in range(10))
    )
    assert [response.status_code for response in responses] == [200] * 20
    assert statuses((await office.get("/7")).json()) == ["revoked", "revoked", "revoked"]
    assert len(office.announcer.told) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "holiday"}, "/reason"),
        ({"word": "x" * 301}, "/word"),
        ({"word": "€" * 151}, "/word"),
        ({"participation_id": ""}, "/participation_id"),
        ({"participation": "p1"}, "/participation"),
        (None, ""),
        ([], ""),
    ],
)
async def test_what_is_wrong_in_the_body(small_office: Office, body: object, pointer: str) -> None:
    made = await small_office.made("7")
    details = problem(
        await small_office.call(
            "POST",
            f"/{made['id']}/cancel",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        ),
        422,
    )
    assert [each["pointer"] for each in details["errors"]] == [pointer]
    assert small_office.announcer.told == []


async def test_an_agent_who_is_revoked_meanwhile_cancels_nothing(office: Office) -> None:
    """The agent's organisations are read in the transaction that cancels, not only when the token is checked."""
    made = await office.made("7")
    waiting = asyncio.gather(*(office.cancel(made["id"]) for _ in range(5)))
    office.database.write_now(lambda connection: revoke_agent(connection, ADA, office.now))
    assert {response.status_code for response in await waiting} <= {401, 404}
    assert office.announcer.told == []


# Of a source that owns its appointments -------------------------------------------------------------------------------

CLEO = "cleo@one.fr"


@pytest.fixture
def owned(office: Office) -> Office:
    """An office with an appointment that its source owns, in the organisation of an agent."""
    office.employ(CLEO, "12", source=CONNECTED)
    told = record("7", starts_at=NOW + timedelta(days=2), ends_at=None)
    office.database.write_now(
        lambda connection: take_record(connection, CONNECTED, told, event_at=NOW, now=NOW, owned=True)
    )
    return office


async def test_it_is_requested_and_shown_as_such(owned: Office) -> None:
    owned.now += timedelta(minutes=5)
    response = await owned.cancel("7", agent=CLEO)
    assert response.status_code == 202
    requested = response.json()
    assert requested["outcome"] == "requested"
    assert statuses(requested) == ["unknown", "unknown"]
    (part,) = requested["participations"]
    assert (part["cancellation_requested_at"], part["cancelled_at"]) == ("2026-05-04T10:05:00Z", None)
    assert requested["changed_at"] == "2026-05-04T10:05:00Z"
    assert (await owned.get("/7", agent=CLEO)).json()["participations"] == [part]
    assert owned.announcer.told == []


async def test_again_it_is_still_requested(owned: Office) -> None:
    first = (await owned.cancel("7", agent=CLEO)).json()
    owned.now += timedelta(minutes=5)
    again = await owned.cancel("7", agent=CLEO, participation_id=first["participations"][0]["id"])
    assert (again.status_code, again.json()) == (202, first)


async def test_a_poller_sees_that_it_is_requested(owned: Office) -> None:
    owned.now += timedelta(minutes=5)
    await owned.cancel("7", agent=CLEO)
    page = (await owned.get(agent=CLEO, changed_since="2026-05-04T10:04:00Z")).json()
    assert [each["external_id"] for each in page["appointments"]] == ["7"]


async def test_its_appointments_are_put_in_by_nobody_else(owned: Office) -> None:
    answer = await owned.put("8", appointment("12"), agent=CLEO, source=CONNECTED)
    assert problem(answer, 409)["detail"] == (
        "The source connected is connected: its appointments are only changed in RDV Service Public. "
        "Change the appointment there."
    )
    assert problem(await owned.get("/8", agent=CLEO), 404)


async def test_who_may_not_put_it_in_is_told_no_more(owned: Office) -> None:
    assert problem(await owned.put("8", appointment("12"), source=CONNECTED), 403)


@pytest.mark.parametrize(("hold_seconds", "after", "status"), [(20, 19, 200), (20, 20, 409), (0, 0, 409)])
async def test_it_is_taken_back_while_nobody_is_told(
    office: Office, hold_seconds: int, after: int, status: int
) -> None:
    made = await office.made("7", participations=TWO)
    cancelled = (await office.cancel(made["id"], hold_seconds=hold_seconds)).json()
    assert statuses(cancelled) == ["revoked", "revoked", "revoked"]
    office.now += timedelta(seconds=after)
    response = await office.call("POST", f"/{made['id']}/take-back")
    assert response.status_code == status
    stands = await office.call("GET", f"/{made['id']}")
    assert statuses(stands.json()) == (["unknown"] * 3 if status == 200 else ["revoked"] * 3)
    again = await office.call("POST", "/7/take-back", json={"participation_id": "p1"})
    assert again.status_code == 409
    nobody = await office.call("POST", f"/{made['id']}/take-back", json={"participation_id": "p9"})
    assert nobody.status_code == 404


async def test_it_is_held_back_for_20_seconds_at_most(office: Office) -> None:
    made = await office.made("7")
    response = await office.cancel(made["id"], hold_seconds=21)
    assert response.status_code == 422
