"""The pages behind the link: every way through them, and every state."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from smsbot.model import Actor, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import metadata
from tests.web.usager_site import NOW, STARTS_AT, TELEPHONE, Site, Visitor

TOLD_ONLY_AFTER_THE_LETTERS = ("12 mai", "14h30", "Mairie", "Garcin", "CCAS", "Dupon", "DUPON", "sophie@", "Sophie@")


@pytest.fixture
def site(sqlite_database: Database) -> Site:
    return Site(sqlite_database)


@pytest.fixture
def either_site(database: Database) -> Site:
    """A site on each of the two engines, for tests that write."""
    return Site(database)


@pytest.fixture
def visitor(site: Site) -> Visitor:
    return site.visitor()


def _site(database: Database, **motif: Any) -> Site:
    return Site(database, {"motifs": {"77": motif}})


# The letters


def test_opening_the_link_asks_for_the_letters_and_tells_nothing(site: Site, visitor: Visitor) -> None:
    page = visitor.open(site.participation())
    assert (page.status, page.heading) == (200, "Votre rendez-vous")
    assert "3 premières lettres de votre nom" in page.text
    for told in TOLD_ONLY_AFTER_THE_LETTERS:
        assert told not in page.response.text.replace("Sophie Dupont : DUP", "").replace("Sophie Dupont&nbsp;: DUP", "")


def test_opening_every_address_in_advance_does_nothing(site: Site) -> None:
    mine = site.participation()
    before = site.row(mine)
    scanner = site.visitor()
    for method in ("GET", "HEAD"):
        for step in ("", "/rdv", "/confirmation", "/annule", "/maintenu"):
            response = scanner.client.request(
                method, site.links.url_for(mine) + step, headers={"Sec-Purpose": "prefetch"}
            )
            assert response.status_code == 200
            assert "set-cookie" not in response.headers
    assert site.row(mine) == before
    assert site.audited() == []


@pytest.mark.parametrize("step", ["/rdv", "/confirmation", "/annule", "/maintenu"])
def test_no_page_behind_the_letters_opens_without_them(site: Site, visitor: Visitor, step: str) -> None:
    page = visitor.get(site.links.url_for(site.participation()) + step)
    assert "Indiquez de nouveau vos lettres" in page.text
    assert "12 mai" not in page.text


@pytest.mark.parametrize("step", ["/rdv", "/confirmation"])
def test_nothing_is_done_without_the_letters(site: Site, visitor: Visitor, step: str) -> None:
    mine = site.participation()
    data = {"reponse": "oui", "debut": str(int(STARTS_AT.timestamp()) * 1_000_000)}
    visitor.client.post(site.links.url_for(mine) + step, data=data)
    assert site.row(mine).status == Status.UNKNOWN


def test_the_right_letters_show_the_appointment(site: Site, visitor: Visitor) -> None:
    page = visitor.enter(site.participation(site.appointment(label="RDV social")), "dup")
    assert page.heading == "Votre rendez-vous"
    assert (
        "Objet RDV social Quand Lundi 12 mai à 14h30 Où Mairie du 3e 18 rue François Garcin, Lyon, 69003" in page.text
    )
    assert "Avec CCAS de Lyon" in page.text


def test_a_wrong_answer_is_counted_once_however_often_its_page_is_reloaded(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    page = visitor.enter(mine, "XYZ")
    assert page.title.startswith("Erreur : ")
    assert "Ces lettres ne correspondent pas Il vous reste 2 essais" in page.text
    visitor.get(str(page.url))
    assert site.row(mine).wrong_answers == 1


def test_letters_of_another_script_lock_nothing_and_the_telephone_is_told_at_once(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    mine = site.participation(last_name="محمود", surnames=["محمود"])
    page = visitor.enter(mine, "MAH")
    assert "Cette page ne peut pas vérifier votre nom" in page.text
    assert (TELEPHONE in page.text, "essai" in page.text) == (True, False)
    assert visitor.give("محم").heading == "Votre rendez-vous"
    for _ in range(3):
        page = visitor.enter(mine, "MAH")
    assert page.heading == "Revenez dans une heure", "as for answers without letters"
    assert (site.row(mine).wrong_answers, site.row(mine).locked_until) == (0, None)


def test_for_whom_it_is_is_told_after_the_letters_where_somebody_else_is_reached(site: Site, visitor: Visitor) -> None:
    childs = site.participation(first_name="Léa", surnames=["Martin", "Dupont"], first_names=["Léa", "Sophie"])
    for page in (visitor.open(childs), visitor.give("XYZ"), visitor.open(childs)):
        assert "Léa" not in page.response.text
    page = visitor.give("MAR")
    assert (page.heading, "Pour Léa Quand Lundi 12 mai" in page.text) == ("Votre rendez-vous", True)
    assert "Pour Léa" in visitor.press("Annuler le RDV").text
    page = visitor.press("Oui, annuler le rendez-vous")
    assert (page.heading, "Pour Léa" in page.text) == ("Votre rendez-vous est annulé", True)
    assert "Sophie" not in page.text
    assert "Pour" not in visitor.enter(site.participation(), "DUP").text.partition("Quand")[0]


def test_three_wrong_answers_lock_for_24_hours(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    mine, hers = site.participation(), site.participation()
    visitor.enter(mine, "XYZ")
    assert "dernier essai" in visitor.give("ABC").text
    page = visitor.give("XYZ")
    assert (page.status, page.heading) == (403, "Annulation bloquée pendant 24 heures")
    assert TELEPHONE in page.text
    assert site.row(mine).locked_until == NOW + timedelta(hours=24)
    assert site.audited() == [("locked", Actor.USAGER, Via.LINK, mine)]
    assert site.row(hers).wrong_answers == 0  # by link a wrong answer only counts against its own participation
    site.clock.now += timedelta(hours=24)
    assert visitor.enter(mine).heading == "Votre rendez-vous"


def test_a_lock_holds_against_the_right_letters_and_against_who_gave_them_before(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    site.set_participation(mine, wrong_answers=3, wrong_answer_at=NOW, locked_until=NOW + timedelta(hours=24))
    assert visitor.press("Oui, annuler le rendez-vous").status == 403
    stranger = site.visitor()
    answer = stranger.client.post(site.links.url_for(mine), data={"lettres": "DUP"})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
    assert site.row(mine).status == Status.UNKNOWN


def test_a_right_answer_ends_the_count(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    mine = site.participation(wrong_answers=2, wrong_answer_at=NOW - timedelta(hours=1))
    assert visitor.enter(mine).heading == "Votre rendez-vous"
    row = site.row(mine)
    assert (row.wrong_answers, row.wrong_answer_at, row.locked_until) == (0, None, None)


def test_wrong_answers_by_sms_count_here_too(site: Site, visitor: Visitor) -> None:
    mine = site.participation(wrong_answers=2, wrong_answer_at=NOW - timedelta(hours=1))
    assert visitor.enter(mine, "XYZ").status == 403


def test_wrong_answers_are_forgotten_after_24_hours(site: Site, visitor: Visitor) -> None:
    mine = site.participation(wrong_answers=2, wrong_answer_at=NOW - timedelta(hours=24))
    assert "2 essais" in visitor.enter(mine, "XYZ").text
    assert site.row(mine).wrong_answers == 1


@pytest.mark.parametrize("text", ["", "   ", "?", "😀"])
def test_a_text_without_letters_is_explained_again_and_not_counted(site: Site, visitor: Visitor, text: str) -> None:
    mine = site.participation()
    page = visitor.enter(mine, text)
    assert page.title.startswith("Erreur : ")
    assert "Il manque vos lettres" in page.text
    assert TELEPHONE in page.text
    assert site.row(mine).wrong_answers == 0


def test_answers_without_letters_are_not_taken_without_end(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    mine = site.participation()
    visitor.enter(mine, "😀")
    visitor.give("?")
    page = visitor.give("12 34")
    assert (page.status, page.heading) == (403, "Revenez dans une heure")
    assert TELEPHONE in page.text
    assert site.visitor().client.post(site.links.url_for(mine), data={"lettres": "DUP"}).status_code == 403
    row = site.row(mine)
    assert (row.wrong_answers, row.unread_answers) == (0, 3)
    site.clock.now += timedelta(hours=1)
    assert visitor.enter(mine).heading == "Votre rendez-vous"
    assert site.row(mine).unread_answers == 0


def test_a_blank_form_or_a_few_slips_pause_nobody(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine, "")
    for _ in range(5):
        visitor.give("  ")
    visitor.give("?")
    visitor.give("!")
    assert visitor.give("DUP").heading == "Votre rendez-vous"


def test_a_text_too_long_for_letters_is_not_read_as_some(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    assert "Il manque vos lettres" in visitor.enter(mine, "dup " * 200).text
    assert site.row(mine).wrong_answers == 0


async def _post_together(
    site: Site, url: str, data: dict[str, str], cookies: dict[str, str] | None = None
) -> list[str]:
    """Send twenty answers at the same time. Returns to which page each one led."""
    transport = httpx.ASGITransport(site.app)
    async with httpx.AsyncClient(transport=transport, cookies=cookies) as client:
        answers = await asyncio.gather(*(client.post(url, data=data) for _ in range(20)))
    return [answer.headers.get("location", str(answer.status_code)) for answer in answers]


@pytest.mark.anyio
async def test_wrong_answers_at_the_same_moment_are_counted_one_by_one(either_site: Site) -> None:
    site = either_site
    mine = site.participation()
    await _post_together(site, site.links.url_for(mine), {"lettres": "XYZ"})
    assert site.row(mine).wrong_answers == 3
    assert site.audited() == [("locked", Actor.USAGER, Via.LINK, mine)]


# How the letters are remembered


def test_the_proof_is_kept_to_this_site_this_link_and_this_browser(site: Site) -> None:
    mine = site.participation()
    response = site.visitor().client.post(site.links.url_for(mine), data={"lettres": "DUP"}, follow_redirects=False)
    cookie = response.headers["set-cookie"].lower().split("; ")[1:]
    assert set(cookie) == {f"path={site.links.path_for(mine)}".lower(), "secure", "httponly", "samesite=strict"}


def test_the_proof_opens_no_other_link(site: Site, visitor: Visitor) -> None:
    mine, hers = site.participation(), site.participation(surnames=["Martin"])
    visitor.enter(mine)
    proof = visitor.client.cookies["lettres"]
    thief = site.visitor()
    thief.client.cookies.set("lettres", proof)
    assert "Indiquez de nouveau vos lettres" in thief.get(f"{site.links.url_for(hers)}/rdv").text


def test_the_proof_holds_for_half_an_hour(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine)
    site.clock.now += timedelta(minutes=29)
    assert visitor.press("Annuler le RDV").heading == "Annuler ce rendez-vous ?"
    site.clock.now += timedelta(minutes=1)
    page = visitor.press("Oui, annuler le rendez-vous")
    assert "Indiquez de nouveau vos lettres" in page.text
    assert site.row(mine).status == Status.UNKNOWN


def test_a_browser_that_refuses_cookies_is_told_so(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    accepted = visitor.client.post(site.links.url_for(mine), data={"lettres": "DUP"}, follow_redirects=False)
    visitor.client.cookies.clear()
    assert "refuse peut-être les cookies" in visitor.get(accepted.headers["location"]).text


# Cancelling


def test_cancelling(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    mine = site.participation()
    visitor.enter(mine)
    question = visitor.press("Annuler le RDV")
    assert question.heading == "Annuler ce rendez-vous ?"
    assert list(question.forms[0].buttons) == ["Oui, annuler le rendez-vous", "Non"]
    assert "Lundi 12 mai à 14h30" in question.text
    assert site.row(mine).status == Status.UNKNOWN
    page = visitor.press("Oui, annuler le rendez-vous")
    assert (page.status, page.heading) == (200, "Votre rendez-vous est annulé")
    assert "Un e-mail vous le confirme" in page.text
    row = site.row(mine)
    assert (row.status, row.cancelled_by, row.cancelled_way) == (Status.EXCUSED, Actor.USAGER, Via.LINK)
    assert row.cancelled_at == NOW
    assert site.audited() == [("cancelled", Actor.USAGER, Via.LINK, mine)]
    assert [ended.participations[0].id for ended in site.announcer.ended_ones] == [mine]


def test_no_receipt_is_announced_where_there_is_no_address(site: Site, visitor: Visitor) -> None:
    visitor.enter(site.participation(email=None))
    visitor.press("Annuler le RDV")
    page = visitor.press("Oui, annuler le rendez-vous")
    assert page.heading == "Votre rendez-vous est annulé"
    assert "e-mail" not in page.text


def test_no_keeps_it(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    page = visitor.press("Non")
    assert page.heading == "Votre rendez-vous est maintenu"
    assert site.row(mine).status == Status.UNKNOWN
    assert visitor.get(page.links["Revenir au rendez-vous"]).heading == "Votre rendez-vous"


@pytest.mark.parametrize(("bookable", "offered"), [(True, True), (False, False)])
def test_booking_again_is_offered_where_everyone_can(sqlite_database: Database, bookable: bool, offered: bool) -> None:
    site = _site(sqlite_database, rebook_url="https://rdv.example.fr/prendre?motif={motif_id}")
    visitor = site.visitor()
    visitor.enter(site.participation(site.appointment(bookable_by_everyone=bookable)))
    visitor.press("Annuler le RDV")
    page = visitor.press("Oui, annuler le rendez-vous")
    assert page.links.get("Reprendre rendez-vous") == ("https://rdv.example.fr/prendre?motif=77" if offered else None)
    assert (TELEPHONE in page.text) is not offered


def test_the_warning_of_the_motif_is_said_before_the_last_yes(sqlite_database: Database) -> None:
    site = _site(sqlite_database, warning="Sans ce RDV, votre dossier peut être suspendu.")
    visitor = site.visitor()
    assert "suspendu" not in visitor.enter(site.participation()).text
    assert "Attention : Sans ce RDV, votre dossier peut être suspendu." in visitor.press("Annuler le RDV").text


def test_reloading_the_last_page_and_sending_the_yes_again_change_nothing(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine)
    question = visitor.press("Annuler le RDV")
    visitor.press("Oui, annuler le rendez-vous")
    visitor.page = question
    assert visitor.press("Oui, annuler le rendez-vous").heading == "Votre rendez-vous est annulé"
    assert visitor.get(str(visitor.page.url)).heading == "Votre rendez-vous est annulé"
    visitor.page = question
    assert visitor.press("Non").heading == "Ce rendez-vous est déjà annulé"
    assert len(site.announcer.ended_ones) == len(site.audited()) == 1


@pytest.mark.anyio
async def test_twenty_confirmations_at_the_same_moment_cancel_once(either_site: Site) -> None:
    site = either_site
    mine = site.participation()
    cookies = {"lettres": site.proofs.proof(mine, NOW)}
    data = {"reponse": "oui", "debut": str(int(STARTS_AT.timestamp()) * 1_000_000)}
    led_to = await _post_together(site, f"{site.links.url_for(mine)}/confirmation", data, cookies)
    assert led_to == [f"{site.links.path_for(mine)}/annule"] * 20
    assert site.audited() == [("cancelled", Actor.USAGER, Via.LINK, mine)]
    assert len(site.announcer.ended_ones) == 1


@pytest.mark.anyio
async def test_two_participants_of_one_appointment_at_the_same_moment_end_it_once(either_site: Site) -> None:
    """Each locks their own row and ends the other's. On PostgreSQL one of the two must try again."""
    site, appointment = either_site, either_site.appointment()
    mine, hers = site.participation(appointment), site.participation(appointment)
    data = {"reponse": "oui", "debut": str(int(STARTS_AT.timestamp()) * 1_000_000)}

    async def confirm(participation_id: int) -> list[str]:
        cookies = {"lettres": site.proofs.proof(participation_id, NOW)}
        return await _post_together(site, f"{site.links.url_for(participation_id)}/confirmation", data, cookies)

    led_to = await asyncio.gather(confirm(mine), confirm(hers))
    assert {each.rpartition("/")[2] for answers in led_to for each in answers} == {"annule"}
    assert sorted(site.audited()) == [("cancelled", Actor.USAGER, Via.LINK, one) for one in sorted((mine, hers))]
    assert len(site.announcer.ended_ones) == 1


