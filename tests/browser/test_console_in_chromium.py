"""The console in a real Chromium: without scripts, with the keyboard alone, live, and checked against WCAG 2.2 AA.

With SMSBOT_SCREENSHOTS=folder, the tests write a picture of every page into that folder.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import oidc_provider_mock
import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
)
from werkzeug.serving import make_server

from smsbot.agents.signing_in.openid_provider import Registration
from smsbot.agents.tokens import SESSION_IDLE, open_session
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, participations
from tests.browser.conftest import DESK, LAPTOP, PHONE, heard, look, look_in_the_dark, page_of, width_when_spaced
from tests.browser.console_states import INSIDE, OUTSIDE, Town
from tests.web.console_site import ADA, CLO, NOW, PASSWORD, Clock, Office
from tools.chromium import follow, follow_by_key

LIVE_EVERY = 10_000  # milliseconds, in console.js


@contextmanager
def _served(file: Path | str, **settings: Any) -> Iterator[Office]:
    """A console with the database in this SQLite file, on a server of its own that the browser can reach."""
    listening = loopback_socket()
    with closing(Database(f"sqlite:///{file}")) as database:
        office = Office(database, public_url=f"http://{LOOPBACK}:{listening.getsockname()[1]}", **settings)
        server = uvicorn.Server(uvicorn.Config(office.app, lifespan="off", log_config=None, access_log=False))
        thread = LoopThread("console")
        thread.start()
        serving = thread.submit(server.serve(sockets=[listening]))
        try:
            yield office
        finally:
            server.should_exit = True
            serving.result(timeout=30)
            thread.stop()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, empty_sqlite_file: Path) -> Iterator[Town]:
    """The town that all tests share. They may only look at it."""
    registration = Registration("http://localhost:1", "client", "secret", name="ProConnect")
    file = shutil.copy(empty_sqlite_file, tmp_path_factory.mktemp("town"))
    with _served(file, openid=registration) as office:
        yield Town(office)


@pytest.fixture
def busy_town(tmp_path: Path, empty_sqlite_file: Path) -> Iterator[Town]:
    """A town for one test, which may change it."""
    with _served(shutil.copy(empty_sqlite_file, tmp_path)) as office:
        yield Town(office)


def _sit_down(context: BrowserContext, office: Office, email: str = ADA) -> Page:
    """A page of an agent who has signed in."""
    agent = office.agent(email)
    token = office.database.write_now(lambda c: open_session(c, agent, office.clock()))
    context.add_cookies([{"name": "agent", "value": token, "domain": LOOPBACK, "path": "/agents", "httpOnly": True}])
    return page_of(context)


def _heading(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def _press(page: Page, button: str) -> None:
    follow(page.get_by_role("button", name=button, exact=True))


# Walks, without scripts


def test_the_first_password_then_signing_in_and_out(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, page_of(plain)
    page.goto(f"{office.public_url}/agents")
    follow(page.get_by_role("link", name="Première connexion, ou mot de passe oublié"))
    page.get_by_label("Adresse e-mail professionnelle").fill(CLO)
    _press(page, "Recevoir le lien")
    _heading(page, "Consultez votre messagerie")
    link = re.search(r"http\S+", office.sent()[-1].body)
    assert link is not None
    page.goto(link[0])
    page.get_by_label("Nouveau mot de passe").fill("une belle phrase secrète")
    _press(page, "Enregistrer et se connecter")
    _heading(page, "Rendez-vous à venir")
    page.get_by_text("Menu", exact=True).click()
    _press(page, "Se déconnecter")
    expect(page.get_by_role("status")).to_have_text("Vous êtes déconnecté.")
    page.go_back()
    page.reload()
    _heading(page, "Connexion")
    page.get_by_label("Adresse e-mail professionnelle").fill(CLO)
    page.get_by_label("Mot de passe").fill("une belle phrase secrète")
    _press(page, "Se connecter")
    _heading(page, "Rendez-vous à venir")


def test_finding_and_cancelling(busy_town: Town, plain: BrowserContext) -> None:
    page = _sit_down(plain, busy_town.office)
    page.goto(f"{busy_town.office.public_url}/agents/rdv")
    page.get_by_label("Nom, numéro, lieu ou objet").fill("06.12.34.56.78")
    page.get_by_text("Jour et filtres").click()
    page.get_by_label("Jour").fill("2025-05-05")
    _press(page, "Rechercher")
    _heading(page, "Résultats de la recherche")
    follow(page.get_by_role("link", name="Sophie Dupont", exact=True))
    follow(page.get_by_role("link", name="Annuler ce rendez-vous"))
    page.get_by_label("Le service annule").check()
    page.get_by_label("Un mot pour la personne").fill("Le bureau est fermé.")
    _press(page, "Relire le SMS avant d’annuler")
    expect(page.locator(".apercu")).to_contain_text("annulé par le service. Message : Le bureau est fermé. Pour en")
    _press(page, "Oui, annuler")
    expect(page.get_by_role("status")).to_contain_text("C’est annulé. Personne n’est encore prévenu.")
    assert busy_town.office.row(participations, busy_town.sophie).status == "revoked"


def test_a_day_at_a_glance_and_on_paper(busy_town: Town, plain: BrowserContext) -> None:
    """At least twelve appointments are visible without scrolling, four on a small telephone.

    On paper each has one line.
    """
    office = busy_town.office
    for number in range(60):
        ours = office.appointment(
            starts_at=NOW - timedelta(minutes=number), label="Passeport" if number % 2 else "Carte d’identité"
        )
        announced = NOW if number % 20 == 19 else None
        phone = f"+3361000{number:04}"
        office.participation(ours, last_name=f"Martin-{number}", phone=phone, announced_at=announced)
    whole = "[...document.querySelectorAll('li.rdv')].filter(row => row.getBoundingClientRect().bottom <= innerHeight)"
    sizes: list[tuple[ViewportSize, int]] = [(PHONE, 4), (LAPTOP, 7), (DESK, 12)]
    page = _sit_down(plain, office)
    for size, at_least in sizes:
        page.set_viewport_size(size)
        page.emulate_media(media="screen")
        page.goto(f"{office.public_url}/agents/rdv")
        assert page.evaluate(f"{whole}.length") >= at_least, size
        expect(page.get_by_role("link", name="Chiffres")).to_be_visible(visible=size["width"] > PHONE["width"])
        page.get_by_text("Jour et filtres").click()
        page.get_by_label("Objet", exact=True).select_option("Passeport")
        _press(page, "Rechercher")
        expect(page.get_by_role("link", name="Sophie Martin-1", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Sophie Martin-2", exact=True)).to_have_count(0)
        page.goto(f"{office.public_url}/agents/rdv?jour=2025-05-05")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 1000})  # A4 without its margins
        heights = page.evaluate(
            "[...document.querySelectorAll('.inscrit')].map(row => row.getBoundingClientRect().height)"
        )
        assert (len(heights), max(heights) < 20) == (62, True)
        expect(page.get_by_role("button", name="Rechercher")).to_be_hidden()


def test_sending_again_and_unlocking(busy_town: Town, plain: BrowserContext) -> None:
    page = _sit_down(plain, busy_town.office)
    page.goto(f"{busy_town.office.public_url}/agents/rdv/{busy_town.today}")
    follow(page.get_by_role("button", name="Renvoyer").first)
    expect(page.get_by_role("status")).to_have_text("Le message est renvoyé.")
    page.goto(f"{busy_town.office.public_url}/agents/rdv/{busy_town.locked}")
    follow(page.get_by_role("button", name="Débloquer l’annulation"))
    expect(page.get_by_role("status")).to_contain_text("L’annulation est débloquée")


def test_answering_without_scripts(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    page.goto(f"{office.public_url}/agents/messages")
    follow(page.get_by_role("link", name="Sophie Dupont"))
    _press(page, "Je m’en occupe")
    page.get_by_label("Partir d’une réponse prête").select_option(label="Nous attendons")
    _press(page, "Reprendre ce texte")
    expect(page.get_by_label("Votre réponse")).to_have_value("Nous vous attendons lundi 5 mai à 14h00.")
    page.get_by_label("Votre réponse").fill("À tout à l’heure, cœur ☀️")
    _press(page, "Relire avant d’envoyer")
    expect(page.locator("#compte")).to_contain_text("A tout à l'heure, coeur")
    _press(page, "Envoyer")
    expect(page.get_by_role("status").first).to_have_text("Votre réponse est envoyée. Voici le message suivant.")
    assert office.sent()[-1].body == "A tout à l'heure, coeur"


def test_leaving_to_a_colleague_and_putting_aside_without_scripts(busy_town: Town, plain: BrowserContext) -> None:
    page = _sit_down(plain, busy_town.office)
    page.goto(f"{busy_town.office.public_url}/agents/messages/{busy_town.late}")
    page.get_by_label("Confier à un collègue").select_option(label=CLO)
    _press(page, "Confier")
    expect(page.get_by_role("status").first).to_have_text("Le message est confié. Voici le message suivant.")
    follow(page.get_by_role("link", name="Tous les messages"))
    expect(page.get_by_text(f"Confié à {CLO}")).to_be_visible()
    follow(page.get_by_role("link", name="Sophie Dupont"))
    _press(page, "Classer sans répondre")
    follow(page.get_by_role("link", name="Tous les messages"))
    follow(page.get_by_role("link", name="Traités"))
    expect(page.get_by_text(f"Traité par {ADA}")).to_be_visible()


def test_a_note_then_later_and_several_at_once_without_scripts(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    page.goto(f"{office.public_url}/agents/messages/{busy_town.another}")
    page.get_by_label("Laisser une note à vos collègues").fill("J’attends la réponse de l’école.")
    _press(page, "Garder cette note")
    expect(page.get_by_role("status").first).to_contain_text("Seuls vos collègues la voient.")
    expect(page.get_by_text("J’attends la réponse de l’école.")).to_be_visible()
    page.locator("summary", has_text="Plus tard").click()
    page.get_by_label("Le message revient").select_option(value="jour")
    page.get_by_label("Jour choisi").fill("2025-05-20")
    _press(page, "Mettre de côté")
    expect(page.get_by_role("status").first).to_contain_text("Le message est mis de côté")
    follow(page.get_by_role("link", name="Tous les messages"))
    page.get_by_label("Cocher Sophie Dupont").check()
    page.get_by_label("Cocher Jean De La Fontaine").check()
    page.get_by_label("Confier les messages cochés à").select_option(label=CLO)
    _press(page, "Confier les messages cochés")
    expect(page.get_by_role("status").first).to_have_text("Les messages cochés sont confiés.")
    expect(page.get_by_text(f"Confié à {CLO}")).to_have_count(2)
    follow(page.get_by_role("link", name="Plus tard", exact=True))
    expect(page.get_by_text("Revient mar 20/05 9h00")).to_be_visible()
    assert [sent.subject for sent in office.sent()[-1:]] == ["2 messages vous sont confiés"]


# Live


NOTIFICATION = """
window.told = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, options) { window.told.push([title, options.body, options.silent]); }
};
document.hasFocus = () => false;
"""
"""Puts the browser's notifications into a list, because a test cannot see them, and lets the page seem hidden."""


