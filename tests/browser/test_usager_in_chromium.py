"""The usager's pages in a real Chromium: without scripts, with the keyboard alone, and checked against WCAG 2.2 AA.

With SMSBOT_SCREENSHOTS=folder, the tests write a picture of every page into that folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from smsbot.model import Status
from tests.browser.conftest import DESK, LAPTOP, PHONE, heard, look, look_in_the_dark, page_of, width_when_spaced
from tests.browser.usager_states import LEGAL, STATES
from tests.web.usager_site import Site
from tools.chromium import follow, follow_by_key

MOST_BYTES = 14_000  # see test_usager_headers


@pytest.fixture
def page(plain: BrowserContext) -> Page:
    return page_of(plain)


def _heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def _give(page: Page, letters: str) -> None:
    page.get_by_label("Les 3 premières lettres de votre nom de famille").fill(letters)
    follow(page.get_by_role("button", name="Continuer"))


def _press(page: Page, button: str) -> None:
    follow(page.get_by_role("button", name=button, exact=True))


# Walks, without scripts


def test_cancelling(site: Site, page: Page) -> None:
    mine = site.participation()
    page.set_content(f'<a href="{site.links.url_for(mine)}">From a webmail, which is another site</a>')
    follow(page.get_by_role("link"))
    _give(page, "dup")
    _heading(page, "Votre rendez-vous")
    expect(page.get_by_text("Lundi 12 mai à 14h30")).to_be_visible()
    _press(page, "Annuler le RDV")
    _heading(page, "Annuler ce rendez-vous\u00a0?")
    assert site.row(mine).status == Status.UNKNOWN
    _press(page, "Oui, annuler le rendez-vous")
    _heading(page, "Votre rendez-vous est annulé")
    assert site.row(mine).status == Status.EXCUSED


def test_keeping_it_then_going_back_and_reloading(site: Site, page: Page) -> None:
    mine = site.participation()
    page.goto(site.links.url_for(mine))
    _give(page, "DUP")
    _press(page, "Annuler le RDV")
    _press(page, "Non")
    _heading(page, "Votre rendez-vous est maintenu")
    page.go_back()
    _heading(page, "Annuler ce rendez-vous\u00a0?")
    page.go_back()
    _heading(page, "Votre rendez-vous")
    _press(page, "Annuler le RDV")
    _press(page, "Oui, annuler le rendez-vous")
    page.reload()
    _heading(page, "Votre rendez-vous est annulé")
    page.go_back()  # the question cannot be answered any more
    _heading(page, "Ce rendez-vous est déjà annulé")
    assert [ended.participations[0].id for ended in site.announcer.ended_ones].count(mine) == 1


def test_wrong_letters_until_the_lock(site: Site, page: Page) -> None:
    page.goto(site.links.url_for(site.participation()))
    for left in ("Il vous reste 2\u00a0essais.", "C’est votre dernier essai"):
        _give(page, "xyz")
        expect(page.get_by_role("alert")).to_contain_text(left)
        letters = page.get_by_role("textbox")
        expect(letters).to_have_attribute("aria-invalid", "true")
        expect(letters).to_have_accessible_description(
            re.compile("DUP.*Erreur\u00a0: ces lettres ne correspondent pas")
        )
    _give(page, "xyz")
    _heading(page, "Annulation bloquée pendant 24\u00a0heures")


def test_opened_again_by_the_link_it_asks_for_the_letters_again(site: Site, page: Page) -> None:
    mine = site.participation()
    page.goto(site.links.url_for(mine))
    _give(page, "DUP")
    page.goto(site.links.url_for(mine))
    expect(page.get_by_role("button", name="Continuer")).to_be_visible()


def test_no_other_site_learns_the_link(site: Site, page: Page) -> None:
    asked: list[Request] = []
    elsewhere = "https://rdv.example.fr/**"
    page.route(elsewhere, lambda route: route.fulfill(body="booking"))
    with heard(page, request=lambda request: asked.append(request)):
        page.goto(STATES["cancelled-rebook"].open_to(page.context, site))
        follow(page.get_by_role("link", name="Reprendre rendez-vous"))
        page.wait_for_url(elsewhere)
    page.unroute(elsewhere)
    assert len(asked) == 2
    assert [request.all_headers().get("referer") for request in asked] == [None, None]


# With the keyboard alone


def _tab_to(page: Page, role: Any, name: str) -> None:
    """Press Tab until the element has the focus, and check that the focus is visible."""
    target = page.get_by_role(role, name=name, exact=True).element_handle()  # found once, not after each key
    for _ in range(12):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            assert target.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
            return
    raise AssertionError(f"{name} is not reached with Tab")


def test_cancelling_with_the_keyboard_alone(site: Site, page: Page) -> None:
    page.goto(site.links.url_for(site.participation()))
    _tab_to(page, "link", "Aller au contenu")
    follow_by_key(page)
    _tab_to(page, "textbox", "Les 3 premières lettres de votre nom de famille")
    page.keyboard.type("xyz")
    follow_by_key(page)
    expect(page.get_by_role("alert")).to_be_focused()
    _tab_to(page, "link", "Corriger mes lettres")
    follow_by_key(page)
    expect(page.get_by_role("textbox")).to_be_focused()
    page.keyboard.type("dup")
    follow_by_key(page)
    _tab_to(page, "button", "Annuler le RDV")
    follow_by_key(page)
    _tab_to(page, "button", "Oui, annuler le rendez-vous")
    follow_by_key(page, "Space")
    _heading(page, "Votre rendez-vous est annulé")


# Every page in every state


WRONG_AT_ONE_WIDTH = """
<!doctype html><html lang="fr"><title>Titre</title>
<style>
  [class] {display: none; background: white}
  p {color: #999}
  @media (max-width: 400px) {.narrow {display: block}}
  @media (min-width: 1000px) and (max-width: 1100px) {.middle {display: block}}
  @media (min-width: 1200px) {.wide {display: block}}
  @media (prefers-color-scheme: dark) {.dark {display: block}}
</style>
<main><h1>Titre</h1><a class="narrow" href="/"></a><input class="middle"><p class="wide">gris<p class="dark">gris</main>
"""


def test_what_is_wrong_at_one_width_alone_is_found(scripted: BrowserContext) -> None:
    page = page_of(scripted)
    page.goto("about:blank")  # the page before may have forbidden styles of its own
    page.set_content(WRONG_AT_ONE_WIDTH)
    found = [[rule for rule, _ in look(page, size)] for size in (PHONE, LAPTOP, DESK)]
    assert found == [["link-name"], ["label"], ["color-contrast"]]
    page.set_viewport_size(LAPTOP)
    assert look_in_the_dark(page) == [("color-contrast", [[".dark"]])]
    page.set_viewport_size(PHONE)
    page.set_content("<style>p {font: 20px monospace; white-space: nowrap; margin: 0}</style><p>" + "m" * 24)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"] < width_when_spaced(page)
    page.set_content('<h1 style="width: 330px">Titre</h1>')
    with pytest.raises(AssertionError, match="beyond the edge"):
        look(page, PHONE)


def _address(context: BrowserContext, site: Site, name: str) -> str:
    return f"{site.public_url}/{name}" if name in LEGAL else STATES[name].open_to(context, site)


def _picture(page: Page, name: str, width: int) -> None:
    if folder := os.environ.get("SMSBOT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("name", [*STATES, *LEGAL])
def test_whole_in_one_answer_accessible_and_within_the_screen(site: Site, scripted: BrowserContext, name: str) -> None:
    """Without a cache, the browser makes one request, to us, and reports no error. Then the page is checked."""
    page = page_of(scripted)
    asked: list[str] = []
    said: list[str] = []
    weights: list[float] = []
    devtools = scripted.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    devtools.on("Network.loadingFinished", lambda event: weights.append(event["encodedDataLength"]))
    address = _address(scripted, site, name)
    with heard(
        page,
        request=lambda request: asked.append(request.url),
        console=lambda message: said.append(message.text),
    ):
        page.goto(address)
        _check(page, name)  # meanwhile the browser would ask for an icon or a script
    devtools.detach()
    assert asked == [address.partition("#")[0]]
    assert 0 < sum(weights) < MOST_BYTES
    assert [words for words in said if "status of 4" not in words] == []


def test_the_page_for_a_form_that_is_not_ours(site: Site, scripted: BrowserContext) -> None:
    page = page_of(scripted)
    page.goto(STATES["confirmation"].open_to(scripted, site))
    page.get_by_role("button", name="Non").evaluate("button => { button.value = 'peut-être' }")
    _press(page, "Non")
    _heading(page, "Votre demande n’a pas été comprise")
    _check(page, "refused")


def _check(page: Page, name: str) -> None:
    """Check that axe finds no violation, and that nothing is beyond the edge of the screen, on telephone and
    desktop.
    """
    for size in (PHONE, DESK):
        assert look(page, size) == [], size
        if size == PHONE:
            assert width_when_spaced(page) <= PHONE["width"]
        _picture(page, name, size["width"])
    styled = page.evaluate("getComputedStyle(document.querySelector('header')).backgroundColor")
    assert styled != "rgba(0, 0, 0, 0)"  # so the Content-Security-Policy allows the style sheet
