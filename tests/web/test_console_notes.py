"""Notes for colleagues beside a thread: only agents see them, and they are erased with the person."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import export, forget
from smsbot.retention.purging import purge
from smsbot.store.database import Database
from smsbot.store.tables import inbox_notes
from tests.web.console_site import ADA, BOB, BOBS, CLO, NOW, PHONE, Office

NOTE = "Rappelée à 10h, elle vient avec sa fille."


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def _texts(office: Office) -> list[str]:
    statement = select(inbox_notes.c.text).order_by(inbox_notes.c.id)
    return list(office.database.read_now(lambda c: c.execute(statement).scalars().all()))


def test_colleagues_see_a_note_with_who_and_when_and_it_is_never_sent(office: Office) -> None:
    message = office.incoming("je serai en retard")
    theirs = office.incoming("Pour les autres", organisation=BOBS)
    ada, clo = office.at_desk(), office.at_desk(CLO)
    page = ada.get(f"/messages/{message}")
    assert "Elle n’est jamais envoyée." in page.text
    page = ada.press("Garder cette note", mot=f"  {NOTE} ")
    assert (page.path, "Votre note est enregistrée." in page.text) == (f"/messages/{message}", True)
    assert "Voici le message suivant" not in page.text
    page = clo.get(f"/messages/{message}")
    assert f"ada@mairie.fr, lun 05/05 11h00 {NOTE}" in page.text
    assert "Jamais envoyées à la personne." in page.text
    assert not any("Retirer" in name for form in page.forms for name in form.buttons)
    assert NOTE in clo.get(f"/messages/{message}/direct").text
    text = clo.get("/messages").text
    assert ("Avec une note" in text, NOTE in text) == (True, False)
    assert NOTE not in office.at_desk(BOB).get(f"/messages/{theirs}").text
    later = office.incoming("Et aussi", received_at=NOW + timedelta(minutes=5))
    assert NOTE in clo.get(f"/messages/{later}").text
    assert office.sent() == []


def test_a_note_is_removed_by_who_wrote_it_alone(office: Office) -> None:
    message = office.incoming("je serai en retard")
    ada, clo = office.at_desk(), office.at_desk(CLO)
    ada.get(f"/messages/{message}")
    ada.press("Garder cette note", mot=NOTE)
    note = office.database.read_now(lambda c: c.execute(select(inbox_notes.c.id)).scalar_one())
    clo.get(f"/messages/{message}")
    clo.post(f"/messages/{message}/note", bouton="retirer", note=str(note))
    assert _texts(office) == [NOTE]
    ada.get(f"/messages/{message}")
    for _ in range(2):
        assert ada.post(f"/messages/{message}/note", bouton="retirer", note=str(note)).status_code == 303
    assert _texts(office) == []


def test_an_empty_note_or_one_too_long_is_refused_and_kept_on_the_page(office: Office) -> None:
    message = office.incoming("je serai en retard")
    ada = office.at_desk()
    ada.get(f"/messages/{message}")
    for text in ("  ", "x" * 1001):
        page = ada.press("Garder cette note", mot=text)
        assert (page.status, "La note n’est pas enregistrée" in page.text) == (422, True)
        assert text.strip() in page.response.text
    assert _texts(office) == []


def test_two_notes_at_the_same_moment_are_both_kept_and_a_double_click_writes_one(office: Office) -> None:
    message = office.incoming("je serai en retard")
    browsers = [office.at_desk(email) for email in (ADA, CLO)]
    for browser in browsers:
        browser.get(f"/messages/{message}")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda one: one.press("Garder cette note", mot=f"De {one.session}"), browsers))
    assert sorted(_texts(office)) == sorted(f"De {browser.session}" for browser in browsers)
    ada = browsers[0]
    for _ in range(2):
        ada.get(f"/messages/{message}")
        ada.post(f"/messages/{message}/note", mot=NOTE)
    assert _texts(office).count(NOTE) == 1


def test_the_person_may_read_it_and_have_it_erased(office: Office) -> None:
    part = office.participation()
    message = office.incoming("je serai en retard")
    ada = office.at_desk()
    ada.get(f"/messages/{message}")
    ada.press("Garder cette note", mot=NOTE)
    appointment = office.database.read_now(
        lambda c: export(c, ContactAddress(phone=PHONE), NOW)["participations"][0]["appointment_id"]
    )
    assert NOTE in ada.get(f"/rdv/{appointment}/donnees/lecture?personne={part}").text
    kept = office.database.read_now(lambda c: export(c, ContactAddress(phone=PHONE), NOW))
    assert [(note["text"], "agent_id" in note) for note in kept["notes"]] == [(NOTE, False)]
    office.database.write_now(lambda c: forget(c, ContactAddress(phone=PHONE), NOW, including_coming=True))
    assert _texts(office) == []


def test_it_is_erased_when_its_message_is_kept_long_enough(office: Office) -> None:
    message = office.incoming("je serai en retard")
    ada = office.at_desk()
    ada.get(f"/messages/{message}")
    ada.press("Garder cette note", mot=NOTE)
    asyncio.run(purge(office.database, NOW - timedelta(minutes=1), NOW))
    assert _texts(office) == [NOTE]
    asyncio.run(purge(office.database, NOW + timedelta(minutes=1), NOW))
    assert _texts(office) == []
