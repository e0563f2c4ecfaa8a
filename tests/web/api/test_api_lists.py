"""The lists of organisations, of messages sent, and of STOPs: their content, their pages, and who may see them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import insert

from smsbot.agents.accounts import find_agent
from smsbot.agents.tokens import ApiScope
from smsbot.inbox.alerts import set_alert_address
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.store.tables import opt_outs, outgoing_messages
from tests.web.api.office import ADA, BOB, NOW, PHONE, Office, participation, problem

pytestmark = pytest.mark.anyio


async def ask(office: Office, path: str, agent: str = ADA, **query: Any) -> Response:
    return await office.call("GET", path, agent=agent, under="", params=query or None)


async def walk(office: Office, path: str, name: str, agent: str = ADA, **query: Any) -> list[Any]:
    """Read all pages with one item each, by their `next`."""
    found, response = [], await ask(office, path, agent, limit=1, **query)
    while True:
        page = response.json()
        assert len(page[name]) <= 1
        found += page[name]
        if page["next"] is None:
            return found
        headers = {"Authorization": f"Bearer {office.tokens[agent]}"}
        response = await office.client.get(page["next"], headers=headers)


async def test_organisations_with_what_is_set_and_what_waits(office: Office) -> None:
    made = await office.made("7")
    await office.made("8")
    await office.made("9", starts_at=(NOW - timedelta(hours=1)).isoformat())
    await office.cancel("8")
    await office.made("10", agent=BOB, in_organisation="2")
    office.wrote("Je suis en retard", waiting=True)
    office.wrote("Merci")
    office.database.write_now(lambda c: set_alert_address(c, 1, "accueil@one.fr"))
    [one] = (await ask(office, "/organisations")).json()["organisations"]
    assert one == {
        "source": "rdvsp",
        "external_id": "1",
        "name": "Mairie 1",
        "phone_number": None,
        "email": None,
        "verticale": None,
        "time_zone": "Europe/Paris",
        "label": None,
        "notice_hours": 4.0,
        "may_be_cancelled": True,
        "sender": None,
        "alert_email": "accueil@one.fr",
        "appointments_coming": 1,
        "messages_waiting": 1,
    }
    assert (await ask(office, "/organisations/1")).json() == one
    problem(await ask(office, "/organisations/2"), 404)
    problem(await ask(office, "/organisations/1", source="autre"), 404)
    problem(await ask(office, "/organisations/99"), 404)
    office.connect("all", *ApiScope, organisations=None)
    names = [each["name"] for each in await walk(office, "/organisations", "organisations", "all")]
    assert names == [made["organisation"]["name"], "Mairie 2"]


async def test_every_message_about_an_appointment_with_what_became_of_it(office: Office) -> None:
    made = await office.made("7")
    ada = office.database.read_now(lambda c: find_agent(c, ADA))
    assert ada is not None
    about: dict[str, Any] = {"appointment_id": 1, "participation_id": 1}
    sms = OutgoingMessage("sms", "reminder", PHONE, "+33937000000", "RDV le 6 mai", segments=1, **about)
    mail = OutgoingMessage("email", "reply", "s@x.fr", "x@x.fr", "Bonjour", "Réponse", agent_id=ada.id, **about)
    others = OutgoingMessage("sms", "reply", PHONE, "+33937000000", "Lequel ?", listed_appointment_ids=(1, 2), **about)
    await office.made("8", agent=BOB, in_organisation="2")
    for each in (sms, mail, others):
        office.database.write_now(partial(enqueue, message=each, now=NOW))
    failed = {"state": "sent", "delivery_status": "undelivered", "error_code": "30005", "sent_at": NOW}
    this = outgoing_messages.update().where(outgoing_messages.c.kind == "reminder")
    office.database.write_now(lambda c: c.execute(this.values(failed)).close())
    deliveries = await walk(office, "/appointments/7/deliveries", "deliveries")
    assert deliveries[0] == {
        "id": "out-1",
        "appointment_id": made["id"],
        "participation_id": "part-1",
        "channel": "sms",
        "kind": "reminder",
        "recipient": PHONE,
        "subject": None,
        "text": "RDV le 6 mai",
        "segments": 1,
        "by_agent": None,
        "created_at": "2026-05-04T10:00:00Z",
        "sent_at": "2026-05-04T10:00:00Z",
        "fate": "lost",
        "code": "30005",
    }
    told = [(each["subject"], each["text"], each["by_agent"], each["fate"]) for each in deliveries[1:]]
    assert told == [("Réponse", "Bonjour", ADA, "waiting"), (None, None, None, "waiting")]
    problem(await ask(office, "/appointments/7/deliveries", BOB), 404)
    assert (await ask(office, "/appointments/8/deliveries", BOB)).json() == {"deliveries": [], "next": None}


async def test_the_stop_list_has_the_numbers_of_ones_own_people_alone(office: Office) -> None:
    other, third, stranger = "+33611223344", "+33611223355", "+33699999999"
    await office.made("7", participations=[participation("p1"), participation("p2", phone=other)])
    await office.made("8", agent=BOB, in_organisation="2", participations=[participation("p3", phone=third)])
    stops = [(other, 0), (third, 1), (PHONE, 2), (stranger, 3)]
    rows = [{"number": number, "opted_out_at": NOW + timedelta(days=day)} for number, day in stops]
    office.database.write_now(lambda c: c.execute(insert(opt_outs), rows).close())
    found = await walk(office, "/stop-list", "stops")
    assert found == [
        {"phone": other, "stopped_at": "2026-05-04T10:00:00Z"},
        {"phone": PHONE, "stopped_at": "2026-05-06T10:00:00Z"},
    ]
    assert await walk(office, "/stop-list", "stops", since="2026-05-05") == found[1:]
    assert await walk(office, "/stop-list", "stops", phone="06 12 34 56 78") == found[1:]
    assert await walk(office, "/stop-list", "stops", phone=stranger) == []
    assert [each["phone"] for each in await walk(office, "/stop-list", "stops", BOB)] == [third]


async def test_stops_of_one_moment_are_all_listed(office: Office) -> None:
    numbers = [f"+3361122330{each}" for each in range(4)]
    people = [participation(f"p{each}", phone=number) for each, number in enumerate(numbers)]
    await office.made("7", participations=people)
    rows = [{"number": each, "opted_out_at": NOW} for each in numbers]
    office.database.write_now(lambda c: c.execute(insert(opt_outs), rows).close())
    assert [each["phone"] for each in await walk(office, "/stop-list", "stops")] == numbers


async def test_a_cursor_of_another_list_is_refused(small_office: Office) -> None:
    await small_office.made("7")
    await small_office.made("8")
    by_id = (await ask(small_office, "/appointments", limit=1)).json()["next"].partition("cursor=")[2]
    problem(await ask(small_office, "/stop-list", cursor=by_id), 422)
    by_change = (await ask(small_office, "/appointments", limit=1, changed_since="2026-01-01")).json()["next"]
    moment = by_change.rpartition("cursor=")[2]
    for path in ("/organisations", "/appointments/7/deliveries"):
        problem(await ask(small_office, path, cursor=moment), 422)