def test_a_new_message_appears_by_itself_and_is_announced(busy_town: Town, fresh: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(fresh, busy_town.office)
    page.clock.install()
    page.add_init_script(NOTIFICATION)
    page.goto(f"{office.public_url}/agents/messages")
    page.get_by_role("button", name="Me prévenir quand un message arrive").click()
    expect(page.get_by_role("button", name="Ne plus me prévenir")).to_be_visible()
    page.get_by_label("Cocher Jean De La Fontaine").check()
    page.get_by_role("link", name="Sophie Dupont").focus()
    office.incoming("Où est-ce ?", from_number="+33655555555", received_at=NOW)
    page.clock.run_for(LIVE_EVERY + 100)
    expect(page.get_by_text("Où est-ce ?")).to_be_visible()
    expect(page.locator("#annonces")).to_have_text("4 conversations à traiter")
    expect(page.get_by_role("link", name="Sophie Dupont")).to_be_focused()
    expect(page.get_by_role("navigation", name="Menu principal")).to_contain_text("Messages (4")
    expect(page).to_have_title("(4) Messages à traiter – Espace des agents")
    expect(page.get_by_label("Cocher Jean De La Fontaine")).to_be_checked()
    assert page.evaluate("window.told") == [["Rendez-vous par SMS", "4 messages à traiter", True]]
    page.get_by_role("button", name="Ne plus me prévenir").click()
    office.incoming("Et moi ?", from_number="+33655555556", received_at=NOW)
    page.clock.run_for(LIVE_EVERY + 100)
    expect(page).to_have_title("(5) Messages à traiter – Espace des agents")
    assert len(page.evaluate("window.told")) == 1
    _press(page, "Classer les messages cochés sans répondre")
    expect(page.get_by_role("status").first).to_have_text("Les messages cochés sont classés comme traités.")
    expect(page.get_by_role("link", name="Jean De La Fontaine")).to_have_count(0)


def test_segments_are_counted_while_typing(busy_town: Town, scripted: BrowserContext) -> None:
    page = _sit_down(scripted, busy_town.office)
    page.goto(f"{busy_town.office.public_url}/agents/messages/{busy_town.late}")
    _press(page, "Je m’en occupe")
    answer, ready = page.get_by_label("Votre réponse"), page.get_by_label("Partir d’une réponse prête")
    answer.fill("Bonjour,")
    ready.select_option(label="Pas grave")
    expect(answer).to_have_value("Bonjour,\nMerci.")
    ready.select_option(label="Nous attendons")
    expect(answer).to_have_value("Bonjour,\nNous vous attendons lundi 5 mai à 14h00.")
    answer.fill("")
    answer.press_sequentially("Très bien")
    expect(page.locator("#compte")).to_contain_text("1 segment de SMS, encore 151 signes")
    answer.fill("ê" * 161)
    expect(page.locator("#compte")).to_contain_text("2 segments de SMS, encore 145 signes")
    expect(page.locator(".apercu")).to_have_text("e" * 161)
    expect(answer).to_be_focused()


def test_the_sms_of_a_cancellation_is_shown_while_its_word_is_typed(busy_town: Town, scripted: BrowserContext) -> None:
    page = _sit_down(scripted, busy_town.office)
    page.goto(f"{busy_town.office.public_url}/agents/rdv/{busy_town.today}/annulation")
    page.get_by_label("Un mot pour la personne").fill("La mairie est fermée, cœur")
    expect(page.locator("#compte")).to_contain_text("Encore 273 signes pour ce mot.")
    expect(page.locator(".apercu")).to_contain_text("annulé par le service. Message : La mairie est fermée, coeur.")
    page.get_by_label("La personne l’a demandé").check()
    expect(page.locator(".apercu")).to_contain_text("annulé à votre demande. Message : La mairie")
    page.get_by_label("Un mot pour la personne").fill("x" * 310)
    expect(page.locator("#compte")).to_have_text("Ce mot est trop long de 10 signes.")


def test_one_sees_that_the_other_is_at_it_and_is_told_in_time(busy_town: Town, browser: Browser) -> None:
    office = busy_town.office
    address = f"{office.public_url}/agents/messages/{busy_town.late}"
    with browser.new_context(locale="fr-FR") as adas, browser.new_context(locale="fr-FR") as clos:
        ada, clo = _sit_down(adas, office), _sit_down(clos, office, CLO)
        clo.clock.install()
        for page in (ada, clo):
            page.goto(address)
        with ada.expect_response("**/prise"):  # an agent who begins to type holds the thread
            ada.get_by_label("Votre réponse").fill("Ma")
        clo.clock.run_for(LIVE_EVERY + 100)
        expect(clo.get_by_text(f"{ADA} s’occupe de ce message")).to_be_visible()
        clo.reload()
        _press(clo, f"Reprendre à {ADA}")
        ada.get_by_label("Votre réponse").fill("Ma réponse")
        _press(ada, "Envoyer")
        expect(ada.get_by_role("alert")).to_contain_text(f"{CLO} s’occupe de ce message en ce moment")
        expect(ada.get_by_label("Votre réponse")).to_have_value("Ma réponse")
        clo.get_by_label("Votre réponse").fill("La sienne")
        _press(clo, "Envoyer")
        assert [sent.body for sent in office.sent() if sent.agent_id] == ["La sienne"]


def test_when_the_session_is_over_nothing_that_was_typed_is_lost(busy_town: Town, fresh: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(fresh, busy_town.office)
    page.clock.install()
    page.goto(f"{office.public_url}/agents/messages/{busy_town.late}")
    _press(page, "Je m’en occupe")
    page.get_by_label("Votre réponse").fill("Ma réponse")
    office.revoke(ADA)
    page.clock.run_for(3 * LIVE_EVERY)
    expect(page.get_by_label("Votre réponse")).to_have_value("Ma réponse")


def test_an_answer_outlives_its_session_without_scripts(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    page.goto(f"{office.public_url}/agents/messages/{busy_town.late}")
    _press(page, "Je m’en occupe")
    page.get_by_label("Votre réponse").fill("Nous vous attendons")
    office.clock.now += SESSION_IDLE
    _press(page, "Envoyer")
    _heading(page, "Connexion")
    page.get_by_label("Adresse e-mail professionnelle").fill(ADA)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    _press(page, "Se connecter")
    expect(page.get_by_role("alert")).to_contain_text("Votre session était terminée")
    expect(page.get_by_label("Votre réponse")).to_have_value("Nous vous attendons")
    assert not [sent for sent in office.sent() if sent.agent_id]
    _press(page, "Envoyer")
    expect(page.get_by_role("status").first).to_have_text("Votre réponse est envoyée. Voici le message suivant.")


# With the keyboard alone


def _tab_to(page: Page, role: Any, name: str) -> None:
    """Press Tab until the element has the focus, and check that the focus is visible."""
    _tab_until(page, page.get_by_role(role, name=name, exact=True).first, name)


def _tab_to_summary(page: Page, words: str) -> None:
    _tab_until(page, page.locator("summary", has_text=words), words)


def _tab_until(page: Page, locator: Locator, name: str) -> None:
    target = locator.element_handle()  # found once, not after each key
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            assert target.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
            return
    raise AssertionError(f"{name} is not reached with Tab")


def test_a_morning_with_the_keyboard_alone(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, page_of(plain)
    page.goto(f"{office.public_url}/agents/messages")
    _tab_to(page, "textbox", "Adresse e-mail professionnelle")
    page.keyboard.type(ADA)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    follow_by_key(page)
    _heading(page, "Messages à traiter")
    _tab_to(page, "link", "Aller au contenu")
    follow_by_key(page)
    _tab_to(page, "link", "Sophie Dupont")
    follow_by_key(page)
    _tab_to(page, "button", "Je m’en occupe")
    follow_by_key(page)
    expect(page.get_by_label("Votre réponse")).to_be_focused()
    page.keyboard.type("Très bien")
    _tab_to(page, "button", "Envoyer")
    follow_by_key(page, "Space")
    expect(page.get_by_role("status").first).to_have_text("Votre réponse est envoyée. Voici le message suivant.")
    page.goto(f"{office.public_url}/agents/rdv/{busy_town.today}")
    _tab_to(page, "link", "Annuler ce rendez-vous")
    follow_by_key(page)
    _tab_to(page, "radio", "Le service annule")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("La personne l’a demandé")).to_be_checked()
    _tab_to(page, "button", "Oui, annuler")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_contain_text("C’est annulé. Personne n’est encore prévenu.")
    assert office.row(participations, busy_town.sophie).status == "excused"
    _tab_to(page, "button", "Annuler cette annulation")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_contain_text("L’annulation est annulée")
    assert office.row(participations, busy_town.sophie).status == "unknown"
    page.goto(f"{office.public_url}/agents/messages/{busy_town.stopped}")
    _tab_to(page, "link", "Répondre")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Votre réponse")).to_be_focused()
    page.keyboard.type("Oui, un justificatif.")
    _tab_to(page, "button", "Relire avant d’envoyer")
    follow_by_key(page)
    expect(page.locator(".apercu")).to_contain_text("Oui, un justificatif.")


def test_a_day_of_many_is_found_told_and_kept_with_the_keyboard_alone(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    page.goto(f"{office.public_url}/agents/rdv")
    _tab_to(page, "searchbox", "Nom, numéro, lieu ou objet")
    page.keyboard.type("Mairie")
    follow_by_key(page)
    _heading(page, "Résultats de la recherche")
    page.goto(f"{office.public_url}/agents/rdv")
    _tab_to(page, "checkbox", "Marquer 14h00, Sophie Dupont")
    page.keyboard.press("Space")
    _tab_to(page, "button", "Annuler ou prévenir ceux que j’ai marqués")
    follow_by_key(page)
    _tab_to(page, "radio", "Tout annuler, et prévenir les personnes")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Seulement leur écrire, sans rien annuler")).to_be_checked()
    _tab_to(page, "textbox", "Un mot pour les personnes (facultatif si vous annulez)")
    page.keyboard.type("Venez par la porte B.")
    _tab_to(page, "button", "Relire avant d’envoyer")
    follow_by_key(page)
    expect(page.locator(".apercu")).to_contain_text("Venez par la porte B.")
    _tab_to(page, "button", "Oui, envoyer ce message")
    follow_by_key(page)
    expect(page.get_by_text("en cours")).to_be_visible()
    page.goto(f"{office.public_url}/agents/reponses")
    _tab_to(page, "textbox", "Titre")
    page.keyboard.type("Porte")
    page.keyboard.press("Tab")
    page.keyboard.type("Entrez par la porte B.")
    _tab_to(page, "button", "Ajouter")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_have_text("La réponse est ajoutée.")
    page.goto(f"{office.public_url}/agents/calendriers")
    _tab_to(page, "button", "Faire le calendrier")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_contain_text("Le calendrier est prêt.")
    page.goto(f"{office.public_url}/agents/chiffres")
    _tab_to(page, "combobox", "Douze mois jusqu’à")
    page.keyboard.press("ArrowDown")
    _tab_to(page, "button", "Afficher")
    follow_by_key(page)
    expect(page.get_by_label("Douze mois jusqu’à")).to_have_value("2025-04")


def test_a_list_is_searched_and_worked_through_with_the_keyboard_alone(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    office.set(incoming_messages, busy_town.another, topic="late")
    page.goto(f"{office.public_url}/agents/messages")
    _tab_to_summary(page, "Chercher et filtrer")
    page.keyboard.press("Enter")
    _tab_to(page, "combobox", "De quoi il s’agit")
    page.keyboard.type("Retard")
    _tab_to(page, "button", "Chercher")
    follow_by_key(page)
    expect(page.get_by_text("2 conversations à traiter")).to_be_visible()
    _tab_to(page, "link", "Sophie Dupont")
    follow_by_key(page)
    _tab_to(page, "textbox", "Laisser une note à vos collègues")
    page.keyboard.type("Elle vient.")
    _tab_to(page, "button", "Garder cette note")
    follow_by_key(page)
    expect(page.get_by_role("status").first).to_contain_text("Votre note est enregistrée.")
    _tab_to_summary(page, "Plus tard")
    page.keyboard.press("Enter")
    _tab_to(page, "button", "Mettre de côté")
    follow_by_key(page)
    expect(page.get_by_role("status").first).to_contain_text("Voici le message suivant.")
    _heading(page, "06 44 44 44 44")
    _tab_to(page, "button", "Classer sans répondre")
    follow_by_key(page)
    _heading(page, "Messages à traiter")
    expect(page.get_by_text("Aucun message ne correspond.")).to_be_visible()


def test_accounts_are_given_and_imported_with_the_keyboard_alone(busy_town: Town, plain: BrowserContext) -> None:
    office, page = busy_town.office, _sit_down(plain, busy_town.office)
    page.goto(f"{office.public_url}/agents/organisations?voir=a-verifier")
    expect(page.get_by_text("Aucune organisation ne correspond.")).to_be_visible()
    page.goto(f"{office.public_url}/agents/comptes")
    _tab_to(page, "link", "clo@mairie.fr")
    follow_by_key(page)
    _tab_to(page, "button", "Nommer administrateur de CCAS n° 1")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_contain_text("C’est fait.")
    _tab_to(page, "link", "Tous les comptes")
    follow_by_key(page)
    _tab_to(page, "link", "Importer des comptes")
    follow_by_key(page)
    _tab_to(page, "textbox", "Ou collez ici les lignes d’un tableur, avec les titres des colonnes")
    page.keyboard.insert_text("e-mail;nom;organisations\ndan@mairie.fr;Dan Petit;CCAS n° 1\n")
    _tab_to(page, "button", "Relire avant d’importer")
    follow_by_key(page)
    expect(page.get_by_text("1 nouveau compte")).to_be_visible()
    _tab_to(page, "button", "Importer")
    follow_by_key(page)
    expect(page.get_by_role("status")).to_contain_text("un compte est ajouté")
    page.goto(f"{office.public_url}/agents/comptes?q=petit")
    expect(page.get_by_role("link", name="Dan Petit")).to_be_visible()


# OpenID Connect


def test_signing_in_and_out_at_a_real_provider(
    tmp_path: Path, empty_sqlite_file: Path, scripted: BrowserContext
) -> None:
    server = make_server("localhost", 0, oidc_provider_mock.app(require_nonce=True), threaded=True)
    issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        httpx.put(f"{issuer}/users/ada", json={"email": ADA, "email_verified": True}).raise_for_status()
        registration = Registration(issuer, "client", "secret", name="ProConnect")
        file = shutil.copy(empty_sqlite_file, tmp_path)
        with _served(file, openid=registration, clock=Clock(datetime.now(UTC))) as office:
            page = page_of(scripted)
            page.goto(f"{office.public_url}/agents/messages")
            follow(page.get_by_role("link", name="Se connecter avec ProConnect"))
            page.locator("input[name=sub]").fill("ada")
            follow(page.get_by_role("button", name=re.compile("Authorize", re.IGNORECASE)).first)
            _heading(page, "Messages à traiter")
            page.get_by_text("Menu", exact=True).click()
            _press(page, "Se déconnecter")
            page.wait_for_url(f"{issuer}/oauth2/end_session?**")
            page.goto(f"{office.public_url}/agents/messages")
            _heading(page, "Connexion")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Every page in every state


EVERY_PAGE = pytest.mark.parametrize("name", [*OUTSIDE, *INSIDE])


@contextmanager
def _opened(context: BrowserContext, town: Town, name: str) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the errors that the browser reports until the block ends."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "status of 4" not in message.text:
            complaints.append(message.text)

    def fail(error: Error) -> None:
        complaints.append(str(error))

    def ask(request: Request) -> None:
        if not request.url.startswith((town.office.public_url, "data:")):
            complaints.append(request.url)

    page = page_of(context) if name in OUTSIDE else _sit_down(context, town.office)
    with heard(page, console=note, pageerror=fail, request=ask):
        (OUTSIDE | INSIDE)[name](page, town)
        yield page, complaints


TABBED = """
() => {
  document.querySelectorAll("details").forEach((each) => each.setAttribute("open", ""));
  const things = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  window.left = new Set([...document.querySelectorAll(things)].filter((one) => one.checkVisibility()));
  window.unseen = [];
  const told = (one) => `${one.localName} ${one.id || one.name || one.textContent.trim()}`;
  window.told = () => [[...window.left].map(told), window.unseen.map(told)];
  document.addEventListener("focusin", ({ target }) => {
    window.left.delete(target);
    if (target.type === "radio") {
      window.left.forEach((one) => one.type === "radio" && one.name === target.name && window.left.delete(one));
    }
    if (target.matches(things) && getComputedStyle(target).outlineStyle !== "solid") {
      window.unseen.push(target);
    }
  });
  return window.left.size;
}
"""
"""Opens all folded parts, and notes what Tab reaches. Of radio buttons with one name it reaches one; arrows reach the
rest. `window.told` returns what was not reached, and what had the focus without showing it.
"""

STOPS_IN_DATES = 10
"""A field for a date has several stops: day, month, year, and the button that opens the calendar."""

WORKED_ALL_DAY = {
    *(
        "diary",
        "diary-search",
        "many",
        "many-preview",
        "many-running",
        "appointment-held",
        "writing-preview",
        "figures",
    ),
    *("inbox", "inbox-later", "thread-next", "thread-by-mail", "thread-put-off", "ready-answers", "calendars"),
}


FIRST_HEADING_HEADER_AND_CUT_OFF = """
() => [
  document.querySelector("h1, h2, h3").localName,
  getComputedStyle(document.querySelector("header")).backgroundColor !== "rgba(0, 0, 0, 0)",
  [...document.querySelectorAll(".defile")].filter((one) => one.scrollWidth > one.clientWidth).length,
]
"""


@EVERY_PAGE
def test_accessible_and_within_the_screen(town: Town, scripted: BrowserContext, name: str) -> None:
    with _opened(scripted, town, name) as (page, complaints):
        for size in (PHONE, LAPTOP, DESK):
            assert look(page, size) == [], size
            if size == PHONE:
                assert width_when_spaced(page) <= PHONE["width"]
            if folder := os.environ.get("SMSBOT_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"console-{name}-{size['width']}.png", full_page=True)
        if name in WORKED_ALL_DAY:
            page.set_viewport_size(LAPTOP)
            for _ in range(page.evaluate(TABBED) + STOPS_IN_DATES):
                page.keyboard.down("Tab")  # held down, because letting go each time would take as long again
            page.keyboard.up("Tab")
            assert page.evaluate("window.told()") == [[], []], "not reached with Tab, or without a visible focus"
            page.set_viewport_size(DESK)
        # The heading comes first, the style sheet is applied, and on a desktop no table is cut off.
        assert page.evaluate(FIRST_HEADING_HEADER_AND_CUT_OFF) == ["h1", True, 0]
        assert look_in_the_dark(page) == [], "in the dark"
        assert complaints == []
