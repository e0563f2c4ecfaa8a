"""The inbox: what waits, who holds it, answers by SMS and by e-mail, and two agents with the same message."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from smsbot.agents.tokens import SESSION_IDLE, issue_token
from smsbot.diary.dossier import ReceivedMessage
from smsbot.inbox.answering import Draft
from smsbot.inbox.handling import HOLD
from smsbot.inbox.inbox_query import ThreadPosition
from smsbot.inbox.thread_list import places_to_choose
from smsbot.inbox.threads import Seen
from smsbot.messages.gsm7 import is_gsm7, to_gsm7
from smsbot.store.database import Database
from smsbot.store.tables import agent_identities, incoming_messages
from smsbot.web.console.thread_pages import folded
from tests.lines import every_line
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, NOW, PASSWORD, PHONE, Browser, Office
from tests.web.console_site import Seen as Page

LATE = "je serai en retard de 10 min"


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


@pytest.fixture
def either_office(database: Database) -> Office:
    """An office on each of the two engines, for tests that write."""
    return Office(database)


@pytest.fixture
def priced_office(sqlite_database: Database) -> Office:
    return Office(sqlite_database, segment_price=Decimal("0.07"))


def _at(office: Office, message: int, email: str = ADA) -> Browser:
    """The browser of an agent who has opened this message and holds it."""
    browser = office.at_desk(email)
    browser.get(f"/messages/{message}")
    browser.press("Je m’en occupe")
    return browser


# What waits


def test_what_waits_is_listed_with_one_line_for_each_person(either_office: Office) -> None:
    either_office.participation()
    either_office.incoming("Premier", received_at=NOW - timedelta(hours=2))
    either_office.incoming("Autre", from_number="+33698765432", received_at=NOW - timedelta(hours=1))
    either_office.incoming("Second", received_at=NOW)
    either_office.incoming("ANNULER", for_agents=False)
    page = either_office.at_desk().get("/messages")
    assert page.text.index("Sophie Dupont") < page.text.index("06 98 76 54 32")
    assert ("2 messages" in page.text, "Second" in page.text, "Premier" in page.text) == (True, True, False)
    assert "Messages (2 à traiter )" in page.text
    assert "ANNULER" not in page.text


def _many(office: Office, number: int, **values: Any) -> list[int]:
    """Add messages of so many people. The first has waited longest."""
    first = NOW - timedelta(minutes=number)
    return office.many_incoming(
        {
            "body": f"Message {each}",
            "from_number": _number(each),
            "received_at": first + timedelta(minutes=each),
            **values,
        }
        for each in range(number)
    )


def _number(each: int) -> str:
    return f"+336{10000000 + each}"


def _listed(page: Page) -> list[str]:
    """The messages listed on a page, by the names that the tests give them."""
    return re.findall(r"Message \d+", page.text)


def test_first_comes_whose_appointment_is_soonest_then_who_waited_longest(either_office: Office) -> None:
    office = either_office
    _many(office, 7)
    later, soon = (
        office.appointment(starts_at=NOW + timedelta(days=2)),
        office.appointment(starts_at=NOW + timedelta(hours=2)),
    )
    office.participation(later, phone=_number(5))
    office.participation(soon, phone=_number(5), status="excused")
    office.participation(soon, phone=_number(3))
    office.participation(office.appointment(starts_at=NOW - timedelta(days=2)), phone=_number(6))
    office.participation(office.appointment(starts_at=NOW - timedelta(minutes=10)), phone=_number(4))
    office.participation(office.appointment(BOBS, starts_at=NOW + timedelta(hours=1)), phone=_number(2))
    page = office.at_desk().get("/messages")
    assert _listed(page) == [f"Message {each}" for each in (4, 3, 5, 0, 1, 2, 6)]
    assert "RDV lun 05/05 13h00 · reçu lun 05/05 10h56" in page.text
    assert "RDV sam 03/05 11h00 (passé)" in page.text
    assert "Aucun rendez-vous connu" in page.text


def test_all_of_it_is_shown_page_after_page_with_true_counts(either_office: Office) -> None:
    _many(either_office, 237)
    either_office.participation(phone=_number(230))
    ada = either_office.at_desk()
    page = ada.get("/messages")
    assert page.title.startswith("(237) Messages à traiter")
    assert "237 conversations à traiter : de 1 à 25" in page.text
    seen = _listed(page)
    while "Messages suivants" in page.links:
        page = ada.follow("Messages suivants")
        seen += _listed(page)
    assert "de 226 à 237" in page.text
    assert seen == ["Message 230", *(f"Message {each}" for each in range(237) if each != 230)]
    assert _listed(ada.follow("Revenir au début"))[0] == "Message 230"


def test_a_page_begins_where_the_last_one_ended_whatever_was_done_meanwhile(either_office: Office) -> None:
    messages = _many(either_office, 60)
    ada = either_office.at_desk()
    ada.get("/messages")
    for message in messages[:3]:
        either_office.set(incoming_messages, message, handled_at=NOW)
    assert _listed(ada.follow("Messages suivants")) == [f"Message {each}" for each in range(25, 50)]
    for message in messages:
        either_office.set(incoming_messages, message, handled_at=NOW)
    either_office.incoming("Message 99")
    assert _listed(ada.get("/messages?apres=252402134400000000.1746435600000000.999")) == ["Message 99"]


def test_what_is_handled_is_paged_too_the_last_handled_first(either_office: Office) -> None:
    for each, message in enumerate(_many(either_office, 60)):
        either_office.set(incoming_messages, message, handled_at=NOW + timedelta(minutes=each))
    ada = either_office.at_desk()
    seen = _listed(ada.get("/messages?vue=traites"))
    for _ in range(2):
        seen += _listed(ada.follow("Messages suivants"))
    assert seen == [f"Message {each}" for each in reversed(range(60))]


@pytest.fixture
def sorted_office(either_office: Office) -> Office:
    """An office in which five people wait. Ada holds one, Clo holds one, and one is of another organisation."""
    office = either_office
    office.employ(ADA, ADAS, BOBS)
    ada = office.agent(ADA).id
    messages = _many(office, 5)
    office.set(incoming_messages, messages[0], assigned_to=ada)
    office.set(incoming_messages, messages[1], topic="late", organisation_id=office.organisation_ids[BOBS])
    office.set(incoming_messages, messages[2], topic="question")
    office.set(incoming_messages, messages[3], held_by=ada, held_until=NOW + HOLD)
    office.set(incoming_messages, messages[4], held_by=office.agent(CLO).id, held_until=NOW + HOLD, topic="machine")
    office.participation(phone=_number(3), last_name="Martin")
    office.participation(office.appointment(BOBS), phone=_number(0), last_name="Durand")
    last_month = office.appointment(starts_at=NOW - timedelta(days=30), place_name="Annexe")
    office.participation(last_month, phone=_number(2), last_name="Martin")
    return office


@every_line(
    ("query", "expected"),
    [
        ("sujet=late", {1}),
        ("sujet=other", {0, 3}),
        ("sujet=machine", {4}),
        ("sujet=question&q=message", {2}),
        ("q=martin", {2, 3}),
        ("q=06+10+00+00+04", {4}),
        ("q=10+00+00+02", {2}),
        ("q=MESSAGE+1", {1}),
        ("q=100%25", set()),
        ("q=durand", set()),
        ("vue=pour-moi", {0, 3}),
        ("vue=pour-moi&sujet=late", set()),
        ("vue=non-attribues", {1, 2}),
        ("organisation={2}", {1}),
        ("lieu=Mairie+du+3e", {3}),
        ("lieu=Mairie+du+3e&vue=non-attribues", set()),
        ("lieu=Annexe", set()),
        ("sujet=nonsense&organisation=x&apres=1&vue=x", {0, 1, 2, 3, 4}),
    ],
)
def test_filters_and_search(sorted_office: Office, query: str, expected: set[int]) -> None:
    bobs = str(sorted_office.organisation_ids[BOBS])
    page = sorted_office.at_desk().get(f"/messages?{query.replace('{2}', bobs)}")
    assert {int(each.split()[1]) for each in _listed(page)} == expected
    assert ("Aucun message ne correspond." in page.text) is (not expected)
    assert ("Mairie du 3e" in page.text, "Annexe" in page.text) == (True, "Annexe" in query)


def test_places_are_found_by_telephone_and_not_among_all_appointments(office: Office) -> None:
    ada, seen = office.agent(ADA), list[str]()

    def look(connection: Connection) -> list[str]:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(seen.append)
        places_to_choose(connection, ada, NOW)
        driver.set_trace_callback(None)
        [sql] = [each for each in seen if "place_name" in each]
        return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}")]

    plan = "\n".join(office.database.read_now(look))
    assert "ix_participations_phone (phone=?)" in plan
    assert "ix_appointments" not in plan


def test_an_appointment_by_telephone_is_found_as_such_and_not_by_the_place_it_names(office: Office) -> None:
    _many(office, 2)
    by_phone = office.appointment(location_type="phone", place_name="12 rue de chez eux")
    office.participation(by_phone, phone=_number(1), last_name="Petit")
    ada = office.at_desk()
    page = ada.get("/messages")
    assert ("Par téléphone" in page.text, "chez eux" in page.text) == (True, False)
    page = ada.press("Chercher", lieu="@phone")
    assert _listed(page) == ["Message 1"]
    assert ", Par téléphone" in ada.follow("Sophie Petit").text
    assert _listed(ada.get("/messages?lieu=12+rue+de+chez+eux")) == []


def test_a_place_that_was_chosen_is_kept_from_act_to_act(office: Office) -> None:
    _, other, second = _many(office, 3)
    for each, place in ((0, "Annexe"), (1, "Mairie"), (2, "Annexe")):
        office.participation(office.appointment(place_name=place), phone=_number(each), last_name=f"Martin{each}")
    ada = office.at_desk()
    ada.get("/messages")
    page = ada.press("Chercher", lieu="Annexe")
    assert _listed(page) == ["Message 0", "Message 2"]
    ada.follow("Sophie Martin0")
    assert ada.press("Classer sans répondre").path == f"/messages/{second}"
    page = ada.press("Classer sans répondre")
    assert (page.path, "Aucun message ne correspond." in page.text) == ("/messages", True)
    assert office.row(incoming_messages, other).handled_at is None


def test_a_search_does_not_tell_whose_number_it_is_in_another_organisation(office: Office) -> None:
    office.incoming("Message 1")
    office.participation(office.appointment(BOBS), last_name="Durand")
    assert _listed(office.at_desk().get("/messages?q=durand")) == []


def test_after_each_act_comes_the_next_message_of_the_same_list(either_office: Office) -> None:
    office = either_office
    messages = _many(office, 6, topic="late")
    office.set(incoming_messages, messages[1], topic="question")
    office.set(incoming_messages, messages[3], held_by=office.agent(CLO).id, held_until=NOW + HOLD)
    ada = office.at_desk()
    ada.get("/messages?sujet=late")
    ada.follow("06 10 00 00 02")
    ada.press("Je m’en occupe")
    page = ada.press("Envoyer", texte="Très bien")
    assert (page.path, "Votre réponse est envoyée. Voici le message suivant." in page.text) == (
        f"/messages/{messages[4]}",
        True,
    )
    page = ada.press("Confier")
    assert (page.path, "Le message est confié." in page.text) == (f"/messages/{messages[5]}", True)
    page = ada.press("Classer sans répondre")
    assert (page.path, "Le message est classé comme traité." in page.text) == (f"/messages/{messages[0]}", True)
    page = ada.press("Classer sans répondre")
    assert (page.path, page.heading) == ("/messages", "Messages à traiter")
    assert _listed(page) == ["Message 3", "Message 4"]


def test_a_message_is_passed_over_and_left_as_it_is(office: Office) -> None:
    messages = _many(office, 2)
    ada = office.at_desk()
    ada.get(f"/messages/{messages[0]}")
    assert ada.follow("Message suivant").path == f"/messages/{messages[1]}"
    assert ada.follow("Message suivant").path == f"/messages/{messages[0]}"
    assert ada.get(f"/messages/{office.incoming('x', organisation=BOBS)}/suivant").status == 404


@given(st.text() | st.from_regex(r"\d{1,19}\.\d{1,19}\.\d{1,19}", fullmatch=True))
def test_a_position_is_read_to_the_letter_or_not_at_all(text: str) -> None:
    position = ThreadPosition.read(text)
    assert position is None or ThreadPosition.read(position.written()) == position


def test_another_organisations_messages_are_not_there(office: Office) -> None:
    theirs = office.incoming(LATE, organisation=BOBS)
    nobodys = office.incoming("sans organisation", organisation_id=None)
    ada = office.at_desk()
    assert "Aucun message à traiter." in ada.get("/messages").text
    for message in (theirs, nobodys, 999, 2**70):
        assert ada.get(f"/messages/{message}").status == 404


def test_messages_of_one_phone_to_two_organisations_are_two_threads(office: Office) -> None:
    mine = office.incoming("Pour nous")
    office.incoming("Pour les autres", organisation=BOBS)
    page = office.at_desk().get(f"/messages/{mine}")
    assert ("Pour nous" in page.text, "Pour les autres" in page.text) == (True, False)


def test_the_script_gets_what_is_new(office: Office) -> None:
    ada = office.at_desk()
    assert "Aucun message" in ada.get("/messages/liste").response.text
    message = office.incoming(LATE)
    part = ada.get("/messages/liste").response.text
    assert (LATE in part, 'data-resume="1 conversation à traiter"' in part) == (True, True)
    assert "<html" not in part
    assert "(1" in ada.get("/messages/nombre").response.text
    assert LATE in ada.get(f"/messages/{message}/direct").response.text


# Answering


def test_the_answer_is_at_hand_under_a_long_conversation(office: Office) -> None:
    office.participation()
    for number in range(12):
        before = NOW - timedelta(days=2, minutes=60 - number)
        office.incoming(f"Ancien {number}", received_at=before, handled_at=NOW - timedelta(days=1))
    message = office.incoming(LATE)
    ada = office.at_desk()
    page = ada.get(f"/messages/{message}")
    folded, _, shown = page.response.text.partition("</details>\n</div>")
    assert "Voir 10 messages d’avant" in page.text
    assert ("Ancien 9" in folded, "Ancien 10" in folded, "Ancien 10" in shown) == (True, False, True)
    assert page.text.index("Ancien 11") < page.text.index("Votre réponse") < page.text.index("Laisser une note")
    assert "Répondre Sophie Dupont RDV lun 12/05 14h30 , Mairie du 3e · 06 12 34 56 78 · CCAS n° 1" in page.text
    assert page.links["Répondre"] == "#texte"
    assert "Votre réponse est envoyée." in ada.press("Envoyer", texte="Merci").text, "without taking it first"


@every_line(
    ("waits", "folded_away"),
    [
        ([], 0),
        ([True], 0),
        ([False, False, True], 0),
        ([False, False, False, True], 1),
        ([False, True, False, False, True], 1),
        ([False] * 20, 17),
        ([True] * 20, 0),
    ],
)
def test_what_waits_and_the_newest_are_shown(waits: list[bool], folded_away: int) -> None:
    lines = [ReceivedMessage(number, NOW, "x", None, is_waiting) for number, is_waiting in enumerate(waits)]
    assert folded(lines) == (lines[:folded_away], lines[folded_away:])


def test_what_was_typed_in_one_field_is_kept_when_the_other_is_sent(either_office: Office) -> None:
    message, ada = either_office.incoming(LATE), either_office.at_desk()
    ada.get(f"/messages/{message}")
    page = ada.press("Envoyer", mot="Elle vient avec sa fille")
    assert (page.status, "Écrivez d’abord votre réponse. Votre note est gardée" in page.text) == (422, True)
    assert page.forms[1].fields["mot"] == "Elle vient avec sa fille"
    page = ada.press("Garder cette note", texte="Très bien,")
    assert (
        "Votre note est enregistrée. Seuls vos collègues la voient. Votre réponse n’est pas encore partie." in page.text
    )
    assert (page.forms[2].fields["texte"], page.forms[2].fields["mot"]) == ("Très bien,", "")
    page = ada.press("Je m’en occupe", mot="Une autre note")
    assert (page.forms[2].fields["texte"], page.forms[2].fields["mot"]) == ("Très bien,", "Une autre note")
    page = ada.press("Relire avant d’envoyer")
    assert page.forms[2].fields["mot"] == "Une autre note"
    page = ada.press("Garder cette note", mot="x" * 1001)
    assert (page.status, page.forms[2].fields["texte"]) == (422, "Très bien,")
    page = ada.press("Envoyer")
    assert (page.status, "La note n’est pas enregistrée" in page.text) == (422, True)
    page = ada.press("Envoyer", mot="Une autre note")
    assert "Votre réponse est envoyée, et votre note enregistrée." in page.text
    assert [sent.body for sent in either_office.sent()] == ["Très bien,"]
    page = ada.get(f"/messages/{message}")
    assert page.text.index("Elle vient avec sa fille") < page.text.index("Une autre note")


def test_an_answer_leaves_from_the_number_that_was_written_to(either_office: Office) -> None:
    mine = either_office.participation()
    message = either_office.incoming(LATE, to_number="+33938111111")
    ada = _at(either_office, message)
    assert "Elle part par SMS du 09 38 11 11 11" in ada.page.text
    page = ada.press("Envoyer", texte=" Très bien, à tout à l’heure ! ")
    assert "Votre réponse est envoyée." in page.text
    [sent] = either_office.sent()
    assert (sent.sender, sent.recipient, sent.channel, sent.kind) == ("+33938111111", PHONE, "sms", "reply")
    assert (sent.body, sent.segments) == ("Très bien, à tout à l'heure !", 1)
    assert (sent.in_reply_to, sent.participation_id, sent.agent_id) == (message, mine, either_office.agent(ADA).id)
    row = either_office.row(incoming_messages, message)
    assert (row.handled_at, row.handled_by, row.held_by) == (NOW, either_office.agent(ADA).id, None)
    assert either_office.audited() == [("answered", "agent", "console", ADA)]
    assert "SMS de ada@mairie.fr" in ada.get(f"/messages/{message}").text
    assert "Traité par ada@mairie.fr" in ada.get("/messages?vue=traites").text


def test_looking_it_over_first(office: Office) -> None:
    ada = _at(office, office.incoming(LATE))
    page = ada.press("Relire avant d’envoyer", texte="Sœur Zoë : 12 €, ça ira 😅")
    assert "La personne lira : Soeur Zoe : 12 €, ca ira" in page.text
    assert "1 segment de SMS, encore 135 signes" in page.text
    assert page.forms[1].fields["texte"].strip() == "Sœur Zoë : 12 €, ça ira 😅"
    assert office.sent() == []
    ada.press("Envoyer")
    assert [message.body for message in office.sent()] == ["Soeur Zoe : 12 €, ca ira"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Écrivez d’abord votre réponse"),
        ("😅", "Écrivez d’abord votre réponse avec des lettres : un SMS ne connaît pas ces signes."),
        ("x" * 613, "trop longue pour un SMS : 5 segments, alors que 4 sont permis. Retirez 1 signe."),
    ],
)
def test_what_cannot_be_sent_is_said_and_kept(office: Office, text: str, words: str) -> None:
    ada = _at(office, office.incoming(LATE))
    page = ada.press("Envoyer", texte=text)
    assert (page.status, words in page.text, page.title.startswith("Erreur")) == (422, True, True)
    assert text in page.response.text
    assert office.sent() == []


@pytest.mark.parametrize(("price", "told"), [("0.07", "Coût : 0,14 €."), ("0.0725", "Coût : 0,145 €."), (None, None)])
def test_the_counter_tells_the_cost_where_it_is_known(
    sqlite_database: Database, price: str | None, told: str | None
) -> None:
    office = Office(sqlite_database, segment_price=None if price is None else Decimal(price))
    ada = _at(office, office.incoming(LATE))
    part = ada.post("/messages/compte", texte="a" * 161).text.replace("&nbsp;", " ").replace("\u00a0", " ")
    assert told in part if told else "€" not in part
    assert "Un SMS se paie par segment" in part


def test_segments_are_counted_while_typing(office: Office) -> None:
    ada = _at(office, office.incoming(LATE))
    for text, words in (
        ("a" * 160, "1 segment de SMS, encore 0 signe "),
        ("a" * 161, "2 segments de SMS, encore 145 signes"),
        ("é" * 160, "1 segment"),
        ("a" * 700, "c’est trop long"),
        ("", "160 signes"),
    ):
        told = ada.post("/messages/compte", texte=text).text.replace("&nbsp;", " ")
        assert words in told


@given(st.text(max_size=700))
def test_a_draft_is_gsm7_unless_that_would_lose_letters_and_tells_its_room(typed: str) -> None:
    draft = Draft.of(typed)
    assert is_gsm7(draft.sms) or any(not to_gsm7(sign) for sign in typed if sign.isalpha())
    assert draft.room >= 0
    assert (draft.problem == "vide") is (not draft.sms)


def test_to_who_wants_no_sms_it_goes_by_e_mail(either_office: Office) -> None:
    either_office.participation()
    message = either_office.incoming(LATE)
    either_office.stop()
    ada = _at(either_office, message)
    assert "votre réponse partira par e-mail" in ada.page.text
    ada.press("Envoyer", texte="Très bien ✅")
    [sent] = either_office.sent()
    assert (sent.channel, sent.recipient, sent.sender) == ("email", "sophie@example.fr", "rdv@example.fr")
    assert sent.subject == "Réponse à votre message du lundi 5 mai à 11h00"
    assert "Très bien ✅" in sent.body
    assert "Très bien ✅" in sent.html
    assert sent.segments is None
    assert "E-mail de ada@mairie.fr" in ada.get(f"/messages/{message}").text


def test_an_answer_by_e_mail_is_answered_where_the_organisation_says(sqlite_database: Database) -> None:
    own = {"organisations": {ADAS: {"reply_to": "ccas@exemple.fr"}}, "operator": {"reply_to": "accueil@exemple.fr"}}
    office = Office(sqlite_database, policy=own)
    for organisation, agent, expected in ((ADAS, ADA, "ccas@exemple.fr"), (BOBS, BOB, "accueil@exemple.fr")):
        phone = f"+3361000000{organisation}"
        office.participation(office.appointment(organisation=organisation), phone=phone)
        message = office.incoming(LATE, from_number=phone, organisation=organisation)
        office.stop(phone)
        bob_or_ada = office.at_desk(agent)
        bob_or_ada.get(f"/messages/{message}")
        bob_or_ada.press("Je m’en occupe")
        bob_or_ada.press("Envoyer", texte="Très bien")
        assert office.sent()[-1].reply_to == expected


def test_the_very_e_mail_is_shown_before_it_is_sent(office: Office) -> None:
    office.participation()
    message = office.incoming(LATE)
    office.stop()
    ada = _at(office, message)
    page = ada.press("Relire avant d’envoyer", texte="Très bien ✅\nÀ demain")
    assert "La personne lira cet e-mail, de rdv@example.fr à sophie@example.fr" in page.text
    assert office.sent() == []
    ada.press("Envoyer")
    [sent] = office.sent()
    assert " ".join(f"{sent.subject} {sent.body}".split()) in page.text


@every_line(
    ("text", "segments", "told"),
    [
        ("مرحبا، ننتظركم غدا على الساعة 14h30", 1, "encore 35 signes"),
        ("Здравствуйте, ждём вас завтра. " * 3, 2, "Coût : 0,14 €."),
        ("வணக்கம், நாளை வாருங்கள் 😅", 1, "un segment compte 70 signes, ou 67 dès qu’il en faut plusieurs"),
        ("д" * 268, 4, "4 segments de SMS, encore 0 signe "),
        ("д" * 269, 5, "c’est trop long, 4 au plus. Retirez 1 signe."),
        ("Bonjour 😅, ça va", 1, "La personne lira : Bonjour , ca va"),
    ],
)
def test_what_is_not_french_leaves_as_written_with_its_price_told(
    priced_office: Office, text: str, segments: int, told: str
) -> None:
    office = priced_office
    before = len(office.sent())
    ada = _at(office, office.incoming(LATE, from_number=_number(next(office.ids))))
    page = ada.press("Relire avant d’envoyer", texte=text) if segments < 5 else ada.press("Envoyer", texte=text)
    assert told in page.text.replace("\u00a0", " ")
    ada.press("Envoyer")
    sent = [(message.body, message.segments) for message in office.sent()[before:]]
    expected = text.strip() if "Bonjour" not in text else "Bonjour , ca va"
    assert sent == ([(expected, segments)] if segments < 5 else [])


def test_of_several_addresses_one_is_chosen(office: Office) -> None:
    office.participation()
    office.participation(email="karim@example.fr", first_name="Karim")
    message = office.incoming(LATE)
    office.stop()
    ada = _at(office, message)
    assert ada.press("Envoyer", texte="Oui").status == 422
    assert ada.press("Envoyer", texte="Oui", adresse="evil@example.com").status == 422
    ada.press("Envoyer", texte="Oui", adresse="karim@example.fr")
    assert [sent.recipient for sent in office.sent()] == ["karim@example.fr"]


def test_without_any_way_to_write_it_says_to_telephone(office: Office) -> None:
    office.participation(email=None)
    message = office.incoming(LATE)
    office.stop()
    ada = _at(office, message)
    assert "il reste à lui téléphoner" in ada.page.text
    assert "Envoyer" not in [name for form in ada.page.forms for name in form.buttons]


def test_a_stop_that_comes_while_one_writes_is_obeyed(office: Office) -> None:
    office.participation()
    ada = _at(office, office.incoming(LATE))
    office.stop()
    page = ada.press("Envoyer", texte="Très bien")
    assert (page.status, "votre réponse partira par e-mail" in page.text) == (422, True)
    assert office.sent() == []
    ada.press("Envoyer")
    assert [sent.channel for sent in office.sent()] == ["email"]


def test_what_is_answered_may_be_written_to_again(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    ada.press("Envoyer", texte="Un")
    ada.get(f"/messages/{message}")
    ada.follow("Écrire à nouveau")
    ada.press("Envoyer", texte="Deux")
    assert [sent.body for sent in office.sent()] == ["Un", "Deux"]


# Done, not done after all, left to a colleague


def test_done_without_an_answer_and_put_back(either_office: Office) -> None:
    message = either_office.incoming("merci")
    ada = either_office.at_desk()
    ada.get(f"/messages/{message}")
    page = ada.press("Classer sans répondre")
    assert "Le message est classé comme traité." in page.text
    assert "Aucun message à traiter." in page.text
    ada.get(f"/messages/{message}")
    ada.press("Remettre à traiter")
    assert "merci" in ada.get("/messages").text
    assert either_office.sent() == []


def test_several_are_done_at_once_but_for_what_a_colleague_is_at_and_what_came_since(either_office: Office) -> None:
    office = either_office
    messages = _many(office, 5)
    theirs = office.incoming("Message 9", organisation=BOBS)
    office.set(incoming_messages, messages[2], held_by=office.agent(CLO).id, held_until=NOW + HOLD)
    ada = office.at_desk()
    assert "Cochez d’abord" in (ada.get("/messages"), ada.press("Classer les messages cochés sans répondre"))[1].text
    ada.get("/messages")
    office.incoming("Message 7", from_number=_number(1))
    marked = {f"coche-{each}": "on" for each in (*messages[:3], theirs)}
    page = ada.press("Classer les messages cochés sans répondre", **marked)
    assert "sauf ceux dont un collègue s’occupe" in page.text
    assert sorted(_listed(page)) == ["Message 2", "Message 3", "Message 4", "Message 7"]
    assert office.row(incoming_messages, theirs).handled_at is None
    page = ada.press("Classer les messages cochés sans répondre", **{f"coche-{messages[3]}": "on"})
    assert "Les messages cochés sont classés comme traités." in page.text
    assert ada.post("/messages/ensemble", **{"coche-x": "on"}).status_code == 404
    assert office.sent() == []


def test_two_agents_who_close_the_same_ones_at_once_do_not_wait_for_ever(either_office: Office) -> None:
    messages = _many(either_office, 20)
    marked = {f"coche-{each}": "on" for each in messages}
    browsers = [either_office.at_desk(email) for email in (ADA, CLO)]
    for browser, order in zip(browsers, (1, -1), strict=True):
        browser.get("/messages")
        browser.page.forms[-1].fields.update(dict(list(marked.items())[::order]))
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda one: one.press("Classer les messages cochés sans répondre"), browsers))
    assert [page.status for page in pages] == [200, 200]
    assert "Aucun message à traiter." in either_office.at_desk().get("/messages").text


def test_several_are_left_to_a_colleague_at_once(either_office: Office) -> None:
    office = either_office
    office.employ(ADA, ADAS, BOBS)
    messages = _many(office, 4)
    bobs = office.incoming("Message 9", organisation=BOBS, from_number=_number(9))
    done = office.incoming("Message 8", from_number=_number(8))
    office.employ("dan@mairie.fr", ADAS)
    office.set(incoming_messages, messages[2], held_by=office.agent("dan@mairie.fr").id, held_until=NOW + HOLD)
    ada, clo = office.at_desk(), str(office.agent(CLO).id)
    ada.get("/messages")
    office.set(incoming_messages, done, handled_at=NOW, handled_by=office.agent("dan@mairie.fr").id)
    assert "Cochez d’abord" in ada.press("Confier les messages cochés", collegue=clo).text
    marked = {f"coche-{each}": "on" for each in (*messages[:3], bobs, done)}
    page = ada.press("Confier les messages cochés", collegue=clo, **marked)
    assert "sauf ceux dont un collègue s’occupe, qui sont déjà traités" in page.text
    rows = {each: office.row(incoming_messages, each).assigned_to for each in (*messages, bobs, done)}
    assert {each for each, assigned in rows.items() if assigned == int(clo)} == set(messages[:2])
    [mail] = office.sent()
    assert (mail.recipient, mail.subject) == (CLO, "2 messages vous sont confiés")
    assert "/agents/messages?vue=pour-moi" in mail.body
    ada.get("/messages")
    assert (
        "Les messages cochés sont confiés."
        in ada.press("Confier les messages cochés", collegue=clo, **{f"coche-{messages[3]}": "on"}).text
    )
    assert office.sent()[-1].subject == "Un message vous est confié"
    stranger = str(office.agent("bob@ailleurs.fr").id)
    assert ada.post("/messages/ensemble", bouton="confier", collegue=stranger, **marked).status_code == 303
    office.employ(ADA)
    assert ada.post("/messages/ensemble", bouton="confier", collegue="999", **marked).status_code == 404


def test_two_agents_who_leave_the_same_ones_to_each_other_lose_none(either_office: Office) -> None:
    office = either_office
    messages = _many(office, 10)
    office.employ("dan@mairie.fr", ADAS)
    browsers = [office.at_desk(email) for email in (ADA, CLO)]
    colleagues = [str(office.agent(email).id) for email in (CLO, "dan@mairie.fr")]
    for browser, order in zip(browsers, (1, -1), strict=True):
        browser.get("/messages")
        browser.page.forms[-1].fields.update({f"coche-{each}": "on" for each in messages[::order]})
    with ThreadPoolExecutor(2) as threads:
        pages = list(
            threads.map(
                lambda pair: pair[0].press("Confier les messages cochés", collegue=pair[1]),
                zip(browsers, colleagues, strict=True),
            )
        )
    assert ["Les messages cochés sont confiés." in page.text for page in pages] == [True, True]
    assigned = {office.row(incoming_messages, each).assigned_to for each in messages}
    assert len(assigned) == 1
    assert assigned <= set(map(int, colleagues))


def test_what_a_colleague_has_handled_meanwhile_is_not_left_to_another(office: Office) -> None:
    message = office.incoming(LATE)
    ada, clo = office.at_desk(), office.at_desk(CLO)
    for browser in (ada, clo):
        browser.get(f"/messages/{message}")
    clo.press("Classer sans répondre")
    page = ada.press("Confier")
    assert (page.status, "clo@mairie.fr s’est occupé de ce message entre-temps" in page.text) == (409, True)
    assert office.sent() == []


def test_what_came_after_one_has_looked_is_not_done(office: Office) -> None:
    ada = office.at_desk()
    ada.get(f"/messages/{office.incoming('un')}")
    office.incoming("deux")
    page = ada.press("Classer sans répondre")
    assert ("deux" in page.text, "Aucun message" in page.text) == (True, False)


def test_left_to_a_colleague(either_office: Office) -> None:
    message = either_office.incoming(LATE)
    ada, clo = either_office.at_desk(), either_office.at_desk(CLO)
    assert "Aucun message ne vous est confié." in clo.get("/messages?vue=pour-moi").text
    ada.get(f"/messages/{message}")
    page = ada.press("Confier")
    assert ("Le message est confié." in page.text, "Confié à clo@mairie.fr" in page.text) == (True, True)
    assert "Confié à vous" in clo.get("/messages?vue=pour-moi").text
    later = either_office.incoming("et encore")
    assert "Ce message vous est confié par ada@mairie.fr." in clo.get(f"/messages/{later}").text
    assert "Ce message est confié à clo@mairie.fr, par vous." in ada.get(f"/messages/{later}").text
    assert "et encore" in clo.get("/messages?vue=pour-moi").text


def test_nothing_is_left_to_a_program(either_office: Office) -> None:
    office = either_office
    for email in ("logiciel@mairie.fr", "dan@mairie.fr", "eve@mairie.fr"):
        office.employ(email, ADAS)
        issue = partial(issue_token, agent=office.agent(email), now=NOW)
        office.database.write_now(issue)
    office.give_password("dan@mairie.fr")
    identity = {
        "issuer": "https://x.fr",
        "subject": "1",
        "agent_id": office.agent("eve@mairie.fr").id,
        "created_at": NOW,
    }
    office.database.write_now(lambda c: c.execute(insert(agent_identities).values(identity)))
    message = office.incoming(LATE)
    ada = office.at_desk()
    page = ada.get(f"/messages/{message}")
    assert [each in page.text for each in ("logiciel@", "dan@", "eve@", CLO)] == [False, True, True, True]
    program = str(office.agent("logiciel@mairie.fr").id)
    assert ada.post(f"/messages/{message}/relais", collegue=program).status_code == 404


def test_colleagues_to_choose_are_those_of_the_organisations_that_are_listed(office: Office) -> None:
    office.employ(ADA, BOBS)
    office.incoming("Message 1")
    office.incoming("Message 9", organisation=BOBS, from_number=_number(9))
    ada, bob = office.at_desk(), "bob@ailleurs.fr"
    for organisation, offered in (("", (True, True)), (ADAS, (True, False)), (BOBS, (False, True))):
        page = ada.get(f"/messages?organisation={office.organisation_ids.get(organisation, '')}")
        assert (CLO in page.text, bob in page.text) == offered


def test_nothing_is_left_to_agents_of_other_organisations(office: Office) -> None:
    message = office.incoming(LATE)
    ada = office.at_desk()
    ada.get(f"/messages/{message}")
    for colleague in ("bob@ailleurs.fr", ADA):
        response = ada.post(f"/messages/{message}/relais", collegue=str(office.agent(colleague).id))
        assert response.status_code == 404
    assert office.row(incoming_messages, message).assigned_to is None


# Two agents


def test_everybody_sees_who_is_at_it_until_they_let_go_or_time_is_up(either_office: Office) -> None:
    message = either_office.incoming(LATE)
    ada, clo = _at(either_office, message), either_office.at_desk(CLO)
    assert "ada@mairie.fr s’en occupe" in clo.get("/messages").text
    page = clo.get(f"/messages/{message}")
    assert "ada@mairie.fr s’occupe de ce message" in page.text
    assert "texte" not in str([form.fields for form in page.forms])
    assert not any("Classer sans répondre" in form.buttons for form in page.forms)
    ada.press("Ne plus m’en occuper")
    assert "s’occupe" not in clo.get(f"/messages/{message}").text
    ada.get(f"/messages/{message}")
    ada.press("Je m’en occupe")
    either_office.clock.now += HOLD
    assert "s’occupe" not in clo.get(f"/messages/{message}").text


def test_who_comes_second_does_not_take_it_by_accident(office: Office) -> None:
    message = office.incoming(LATE)
    ada, clo = office.at_desk(), office.at_desk(CLO)
    for browser in (ada, clo):
        browser.get(f"/messages/{message}")
    ada.press("Je m’en occupe")
    page = clo.press("Je m’en occupe")
    assert "ada@mairie.fr s’occupe de ce message" in page.text
    assert office.row(incoming_messages, message).held_by == office.agent(ADA).id


def test_who_lost_it_is_told_and_nothing_is_sent(either_office: Office) -> None:
    message = either_office.incoming(LATE)
    ada, clo = _at(either_office, message), either_office.at_desk(CLO)
    clo.get(f"/messages/{message}")
    clo.press("Reprendre à ada@mairie.fr")
    page = ada.press("Envoyer", texte="Ma réponse")
    assert (page.status, "clo@mairie.fr s’occupe de ce message en ce moment" in page.text) == (409, True)
    assert "Ma réponse" in page.response.text
    assert either_office.sent() == []
    clo.press("Envoyer", texte="La sienne")
    assert [sent.body for sent in either_office.sent()] == ["La sienne"]
    assert "clo@mairie.fr s’est occupé de ce message" in ada.press("Envoyer", texte="Ma réponse").text
    assert len(either_office.sent()) == 1


def test_once_the_answer_of_another_was_seen_one_may_add_to_it(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    office.clock.now += HOLD
    clo = _at(office, message, CLO)
    clo.press("Envoyer", texte="La sienne")
    page = ada.press("Envoyer", texte="Ma réponse")
    assert (page.status, "La sienne" in page.text) == (409, True)
    ada.press("Envoyer")
    assert [sent.body for sent in office.sent()] == ["La sienne", "Ma réponse"]


def test_what_the_person_adds_while_one_writes_is_shown_first(office: Office) -> None:
    message = office.incoming("Je peux venir plus tard ?")
    ada = _at(office, message)
    office.incoming("Non, finalement c'est bon")
    page = ada.press("Envoyer", texte="Oui, à 15h00")
    assert page.status == 409
    assert "Un nouveau message est arrivé entre-temps" in page.text
    assert "finalement c'est bon" in page.text
    assert office.sent() == []
    ada.press("Envoyer", texte="Très bien")
    assert [sent.body for sent in office.sent()] == ["Très bien"]


def test_a_double_click_sends_once(either_office: Office) -> None:
    ada = _at(either_office, either_office.incoming(LATE))
    form = next(form for form in ada.page.forms if "Envoyer" in form.buttons)
    fields = form.fields | {"texte": "Très bien", "bouton": "envoyer"}
    responses = [ada.client.post(form.action, data=fields) for _ in range(2)]
    assert [response.url.query for response in responses] == [b"repondu", b"repondu"]
    assert len(either_office.sent()) == 1


def test_of_many_answers_at_the_same_moment_one_is_sent(either_office: Office) -> None:
    either_office.employ("dan@mairie.fr", "1")
    message = either_office.incoming(LATE)
    browsers = []
    for email in (ADA, CLO, "dan@mairie.fr"):
        browsers.append(_at(either_office, message, email))
        either_office.clock.now += HOLD
    with ThreadPoolExecutor(len(browsers)) as threads:
        pages = list(
            threads.map(lambda pair: pair[1].press("Envoyer", texte=f"Réponse {pair[0]}"), enumerate(browsers))
        )
    assert sorted(page.status for page in pages) == [200, 409, 409]
    assert len(either_office.sent()) == 1


@given(st.text() | st.from_regex(r"\d{1,30}\.\d{1,30}", fullmatch=True))
def test_what_was_seen_is_ours_to_the_letter_or_none(text: str) -> None:
    seen = Seen.read(text)
    assert seen is None or Seen.read(seen.written()) == seen


def test_a_form_that_does_not_say_what_was_seen_does_nothing(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    assert ada.post(f"/messages/{message}/reponse", texte="Oui", bouton="envoyer").status_code == 400
    assert office.sent() == []


# When the session ends meanwhile


def test_an_answer_that_comes_after_the_session_is_kept_while_one_signs_in_again(either_office: Office) -> None:
    either_office.give_password(ADA)
    message = either_office.incoming(LATE)
    ada = _at(either_office, message)
    either_office.clock.now += SESSION_IDLE
    page = ada.press("Envoyer", texte="Nous vous attendons.\nÀ tout à l’heure <b>")
    assert (page.status, page.heading) == (401, "Connexion")
    assert "votre réponse n’est pas partie" in page.text
    page = ada.press("Se connecter", email=ADA, motdepasse="wrong")
    assert (page.status, "Connexion refusée" in page.text) == (422, True)
    page = ada.press("Se connecter", email=ADA, motdepasse=PASSWORD)
    assert (page.status, page.path) == (403, f"/messages/{message}/reponse")
    assert "Rien n’a été envoyé" in page.text
    assert either_office.sent() == []
    assert ada.press("Envoyer").path == "/messages"
    assert [sent.body for sent in either_office.sent()] == ["Nous vous attendons.\nA tout à l'heure <b>"]


def test_an_answer_from_before_one_signed_in_anew_elsewhere_is_kept_and_not_sent(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    elsewhere = office.at_desk()
    assert elsewhere.session is not None
    ada.session = elsewhere.session
    page = ada.press("Envoyer", texte="Ma réponse")
    assert (page.status, page.forms[1].fields["texte"].strip()) == (403, "Ma réponse")
    assert office.sent() == []
    ada.press("Envoyer")
    assert [sent.body for sent in office.sent()] == ["Ma réponse"]


def test_what_was_typed_leads_nowhere_else_and_to_nobody_elses_message(office: Office) -> None:
    office.give_password(ADA)
    visitor, theirs = office.visitor(), office.incoming(LATE, organisation=BOBS)
    for suite in ("/rdv", "/messages", "//ailleurs.fr/messages/1", f"/messages/{theirs}/fin"):
        visitor.get("/connexion")
        page = visitor.press("Se connecter", email=ADA, motdepasse=PASSWORD, texte="x", suite=suite)
        assert page.path in ("/rdv", "/messages", f"/messages/{theirs}/fin")
        assert page.status in (200, 404)
    visitor.get("/connexion")
    page = visitor.press("Se connecter", email=ADA, motdepasse=PASSWORD, texte="x", suite=f"/messages/{theirs}")
    assert page.status == 404
    assert office.sent() == []


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("late", "Retard"),
        ("other_date", "Autre date"),
        ("question", "Question"),
        ("wrong_number", "Mauvais numéro"),
        ("other", None),
        (None, None),
    ],
)
def test_what_a_message_is_about_is_told_in_the_list_and_in_the_thread(
    either_office: Office, topic: str | None, words: str | None
) -> None:
    message = either_office.incoming("bonjour", topic=topic)
    ada = either_office.at_desk()
    every = {"Retard", "Autre date", "Question", "Mauvais numéro"}
    for path in ("/messages/liste", f"/messages/{message}"):
        text = ada.get(path).text
        assert {each for each in every if each in text} == ({words} if words else set())
