"""The answer to a request says who is told of the change, by which way, and why others are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from smsbot.appointments.intake import take_record
from smsbot.model import OrganisationRecord
from smsbot.store.database import Database
from smsbot.store.tables import opt_outs, outgoing_messages
from tests.appointments.records import appointment as record
from tests.web.api.office import CONNECTED, NOW, Office, appointment, participation

pytestmark = pytest.mark.anyio

CLEO = "cleo@one.fr"
STOPPED = "+33612345670"
PEOPLE = [
    participation("both"),
    participation("child", phone="0612345671", email=None, responsible=None),
    participation("sibling", phone="0612345671", email="SOPHIE@example.org"),
    participation("quiet", send_lifecycle_notifications=False),
    participation("unreachable", phone="0145670000", email=None),
    participation("declines", notify_by_sms=False, notify_by_email=False),
    participation("stopped", phone=STOPPED, email=None),
    participation("stopped but has an e-mail", phone=STOPPED, email="jean@example.org"),
]


@pytest.fixture
async def telling_office(database: Database) -> AsyncIterator[Office]:
    office = Office(database, tells=True)
    office.database.write_now(
        lambda connection: connection.execute(insert(opt_outs).values(number=STOPPED, opted_out_at=NOW))
    )
    async with office.client:
        yield office


def told(answer: dict[str, Any]) -> dict[str, list[str] | str]:
    """The ways by which each is told, or why they are not, by external id."""
    names = {each["id"]: each["external_id"] for each in answer["participations"]}
    return {names[each["participation_id"]]: each["ways"] or each["why_not"] for each in answer["notified"]}


async def test_who_is_told_of_a_cancellation_and_who_is_not(telling_office: Office) -> None:
    office = telling_office
    await office.made("7", collective=True, participations=PEOPLE)
    cancelled = (await office.cancel("7", word="Fermé")).json()
    assert told(cancelled) == {
        "both": ["sms", "email"],
        "child": ["sms"],
        "sibling": ["sms", "email"],
        "quiet": "not_wanted",
        "unreachable": "no_address",
        "declines": "not_accepted",
        "stopped": "stopped",
        "stopped but has an e-mail": ["email"],
    }
    assert {each["leaves_at"] for each in cancelled["notified"] if each["ways"]} == {"2026-05-04T10:00:00Z"}
    written = select(outgoing_messages.c.channel, outgoing_messages.c.recipient)
    assert sorted(office.database.read_now(lambda connection: connection.execute(written).all())) == [
        ("email", "jean@example.org"),
        ("email", "sophie@example.org"),
        ("sms", "+33612345671"),
        ("sms", "+33612345678"),
    ]
    again = (await office.cancel("7")).json()
    assert told(again)["both"] == "nothing_new"


async def test_one_of_many_and_a_hold(telling_office: Office) -> None:
    await telling_office.made("7", collective=True, participations=PEOPLE[:2])
    cancelled = (await telling_office.cancel("7", participation_id="both", hold_seconds=20)).json()
    assert told(cancelled) == {"both": ["sms", "email"]}
    assert cancelled["notified"][0]["leaves_at"] == "2026-05-04T10:00:20Z"


async def test_who_is_told_of_what_is_fed(telling_office: Office) -> None:
    office = telling_office
    body = appointment(created_at=NOW.isoformat(), participations=PEOPLE[:1])
    assert told((await office.put("7", body)).json()) == {"both": ["sms", "email"]}
    assert told((await office.put("7", body)).json()) == {"both": "nothing_new"}
    moved = {**body, "starts_at": (NOW + timedelta(days=3)).isoformat()}
    assert told((await office.put("7", moved)).json()) == {"both": ["sms", "email"]}
    office.now = NOW + timedelta(days=4)
    assert told((await office.put("7", {**moved, "label": "Dossier"})).json()) == {"both": "begun"}


async def test_where_the_source_has_to_answer_first(sqlite_database: Database) -> None:
    policy = {"sources": {CONNECTED: {"secret_env": "SMSBOT_SECRET", "organisations": {"1": {"notify": True}}}}}
    office = Office(sqlite_database, tells=True, policy=policy)
    owned = record("7", starts_at=NOW + timedelta(days=2), organisation=OrganisationRecord("1"))
    office.database.write_now(
        lambda connection: take_record(connection, CONNECTED, owned, event_at=NOW, now=NOW, owned=True)
    )
    office.employ(CLEO, "1", source=CONNECTED)
    async with office.client:
        answer = await office.cancel("7", agent=CLEO)
    assert answer.status_code == 202
    assert [each["why_not"] for each in answer.json()["notified"]] == ["requested"]
