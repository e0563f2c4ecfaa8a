"""The day, the search, one appointment and what can be done there."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, outgoing_messages, participations
from tests.web.console_site import ADA, BOBS, NOW, STARTS_AT, Browser, Office


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


@pytest.fixture
def either_office(database: Database) -> Office:
    """An office on each of the two engines, for tests that write or search."""
    return Office(database)


@pytest.fixture
def ada(office: Office) -> Browser:
    return office.at_desk()


def _renvoyer(browser: Browser) -> str:
    return next(name for form in browser.page.forms for name in form.buttons if name.startswith("Renvoyer"))


# The day


def test_today_and_what_comes_in_order_by_day(either_office: Office) -> None:
    for name, starts_at in (
        ("Zola", NOW + timedelta(days=1)),
        ("Balzac", NOW + timedelta(hours=2)),
        ("Hugo", NOW - timedelta(hours=2)),  # this morning
        ("Sand", NOW - timedelta(days=1)),
    ):
        either_office.participation(either_office.appointment(starts_at=starts_at), last_name=name)
    page = either_office.at_desk().get("/rdv")
    told = ["Aujourd’hui, lundi 5 mai", "9h00", "Hugo", "13h00", "Balzac", "Demain, mardi 6 mai", "11h00", "Zola"]
    places = [page.text.index(words) for words in told]
    assert places == sorted(places)
    assert "Sand" not in page.text
    past = either_office.at_desk().get("/rdv?quand=passes")
    assert ("Hier, dimanche 4 mai" in past.text, "Hugo" in past.text) == (True, False)


def test_a_day_is_one_of_the_appointments_own_zone(office: Office, ada: Browser) -> None:
    late = NOW.replace(hour=21)  # the 6th, 1h00 in La Réunion; the 5th, 23h00 in Paris
    for name, zone in (("Payet", "Indian/Reunion"), ("Dupont", None)):
        office.participation(office.appointment(starts_at=late, time_zone=zone), last_name=name)
    assert "Payet" not in ada.get("/rdv?jour=2025-05-05").text
    page = ada.get("/rdv?q=6/5/2025")
    assert ("1h00" in page.text, "Payet" in page.text, "Dupont" in page.text) == (True, True, False)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dupont", {"Dupont"}),
        ("DUPONT sophie", {"Dupont"}),
        ("muller", {"Müller-Lefèvre"}),
        ("lefèvre", {"Müller-Lefèvre"}),
        ("delafontaine", {"De La Fontaine"}),
        ("oeuvrard", {"Œuvrard"}),
        ("benali", {"Amrani"}),  # the responsible person's name
        ("06 98 76 54 32", {"Amrani"}),
        ("+33698765432", {"Amrani"}),
        ("7654", {"Amrani"}),
        ("%", set()),
        ("d_pont", set()),
        ("zzz", set()),
        ("dupont'; DROP TABLE", set()),
    ],
)
def test_search(either_office: Office, words: str, found: set[str]) -> None:
    names: dict[str, dict[str, Any]] = {
        "Dupont": {},
        "Müller-Lefèvre": {"first_name": "Ève"},
        "De La Fontaine": {"first_name": "Jean"},
        "Œuvrard": {"first_name": "Luc"},
        "Amrani": {"first_name": "Ali", "phone": "+33698765432", "surnames": ["Amrani", "Benali"]},
    }
    for name, values in names.items():
        either_office.participation(**{"last_name": name, "phone": "+33611111111", "first_name": "Sophie", **values})
    browser = either_office.at_desk()
    browser.get("/rdv")
    page = browser.press("Rechercher", q=words)
    assert page.status == 200
    assert {name for name in names if name in page.text} == found


def test_a_search_that_means_nothing_says_so(office: Office, ada: Browser) -> None:
    office.participation()
    page = ada.get("/rdv?q=12")
    assert "n’est ni un nom, ni un numéro" in page.text
    assert "Dupont" not in page.text
    for path in ("/rdv?q=31/02/2025", "/rdv?jour=31/02/2025", "/rdv?q=Dupont&jour=bientôt"):
        page = ada.get(path)
        assert re.search(r"« \S+ » n’est (pas une date|ni un nom)", page.text), path
        assert "Sophie Dupont" not in page.text


@pytest.mark.parametrize("typed", ["12/05", "12/05/2025", "12 mai", "lundi 12 mai 2025", "2025-05-12"])
def test_a_day_as_people_write_it(office: Office, ada: Browser, typed: str) -> None:
    office.participation()
    for field in ("q", "jour"):
        ada.get("/rdv")
        assert "Sophie Dupont" in ada.press("Rechercher", **{field: typed}).text
    assert "Aucun rendez-vous ne correspond le mardi 6 mai." in ada.get("/rdv?q=demain").text


def test_a_day_is_found_in_the_past_too(office: Office, ada: Browser) -> None:
    office.participation(office.appointment(starts_at=NOW - timedelta(days=10)))
    ada.get("/rdv")
    assert "Sophie Dupont" in ada.press("Rechercher", jour="2025-04-25").text


def test_more_than_a_page_goes_on_where_it_ended(office: Office, ada: Browser) -> None:
    for number in range(60):
        starts_at = NOW + timedelta(hours=1, minutes=number // 2)
        office.participation(office.appointment(starts_at=starts_at), last_name=f"N{number:02}x")
    first = ada.get("/rdv?q=x").text
    second = ada.follow("Rendez-vous suivants")
    names = [f"N{number:02}x" for number in range(60)]
    assert [name for name in names if name in first] == names[:50]
    assert [name for name in names if name in second.text] == names[50:]
    assert "Rendez-vous suivants" not in second.links


def test_what_happened_is_told_in_words(either_office: Office) -> None:
    ours = either_office.appointment()
    mine = either_office.participation(
        ours, status="excused", cancelled_at=NOW, cancelled_by="usager", cancelled_way="link"
    )
    for code in ("30003", "99999"):
        either_office.outgoing(
            code, appointment_id=ours, participation_id=mine, delivery_status="undelivered", error_code=code
        )
    either_office.outgoing("good", appointment_id=ours, participation_id=mine)
    either_office.stop()
    page = either_office.at_desk().get("/rdv")
    assert "Annulé par l’usager, par le lien, lun 05/05 11h00" in page.text
    assert "Ne veut plus de SMS (STOP)" in page.text
    assert "SMS non remis : le téléphone est éteint ou hors réseau" in page.text
    assert "SMS non remis : l’opérateur ou le service d’envoi n’a pas pu le remettre (code 99999)" in page.text


@pytest.mark.parametrize(("tab", "found"), [("Annulés", "Sand"), ("Messages non remis", "Hugo"), ("STOP", "Zola")])
def test_tabs(either_office: Office, tab: str, found: str) -> None:
    names = ("Sand", "Hugo", "Zola", "Balzac")
    phones = dict(zip(names, (f"+3361234567{digit}" for digit in range(4)), strict=True))
    ids = {name: either_office.participation(last_name=name, phone=phone) for name, phone in phones.items()}
    either_office.set(participations, ids["Sand"], status="revoked")
    either_office.stop(phones["Zola"])
    hugo = either_office.row(participations, ids["Hugo"])
    either_office.outgoing(
        "x", appointment_id=hugo.appointment_id, participation_id=hugo.id, state="refused", delivery_status=None
    )
    browser = either_office.at_desk()
    browser.get("/rdv")
    page = browser.follow(tab)
    assert [name for name in names if name in page.text] == [found]


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("resting", "30003", "Non remis : le téléphone est éteint ou hors réseau"),
        ("resting", "in-doubt", "Non remis : personne ne sait s’il est arrivé"),
        ("resting", "ConnectError", "Non remis : le service d’envoi n’a pas répondu (code ConnectError)"),
        ("refused", "99999", "Non remis : l’opérateur ou le service d’envoi n’a pas pu le remettre (code 99999)"),
        ("refused", "overtaken", "Non envoyé : il n’était plus d’actualité"),
    ],
)
def test_what_did_not_arrive_is_told_in_words(office: Office, ada: Browser, state: str, code: str, words: str) -> None:
    mine = office.participation()
    ours = office.row(participations, mine).appointment_id
    office.outgoing(
        "Rappel", appointment_id=ours, participation_id=mine, state=state, delivery_status=None, error_code=code
    )
    assert words in ada.get(f"/rdv/{ours}").text
    assert ("Sophie Dupont" in ada.get("/rdv?voir=non-remis").text) is words.startswith("Non remis")


def test_what_was_erased_is_no_failure_and_has_no_name(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    mine = office.participation(ours, first_name=None, last_name=None, phone=None, email=None, erased_at=NOW)
    office.outgoing("", recipient="", appointment_id=ours, participation_id=mine, state="refused", error_code="erased")
    page = ada.get("/rdv")
    assert ("Nom effacé" in page.text, "SMS non remis" in page.text) == (True, False)
    assert "Effacé avant l’envoi" in ada.get(f"/rdv/{ours}").text
    assert "Nom effacé" not in ada.get("/rdv?voir=non-remis").text


def test_who_waits_for_an_answer_is_seen_in_the_day(either_office: Office) -> None:
    either_office.participation()
    ada = either_office.at_desk()
    handled = either_office.incoming("merci", handled_at=NOW)
    elsewhere = either_office.incoming("ailleurs", organisation=BOBS)
    assert "Message à traiter" not in ada.get("/rdv").text
    message = either_office.incoming("je serai en retard")
    ada.get("/rdv")
    page = ada.follow("Message à traiter, Sophie Dupont")
    assert (page.path, "je serai en retard" in page.text) == (f"/messages/{message}", True)
    assert message not in (handled, elsewhere)


# One appointment


def test_the_conversation_as_on_a_telephone(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    mine = office.participation(ours)
    about = {"appointment_id": ours, "participation_id": mine}
    office.outgoing("Votre RDV est confirmé.", **about, created_at=NOW - timedelta(days=2), segments=2)
    asked = office.incoming("ANNULER", for_agents=False, received_at=NOW - timedelta(hours=2))
    office.outgoing("Vos 3 lettres ?", kind="reply", in_reply_to=asked, **about, created_at=NOW - timedelta(hours=2))
    office.outgoing("Courriel", channel="email", segments=None, subject="Annulation", delivery_status=None, **about)
    page = ada.get(f"/rdv/{ours}")
    told = ["Votre RDV est confirmé.", "Remis · 2 segments", "ANNULER", "Vos 3 lettres ?", "Annulation", "Envoyé"]
    places = [page.text.index(words) for words in told]
    assert places == sorted(places)
    assert "En tout : 3 segments de SMS envoyés." in page.text


def test_of_the_segments_those_sent_are_counted_and_those_waiting_are_told(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    about = {"appointment_id": ours, "participation_id": office.participation(ours), "delivery_status": None}
    office.outgoing("Parti", segments=2, **about)
    office.outgoing("Perdu", **(about | {"delivery_status": "undelivered"}))
    office.outgoing("Refusé", state="refused", error_code="21211", **about)
    office.outgoing("En attente", state="waiting", **about)
    assert "En tout : 3 segments de SMS envoyés, et 1 en attente d’envoi." in ada.get(f"/rdv/{ours}").text


def test_a_collective_appointment_names_nobody_in_its_title(office: Office, ada: Browser) -> None:
    ours = office.appointment(collective=True)
    office.participation(ours)
    page = ada.get(f"/rdv/{ours}")
    assert (page.heading, "Dupont" in page.title) == ("Rendez-vous du lundi 12 mai à 14h30", False)


def test_nothing_of_another_organisation_is_in_the_conversation(office: Office, ada: Browser) -> None:
    ours, theirs = office.appointment(), office.appointment(BOBS)
    office.participation(ours)
    asked = office.incoming("Leur secret", organisation=BOBS, for_agents=False)
    office.outgoing("Leur réponse", kind="reply", in_reply_to=asked, appointment_id=theirs)
    office.outgoing("Leur rappel", appointment_id=theirs, participation_id=office.participation(theirs))
    office.outgoing("Sans rendez-vous", kind="reply", in_reply_to=asked)
    page = ada.get(f"/rdv/{ours}")
    assert "Aucun message." in page.text


def test_of_several_people_one_is_chosen(office: Office, ada: Browser) -> None:
    ours = office.appointment(collective=True)
    sophie, jean = office.participation(ours), office.participation(ours, last_name="Sand", phone="+33698765432")
    office.outgoing("Pour Sophie", appointment_id=ours, participation_id=sophie)
    office.outgoing("Pour Sand", recipient="+33698765432", appointment_id=ours, participation_id=jean)
    assert "Choisissez une personne" in ada.get(f"/rdv/{ours}").text
    page = ada.follow("Sophie Sand")
    assert ("Pour Sand" in page.text, "Pour Sophie" in page.text) == (True, False)
    assert ada.get(f"/rdv/{ours}?personne={office.participation()}").status == 404


# Cancelling


def test_cancelling_asks_first_and_tells_people_afterwards(either_office: Office) -> None:
    ours = either_office.appointment()
    mine = either_office.participation(ours)
    browser = either_office.at_desk()
    browser.get(f"/rdv/{ours}")
    page = browser.follow("Annuler ce rendez-vous")
    assert (page.heading, "Sophie Dupont : par SMS et par e-mail" in page.text) == ("Annuler ce rendez-vous ?", True)
    assert "Pensez à l’annuler aussi dans votre agenda" in page.text
    assert either_office.row(participations, mine).status == "unknown"
    page = browser.press("Oui, annuler", raison="service", mot="  Le bureau est   fermé. ")
    assert "C’est annulé." in page.text
    assert "annulé par ada@mairie.fr" in page.text
    row = either_office.row(participations, mine)
    assert (row.status, row.cancelled_by, row.cancelled_way) == ("revoked", "agent", "console")
    assert either_office.row(appointments, ours).status == "revoked"
    assert [message.channel for message in either_office.sent()] == ["sms", "email"]
    assert either_office.audited() == [("cancelled", "agent", "console", ADA)]


LONG = "La mairie est fermée demain pour travaux, entrée par la cour. Désolés ! " * 4


def test_a_word_arrives_whole_and_the_very_sms_is_shown_before(either_office: Office) -> None:
    office = either_office
    ours = office.appointment()
    office.participation(ours)
    ada = office.at_desk()
    ada.get(f"/rdv/{ours}/annulation")
    page = ada.press("Relire le SMS avant d’annuler", raison="service", mot=LONG + "Zoë 😅")
    assert "Encore 9 signes pour ce mot." in page.text
    assert "3 segments de SMS." in page.text
    assert office.sent() == []
    ada.press("Oui, annuler", raison="service")
    [sms, mail] = office.sent()
    assert " ".join(LONG.split()) + " Zoe." in sms.body
    assert sms.body in page.text
    assert sms.segments == 3
    assert LONG.strip() in mail.body


def test_the_preview_tells_the_price_and_how_many_people_read_it(sqlite_database: Database) -> None:
    office = Office(sqlite_database, segment_price=Decimal("0.07"))
    ours = office.appointment(collective=True)
    for each in range(3):
        office.participation(ours, phone=f"+3361234567{each}", notify_by_sms=each != 2)
    ada = office.at_desk()
    ada.get(f"/rdv/{ours}/annulation")
    page = ada.press("Relire le SMS avant d’annuler", raison="demande", mot="Désolés")
    assert "2 personnes liront : Votre participation au RDV du lundi 12 mai" in page.text
    assert "est annulée à votre demande. Message : Désolés." in page.text
    assert "2 fois. Coût : 0,28 €." in page.text
    part = ada.post(f"/rdv/{ours}/annulation/apercu", mot="x" * 301).text
    assert "trop long de 1&nbsp;signe." in part
    part = ada.post(f"/rdv/{ours}/annulation/apercu", mot="x").text
    assert "annulée par le service. Message : x." in part
    assert office.sent() == []


def test_who_gets_no_sms_is_told_of_none(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    office.participation(ours)
    office.stop()
    ada.get(f"/rdv/{ours}/annulation")
    assert "Aucun SMS ne partira." in ada.press("Relire le SMS avant d’annuler", raison="service").text


def test_a_landline_is_reached_by_e_mail_alone_and_the_agent_sees_why(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    office.participation(ours, phone="+33321000000")
    assert "(ce numéro ne reçoit pas de SMS : e-mail seulement)" in ada.get(f"/rdv/{ours}").text
    page = ada.follow("Annuler ce rendez-vous")
    assert "Sophie Dupont : par e-mail" in page.text
    ada.press("Oui, annuler", raison="service", mot="")
    assert [message.channel for message in office.sent()] == ["email"]


def test_at_the_usagers_request_it_is_excused(office: Office, ada: Browser) -> None:
    mine = office.participation()
    ada.get(f"/rdv/{office.row(participations, mine).appointment_id}/annulation")
    ada.press("Oui, annuler", raison="demande")
    assert office.row(participations, mine).status == "excused"


def test_of_a_collective_appointment_one_participation_is_cancelled(office: Office, ada: Browser) -> None:
    ours = office.appointment(collective=True)
    sophie, jean = office.participation(ours), office.participation(ours, first_name="Jean")
    ada.get(f"/rdv/{ours}")
    page = ada.follow("Annuler sa participation (Sophie Dupont)")
    assert page.heading == "Annuler la participation de Sophie Dupont ?"
    ada.press("Oui, annuler", raison="service")
    assert [office.row(participations, each).status for each in (sophie, jean)] == ["revoked", "unknown"]
    ada.get(f"/rdv/{ours}")
    ada.follow("Annuler tout le rendez-vous")
    ada.press("Oui, annuler", raison="service")
    assert office.row(participations, jean).status == "revoked"


@pytest.mark.parametrize(
    ("filled_in", "words"),
    [({}, "choisissez l’une des deux réponses"), ({"raison": "service", "mot": "x" * 312}, "trop long de 12 signes")],
)
def test_a_form_that_is_not_complete_is_asked_again(
    office: Office, ada: Browser, filled_in: dict[str, str], words: str
) -> None:
    mine = office.participation()
    ada.get(f"/rdv/{office.row(participations, mine).appointment_id}/annulation")
    page = ada.press("Oui, annuler", **filled_in)
    assert (page.status, words in page.text, page.title.startswith("Erreur")) == (422, True, True)
    assert office.row(participations, mine).status == "unknown"
    assert page.forms[-1].fields["mot"].strip() == filled_in.get("mot", "")


def test_who_cannot_be_told_is_named(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    office.participation(ours, send_lifecycle_notifications=False)
    assert "prévenez cette personne vous-même" in ada.get(f"/rdv/{ours}/annulation").text
    begun = office.appointment(starts_at=NOW - timedelta(minutes=5))
    office.participation(begun)
    assert "a déjà commencé" in ada.get(f"/rdv/{begun}/annulation").text


def test_what_was_cancelled_meanwhile_is_said_and_not_done_twice(either_office: Office) -> None:
    mine = either_office.participation()
    ours = either_office.row(participations, mine).appointment_id
    first, second = either_office.at_desk(), either_office.at_desk("clo@mairie.fr")
    for browser in (first, second):
        browser.get(f"/rdv/{ours}/annulation")
    first.press("Oui, annuler", raison="service")
    assert "il était déjà annulé" in second.press("Oui, annuler", raison="demande").text
    assert either_office.row(participations, mine).status == "revoked"
    assert second.get(f"/rdv/{ours}/annulation").path == f"/rdv/{ours}"


# Unlocking


def test_unlocking(either_office: Office) -> None:
    mine = either_office.participation(wrong_answers=3, wrong_answer_at=NOW, locked_until=NOW + timedelta(hours=24))
    ours = either_office.row(participations, mine).appointment_id
    browser = either_office.at_desk()
    told = "Annulation bloquée jusqu’au mardi 6 mai à 11h00, après 3 réponses inexactes"
    assert told in browser.get(f"/rdv/{ours}").text
    page = browser.press("Débloquer l’annulation pour Sophie Dupont")
    assert "L’annulation est débloquée" in page.text
    row = either_office.row(participations, mine)
    assert (row.wrong_answers, row.locked_until) == (0, None)
    assert either_office.audited() == [("unlocked", "agent", "console", ADA)]


# Sending again


def _failed(office: Office, **values: Any) -> tuple[int, int, int]:
    """Add a reminder that did not arrive. Returns our ids of the appointment, the participation and the reminder."""
    ours = office.appointment()
    mine = office.participation(ours)
    failure: dict[str, Any] = {"kind": "reminder", "delivery_status": "undelivered", "error_code": "30003"}
    message = office.outgoing("Rappel", appointment_id=ours, participation_id=mine, **(failure | values))
    return ours, mine, message


def test_what_failed_is_sent_again_once_to_where_the_person_is_now(either_office: Office) -> None:
    ours, mine, message = _failed(either_office)
    either_office.set(participations, mine, phone="+33698765432")
    browser = either_office.at_desk()
    browser.get(f"/rdv/{ours}")
    assert "Le message est renvoyé." in browser.press(_renvoyer(browser)).text
    [_, again] = either_office.sent()
    assert (again.body, again.recipient, again.state) == ("Rappel", "+33698765432", "waiting")
    assert again.agent_id == either_office.agent(ADA).id
    assert either_office.audited() == [("sent_again", "agent", "console", ADA)]
    twice = browser.post(f"/rdv/{ours}/renvoi", message=str(message))
    assert "pas-renvoye" in twice.headers["location"]
    assert len(either_office.sent()) == 2


def test_the_button_and_what_it_leads_to(office: Office, ada: Browser) -> None:
    ours, _, _ = _failed(office)
    ada.get(f"/rdv/{ours}")
    page = ada.press(_renvoyer(ada))
    assert "Le message est renvoyé." in page.text
    assert "SMS automatique, renvoyé par ada@mairie.fr" in page.text
    assert "Renvoyé depuis" in page.text
    assert "SMS non remis" not in ada.get("/rdv").text


@pytest.mark.parametrize(
    ("code", "offered"), [("21211", False), ("21614", False), ("21635", False), ("30003", True), ("30005", True)]
)
def test_to_a_number_that_can_never_receive_it_is_sent_once_it_was_corrected(
    office: Office, ada: Browser, code: str, offered: bool
) -> None:
    ours, mine, _ = _failed(office, error_code=code)
    page = ada.get(f"/rdv/{ours}")
    assert ("Renvoyer" in page.text, "Ce numéro ne reçoit pas de SMS" in page.text) == (offered, not offered)
    office.set(participations, mine, phone="+33698765432")
    ada.get(f"/rdv/{ours}")
    assert "Le message est renvoyé." in ada.press(_renvoyer(ada)).text


def test_who_wrote_it_and_who_had_it_sent_again_are_told_apart(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    mine = office.participation(ours)
    office.outgoing(
        "Oui, venez.",
        kind="reply",
        appointment_id=ours,
        participation_id=mine,
        in_reply_to=office.incoming("Je peux venir ?", handled_at=NOW),
        agent_id=office.agent("clo@mairie.fr").id,
        delivery_status="undelivered",
        error_code="30003",
    )
    ada.get(f"/rdv/{ours}")
    page = ada.press(_renvoyer(ada))
    assert "SMS de clo@mairie.fr, lun" in page.text
    assert "SMS de clo@mairie.fr, renvoyé par ada@mairie.fr, lun" in page.text


@pytest.mark.parametrize(
    "what",
    ["delivered", "cancelled", "begun", "a newer time", "the bot's question", "stopped", "no number", "a landline"],
)
def test_what_is_not_sent_again(office: Office, ada: Browser, what: str) -> None:
    ours, mine, message = _failed(office, created_at=NOW - timedelta(hours=1))
    match what:
        case "delivered":
            office.set(outgoing_messages, message, delivery_status="delivered")
        case "cancelled":
            office.set(participations, mine, status="excused", cancelled_at=NOW)
        case "begun":
            office.set(appointments, ours, starts_at=NOW)
        case "a newer time":
            office.outgoing("Nouvel horaire", appointment_id=ours, participation_id=mine)
        case "the bot's question":
            office.set(outgoing_messages, message, kind="reply")
        case "stopped":
            office.stop()
        case "no number":
            office.set(participations, mine, phone=None)
        case "a landline":
            office.set(outgoing_messages, message, error_code="30006")
    page = ada.get(f"/rdv/{ours}")
    assert not any(name.startswith("Renvoyer") for form in page.forms for name in form.buttons)
    before = len(office.sent())
    assert "pas-renvoye" in ada.post(f"/rdv/{ours}/renvoi", message=str(message)).headers["location"]
    assert len(office.sent()) == before


def test_what_is_told_of_a_coming_appointment_is_told_in_its_own_zone(office: Office, ada: Browser) -> None:
    ours = office.appointment(time_zone="Indian/Reunion")
    office.participation(ours)
    assert STARTS_AT.hour == 12
    assert ada.get(f"/rdv/{ours}").heading == "Sophie Dupont, rendez-vous du lundi 12 mai à 16h30"


def test_agents_of_several_organisations_see_which(office: Office) -> None:
    office.employ(ADA, BOBS)
    office.participation(office.appointment(BOBS))
    assert "CCAS n° 2" in office.at_desk().get("/rdv").text


def test_who_has_written_that_they_come_is_seen_in_the_list_and_on_the_page(either_office: Office) -> None:
    mine = either_office.participation(announced_at=NOW - timedelta(hours=1))
    ours = either_office.row(participations, mine).appointment_id
    either_office.add(
        audit,
        {
            "at": NOW - timedelta(hours=1),
            "act": "announced",
            "by": "usager",
            "way": "sms",
            "appointment_id": ours,
            "participation_id": mine,
        },
    )
    ada = either_office.at_desk()
    assert "Annoncé par l’usager" in ada.get("/rdv").text
    page = ada.get(f"/rdv/{ours}").text
    assert "Annoncé par l’usager" in page
    assert "venue annoncée par l’usager, par SMS" in page
    either_office.set(participations, mine, status="seen")
    assert "Annoncé par l’usager" not in ada.get(f"/rdv/{ours}").text
