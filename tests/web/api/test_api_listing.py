"""The list: its filters, and pages that lose nothing while appointments come, go and move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.appointments.announcing import announce
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.model import Via
from tests.web.api.office import ADA, BOB, NOW, PUBLIC_URL, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio


async def pages(office: Office, **query: Any) -> AsyncIterator[list[str]]:
    """The external ids of each page in turn. A page is only fetched when it is asked for."""
    path, params = "", query
    while True:
        response = await office.get(path, **params)
        assert response.status_code == 200, response.text
        page = response.json()
        yield [each["external_id"] for each in page["appointments"]]
        if page["next"] is None:
            return
        assert page["next"].startswith(f"{PUBLIC_URL}/api/v1/appointments?")
        path, params = "", dict(parse_qsl(urlsplit(page["next"]).query))


async def found(office: Office, **query: Any) -> list[str]:
    return [external_id async for page in pages(office, **query) for external_id in page]


async def test_every_filter(office: Office) -> None:
    await office.made("a", starts_at="2026-05-06T08:00:00Z")
    office.now += timedelta(minutes=1)
    await office.made(
        "b", starts_at="2026-05-07T08:00:00Z", participations=[participation("p1", phone="0692 12 34 56")]
    )
    office.now += timedelta(minutes=1)
    await office.made("c", starts_at="2026-05-08T08:00:00Z")
    office.now += timedelta(minutes=1)
    await office.cancel("a")

    assert await found(office) == ["a", "b", "c"]
    assert await found(office, external_id="b") == ["b"]
    assert await found(office, external_id="d") == []
    assert await found(office, status="unknown") == ["b", "c"]
    assert await found(office, status="revoked") == ["a"]
    for spelling in ("0692123456", "06 92 12 34 56", "+262 692 12 34 56", "00262692123456", "(0692) 12-34-56"):
        assert await found(office, phone=spelling) == ["b"]
    assert await found(office, phone="0612345679") == []
    assert await found(office, **{"from": "2026-05-07T08:00:00Z"}) == ["b", "c"]
    assert await found(office, **{"from": "2026-05-07T10:00:01+02:00"}) == ["c"]
    assert await found(office, to="2026-05-07T08:00:00Z") == ["a"]
    assert await found(office, **{"from": "2026-05-07", "to": "2026-05-07"}) == ["b"]
    assert await found(office, changed_since="2026-05-04T10:01:00Z") == ["b", "c", "a"]
    assert await found(office, changed_since="2026-05-04T10:03:00.000001Z") == []
    assert await found(office, status="unknown", to="2026-05-08", changed_since="2026-05-04") == ["b", "c"]


async def test_who_has_announced_that_they_come_is_a_change(office: Office) -> None:
    made = await office.made("7")
    office.now += timedelta(minutes=1)
    internal_id = int(made["participations"][0]["id"].removeprefix("part-"))
    office.database.write_now(lambda connection: announce(connection, [internal_id], Via.SMS, office.now))
    assert await found(office, changed_since="2026-05-04T10:01:00Z") == ["7"]
    [part] = (await office.get("/7")).json()["participations"]
    assert part["announced_at"] == "2026-05-04T10:01:00Z"
    await office.cancel("7")
    [part] = (await office.get("/7")).json()["participations"]
    assert part["announced_at"] is None


async def test_a_plus_that_was_not_escaped(small_office: Office) -> None:
    await small_office.made("7")
    for query in ("phone=+33612345678", "from=2026-05-06T12:00:00+02:00", "to=2026-05-06T12:00:01+0200"):
        response = await small_office.get(f"?{query}")
        assert [each["external_id"] for each in response.json()["appointments"]] == ["7"], query


async def test_a_participation_that_is_removed_is_neither_found_nor_shown(office: Office) -> None:
    await office.made("7", participations=[participation("p1"), participation("p2", phone="0612345679")])
    await office.put("7", appointment(participations=[participation("p1")]))
    assert await found(office, phone="0612345679") == []
    assert [each["external_id"] for each in (await office.get("/7")).json()["participations"]] == ["p1"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("phone=12", "phone"),
        ("phone=", "phone"),
        ("from=tomorrow", "from"),
        ("from=2026-05-06T12:00:00", "from"),
        ("to=2026-02-30", "to"),
        ("to=9999-12-31", "to"),
        ("from=0001-01-01", "from"),
        ("changed_since=1999-01-01T00:00:00Z", "changed_since"),
        ("status=cancelled", "status"),
        ("external_id=", "external_id"),
        ("external_id=a%00b", "external_id"),
        ("cursor=x", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("change_since=2026-05-04", "change_since"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_what_is_wrong_in_a_query(small_office: Office, query: str, parameter: str) -> None:
    details = problem(await small_office.get(f"?{query}"), 422)
    assert [each["parameter"] for each in details["errors"]] == [parameter]


async def test_a_cursor_of_another_list(small_office: Office) -> None:
    by_id, by_change = ListPosition(1, None).cursor(), ListPosition(1, NOW).cursor()
    problem(await small_office.get(cursor=by_change), 422)
    problem(await small_office.get(cursor=by_id, changed_since="2026-05-04"), 422)


@given(
    st.builds(ListPosition, st.integers(1, 2**63 - 1), st.none() | st.datetimes(timezones=st.just(NOW.tzinfo))),
)
def test_a_cursor_leads_back_to_its_position(position: ListPosition) -> None:
    assert ListPosition.read(position.cursor()) == position


@given(st.text() | st.binary().map(lambda some: ListPosition(1, None).cursor() + some.hex()))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    try:
        position = ListPosition.read(text)
    except ValueError:
        return
    assert position.cursor() == text


async def test_pages_hold_what_they_say_and_the_last_leads_nowhere(office: Office) -> None:
    expected = [f"a{number}" for number in range(7)]
    for external_id in expected:
        await office.made(external_id)
    assert [page async for page in pages(office, limit=3)] == [expected[:3], expected[3:6], expected[6:]]
    assert [page async for page in pages(office, limit=7)] == [expected]
    # All of them changed at the same moment, so their ids decide the order.
    by_change = [page async for page in pages(office, limit=3, changed_since="2026-05-04")]
    assert by_change == [expected[:3], expected[3:6], expected[6:]]


async def test_the_filters_hold_on_every_page(office: Office) -> None:
    for number in range(6):
        made = await office.made(f"a{number}")
        if number % 2:
            await office.cancel(made["id"])
    assert await found(office, limit=1, status="revoked", phone="+33 6 12 34 56 78") == ["a1", "a3", "a5"]


async def test_a_cursor_opens_no_other_agents_list(office: Office) -> None:
    for external_id in ("a", "b"):
        await office.made(external_id)
    following = (await office.get(limit=1)).json()["next"]
    cursor = dict(parse_qsl(urlsplit(following).query))["cursor"]
    assert (await office.get(agent=BOB, cursor=cursor)).json() == {"appointments": [], "next": None}


@pytest.mark.parametrize("query", [{}, {"changed_since": "2026-05-04"}])
async def test_what_is_there_all_the_time_is_listed_whatever_changes_meanwhile(
    office: Office, query: dict[str, str]
) -> None:
    lasting = [f"a{number}" for number in range(12)]
    for number, external_id in enumerate(lasting):
        office.now += timedelta(seconds=1)
        await office.made(external_id, starts_at=(NOW + timedelta(days=30 - number)).isoformat())
    seen: list[str] = []
    turn = 0
    async for page in pages(office, limit=2, **query):
        seen += page
        turn += 1
        office.now += timedelta(seconds=1)
        if turn > 6:
            continue  # otherwise there would be no end with changed_since
        # A listed appointment moves to the end, one that is not listed yet moves to the front, and one is new.
        for external_id, days in ((lasting[0], 60), (lasting[-turn], 1)):
            moved = appointment(starts_at=(NOW + timedelta(days=days, hours=turn)).isoformat())
            assert (await office.put(external_id, moved)).status_code == 200
        await office.made(f"new{turn}")
    assert set(lasting) <= set(seen)
    if not query:  # the order of ids, which never changes
        assert len(seen) == len(set(seen))


async def test_whoever_polls_sees_every_last_state(office: Office) -> None:
    """The next poll begins at the newest `changed_at` seen. Appointments that are seen again are the same as before."""
    known: dict[str, dict[str, Any]] = {}
    since = "2026-05-04T00:00:00Z"
    for turn in range(5):
        office.now += timedelta(seconds=1)
        await office.made(f"a{turn}")
        if turn:
            await office.cancel(f"a{turn - 1}")
        while True:
            page = (await office.get(changed_since=since, limit=2)).json()
            fresh = [each for each in page["appointments"] if known.get(each["id"]) != each]
            known |= {each["id"]: each for each in fresh}
            since = page["appointments"][-1]["changed_at"]
            if page["next"] is None:
                break
            if not fresh:
                pytest.fail("more than a page of changes at one instant: follow next instead")
    everything = (await office.get()).json()["appointments"]
    assert sorted(known.values(), key=lambda each: str(each["id"])) == sorted(
        everything, key=lambda each: str(each["id"])
    )


async def test_the_query_comes_back_in_next(office: Office) -> None:
    office.employ(ADA, "1")
    for external_id in ("a", "b"):
        await office.made(external_id)
    following = (await office.get(limit=1, phone="+33612345678", to="2026-12-31")).json()["next"]
    parameters = dict(parse_qsl(urlsplit(following).query))
    assert parameters.pop("cursor")
    assert parameters == {"limit": "1", "phone": "+33612345678", "to": "2026-12-31"}