def test_a_moved_appointment_is_asked_about_again(either_site: Site) -> None:
    site, visitor = either_site, either_site.visitor()
    appointment = site.appointment()
    mine = site.participation(appointment)
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    site.set_appointment(appointment, starts_at=STARTS_AT + timedelta(days=1), ends_at=None)
    page = visitor.press("Oui, annuler le rendez-vous")
    assert "L’horaire de ce rendez-vous vient de changer : rien n’a été annulé." in page.text
    assert "Mardi 13 mai à 14h30" in page.text
    assert site.row(mine).status == Status.UNKNOWN
    assert visitor.press("Oui, annuler le rendez-vous").heading == "Votre rendez-vous est annulé"


@pytest.mark.parametrize("told", ["", "demain", "²", "-1", "9" * 5000, "99999999999999999"])
def test_a_yes_to_no_time_in_particular_is_asked_again(site: Site, visitor: Visitor, told: str) -> None:
    mine = site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    assert visitor.press("Oui, annuler le rendez-vous", debut=told[:3000]).heading == "Annuler ce rendez-vous ?"
    assert site.row(mine).status == Status.UNKNOWN


# When it cannot be cancelled here


@pytest.mark.parametrize("minutes_more", [0, -1, -239])
def test_too_late_from_the_start(site: Site, visitor: Visitor, minutes_more: int) -> None:
    """Exactly four hours before is too late: the rule is `starts_at > now + 4 h`, strictly."""
    site.clock.now = STARTS_AT - timedelta(hours=4) - timedelta(minutes=minutes_more)
    mine = site.participation()
    page = visitor.open(mine)
    assert (page.status, page.heading) == (200, "Il est trop tard pour annuler en ligne")
    assert "jusqu’à 4 heures avant son début" in page.text
    assert page.links[TELEPHONE] == "tel:0123456789"
    assert "12 mai" not in page.text
    page = visitor.give("DUP")
    assert page.heading == "Il est trop tard pour annuler en ligne"
    assert "Lundi 12 mai à 14h30" in page.text
    assert page.forms == []


