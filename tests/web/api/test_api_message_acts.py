"""What agents do with messages through the API: mark as done, hand over, put off, write a note."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import insert, select, update

from smsbot.agents.accounts import find_agent
from smsbot.agents.signing_in.passwords import set_password
from smsbot.store.tables import audit, inbox_notes, incoming_messages, opt_outs, outgoing_messages
from tests.web.api.office import ADA, BOB, NOW, Office, problem

pytestmark = pytest.mark.anyio

CLO = "clo@one.fr"


async def act(office: Office, message: str, what: str, agent: str = ADA, **body: Any) -> Response:
    return await office.call("POST", f"/{message}/{what}", agent=agent, under="/messages", json=body or None)


def row(office: Office, message: str) -> Any:
    this = select(incoming_messages).where(incoming_messages.c.id == int(message.removeprefix("sms-")))
    return office.database.read_now(lambda c: c.execute(this).one())


@pytest.fixture
async def message(office: Office) -> str:
    """Add a message that waits, in an organisation of Ada and Clo. Clo has a password. Returns its id."""
    await office.made("7")
    office.employ(CLO, "1")
    clo = office.database.read_now(lambda c: find_agent(c, CLO))
    assert clo is not None
    office.database.write_now(lambda c: set_password(c, clo, "hash", NOW))
    return office.wrote("Je serai en retard", waiting=True)


async def test_done_more_than_once_is_done_and_what_came_since_still_waits(office: Office, message: str) -> None:
    later = office.wrote("Et encore", waiting=True)
    for _ in range(2):
        response = await act(office, message, "done")
        assert (response.status_code, response.json()["id"], response.json()["waiting"]) == (200, message, False)
    assert (row(office, message).handled_at, row(office, later).handled_at) == (NOW, None)


async def test_left_to_a_colleague(office: Office, message: str) -> None:
    assert (await act(office, message, "hand-over", to=CLO.upper())).status_code == 200
    assert row(office, message).assigned_to is not None
    [mail] = office.database.read_now(lambda c: c.execute(select(outgoing_messages)).all())
    assert (mail.recipient, mail.subject) == (CLO, "Un message vous est confié")
    for nobody in (BOB, ADA, "personne@one.fr"):
        problem(await act(office, message, "hand-over", to=nobody), 409)
    problem(await act(office, message, "hand-over", to="x"), 422)


async def test_put_off_until_it_comes_back(office: Office, message: str) -> None:
    until = NOW + timedelta(days=2)
    response = await act(office, message, "put-off", until=until.isoformat())
    assert (response.json()["comes_back_at"], response.json()["waiting"]) == ("2026-05-06T10:00:00Z", False)
    [listed] = (await office.messages()).json()["messages"]
    assert listed == response.json()
    for wrong in (NOW, NOW - timedelta(days=1), NOW + timedelta(days=61)):
        problem(await act(office, message, "put-off", until=wrong.isoformat()), 409)
    assert row(office, message).comes_back_at == until


async def test_a_note_for_colleagues(office: Office, message: str) -> None:
    assert (await act(office, message, "note", text="  Rap\0pelée ")).status_code == 200
    notes = office.database.read_now(lambda c: c.execute(select(inbox_notes.c.text)).scalars().all())
    assert list(notes) == ["Rappelée"]
    for wrong in ("", " ", "x" * 1001):
        problem(await act(office, message, "note", text=wrong), 422)


async def test_nothing_is_done_to_what_a_colleague_is_at_or_has_dealt_with(office: Office, message: str) -> None:
    clo = office.database.read_now(lambda c: find_agent(c, CLO))
    assert clo is not None
    held = update(incoming_messages).values(held_by=clo.id, held_until=NOW + timedelta(minutes=5))
    office.database.write_now(lambda c: c.execute(held))
    problem(await act(office, message, "done"), 409)
    problem(await act(office, message, "put-off", until=(NOW + timedelta(days=1)).isoformat()), 409)
    assert (await act(office, message, "done", agent=CLO)).status_code == 200
    problem(await act(office, message, "hand-over", to=CLO), 409)
    problem(await act(office, message, "put-off", until=(NOW + timedelta(days=1)).isoformat()), 409)


async def test_messages_of_others_are_not_there(office: Office, message: str) -> None:
    for name in ("sms-999", "sms-0", "56", "rdv-1", f"{message}x"):
        problem(await act(office, name, "done"), 404)
    problem(await act(office, message, "done", agent=BOB), 404)
    problem(await act(office, message, "note", agent=BOB, text="x"), 404)


def sent(office: Office) -> list[Any]:
    return list(office.database.read_now(lambda c: c.execute(select(outgoing_messages)).all()))


async def test_one_message(office: Office, message: str) -> None:
    response = await office.call("GET", f"/{message}", under="/messages")
    assert [response.json()] == (await office.messages()).json()["messages"]
    for name, agent in ((message, BOB), ("sms-999", ADA), ("x", ADA)):
        problem(await office.call("GET", f"/{name}", agent=agent, under="/messages"), 404)
    office.database.write_now(lambda c: c.execute(update(incoming_messages).values(from_number="")).close())
    problem(await office.call("GET", f"/{message}", under="/messages"), 404)


async def test_an_answer_leaves_once_from_the_number_that_was_written_to(office: Office, message: str) -> None:
    for _ in range(2):
        response = await act(office, message, "answer", text="C'est noté, à tout à l'heure")
        assert (response.status_code, response.json()["waiting"]) == (200, False)
    [answer] = sent(office)
    told = (answer.channel, answer.recipient, answer.sender, answer.body, answer.participation_id)
    assert told == ("sms", "+33612345678", "+33937000000", "C'est noté, à tout à l'heure", 1)
    rows = office.database.read_now(lambda c: c.execute(select(audit).where(audit.c.act == "answered")).all())
    assert [(each.way, each.agent) for each in rows] == [("api", ADA)]
    problem(await act(office, message, "answer", text="Autre chose"), 409)  # there is an answer in the thread already
    for wrong in ("", " ", "x" * 700, "Bonjour {heure}", "\u200b"):
        problem(await act(office, message, "answer", text=wrong), 422)
    assert len(sent(office)) == 1


async def test_no_answer_to_what_has_gone_on_meanwhile(office: Office, message: str) -> None:
    office.wrote("Finalement je ne viens pas", waiting=True)
    problem(await act(office, message, "answer", text="À tout à l'heure"), 409)
    assert sent(office) == []


async def test_whoever_has_sent_stop_is_answered_by_mail(office: Office, message: str) -> None:
    problem(await act(office, message, "answer", text="Bien", email="sophie@example.org"), 409)  # the person takes SMS
    stop = insert(opt_outs).values(number="+33612345678", opted_out_at=NOW)
    office.database.write_now(lambda c: c.execute(stop).close())
    problem(await act(office, message, "answer", text="Bien", email="eve@example.org"), 409)
    assert (await act(office, message, "answer", text="C'est no\0té")).status_code == 200
    [answer] = sent(office)
    assert (answer.channel, answer.recipient, answer.subject) == (
        *("email", "sophie@example.org"),
        "Réponse à votre message du lundi 4 mai à 12h00",
    )
