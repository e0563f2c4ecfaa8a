"""What agents can type to find somebody: names, numbers and days in every spelling."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from smsbot.agents.account_changes import name_administrator
from smsbot.agents.search import (
    Name,
    NoSuchDay,
    Number,
    RunningSearches,
    TooManySearches,
    appointment_ids,
    read_day,
    read_sought,
)
from smsbot.diary.diary_query import DiaryPosition, DiaryQuery
from smsbot.store.database import Database
from smsbot.store.tables import participations
from tests.lines import every_line
from tests.web.console_site import ADA, NOW, Browser, Clock, Office

TODAY = date(2025, 12, 2)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@every_line(
    ("typed", "parts"),
    [
        ("dupont", ("DUPONT",)),
        (" Sophie   DUPONT ", ("SOPHIE", "DUPONT")),
        ("Œuvrard", ("OEUVRARD",)),
        ("l'hôpital-é", ("LHOPITALE",)),
        ("xi", ("XI",)),
    ],
)
def test_names(typed: str, parts: tuple[str, ...]) -> None:
    assert read_sought(typed, TODAY) == Name(parts)


@every_line(
    ("typed", "e164"),
    [
        ("0612345678", "+33612345678"),
        ("06 12 34 56 78", "+33612345678"),
        ("06.12.34.56.78", "+33612345678"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("(0)6-12-34-56-78", "+33612345678"),
        ("0692 12 34 56", "+262692123456"),
    ],
)
def test_whole_numbers(typed: str, e164: str) -> None:
    found = read_sought(typed, TODAY)
    assert isinstance(found, Number)
    assert found.e164 == e164


@every_line(("typed", "digits"), [("5678", "5678"), ("06 12 34", "61234"), ("0612", "612"), ("06.12.3", "6123")])
def test_parts_of_numbers(typed: str, digits: str) -> None:
    found = read_sought(typed, TODAY)
    assert found == Number(None, digits)


@every_line("typed", ["", "  ", "12", "0000", "0001", "?!", "😅", "-", "٣٤٥٦", "31/02/2025", "32/13", "31 avril"])
def test_what_finds_nothing(typed: str) -> None:
    assert read_sought(typed, TODAY) is None


@every_line(
    ("typed", "day"),
    [
        ("2025-05-12", date(2025, 5, 12)),
        ("12/05/2025", date(2025, 5, 12)),
        ("1.6.25", date(2025, 6, 1)),
        ("12-05-2025", date(2025, 5, 12)),
        ("26/11", date(2025, 11, 26)),
        ("4/1", date(2026, 1, 4)),
        ("29/02/2024", date(2024, 2, 29)),
        ("26 novembre", date(2025, 11, 26)),
        ("Mercredi 4 février", date(2026, 2, 4)),
        ("1er AOÛT 2025", date(2025, 8, 1)),
        ("aujourd’hui", TODAY),
        ("Aujourd'hui ", TODAY),
        ("demain", date(2025, 12, 3)),
        ("après-demain", date(2025, 12, 4)),
        ("hier", date(2025, 12, 1)),
        ("20250512", None),
        ("06.12", None),
        ("12 rue", None),
        ("mardi", None),
        ("", None),
    ],
)
def test_days(typed: str, day: date | None) -> None:
    assert read_day(typed, TODAY) == day


@every_line("typed", ["31/02/2025", "2025-13-01", "32/13", "0/5", "31 avril", "29/02/2025", "1/1/0001", "31/12/9999"])
def test_days_that_are_in_no_calendar(typed: str) -> None:
    with pytest.raises(NoSuchDay):
        read_day(typed, TODAY)


@pytest.mark.parametrize(
    ("typed", "names", "fits"),
    [
        ("dupont", ("Dupont", "Sophie"), True),
        ("pont", ("Dupont",), True),
        ("la fontaine", ("De La Fontaine",), True),
        ("delafontaine", ("De La Fontaine",), True),
        ("muller", ("Müller-Lefèvre",), True),
        ("lefevre zoe", ("Müller-Lefèvre", "Zoé"), True),
        ("sophie dupond", ("Dupont", "Sophie"), False),
        ("dupont", (), False),
    ],
)
def test_names_that_fit(office: Office, typed: str, names: tuple[str, ...], fits: bool) -> None:
    sought = read_sought(typed, TODAY)
    assert isinstance(sought, Name)
    whole = office.appointment()
    office.participation(whole, surnames=list(names), first_names=[])
    assert found_by(sought, office) == ([whole] if fits else [])


def found_by(sought: Name | Number, office: Office) -> list[int]:
    return office.database.read_now(lambda connection: list(connection.execute(appointment_ids(sought)).scalars()))


def test_who_takes_part_no_more_or_was_erased_is_not_found(office: Office) -> None:
    office.participation(removed_at=NOW)
    office.participation(erased_at=NOW)
    there = office.participation()
    for typed in ("dupont", "06 12 34 56 78", "5678"):
        sought = read_sought(typed, TODAY)
        assert isinstance(sought, Name | Number)
        assert found_by(sought, office) == [office.row(participations, there).appointment_id]


def test_an_agent_has_two_searches_at_once_and_no_more() -> None:
    searches = RunningSearches(2)
    with searches.one_of(1), searches.one_of(2):
        with searches.one_of(1), pytest.raises(TooManySearches), searches.one_of(1):
            pass
        with searches.one_of(1):
            pass


def test_a_search_too_many_is_refused_while_the_others_run(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("on SQLite nothing holds up who reads")
    office = Office(database)
    office.participation()
    lock = text("LOCK TABLE participations IN ACCESS EXCLUSIVE MODE")
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()"
        " WHERE NOT granted AND relation = 'participations'::regclass"
    )
    with ThreadPoolExecutor(2) as threads:
        with database.engine.connect() as holder:
            holder.execute(lock)
            held = [threads.submit(office.at_desk(ADA).get, "/rdv?q=dupont") for _ in range(2)]
            while database.read_now(lambda connection: connection.execute(waiting).scalar_one()) < 2:
                time.sleep(0.01)
            page = office.at_desk(ADA).get("/rdv?q=dupont")
            assert (page.status, page.heading) == (429, "Vos recherches précédentes sont encore en cours")
            holder.rollback()
        assert ["Sophie Dupont" in each.result().text for each in held] == [True, True]
    assert office.at_desk(ADA).get("/rdv?q=dupont").status == 200


@given(st.dictionaries(st.sampled_from(["q", "jour", "voir", "quand", "apres"]), st.text()))
def test_no_address_makes_the_page_fail(query: dict[str, str]) -> None:
    question = DiaryQuery.read(query, TODAY)
    found = question.sought or question.asked_day
    assert question.is_understood or not found or bool(query["q"].strip() and query["jour"].strip())


@given(st.text() | st.from_regex(r"\d{1,18}\.\d{1,20}", fullmatch=True))
def test_a_position_is_ours_to_the_letter_or_none(written: str) -> None:
    position = DiaryPosition.read(written)
    assert position is None or DiaryPosition.read(position.written()) == position


def test_on_new_years_morning_the_year_is_that_of_the_clocks_in_france(sqlite_database: Database) -> None:
    office = Office(sqlite_database, clock=Clock(datetime(2025, 12, 31, 23, 30, tzinfo=UTC)))  # 00:30 in Paris
    office.participation(office.appointment(starts_at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC)))
    office.participation(office.appointment(starts_at=datetime(2025, 12, 30, 9, 0, tzinfo=UTC)))
    ada = office.at_desk()
    counted = "1 rendez-vous : 1 attendu (1 sans réponse)"
    assert f"Lundi 5 janvier {counted} 10h00" in ada.get("/rdv").text
    assert f"Mardi 30 décembre 2025 {counted} 10h00" in ada.get("/rdv?quand=passes").text
    assert "Aucun rendez-vous ne correspond le mardi 6 janvier." in ada.get("/rdv?jour=2026-01-06").text


_NUMBERS = ("9" * 17, "9" * 19, "9" * 20, "9" * 5000, str(2**63), "-1", "0", "1e9", "²", "٣", "1.5")


@pytest.fixture
def appointment(office: Office) -> int:
    appointment = office.appointment()
    office.participation(appointment)
    return appointment


@pytest.fixture
def administrator(office: Office) -> Browser:
    office.database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))
    return office.at_desk()


@every_line("number", _NUMBERS)
def test_no_number_in_an_address_is_too_large(administrator: Browser, appointment: int, number: str) -> None:
    addresses = [
        f"/rdv/{number[:4000]}",
        f"/rdv/{appointment}?personne={number}",
        f"/rdv?apres={number}.1",
        f"/rdv?apres=1.{number}",
        f"/rdv?quand=passes&apres={number}.{number}",
        f"/rdv?q={number}",
        f"/rdv?jour={number}",
        f"/messages/{number[:4000]}",
        f"/chiffres?mois={number}",
        f"/chiffres?organisation={number}",
        f"/comptes/retrait?agent={number}&structure={number}",
        f"/comptes?q={number}&page={number}",
        f"/comptes?structure={number}",
        f"/comptes/{number[:4000]}",
        f"/organisations?q={number}&page={number}",
        f"/organisations/fiche?structure={number}",
    ]
    for address in addresses:
        assert administrator.client.get(f"/agents{address}").status_code in (200, 404), address[:60]


@every_line("number", _NUMBERS)
def test_no_number_in_a_form_is_too_large(
    office: Office, administrator: Browser, appointment: int, number: str
) -> None:
    message = office.incoming("je serai en retard")
    administrator.get(f"/messages/{message}")
    forms = {
        f"/rdv/{appointment}/deblocage": {"personne": number},
        f"/rdv/{appointment}/retablissement": {"personne": number},
        f"/rdv/{appointment}/renvoi": {"message": number},
        f"/rdv/{appointment}/effacement": {"personne": number, "certain": "oui"},
        f"/messages/{message}/relais": {"collegue": number},
        f"/messages/{message}/reponse": {"vu": f"{number}.{number}", "texte": "Oui", "bouton": "envoyer"},
        f"/messages/{message}/fin": {"vu": f"{number}.0"},
        "/comptes": {"email": "dan@mairie.fr", "structure": number},
        "/comptes/1/role": {"structure": number, "role": "agent"},
        f"/comptes/{number[:4000]}/nom": {"nom": number},
        "/comptes/retrait": {"agent": number, "structure": number},
        "/organisations/alerte": {"email": "dan@mairie.fr", "structure": number},
    }
    for path, fields in forms.items():
        assert administrator.post(path, **fields).status_code in (303, 400, 404, 409), path