def test_in_time_by_a_second(site: Site, visitor: Visitor) -> None:
    site.clock.now = STARTS_AT - timedelta(hours=4, seconds=1)
    assert visitor.open(site.participation()).heading == "Votre rendez-vous"


@pytest.mark.parametrize("button", ["Annuler le RDV", "Oui, annuler le rendez-vous"])
def test_too_late_in_between(site: Site, visitor: Visitor, button: str) -> None:
    site.clock.now = STARTS_AT - timedelta(hours=4, minutes=5)
    mine = site.participation()
    visitor.enter(mine)
    if button != "Annuler le RDV":
        visitor.press("Annuler le RDV")
    site.clock.now += timedelta(minutes=5)
    page = visitor.press(button)
    assert page.heading == "Il est trop tard pour annuler en ligne"
    assert TELEPHONE in page.text
    assert site.row(mine).status == Status.UNKNOWN


@pytest.mark.parametrize(
    ("hours", "told"),
    [(24, "jusqu’à 24 heures avant"), (1.5, "jusqu’à 1 heure 30 avant"), (0.5, "jusqu’à 30 minutes avant")],
)
def test_the_notice_period_of_the_motif_is_the_one_told(sqlite_database: Database, hours: float, told: str) -> None:
    site = _site(sqlite_database, notice_hours=hours)
    site.clock.now = STARTS_AT - timedelta(hours=hours)
    assert told in site.visitor().open(site.participation()).text


