"""The list of a day: all of it on one page, with counts and filters, and as a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from smsbot.diary import day_list
from smsbot.store.database import Database
from smsbot.store.tables import agent_organisations, appointments, participations
from tests.web.console_site import ADA, BOBS, NOW, Browser, Office

SOON = NOW + timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    """An office on each of the two engines. Its `smsbot.toml` has a label for the motif 88."""
    return Office(database, policy={"motifs": {"88": {"label": "Passeport"}}})


@pytest.fixture
def quick_office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


def _person(office: Office, last_name: str, organisation: str = "1", starts_at: Any = SOON, **columns: Any) -> int:
    """Add a participation. `columns` are those of the appointment and of the participation."""
    own = {name: columns.pop(name) for name in list(columns) if name in participations.c and name not in appointments.c}
    if "status" in columns:
        own["status"] = columns["status"]
    return office.participation(
        office.appointment(organisation, starts_at=starts_at, **columns), last_name=last_name, **own
    )


def _shown(browser: Browser, path: str, *names: str) -> list[str]:
    text = browser.get(path).text
    return [name for name in names if name in text]


def test_a_whole_day_is_on_one_page_and_the_next_page_begins_with_the_next_day(quick_office: Office) -> None:
    for number in range(120):
        _person(quick_office, f"N{number:03}x", starts_at=SOON + timedelta(seconds=number))
    _person(quick_office, "Zola", starts_at=NOW + timedelta(days=1))
    ada = quick_office.at_desk()
    page = ada.get("/rdv")
    assert [f"N{number:03}x" in page.text for number in range(120)] == [True] * 120
    assert ("Zola" in page.text, "120 rendez-vous : 120 attendus (120 sans réponse)" in page.text) == (False, True)
    following = ada.follow("Rendez-vous suivants")
    assert ("Zola" in following.text, "1 rendez-vous : 1 attendu" in following.text) == (True, True)
    assert "Rendez-vous suivants" not in following.links


def test_a_day_too_long_for_a_page_goes_on_and_is_not_counted_in_parts(
    quick_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_list, "MOST_IN_A_PAGE", 60)
    for number in range(100):
        _person(quick_office, f"N{number:03}x", starts_at=SOON + timedelta(seconds=number))
    ada = quick_office.at_desk()
    pages = [ada.get("/rdv").text, ada.follow("Rendez-vous suivants").text]
    assert [len(set(re.findall(r"Sophie N\d+x", text))) for text in pages] == [60, 40]
    assert not any("attendus" in text for text in (each.partition("Aujourd’hui")[2] for each in pages))


def test_a_day_is_counted_by_how_people_stand(office: Office) -> None:
    _person(office, "Vient", announced_at=NOW)
    _person(office, "Muet")
    asked = _person(office, "Demande", cancellation_requested_at=NOW, announced_at=NOW)
    office.request(office.row(participations, asked).appointment_id, asked)
    _person(office, "Annulé", status="excused")
    _person(office, "Venu", status="seen")
    _person(office, "Absent", status="noshow")
    lost = _person(office, "Perdu")
    about = {"appointment_id": office.row(participations, lost).appointment_id, "participation_id": lost}
    for text in ("Rappel", "Encore"):
        office.outgoing(text, delivery_status="undelivered", error_code="30003", **about)
    assert (
        "7 rendez-vous : 4 attendus (1 a dit venir, 2 sans réponse, 1 annulation demandée) · 1 venu · 1 absent"
        " · 1 annulé · 1 message non remis"
    ) in office.at_desk().get("/rdv").text


def test_each_state_has_its_list(office: Office) -> None:
    _person(office, "Vient", announced_at=NOW)
    _person(office, "Muet")
    _person(office, "Parti", status="revoked")
    ada = office.at_desk()
    for tab, found in (("Attendus", ["Vient", "Muet"]), ("Ont dit venir", ["Vient"]), ("Sans réponse", ["Muet"])):
        ada.get("/rdv?jour=2025-05-05")
        page = ada.follow(tab)
        assert [name for name in ("Vient", "Muet", "Parti") if f"Sophie {name}" in page.text] == found, tab


def test_filters_by_organisation_place_and_label(office: Office) -> None:
    office.employ(ADA, BOBS)
    _person(office, "Arouet", label="CNI", place_name="Annexe")
    _person(office, "Balzac", motif_external_id="88", place_name="Annexe")
    _person(office, "Colette", motif_external_id="88", location_type="phone", place_name="Chez moi")
    _person(office, "Dumas", organisation=BOBS)
    _person(office, "Zola", motif_external_id="88", starts_at=NOW + timedelta(days=90))
    names = ("Arouet", "Balzac", "Colette", "Dumas", "Zola")
    ada = office.at_desk()
    assert _shown(ada, "/rdv?lieu=Annexe", *names) == ["Arouet", "Balzac"]
    assert _shown(ada, "/rdv?lieu=@phone", *names) == ["Colette"]
    assert _shown(ada, "/rdv?objet=Passeport", *names) == ["Balzac", "Colette", "Zola"]
    assert _shown(ada, "/rdv?objet=Passeport&lieu=Annexe", *names) == ["Balzac"]
    assert _shown(ada, "/rdv?objet=Permis", *names[1:]) == []
    assert _shown(ada, f"/rdv?organisation={office.organisation_ids[BOBS]}", *names) == ["Dumas"]
    page = ada.get("/rdv")
    assert [name for name in ("Annexe", "Par téléphone", "CNI", "Passeport", "CCAS n° 2") if name in page.text]
    assert "Chez moi" not in page.text
    page = ada.press("Rechercher", lieu="Annexe", objet="CNI")
    assert [name for name in names if name in page.text] == ["Arouet"]
    page = ada.follow("Attendus")
    assert [name for name in names if name in page.text] == ["Arouet"], "a tab keeps the filters"


def test_an_organisation_of_others_has_nothing_to_show(office: Office) -> None:
    _person(office, "Dumas", organisation=BOBS)
    assert _shown(office.at_desk(), f"/rdv?organisation={office.organisation_ids[BOBS]}", "Dumas") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("B-3", ["Arouet"]),  # it is searched as a number of the agenda, not as a name that begins with B
        ("b-3", ["Arouet"]),
        ("42", ["Balzac"]),
        ("annexe", ["Balzac", "Colette"]),
        ("annexe dû passeport", ["Balzac"]),
        ("mairie du 3e", ["Arouet", "غزالة", "Шевченко"]),
        ("mairie du 5e", []),
        ("chez moi", []),  # the place of an appointment by telephone may be somebody's home
        ("أحمد غزاله", ["غزالة"]),
        ("шевченко", ["Шевченко"]),
    ],
)
def test_search_finds_agenda_numbers_places_labels_and_every_script(
    office: Office, words: str, found: list[str]
) -> None:
    _person(office, "Arouet", external_id="B-3")
    _person(office, "Balzac", external_id="42", motif_external_id="88", place_name="Annexe du Parc")
    _person(office, "Colette", place_name="Annexe du Parc", label="Atelier")
    _person(office, "غزالة", first_name="احمد")
    _person(office, "Шевченко", first_name="Тарас")
    _person(office, "Chabert", location_type="phone", place_name="Chez moi")
    _person(office, "Dumas", organisation=BOBS, external_id="b-3", place_name="Annexe")
    names = ("Arouet", "Balzac", "Colette", "غزالة", "Шевченко", "Chabert", "Dumas")
    assert _shown(office.at_desk(), f"/rdv?q={words}", *names) == found


def test_an_agenda_number_is_found_in_the_past_too(office: Office) -> None:
    _person(office, "Arouet", external_id="B-3", place_name="Annexe", starts_at=NOW - timedelta(days=3))
    ada = office.at_desk()
    assert _shown(ada, "/rdv?q=B-3", "Arouet") == []
    for words in ("B-3", "annexe"):
        assert _shown(ada, f"/rdv?q={words}&quand=passes", "Arouet") == ["Arouet"]


def test_from_one_day_to_the_next(quick_office: Office) -> None:
    _person(quick_office, "Hugo", starts_at=NOW + timedelta(days=1))
    ada = quick_office.at_desk()
    ada.get("/rdv?q=5/5/2025")
    page = ada.follow("Jour suivant")
    assert (page.heading, "Hugo" in page.text) == ("Rendez-vous du mardi 6 mai", True)
    assert ada.follow("Jour précédent").heading == "Rendez-vous du lundi 5 mai"


def _lines(browser: Browser) -> list[dict[str, str]]:
    response = browser.follow("Télécharger cette liste (CSV, pour un tableur)").response
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";"))


def test_what_is_filtered_as_a_file(office: Office) -> None:
    _person(office, "=1+1", label="CNI", announced_at=NOW, external_id="B-3")
    _person(office, "Balzac", label="CNI", status="revoked", location_type="phone", place_name="Chez moi")
    _person(office, "Colette", label="Passeport")
    ada = office.at_desk()
    ada.get("/rdv?objet=CNI")
    with capture_logs() as logs:
        first, second = _lines(ada)
    assert (first["Jour"], first["Heure"], first["Nom"], first["Prénom"]) == ("05/05/2025", "12:00", "'=1+1", "Sophie")
    assert (first["Téléphone"], first["Objet"], first["Lieu"]) == ("06 12 34 56 78", "CNI", "Mairie du 3e")
    assert (first["État"], first["A dit venir, le"], first["Numéro dans l’agenda"]) == (
        "Attendu",
        "05/05/2025 11:00",
        "B-3",
    )
    assert (second["État"], second["Lieu"]) == ("Annulé par le service", "Par téléphone")
    assert [(log["event"], log["appointments"]) for log in logs] == [("appointments handed over", 2)]
    assert "Colette" not in str([first, second])


def test_a_file_of_a_search_has_all_pages(quick_office: Office) -> None:
    for number in range(60):
        _person(quick_office, f"N{number:02}x", starts_at=SOON + timedelta(seconds=number))
    ada = quick_office.at_desk()
    ada.get("/rdv?q=x")
    ada.follow("Rendez-vous suivants")
    assert [line["Nom"] for line in _lines(ada)] == [f"N{number:02}x" for number in range(60)]


def test_what_belongs_to_nobody_any_more_is_in_no_file(quick_office: Office) -> None:
    _person(quick_office, "Hugo")
    ada = quick_office.at_desk()
    ada.get("/rdv")
    with quick_office.database.engine.begin() as connection:
        connection.execute(agent_organisations.delete())
    assert _lines(ada) == []


def test_an_appointment_by_telephone_says_so_everywhere(quick_office: Office) -> None:
    mine = _person(quick_office, "Hugo", location_type="phone", place_name="12 rue de chez elle")
    ours = quick_office.row(participations, mine).appointment_id
    ada = quick_office.at_desk()
    for path in ("/rdv", f"/rdv/{ours}", f"/rdv/{ours}/annulation"):
        text = ada.get(path).text
        assert ("Par téléphone" in text, "12 rue" in text) == (True, False), path
    assert "Par téléphone, 12 rue de chez elle" in ada.get(f"/rdv/{ours}/donnees/lecture?personne={mine}").text
    ada.get(f"/rdv/{ours}/annulation")
    page = ada.press("Relire le SMS avant d’annuler", raison="service")
    assert "(par téléphone, CCAS no 1)" in page.text
