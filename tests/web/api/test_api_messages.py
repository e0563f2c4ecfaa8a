"""The lists of messages that usagers wrote about the agent's organisations, with the topic of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import Connection, update

from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import forget
from smsbot.store.tables import incoming_messages
from smsbot.understanding.topics import Topic
from tests.web.api.office import BOB, PHONE, PUBLIC_URL, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio

NOBODY: dict[str, Any] = {"messages": [], "next": None}


async def pages(office: Office, of: str | None = None, **query: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """The messages of each page in turn. A page is only fetched when it is asked for."""
    while True:
        response = await office.messages(of, **query)
        assert response.status_code == 200, response.text
        page = response.json()
        yield page["messages"]
        if page["next"] is None:
            return
        path = "messages" if of is None else f"appointments/{of}/messages"
        assert page["next"].startswith(f"{PUBLIC_URL}/api/v1/{path}?")
        query = dict(parse_qsl(urlsplit(page["next"]).query))


async def texts(office: Office, of: str | None = None, **query: Any) -> list[str]:
    return [message["text"] async for page in pages(office, of, **query) for message in page]


async def test_a_message_with_all_that_is_known_of_it(office: Office) -> None:
    made = await office.made("7")
    name = office.wrote("Je serai en retard", Topic.LATE, waiting=True)
    [message] = (await office.messages()).json()["messages"]
    assert message == {
        "id": name,
        "received_at": "2026-05-04T10:00:00Z",
        "phone": PHONE,
        "text": "Je serai en retard",
        "topic": "late",
        "waiting": True,
        "comes_back_at": None,
        "organisation": made["organisation"],
        "about": [{"appointment_id": made["id"], "participation_id": made["participations"][0]["id"]}],
    }
    assert (await office.messages(made["id"])).json() == {"messages": [message], "next": None}
    assert (await office.messages("7")).json() == {"messages": [message], "next": None}


@pytest.mark.parametrize("topic", Topic)
async def test_every_topic_can_be_asked_for(small_office: Office, topic: Topic) -> None:
    await small_office.made("7")
    for each in (None, *Topic):
        small_office.wrote(each or "before topics were read", each)
    assert await texts(small_office, topic=topic.value) == [topic.value]
    assert len(await texts(small_office)) == len(Topic) + 1


async def test_every_filter(office: Office) -> None:
    await office.made("7")
    office.wrote("a", Topic.LATE, waiting=True)
    office.now += timedelta(minutes=1)
    office.wrote("b", Topic.THANKS)
    office.now += timedelta(minutes=1)
    office.wrote("c", Topic.LATE)
    for of in (None, "7"):
        assert await texts(office, of) == ["a", "b", "c"]
        assert await texts(office, of, topic="late") == ["a", "c"]
        assert await texts(office, of, since="2026-05-04T10:01:00Z") == ["b", "c"]
        assert await texts(office, of, since="2026-05-04T12:01:00.000001+02:00") == ["c"]
        assert await texts(office, of, since="2026-05-04") == ["a", "b", "c"]
        assert await texts(office, of, since="2026-05-05") == []
        assert await texts(office, of, waiting="true") == ["a"]
        assert await texts(office, of, waiting="false") == ["b", "c"]
        assert await texts(office, of, waiting="false", topic="late", since="2026-05-04") == ["c"]


async def test_what_an_agent_has_handled_waits_no_longer(office: Office) -> None:
    await office.made("7")
    office.wrote("Où est-ce ?", Topic.QUESTION, waiting=True)
    office.database.write_now(lambda c: c.execute(update(incoming_messages).values(handled_at=office.now)))
    assert await texts(office, waiting="true") == []
    assert await texts(office, waiting="false") == ["Où est-ce ?"]


async def test_which_appointments_a_message_may_be_about(office: Office) -> None:
    """Coming appointments, and those that began at most a day before, of people reached at its number."""
    days = {"long ago": -2, "just begun": 0, "soon": 2, "later": 9}
    made = {
        name: await office.made(name, starts_at=(office.now + timedelta(days=number, minutes=-5)).isoformat())
        for name, number in days.items()
    }
    await office.made("another's", participations=[participation("p1", phone="0612345679")])
    office.wrote("Je suis en retard", Topic.LATE)
    [message] = (await office.messages()).json()["messages"]
    assert [each["appointment_id"] for each in message["about"]] == [
        made[name]["id"] for name in ("just begun", "soon", "later")
    ]
    assert {name: await texts(office, made[name]["id"]) for name in made} == {
        "long ago": [],
        **{name: ["Je suis en retard"] for name in ("just begun", "soon", "later")},
    }
    assert await texts(office, "another's") == []


async def test_who_no_longer_takes_part_is_not_named(office: Office) -> None:
    both = [participation("p1"), participation("p2", phone="0612345679")]
    made = await office.made("7", participations=both)
    office.wrote("Bonjour", Topic.OTHER)
    await office.put("7", appointment(participations=both[1:]))
    [message] = (await office.messages()).json()["messages"]
    assert message["about"] == []
    assert await texts(office, made["id"]) == []


async def test_pages_lose_and_repeat_nothing_while_messages_come(office: Office) -> None:
    await office.made("7")
    written = [f"a{number}" for number in range(7)]
    for number, text in enumerate(written):
        office.wrote(text)
        office.now += timedelta(seconds=number // 3)  # some came at the same moment
    for of in (None, "rdv-1"):
        assert [len(page) async for page in pages(office, of, limit=3)] == [3, 3, 1]
        assert await texts(office, of, limit=2) == written
    seen: list[str] = []
    async for page in pages(office, limit=2):
        seen += [message["text"] for message in page]
        if len(seen) < 8:
            office.now += timedelta(seconds=1)
            office.wrote(f"b{len(seen)}")
    assert seen[:7] == written
    assert len(seen) == len(set(seen)) == 10


async def test_the_query_comes_back_in_next(office: Office) -> None:
    made = await office.made("7")
    for text in ("a", "b"):
        office.wrote(text, Topic.LATE, waiting=True)
    query = {"limit": "1", "topic": "late", "waiting": "true", "since": "2026-05-04"}
    for of, path in ((None, "/api/v1/messages"), ("7", f"/api/v1/appointments/{made['id']}/messages")):
        following = urlsplit((await office.messages(of, **query)).json()["next"])
        parameters = dict(parse_qsl(following.query))
        assert parameters.pop("cursor")
        assert (following.path, parameters) == (path, query)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("topic=retard", "topic"),
        ("topic=", "topic"),
        ("waiting=yes", "waiting"),
        ("waiting=", "waiting"),
        ("since=tomorrow", "since"),
        ("since=2026-05-06T12:00:00", "since"),
        ("cursor=x", "cursor"),
        (f"cursor={ListPosition(1, None).cursor()}", "cursor"),
        ("status=unknown", "status"),
        ("topic=late&topic=late", "topic"),
    ],
)
async def test_what_is_wrong_in_a_query(small_office: Office, query: str, parameter: str) -> None:
    await small_office.made("7")
    for path in (f"/messages?{query}", f"/appointments/7/messages?{query}"):
        details = problem(await small_office.call("GET", path, under=""), 422)
        assert [each["parameter"] for each in details["errors"]] == [parameter]


# Who may read them ----------------------------------------------------------------------------------------------------


async def test_an_agent_of_another_organisation_reads_none(office: Office) -> None:
    made = await office.made("7")
    office.wrote("Je serai en retard", Topic.LATE, waiting=True)
    for query in ({}, {"topic": "late"}, {"since": "2026-01-01"}, {"waiting": "true"}, {"limit": 1}):
        assert (await office.messages(agent=BOB, **query)).json() == NOBODY
    for name in (made["id"], "7"):
        problem(await office.messages(name, agent=BOB), 404)
    problem(await office.messages("99"), 404)


async def test_each_organisation_reads_what_is_about_it(office: Office) -> None:
    """One telephone has appointments with both organisations. Neither is told of those with the other."""
    made = {"1": await office.made("7"), "2": await office.made("8", agent=BOB, in_organisation="2")}
    office.wrote("à la une", to="1")
    office.wrote("à la deux", to="2")
    office.employ("eve@both.fr", "1", "2")
    for agent, expected in (("ada@one.fr", ["1"]), (BOB, ["2"]), ("eve@both.fr", ["1", "2"])):
        messages = (await office.messages(agent=agent)).json()["messages"]
        assert [each["organisation"]["external_id"] for each in messages] == expected
        for each in messages:
            mine = made[each["organisation"]["external_id"]]
            assert [about["appointment_id"] for about in each["about"]] == [mine["id"]]


async def test_a_strangers_message_is_nobodys(office: Office) -> None:
    await office.made("7")
    office.wrote("Bonjour", Topic.OTHER)
    office.database.write_now(lambda c: c.execute(update(incoming_messages).values(organisation_id=None)))
    assert (await office.messages()).json() == NOBODY
    assert (await office.messages("7")).json() == NOBODY


async def test_nothing_is_left_of_whom_one_has_forgotten(office: Office) -> None:
    await office.made("7", participations=[participation("p1"), participation("p2", phone="0612345679")])
    office.wrote("Je serai en retard", Topic.LATE, waiting=True)
    office.wrote("Moi aussi", Topic.LATE, phone="+33612345679")

    def work(connection: Connection) -> None:
        forget(connection, ContactAddress(phone=PHONE), office.now, including_coming=True)

    office.database.write_now(work)
    for of in (None, "7"):
        assert await texts(office, of) == ["Moi aussi"]
        assert await texts(office, of, waiting="true") == []