def test_a_motif_that_may_not_be_cancelled_this_way(sqlite_database: Database) -> None:
    site = _site(sqlite_database, may_be_cancelled=False)
    mine, visitor = site.participation(), site.visitor()
    for page in (visitor.open(mine), visitor.give("DUP")):
        assert (page.status, page.heading) == (200, "Rendez-vous à annuler par téléphone")
        assert f"Pour l’annuler, appelez le {TELEPHONE} ." in page.text
    proof = {"reponse": "oui", "debut": str(int(STARTS_AT.timestamp()) * 1_000_000)}
    visitor.client.post(f"{site.links.url_for(mine)}/confirmation", data=proof)
    assert site.row(mine).status == Status.UNKNOWN


@pytest.mark.parametrize(
    ("status", "words"), [("excused", "Vous n’avez rien à faire."), ("revoked", "Le service l’a annulé.")]
)
def test_already_cancelled_is_told_after_the_letters_alone(
    site: Site, visitor: Visitor, status: str, words: str
) -> None:
    mine = site.participation(status=status)
    assert "annulé" not in visitor.open(mine).text
    page = visitor.give("DUP")
    assert (page.status, page.heading) == (200, "Ce rendez-vous est déjà annulé")
    assert words in page.text
    assert page.forms == []


def test_cancelled_by_the_service_while_the_question_was_open(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    site.set_participation(mine, status="revoked")
    page = visitor.press("Oui, annuler le rendez-vous")
    assert "Le service l’a annulé" in page.text
    assert site.announcer.ended_ones == []


_OVER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"starts_at": NOW - timedelta(hours=2), "ends_at": NOW}, {}),
    ({"starts_at": NOW, "ends_at": None}, {}),
    ({"destroyed_at": NOW}, {}),
    ({}, {"surnames": [], "erased_at": NOW}),
    ({}, {"removed_at": NOW}),
    ({}, {"status": "seen"}),
    ({"starts_at": NOW - timedelta(days=1)}, {"status": "excused"}),
]


