"""Batches in the console: choosing, preview, doing one by one, stopping; and writing first to one person."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.appointments.cancellation import TAKE_BACK_WITHIN
from smsbot.batches.choosing import MOST_TOGETHER
from smsbot.batches.records import BatchOutcome, waiting_tasks
from smsbot.batches.working import BatchWorker, working_batches_off
from smsbot.model import Actor, Canceller, Via
from smsbot.store.database import Database
from smsbot.store.tables import appointments, batch_appointments, batches, participations
from tests.web.console_site import ADA, BOB, BOBS, CLO, STARTS_AT, Browser, Office

HOUR = timedelta(hours=1)
CLOSED = "La mairie est fermée ce jour-là."


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, segment_price=Decimal("0.07"))


def busy_day(office: Office, number: int = 5) -> list[int]:
    """Add so many appointments, one an hour from 14h30 on.

    The last person can be reached neither by SMS nor by e-mail.
    """
    ours = [office.appointment(starts_at=STARTS_AT + index * HOUR) for index in range(number)]
    for index, each in enumerate(ours):
        email = {"email": None} if index else {}
        office.participation(each, last_name=f"Martin{index}", phone=f"+336123450{index:02}", **email)
    if number > 1:
        rows = office.database.read_now(lambda c: c.execute(select(participations.c.id)).scalars().all())
        office.set(participations, max(rows), phone=None)
    return ours


def work(office: Office, rounds: int = 1, rate: float | None = None) -> None:
    worker = BatchWorker(office.door, office.herald, rate)
    once = working_batches_off(office.database, worker, office.clock).once
    for _ in range(rounds):
        asyncio.run(once())


def outcomes(office: Office) -> list[str | None]:
    statement = select(batch_appointments.c.outcome).order_by(
        batch_appointments.c.batch_id, batch_appointments.c.position
    )
    return list(office.database.read_now(lambda c: c.execute(statement).scalars()))


def cancels(browser: Browser, path: str = "/ensemble?jour=2025-05-12", word: str = CLOSED) -> Browser:
    browser.get(path)
    browser.press("Relire avant d’envoyer", acte="annuler", mot=word)
    button = next(name for form in browser.page.forms for name in form.buttons if name.startswith("Oui, annuler"))
    browser.press(button)
    return browser


def test_a_day_is_cancelled_with_a_word(office: Office) -> None:
    ours = busy_day(office)
    ada = office.at_desk()
    page = ada.get("/ensemble?jour=2025-05-12")
    assert "5 rendez-vous concernés" in page.text
    page = ada.press("Relire avant d’envoyer", acte="annuler", mot=CLOSED)
    assert page.heading == "Annuler 5 rendez-vous ?"
    assert "5 personnes concernées 4 SMS, en 8 segments : 0,56 € en tout 1 e-mail" in page.text
    assert "1 personne ne recevra rien : prévenez-la vous-même" in page.text
    assert "Ne reçoit rien : Sophie Martin4" in page.text
    assert f"Message : {CLOSED}" in page.text
    assert office.sent() == []
    page = ada.press("Oui, annuler les rendez-vous cochés")
    assert "0 sur 5 : commence dans 20 secondes au plus" in page.text
    work(office)
    assert outcomes(office) == [None] * 5, "not before that time"
    office.clock.now += TAKE_BACK_WITHIN
    work(office, rounds=2, rate=3)
    assert outcomes(office) == ["cancelled"] * 5
    page = ada.get(page.path)
    assert "5 sur 5 : terminé." in page.text
    assert "5 : annulé" in page.text
    assert {office.row(appointments, each).status for each in ours} == {"revoked"}
    assert sorted(message.recipient for message in office.sent()) == [
        *(f"+336123450{index:02}" for index in range(4)),
        "sophie@example.fr",
    ]
    assert all(CLOSED in message.body for message in office.sent())
    assert office.audited() == [("cancelled", "agent", "console", ADA)] * 5
    work(office)
    assert len(office.sent()) == 5


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("jour=2025-05-12", 5),
        ("jour=demain", 0),
        ("jour=2025-05-12&de=15h30&a=17:30", 2),  # from 15h30 on, and before 17h30
        ("jour=2025-05-12&a=15h", 1),
        ("jour=2025-05-12&lieu=Mairie+du+3e", 5),
        ("jour=2025-05-12&lieu=Mairie+du+4e", 0),
        ("rdv=1&rdv=3&rdv=x", 2),
    ],
)
def test_what_is_chosen(office: Office, query: str, number: int) -> None:
    busy_day(office)
    theirs = office.appointment(BOBS)
    office.participation(theirs)
    page = office.at_desk().get(f"/ensemble?{query}&organisation=")
    assert (f"{number} rendez-vous concerné" in page.text) == bool(number)
    assert ("Aucun rendez-vous concerné" in page.text) == (not number)


@pytest.mark.parametrize(
    ("query", "words"), [("jour=31/02", "écrivez la date"), ("jour=2025-05-12&de=25h", "écrivez l’heure")]
)
def test_what_cannot_be_read_is_asked_again(office: Office, query: str, words: str) -> None:
    page = office.at_desk().get(f"/ensemble?{query}")
    assert (page.status, words in page.text) == (422, True)


@pytest.mark.parametrize(
    ("filled_in", "words"),
    [
        ({"mot": "x"}, "choisissez l’une des deux réponses"),
        ({"acte": "ecrire", "mot": ""}, "écrivez ce que les personnes doivent savoir"),
        ({"acte": "annuler", "mot": "x" * 301}, "trop long de 1 signe"),
    ],
)
def test_a_form_that_is_not_complete_is_asked_again_and_begins_nothing(
    office: Office, filled_in: dict[str, str], words: str
) -> None:
    busy_day(office, 2)
    ada = office.at_desk()
    ada.get("/ensemble?jour=2025-05-12")
    page = ada.press("Relire avant d’envoyer", **filled_in)
    assert (page.status, words in page.text) == (422, True)
    assert outcomes(office) == []


def test_what_is_unmarked_in_the_preview_is_left_out(office: Office) -> None:
    first, second, third = busy_day(office, 3)
    ada = office.at_desk()
    ada.get("/ensemble?jour=2025-05-12")
    page = ada.press("Relire avant d’envoyer", acte="annuler", mot=CLOSED)
    [form] = [form for form in page.forms if form.method == "POST" and "lesquels" in form.fields]
    assert [form.fields[f"avec{each}"] for each in (first, second, third)] == ["1", "1", "1"]
    del form.fields[f"avec{second}"]
    page = ada.press("Recalculer avec ceux qui restent cochés")
    assert page.heading == "Annuler 2 rendez-vous ?"
    [form] = [form for form in page.forms if form.method == "POST" and "lesquels" in form.fields]
    del form.fields[f"avec{first}"]
    del form.fields[f"avec{third}"]
    page = ada.press("Oui, annuler les rendez-vous cochés")
    assert (page.response.status_code, "cochez au moins un rendez-vous" in page.text) == (422, True)
    [form] = [form for form in page.forms if form.method == "POST" and "lesquels" in form.fields]
    assert not any(name.startswith("avec") for name in form.fields), "what was unmarked stays unmarked"
    ada.press("Oui, annuler les rendez-vous cochés", **{f"avec{third}": "1"})
    office.clock.now += TAKE_BACK_WITHIN
    work(office)
    statuses = [office.row(appointments, each).status for each in (first, second, third)]
    assert statuses == ["unknown", "unknown", "revoked"]


def test_all_of_the_largest_day_can_be_unmarked(office: Office) -> None:
    boxes = {f"avec{10**7 + number}": "1" for number in range(MOST_TOGETHER)}
    lesquels = ",".join(name.removeprefix("avec") for name in boxes)
    ada = office.at_desk()
    busy_day(office, 1)
    ada.get("/ensemble?jour=2025-05-12")
    posted = ada.post("/ensemble", lesquels=lesquels, choisis="oui", acte="annuler", mot="x" * 300, **boxes)
    assert posted.status_code == 404, "the form is read, and there is none of them"


def test_only_to_write_cancels_nothing(office: Office) -> None:
    ours = busy_day(office, 3)
    ada = office.at_desk()
    ada.get("/ensemble?jour=2025-05-12")
    page = ada.press("Relire avant d’envoyer", acte="ecrire", mot="Entrée par la cour.")
    assert "Au sujet de votre RDV du lundi 12 mai à 14h30 (Mairie du 3e). Message : Entrée par la cour." in page.text
    ada.press("Oui, envoyer ce message")
    work(office)
    assert outcomes(office) == ["written", "written", "unreached"]
    assert [message.channel for message in office.sent()] == ["sms", "email", "sms"]
    assert {office.row(appointments, each).status for each in ours} == {"unknown"}
    assert office.audited() == [("written_to", "agent", "console", ADA)] * 2
    assert "message écrit par ada@mairie.fr" in ada.get(f"/rdv/{ours[0]}").text


def test_it_is_stopped_and_what_was_not_done_stays(office: Office) -> None:
    ours = busy_day(office)
    ada = cancels(office.at_desk())
    office.clock.now += TAKE_BACK_WITHIN
    work(office, rate=2)
    page = office.at_desk(CLO).get(ada.page.path)
    assert "2 sur 5 : en cours." in page.text
    page = ada.press("Arrêter maintenant")
    assert "2 sur 5 : arrêté. 3 rendez-vous sont restés comme ils étaient." in page.text
    work(office, rounds=3)
    assert outcomes(office) == ["cancelled"] * 2 + [None] * 3
    assert [office.row(appointments, each).status for each in ours] == ["revoked"] * 2 + ["unknown"] * 3


def test_crossed_by_an_usager_a_colleague_and_the_clock_each_is_told_once(office: Office) -> None:
    ours = busy_day(office)
    ada, clo = cancels(office.at_desk()), cancels(office.at_desk(CLO))
    whose = select(participations.c.id).where(participations.c.appointment_id == ours[0])
    first = office.database.read_now(lambda c: c.execute(whose).scalar_one())
    usager = Canceller(Actor.USAGER, Via.LINK)
    office.database.write_now(lambda c: office.door.cancel(c, first, usager, office.clock.now))
    office.set(appointments, ours[1], starts_at=office.clock.now)
    office.set(appointments, ours[2], destroyed_at=office.clock.now)
    before = len(office.sent())
    office.clock.now += TAKE_BACK_WITHIN
    work(office, rounds=2)
    assert outcomes(office) == [
        *("already", "begun", "gone", "cancelled", "cancelled"),
        *("already", "begun", "gone", "already", "already"),
    ]
    recipients = [message.recipient for message in office.sent()[before:]]
    assert len(recipients) == len(set(recipients)) == 1, "the last one cannot be reached"
    assert ada.page.path != clo.page.path


def test_of_two_processes_one_does_it(office: Office) -> None:
    busy_day(office, 1)
    cancels(office.at_desk())
    office.clock.now += TAKE_BACK_WITHIN
    [task] = office.database.read_now(lambda c: waiting_tasks(c, office.clock.now, 10))
    worker = BatchWorker(office.door, office.herald)

    async def both() -> list[Any]:
        works = [office.database.write(lambda c: worker.do(c, task, office.clock.now)) for _ in range(2)]
        return await asyncio.gather(*works)

    assert sorted(map(str, asyncio.run(both()))) == sorted([str(None), str(BatchOutcome.CANCELLED)])
    assert len(office.sent()) == 2


def test_what_fails_leaves_the_others_alone(office: Office) -> None:
    busy_day(office, 3)
    cancels(office.at_desk())
    office.clock.now += TAKE_BACK_WITHIN
    office.set(participations, 1, status="nonsense")
    work(office)
    assert outcomes(office) == ["failed", "cancelled", "cancelled"]


def test_an_agent_who_has_lost_the_organisation_cancels_nothing_any_more(office: Office) -> None:
    busy_day(office, 2)
    cancels(office.at_desk())
    office.revoke(ADA)
    office.clock.now += TAKE_BACK_WITHIN
    work(office)
    assert outcomes(office) == ["gone", "gone"]
    assert office.sent() == []


def test_others_see_nothing_of_it(office: Office) -> None:
    busy_day(office, 2)
    ada = cancels(office.at_desk())
    bob = office.at_desk(BOB)
    bob.get("/rdv")
    assert bob.get(ada.page.path).status == 404
    ada.get(ada.page.path)
    number = ada.page.path.rsplit("/", 1)[1]
    bob.get("/rdv")
    assert bob.post(f"/ensemble/{number}/arret").status_code == 404
    assert bob.post("/ensemble", lesquels="1,2", acte="annuler", bouton="faire").status_code == 404
    assert office.row(batches, int(number)).state == "running"


def test_an_agent_writes_first_to_a_person(office: Office) -> None:
    ours = office.appointment()
    office.participation(ours, send_lifecycle_notifications=False)
    ada = office.at_desk()
    ada.get(f"/rdv/{ours}")
    page = ada.follow("Écrire à cette personne")
    assert "Sophie Dupont : par SMS et par e-mail" in page.text
    page = ada.press("Envoyer", mot="")
    assert (page.status, "écrivez votre message" in page.text) == (422, True)
    page = ada.press("Relire le SMS avant d’envoyer", mot="Apportez votre  livret de famille")
    told = "Au sujet de votre RDV du lundi 12 mai à 14h30 (Mairie du 3e). Message : Apportez votre livret de famille."
    assert told in page.text
    assert "1 segment de SMS. Coût : 0,07 €." in page.text
    assert office.sent() == []
    page = ada.press("Envoyer")
    assert "Le message est envoyé." in page.text
    assert "message écrit par ada@mairie.fr" in page.text
    sms, mail = office.sent()
    assert sms.body == told
    assert "Message du service : Apportez votre livret de famille" in mail.body
    assert office.row(appointments, ours).status == "unknown"


def test_who_has_said_stop_gets_no_word(office: Office) -> None:
    ours = office.appointment()
    office.participation(ours, email=None)
    office.stop()
    ada = office.at_desk()
    ada.get(f"/rdv/{ours}/message")
    assert "ni SMS ni e-mail n’est possible" in ada.press("Envoyer", mot="Bonjour").text
    assert office.sent() == []
    assert office.audited() == []


def test_what_is_marked_in_the_list_is_what_is_concerned(office: Office) -> None:
    ours = busy_day(office, 3)
    ada = office.at_desk()
    page = ada.get("/rdv?jour=2025-05-12")
    assert page.response.text.count('form="marques"') == 3
    office.set(participations, 1, status="revoked")
    assert ada.get("/rdv?jour=2025-05-12").response.text.count('form="marques"') == 2
    page = ada.press("Annuler ou prévenir ceux que j’ai marqués", rdv=str(ours[1]))
    assert "1 rendez-vous concerné" in page.text
    assert "Martin1" in page.text


def test_what_ends_before_its_commit_is_done_again_and_told_once(office: Office) -> None:
    busy_day(office, 2)
    cancels(office.at_desk())
    office.clock.now += TAKE_BACK_WITHIN
    worker = BatchWorker(office.door, office.herald)
    [task, _] = office.database.read_now(lambda c: waiting_tasks(c, office.clock.now, 10))

    def killed(connection: Any) -> None:
        worker.do(connection, task, office.clock.now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.database.write_now(killed)
    assert (outcomes(office), office.sent()) == ([None, None], [])
    work(office, rounds=2)
    assert outcomes(office) == ["cancelled", "cancelled"]
    assert len({message.recipient for message in office.sent()}) == len(office.sent())


def test_a_batch_whose_last_process_was_killed_before_it_said_so_is_ended_by_the_next(office: Office) -> None:
    busy_day(office)
    cancels(office.at_desk())
    office.clock.now += TAKE_BACK_WITHIN
    worker = BatchWorker(office.door, office.herald)
    for task in office.database.read_now(lambda c: waiting_tasks(c, office.clock.now, 100)):
        office.database.write_now(lambda c, task=task: worker.do(c, task, office.clock.now))  # type: ignore[misc]
    work(office)
    state = select(batches.c.state)
    assert office.database.read_now(lambda c: c.execute(state).scalars().all()) == ["done"]


def test_a_sign_that_no_database_takes_is_none_of_an_address(office: Office) -> None:
    browser = office.at_desk(ADA)
    browser.get("/ensemble?jour=2025-05-12&lieu=Mairie%00")
    assert browser.page.response.status_code == 200
