"""What usagers and agents see of a cancellation that a connected source has not answered yet."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.appointments.request_attempts import claim_requests, finish_request
from smsbot.appointments.requests import RequestState
from smsbot.store.database import Database
from smsbot.store.tables import audit, cancellation_requests, participations
from tests.web.console_site import ADA, NOW, Browser, Office
from tests.web.usager_site import TELEPHONE, Site, Visitor

OWNED = frozenset({"rdvsp"})


def _carry_out(site: Site, *, outcome: RequestState) -> None:
    """Write the result of the request as the work that carries it out does."""

    def work(connection: Any) -> None:
        now = site.clock()
        (request,) = claim_requests(connection, now, now + timedelta(minutes=1), 10, sources=["rdvsp"])
        finish_request(connection, request, outcome, "Why.", now)
        if outcome is RequestState.DONE:
            ids = connection.execute(select(participations.c.id)).scalars().all()
            site.door.carried_out(connection, request, dict.fromkeys(ids, request.canceller.status), now)

    site.database.write_now(work)


# The usager's page ----------------------------------------------------------------------------------------------------


@pytest.fixture
def owned(database: Database) -> Site:
    return Site(database, connected=OWNED)


def _ask(site: Site) -> tuple[Visitor, int]:
    visitor, mine = site.visitor(), site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    visitor.press("Oui, annuler le rendez-vous")
    return visitor, mine


@pytest.mark.parametrize("status", ["excused", "unknown"])
def test_what_is_being_taken_back_is_neither_cancelled_nor_kept_yet(owned: Site, status: str) -> None:
    visitor, mine = owned.visitor(), owned.participation(status=status, taking_back_requested_at=owned.clock())
    visitor.enter(mine)
    page = visitor.page
    assert page.heading == "Votre demande de rétablir ce rendez-vous est enregistrée"
    assert "Ce n’est pas encore fait" in page.text
    assert page.forms == []


def test_after_the_yes_it_is_registered_and_not_cancelled(owned: Site) -> None:
    visitor, mine = _ask(owned)
    page = visitor.page
    assert page.heading == "Votre demande d’annulation est enregistrée"
    assert "Ce n’est pas encore annulé" in page.text
    assert "est annulé" not in page.text
    assert owned.row(mine).status == "unknown"
    assert page.forms == []
    for _ in range(2):  # reloading shows the state and makes no second request
        assert visitor.get(str(page.url)).heading == page.heading
    assert len(owned.audited()) == 1


@pytest.mark.parametrize("step", ["/confirmation", "/annule", "/maintenu"])
def test_every_other_page_leads_to_it(owned: Site, step: str) -> None:
    visitor, mine = _ask(owned)
    assert visitor.get(owned.links.url_for(mine) + step).heading == "Votre demande d’annulation est enregistrée"


def test_once_it_is_done_reloading_says_so(owned: Site) -> None:
    visitor, _ = _ask(owned)
    _carry_out(owned, outcome=RequestState.DONE)
    assert visitor.get(str(visitor.page.url)).heading == "Ce rendez-vous est déjà annulé"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (RequestState.REFUSED, f"n’a pas abouti : ce rendez-vous est maintenu. Pour l’annuler, appelez le {TELEPHONE}"),
        (RequestState.GIVEN_UP, "n’a pas abouti : ce rendez-vous est maintenu"),
        (RequestState.OVERTAKEN, "a changé entre-temps : votre demande d’annulation n’a pas été faite"),
    ],
)
def test_where_it_stands_the_page_says_so(owned: Site, outcome: RequestState, words: str) -> None:
    visitor, mine = _ask(owned)
    _carry_out(owned, outcome=outcome)
    page = visitor.get(str(visitor.page.url))
    assert page.heading == "Votre rendez-vous"
    assert words in page.text
    owned.set_participation(mine, status="excused")
    assert words not in visitor.get(str(page.url)).text


def test_the_page_waits_for_an_answer_as_long_as_patience_lasts(database: Database) -> None:
    site = Site(database, connected=OWNED, patience=timedelta(seconds=60))

    def answer() -> None:
        asked = select(cancellation_requests.c.id)
        while not database.read_now(lambda connection: connection.execute(asked).first()):
            time.sleep(0.05)
        _carry_out(site, outcome=RequestState.DONE)

    source = threading.Thread(target=answer)
    source.start()
    visitor, mine = _ask(site)
    source.join()
    assert visitor.page.heading == "Votre rendez-vous est annulé"
    assert site.row(mine).status == "excused"


def test_a_refusal_ends_the_waiting(database: Database) -> None:
    site = Site(database, connected=OWNED, patience=timedelta(seconds=60))

    def answer() -> None:
        asked = select(cancellation_requests.c.id)
        while not database.read_now(lambda connection: connection.execute(asked).first()):
            time.sleep(0.05)
        _carry_out(site, outcome=RequestState.REFUSED)

    source = threading.Thread(target=answer)
    source.start()
    visitor, _ = _ask(site)
    source.join()
    assert "n’a pas abouti" in visitor.page.text


# The console ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, source_writes={"rdvsp": True})


@pytest.fixture
def ada(office: Office) -> Browser:
    return office.at_desk()


def _requested(office: Office, **fields: Any) -> int:
    """Add an appointment whose usager has asked by SMS to cancel it, half an hour ago."""
    ours = office.appointment(**fields)
    asked_at = NOW - timedelta(minutes=30)
    mine = office.participation(ours, cancellation_requested_at=asked_at)
    office.request(ours, mine, requested_at=asked_at)
    return ours


@pytest.mark.parametrize("path", ["/rdv", "/rdv?q=dupont", "/rdv/{}"])
def test_list_search_and_dossier_say_who_asked_and_since_when(office: Office, ada: Browser, path: str) -> None:
    ours = _requested(office)
    page = ada.get(path.format(ours)).text
    assert "Annulation demandée par l’usager, par SMS, " in page
    assert "RDV Service Public n’a pas encore répondu" in page
    assert "Annulé" not in page.replace("Annulés", "")


@pytest.mark.parametrize("path", ["/rdv", "/rdv/{}"])
def test_list_and_dossier_say_that_it_is_being_taken_back(office: Office, ada: Browser, path: str) -> None:
    ours = office.appointment()
    office.participation(
        ours,
        status="excused",
        cancelled_at=NOW,
        cancelled_by="usager",
        cancelled_way="sms",
        taking_back_requested_at=NOW,
    )
    page = ada.get(path.format(ours)).text
    assert "La personne revient sur l’annulation, " in page
    assert "RDV Service Public n’a pas encore répondu" in page


def test_it_is_not_among_the_cancelled(office: Office, ada: Browser) -> None:
    _requested(office)
    assert "Dupont" not in ada.get("/rdv?voir=annules").text


def test_an_agent_asks_and_reads_it(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    mine = office.participation(ours)
    page = ada.get(f"/rdv/{ours}/annulation")
    assert "RDV Service Public prévient lui-même" in page.text
    assert "Jusqu’à sa réponse, ce n’est pas annulé." in page.text
    assert "mot" not in page.forms[-1].fields
    page = ada.press("Oui, annuler", raison="service")
    assert "L’annulation est demandée à RDV Service Public : ce n’est pas encore annulé." in page.text
    assert f"Annulation demandée par {ADA}, " in page.text
    assert f"annulation demandée par {ADA}" in page.text  # in the history
    assert "Annuler ce rendez-vous" not in page.links
    assert office.row(participations, mine).status == "unknown"
    assert ada.get(f"/rdv/{ours}/annulation").path == f"/rdv/{ours}"
    assert office.sent() == []


def test_reloading_after_the_answer_says_what_is_so(office: Office, ada: Browser) -> None:
    ours = office.appointment()
    mine = office.participation(ours)
    ada.get(f"/rdv/{ours}/annulation")
    ada.press("Oui, annuler", raison="service")
    office.set(participations, mine, cancellation_requested_at=None)
    refused = ada.get(f"/rdv/{ours}?demande").text
    assert "pas encore annulé" not in refused
    assert "C’est annulé" not in refused
    office.set(participations, mine, status="revoked")
    done = ada.get(f"/rdv/{ours}?demande").text
    assert "pas encore annulé" not in done
    assert "C’est annulé." in done


def test_in_a_collective_one_the_others_may_still_be_cancelled(office: Office, ada: Browser) -> None:
    ours = _requested(office, collective=True)
    paul = office.participation(ours, first_name="Paul", phone="+33600000002")
    page = ada.get(f"/rdv/{ours}")
    assert [link for link in page.links if link.startswith("Annuler sa participation")] == [
        "Annuler sa participation (Paul Dupont)"
    ]
    assert page.text.count("Annulation demandée") == 1
    page = ada.get(f"/rdv/{ours}/annulation?personne={paul}")
    assert "Paul Dupont" in page.text
    assert ada.get(f"/rdv/{ours}/annulation").text.count("Sophie Dupont") == 0


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("cancellation_refused", "annulation refusée par RDV Service Public"),
        ("cancellation_half_done", "annulée seulement en partie dans RDV Service Public : à terminer là-bas"),
        ("cancellation_overtaken", "annulation non faite : modifié entre-temps dans RDV Service Public"),
        ("cancellation_given_up", "annulation abandonnée : RDV Service Public n’a pas répondu à temps"),
    ],
)
def test_what_the_source_answered_is_in_the_history(office: Office, ada: Browser, act: str, words: str) -> None:
    ours = office.appointment()
    mine = office.participation(ours)
    about = {"appointment_id": ours, "participation_id": mine}
    office.add(audit, {"at": NOW, "act": act, "by": "source", "way": "webhook", **about})
    assert words in ada.get(f"/rdv/{ours}").text


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"organisations": {"1": {"notify": True}}}, "Sophie Dupont : par SMS et par e-mail"),
        ({}, "prévenez cette personne vous-même"),
    ],
)
def test_where_the_source_is_silent_smsbot_toml_says_who_is_told(
    database: Database, policy: dict[str, Any], words: str
) -> None:
    office = Office(database, policy=policy, source_writes={"rdvsp": False})
    ours = office.appointment()
    office.participation(ours, send_lifecycle_notifications=False)
    page = office.at_desk().get(f"/rdv/{ours}/annulation")
    assert words in page.text
    assert page.forms[-1].fields["mot"] == ""


def test_where_a_message_is_answered_it_says_so(office: Office, ada: Browser) -> None:
    _requested(office)
    message = office.incoming("Et alors ?", received_at=NOW)
    assert "Sophie Dupont (annulation demandée)" in ada.get(f"/messages/{message}").text


def test_what_is_kept_of_a_person_says_so(office: Office, ada: Browser) -> None:
    ours = _requested(office)
    mine = office.database.read_now(lambda connection: connection.execute(select(participations.c.id)).scalar_one())
    page = ada.get(f"/rdv/{ours}/donnees/lecture?personne={mine}").text
    assert "annulation demandée, sans réponse encore" in page
    assert "prévu" not in page