@pytest.mark.parametrize(("appointment", "participation"), _OVER)
def test_expired(site: Site, visitor: Visitor, appointment: dict[str, Any], participation: dict[str, Any]) -> None:
    mine = site.participation(site.appointment(**appointment), **participation)
    page = visitor.open(mine)
    assert (page.status, page.heading) == (410, "Ce lien n’est plus valable")
    assert TELEPHONE in page.text
    assert visitor.client.post(site.links.url_for(mine), data={"lettres": "DUP"}).status_code == 410
    assert visitor.get(f"{site.links.url_for(mine)}/rdv").status == 410


def test_an_appointment_that_has_begun_is_too_late_and_not_over(site: Site, visitor: Visitor) -> None:
    site.clock.now = STARTS_AT + timedelta(minutes=5)
    page = visitor.enter(site.participation())
    assert (page.status, page.heading) == (200, "Il est trop tard pour annuler en ligne")


SIGNS_BEHIND_A_LINK = (
    ".",
    ")",
    ",",
    "%2C",
    "'",
    "%22",
    "%C2%BB",
    "%E2%80%9D",
    "%E2%80%A6",
    "/",
    "./",
    "%C2%A0",
    "%A0",
    ").",
)


@pytest.mark.parametrize("signs", SIGNS_BEHIND_A_LINK)
def test_a_link_with_signs_behind_it_opens(site: Site, visitor: Visitor, signs: str) -> None:
    """Telephones take signs behind a link as a part of it."""
    mine = site.participation()
    page = visitor.get(f"{site.links.url_for(mine)}{signs}")
    assert (page.status, str(page.url)) == (200, site.links.url_for(mine))
    assert visitor.give("DUP").status == 200


