"""One appointment through the API: created, replaced, read again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smsbot.appointments.intake import Feed, IntakeKind, destroy, last_words_heard
from smsbot.sources.rdvsp import SourceEvent
from tests.web.api.office import BOB, NOW, PUBLIC_URL, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio


async def test_an_appointment_is_read_as_it_was_written(office: Office) -> None:
    body = appointment(
        starts_at="2026-05-06T14:30:00+02:00",
        ends_at="2026-05-06T15:00:00+02:00",
        time_zone="Indian/Reunion",
        label="Dossier",
        organisation={
            "external_id": 1,
            "name": " Mairie\nd'Étampes ",
            "phone_number": "39 39",
            "email": "rdv@one.fr",
            "verticale": "rdv_mairie",
        },
        place={"name": "Annexe", "address": "1 rue du Pont", "phone_number": "01 69 00 00 00"},
        participations=[participation("p1"), participation("p2", phone=None, email=None, status="seen")],
    )
    response = await office.put("A/7 é", body)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert office.database.read_now(last_words_heard).keys() == {("rdvsp", Feed.API)}
    made = response.json()
    del made["notified"]
    assert response.headers["location"] == f"{PUBLIC_URL}/api/v1/appointments/{made['id']}"
    assert made == {
        "id": made["id"],
        "source": "rdvsp",
        "external_id": "A/7 é",
        "starts_at": "2026-05-06T12:30:00Z",
        "time_zone": "Indian/Reunion",
        "ends_at": "2026-05-06T13:00:00Z",
        "status": "unknown",
        "collective": False,
        "label": "Dossier",
        "organisation": {
            "external_id": "1",
            "name": "Mairie d'Étampes",
            "phone_number": "39 39",
            "email": "rdv@one.fr",
            "verticale": "rdv_mairie",
        },
        "place": {"name": "Annexe", "address": "1 rue du Pont", "phone_number": "01 69 00 00 00"},
        "changed_at": "2026-05-04T10:00:00Z",
        "participations": [
            {
                "id": made["participations"][0]["id"],
                "external_id": "p1",
                "status": "unknown",
                "first_name": "Sophie",
                "last_name": "Dupont",
                "phone": "+33612345678",
                "takes_sms": True,
                "email": "sophie@example.org",
                "cancelled_at": None,
                "cancelled_by": None,
                "cancelled_way": None,
                "announced_at": None,
                "cancellation_requested_at": None,
                "taking_back_requested_at": None,
                "locked_until": None,
            },
            {
                "id": made["participations"][1]["id"],
                "external_id": "p2",
                "status": "seen",
                "first_name": "Sophie",
                "last_name": "Dupont",
                "phone": None,
                "takes_sms": False,
                "email": None,
                "cancelled_at": None,
                "cancelled_by": None,
                "cancelled_way": None,
                "announced_at": None,
                "cancellation_requested_at": None,
                "taking_back_requested_at": None,
                "locked_until": None,
            },
        ],
    }
    assert made["id"].startswith("rdv-")
    assert made["participations"][0]["id"].startswith("part-")
    assert (await office.get(f"/{made['id']}")).json() == made


async def test_the_least_that_an_appointment_needs(small_office: Office) -> None:
    least = {"starts_at": "2026-05-06T14:30:00Z", "organisation": {"external_id": "1"}, "participations": []}
    made = (await small_office.put("7", least)).json()
    assert (made["time_zone"], made["place"], made["label"], made["participations"]) == ("Europe/Paris", None, None, [])


async def test_the_times_of_an_organisation_overseas(small_office: Office) -> None:
    made = await small_office.made("7", organisation={"external_id": "1", "time_zone": "America/Cayenne"})
    assert made["time_zone"] == "America/Cayenne"


async def test_a_child_is_reached_through_the_responsible_person(small_office: Office) -> None:
    child = participation(
        "p1",
        first_name="Léo",
        last_name="Petit",
        phone=None,
        responsible={"last_name": "Martin", "phone": "0692 12 34 56", "email": "martin@example.org"},
    )
    (part,) = (await small_office.made("7", participations=[child]))["participations"]
    assert (part["first_name"], part["last_name"]) == ("Léo", "Petit")
    assert (part["phone"], part["email"]) == ("+262692123456", "martin@example.org")


async def test_the_same_request_again_changes_nothing(office: Office) -> None:
    made = await office.made("7")
    office.now += timedelta(minutes=5)
    again = await office.put("7", appointment())
    assert again.status_code == 200
    assert again.json() == {**made, "notified": again.json()["notified"]}
    assert "location" not in again.headers


async def test_what_became_of_it_is_handed_on_to_be_told(small_office: Office) -> None:
    person = participation("p1", send_lifecycle_notifications=True, send_reminder_notification=True)
    await small_office.made("7", created_at=NOW.isoformat(), participations=[person])
    moved = appointment(starts_at="2026-05-07T08:00:00Z", participations=[{**person, "status": "excused"}])
    await small_office.put("7", moved)
    (_, new), (event, changed) = small_office.arrivals.taken
    assert new.kind is IntakeKind.NEW
    assert (changed.kind, changed.moved is not None, len(changed.cancelled)) == (IntakeKind.CHANGED, True, 1)
    assert event.event is SourceEvent.UPDATED
    assert event.record is not None
    (record,) = event.record.participations
    assert record.send_lifecycle_notifications
    assert record.send_reminder_notification


async def test_a_replaced_appointment_keeps_its_id_and_its_date_of_change_moves(office: Office) -> None:
    made = await office.made("7", place={"name": "Annexe"})
    office.now += timedelta(minutes=5)
    later = appointment(starts_at="2026-05-07T08:00:00Z", participations=[participation("p2")])
    response = await office.put("7", later)
    assert response.status_code == 200
    replaced = response.json()
    assert replaced["id"] == made["id"]
    assert replaced["changed_at"] == "2026-05-04T10:05:00Z"
    assert (replaced["starts_at"], replaced["place"]) == ("2026-05-07T08:00:00Z", None)
    assert [each["external_id"] for each in replaced["participations"]] == ["p2"]


async def test_what_was_cancelled_here_stays_so_whatever_is_put(office: Office) -> None:
    made = await office.made("7")
    cancelled = (await office.cancel(made["id"])).json()
    office.now += timedelta(minutes=5)
    active = appointment(status="unknown", starts_at="2026-05-07T08:00:00Z")
    assert "external_id of its own" in problem(await office.put("7", active), 409)["detail"]
    assert (await office.get("/7")).json()["starts_at"] == cancelled["starts_at"]  # nothing of the request was applied
    again = await office.put("7", appointment(participations=[participation("p1", status="unknown")]))
    assert again.status_code == 200
    assert again.json() == {name: value for name, value in cancelled.items() if name != "outcome"}


async def test_two_sources_may_use_the_same_id(office: Office) -> None:
    office.employ("eve@both.fr", "1")
    office.employ("eve@both.fr", "1", source="autre")
    here = await office.made("7", agent="eve@both.fr")
    there = await office.made("7", agent="eve@both.fr", source="autre")
    assert here["id"] != there["id"]
    assert (await office.get("/7")).json() == here  # the other appointment is not within her reach
    problem(await office.get("/7", agent="eve@both.fr"), 409)
    problem(await office.cancel("7", agent="eve@both.fr"), 409)
    assert (await office.get(f"/{there['id']}", agent="eve@both.fr")).json() == there


async def test_a_destroyed_appointment_is_not_there_and_does_not_come_back(office: Office) -> None:
    made = await office.made("7")
    office.database.write_now(
        lambda connection: destroy(connection, "rdvsp", "7", event_at=None, reason=None, now=office.now)
    )
    problem(await office.get(f"/{made['id']}"), 404)
    problem(await office.get("/7"), 404)
    assert (await office.get(external_id="7")).json() == {"appointments": [], "next": None}
    problem(await office.put("7", appointment()), 409)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"starts_at": "2026-05-06 14:30"}, "/starts_at"),
        ({"starts_at": "1999-05-06T14:30:00Z"}, "/starts_at"),
        ({"starts_at": 1778070600}, "/starts_at"),
        ({"starts_at": None}, "/starts_at"),
        ({"ends_at": NOW.isoformat()}, ""),
        ({"time_zone": "Europe/Etampes"}, "/time_zone"),
        ({"status": "cancelled"}, "/status"),
        ({"collective": "yes"}, "/collective"),
        ({"label": "x" * 301}, "/label"),
        ({"lable": "Dossier"}, "/lable"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"organisation": None}, "/organisation"),
        ({"organisation": {"name": "Mairie"}}, "/organisation/external_id"),
        ({"organisation": {"external_id": "1", "email": "rdv"}}, "/organisation/email"),
        ({"motif": {"location_type": "home"}, "place": {"address": "1 rue du Pont"}}, ""),
        ({"participations": None}, "/participations"),
        ({"participations": [participation("p1"), participation("p1")]}, ""),
        ({"participations": [participation("p1", phone="12")]}, "/participations/0/phone"),
        ({"participations": [participation("p1\u0000")]}, "/participations/0/external_id"),
        ({"participations": [participation("p1", responsible={"email": "@"})]}, "/participations/0/responsible/email"),
    ],
)
async def test_what_is_wrong_in_a_body_is_said_with_its_place(
    small_office: Office, wrong: dict[str, Any], pointer: str
) -> None:
    details = problem(await small_office.put("7", appointment(**wrong)), 422)
    assert [each["pointer"] for each in details["errors"]] == [pointer]
    assert (await small_office.get()).json()["appointments"] == []


@pytest.mark.parametrize("external_id", ["", "a%00b", "%20a", "x" * 121])
async def test_an_id_that_is_none(small_office: Office, external_id: str) -> None:
    details = problem(await small_office.put(external_id, appointment()), 422)
    assert [each["parameter"] for each in details["errors"]] == ["external_id"]


async def test_what_cannot_be_stored_is_left_out_of_texts(small_office: Office) -> None:
    made = await small_office.made("7", label="Dossier\u0000 de\u202e\tsuivi", participations=[participation("p1")])
    assert made["label"] == "Dossier de suivi"


async def test_a_large_collective_appointment_fits(office: Office) -> None:
    everybody = [participation(f"p{number}") for number in range(500)]
    made = await office.made("7", collective=True, participations=everybody)
    assert len(made["participations"]) == 500
    problem(await office.put("8", appointment(participations=[*everybody, participation("p500")])), 422)


async def test_what_is_not_there(office: Office) -> None:
    for name in ("rdv-0", "rdv-999", f"rdv-{2**63}", "rdv-1x", "part-1", "a%00b", "7"):
        problem(await office.get(f"/{name}"), 404)
        problem(await office.cancel(name), 404)


async def test_an_id_at_the_source_that_looks_like_ours_is_found_by_ours_alone(office: Office) -> None:
    first = await office.made("7")
    second = await office.made(first["id"])
    assert (await office.get(f"/{first['id']}")).json() == first
    assert (await office.get(external_id=first["id"])).json()["appointments"] == [second]
    problem(await office.get(f"/{second['id']}", agent=BOB), 404)