def test_signs_behind_a_link_lead_nowhere_but_to_its_page(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    url = site.links.url_for(mine)
    assert visitor.get(f"{url[:-1]}.").status == 404
    assert visitor.get(f"{url}/autre").status == 404
    assert visitor.get(f"{site.links.url_for(123_456)}.").status == 404
    assert visitor.client.post(f"{url}.", data={"lettres": "DUP"}).status_code == 404


@pytest.mark.parametrize("token", ["x", "0", "é", "a" * 5000, "%00", "..%2f", "a/b/c", "😀", "rdv"])
def test_unknown(site: Site, visitor: Visitor, token: str) -> None:
    page = visitor.get(f"/r/{token}")
    assert (page.status, page.heading) == (404, "Ce lien ne mène à aucun rendez-vous")
    assert page.links["lannuaire.service-public.fr"] == "https://lannuaire.service-public.fr"


def test_a_token_of_ours_for_nobody_is_unknown(site: Site, visitor: Visitor) -> None:
    assert visitor.open(123_456).status == 404


def test_without_a_telephone_number_the_directory_is_named(site: Site, visitor: Visitor) -> None:
    site.clock.now = STARTS_AT
    mine = site.participation(site.appointment(organisation={"phone_number": None}))
    assert "lannuaire.service-public.fr" in visitor.open(mine).links


# What is told, and to whom


@pytest.mark.parametrize(
    ("location", "told"),
    [("home", "À domicile"), ("phone", "Par téléphone"), ("visio", "En visioconférence")],
)
def test_no_page_tells_a_home_address(site: Site, visitor: Visitor, location: str, told: str) -> None:
    home: dict[str, Any] = {
        "location_type": location,
        "address": "3 rue de la Maison",
        "place_address": "3 rue de la Maison",
    }
    pages = [visitor.enter(site.participation(site.appointment(**home)))]
    pages += [visitor.press("Annuler le RDV"), visitor.press("Oui, annuler le rendez-vous")]
    for page in pages:
        assert f"Où {told} Avec CCAS de Lyon" in page.text
        assert "rue de la Maison" not in page.text
        assert ("vers 14h30" in page.text) is (location == "home")


def test_of_a_public_office_without_a_place_the_appointments_own_address_is_told(site: Site, visitor: Visitor) -> None:
    office: dict[str, Any] = {"place_name": None, "place_address": None, "address": "6 cours de la Mairie"}
    page = visitor.enter(site.participation(site.appointment(**office)))
    assert "Où CCAS de Lyon 6 cours de la Mairie" in page.text


def test_in_a_collective_appointment_only_the_own_participation_ends(site: Site, visitor: Visitor) -> None:
    appointment = site.appointment(collective=True)
    mine, hers = site.participation(appointment), site.participation(appointment)
    visitor.enter(mine)
    question = visitor.press("Annuler ma participation")
    assert question.heading == "Annuler votre participation ?"
    assert "toutes les personnes" not in question.text
    assert visitor.press("Oui, annuler ma participation").heading == "Votre participation est annulée"
    assert (site.row(mine).status, site.row(hers).status) == (Status.EXCUSED, Status.UNKNOWN)


def test_in_an_individual_one_with_several_the_others_are_thought_of(site: Site, visitor: Visitor) -> None:
    appointment = site.appointment()
    mine, hers = site.participation(appointment), site.participation(appointment, surnames=["Martin"])
    visitor.enter(mine)
    assert "annulé pour toutes les personnes qui y participent" in visitor.press("Annuler le RDV").text
    visitor.press("Oui, annuler le rendez-vous")
    assert (site.row(mine).status, site.row(hers).status) == (Status.EXCUSED, Status.EXCUSED)


def test_times_are_told_in_the_zone_of_the_appointment(site: Site, visitor: Visitor) -> None:
    page = visitor.enter(site.participation(site.appointment(time_zone="Indian/Reunion")))
    assert "Lundi 12 mai à 16h30" in page.text


def test_what_a_source_writes_is_shown_as_text(site: Site, visitor: Visitor) -> None:
    page = visitor.enter(site.participation(site.appointment(place_name="<script>alert(1)</script>")))
    assert "<script>" not in page.response.text
    assert "&lt;script&gt;" in page.response.text


@pytest.mark.parametrize(
    ("verticale", "name", "colour"),
    [
        ("rdv_solidarites", "RDV Solidarités", "#7a1f4f"),
        ("rdv_insertion", "RDV Solidarités", "#7a1f4f"),
        ("rdv_aide_numerique", "RDV Aide Numérique", "#0b5750"),
        ("rdv_mairie", "RDV Service Public", "#1d4480"),
        (None, "RDV Service Public", "#1d4480"),
    ],
)
def test_the_brand_is_the_organisations(
    site: Site, visitor: Visitor, verticale: str | None, name: str, colour: str
) -> None:
    page = visitor.open(site.participation(site.appointment(organisation={"verticale": verticale})))
    assert page.title == f"Votre rendez-vous – {name}"
    assert colour in page.response.text


def test_behind_a_proxy_that_shares_a_host(sqlite_database: Database) -> None:
    site = Site(sqlite_database, public_url="https://ville.example.fr/rdv")
    path = site.links.path_for(site.participation())
    assert path.startswith("/rdv/r/")
    inside = f"http://127.0.0.1:8000{path.removeprefix('/rdv')}"
    answer = site.visitor().client.post(inside, data={"lettres": "DUP"}, follow_redirects=False)
    assert answer.headers["location"] == f"{path}/rdv"
    assert f"Path={path};" in answer.headers["set-cookie"]


# Forms that no page of ours has sent

_BAD: list[tuple[str, dict[str, Any], int]] = [
    ("", {"content": b"x" * 5000, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 413),
    ("", {"content": b"lettres=%FF", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
    ("", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
    ("", {"content": b"&".join([b"a=b"] * 50), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
    ("", {"json": {"lettres": "DUP"}}, 415),
    ("", {"content": b"lettres=DUP"}, 415),
    ("/confirmation", {"data": {"reponse": "peut-être"}}, 400),
    ("/confirmation", {"data": {}}, 415),
]


@pytest.mark.parametrize(("step", "sent", "status"), _BAD)
def test_other_forms_are_refused_in_french(
    site: Site, visitor: Visitor, step: str, sent: dict[str, Any], status: int
) -> None:
    mine = site.participation()
    visitor.enter(mine)
    response = visitor.client.post(site.links.url_for(mine) + step, **sent)
    assert response.status_code == status
    assert "Votre demande n’a pas été comprise" in response.text
    row = site.row(mine)
    assert (row.status, row.wrong_answers) == (Status.UNKNOWN, 0)


def test_a_long_answer_to_the_letters_is_one_answer(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    assert visitor.enter(mine, "Dupont" + "x" * 500).status == 200
    assert site.row(mine).wrong_answers <= 1


# Around the pages


def test_without_a_database_the_page_says_to_try_again(site: Site, visitor: Visitor) -> None:
    mine = site.participation()
    metadata.drop_all(site.database.engine)
    page = visitor.open(mine)
    assert (page.status, page.heading) == (503, "Service momentanément indisponible")


def test_no_page_reaches_the_log_with_its_token(
    site: Site, visitor: Visitor, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = site.participation()
    visitor.enter(mine)
    visitor.press("Annuler le RDV")
    visitor.press("Oui, annuler le rendez-vous")
    token = site.links.path_for(mine).rpartition("/")[2]
    smsbot_said = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    printed = capsys.readouterr()
    assert "answered yes by link" in printed.out + printed.err + " ".join(smsbot_said)
    assert token not in printed.out + printed.err + " ".join(smsbot_said)
