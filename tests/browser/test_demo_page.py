"""The demo's page in a real Chromium: its three tours, with the keyboard, on a desk and on a telephone.

With SMSBOT_SCREENSHOTS=folder, the tests write a picture of each step into that folder. If the picture in the
README is no longer true, take it again: `./dev run python -m tools.demo_house`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.conftest import bring_axe, heard, look
from tools.agents_guide.pictures import words_in
from tools.demo_house import DESK, PICTURE, open_house, settle_on_picture, words_on

TELEPHONE: ViewportSize = {"width": 390, "height": 844}
SECONDS = 20
README = Path(__file__).parents[2] / "README.md"
MOST_BYTES = 200_000
# For each step: the part of the page that it points at, and words that must be there.
TOURS: dict[str, tuple[tuple[str, str], ...]] = {
    "Une personne annule": (
        ("#telephone", "Rappel : votre RDV"),
        ("#telephone", "3 premières lettres"),
        ("#telephone", "Répondez OUI ou NON"),
        ("#telephone", "C'est annulé"),
        ("#courrier", "C’est annulé : RDV"),
        ("#console", "Annulé par l’usager, par SMS"),
        ("#dessous", "La boîte d’envoi a remis un e-mail"),
    ),
    "Une agente ferme une journée": (
        ("#console", "Rendez-vous à venir"),
        ("#console", "2 rendez-vous concernés"),
        ("#console", "Ce qui partira"),
        ("#console", "La mairie est fermée ce jour-là."),
        ("#telephone", "La mairie est fermée ce jour-là"),
        ("#courrier", "edwige.xi@example.org"),
    ),
    "RDV Service Public est en panne": (
        ("#etat", "relié à RDV Service Public"),
        ("#etat", "est en panne"),
        ("#telephone", "3 premières lettres"),
        ("#telephone", "Répondez OUI ou NON"),
        ("#telephone", "Demande enregistrée"),
        ("#telephone", "C'est annulé"),
        ("#dessous", "On demande à RDV Service Public d’annuler : réponse 200"),
    ),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_house(tmp_path_factory.mktemp("house")) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The demo's page, opened once for all tours. Each tour starts the demo again."""
    with browser.new_context(locale="fr-FR", viewport=DESK, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{url}/demo")
        bring_axe(page)
        yield page


@pytest.mark.parametrize(
    ("tour", "size"),
    [
        ("Une personne annule", TELEPHONE),
        ("Une agente ferme une journée", DESK),
        ("RDV Service Public est en panne", TELEPHONE),
    ],
    ids=["usager", "day", "outage"],
)
def test_a_tour_with_the_keyboard(page: Page, tour: str, size: ViewportSize) -> None:
    complaints: list[str] = []
    page.set_viewport_size(size)
    with heard(page, pageerror=lambda error: complaints.append(str(error))):
        page.get_by_role("button", name=tour).press("Enter")
        for number, (place, words) in enumerate(TOURS[tour], 1):
            expect(page.locator("[data-pas]")).to_have_text(f"{number}/{len(TOURS[tour])}", timeout=SECONDS * 1000)
            expect(page.locator(".montre")).to_have_attribute("id", place.removeprefix("#"))
            _see(page, place, words)
            _picture(page, f"{tour}-{number}", size)
            expect(page.locator("#suivant")).to_be_focused()
            if number == 4:
                _check(page)
            page.keyboard.press("Enter")
        expect(page.locator("#guide")).to_be_hidden()
        expect(page.get_by_role("button", name=tour)).to_be_focused()
    _check(page)
    assert complaints == []


def test_the_readme_shows_what_the_page_says(browser: Browser, tmp_path: Path) -> None:
    with open_house(tmp_path, stands_still=True) as url, browser.new_context(locale="fr-FR", viewport=DESK) as context:
        page = context.new_page()
        settle_on_picture(page, url)
        assert words_on(page).splitlines() == words_in(PICTURE).splitlines()
    assert f"]({PICTURE.relative_to(README.parent)})" in README.read_text(encoding="utf-8")
    assert PICTURE.stat().st_size < MOST_BYTES


def _see(page: Page, place: str, words: str) -> None:
    """Check that the words are in this part of the page, or in the frame in it."""
    part = page.locator(place)
    if place == "#console":
        part = part.locator("iframe").content_frame.locator("body")
    if words == "est en panne":
        expect(page.get_by_label("RDV Service Public", exact=True)).to_have_value("down")
    else:
        expect(part).to_contain_text(words, timeout=SECONDS * 1000)


def _check(page: Page) -> None:
    """Check that axe finds no violation, and that nothing is beyond the edge of the screen, on telephone and
    desktop.
    """
    was = page.viewport_size
    for size in (TELEPHONE, DESK):
        assert look(page, size) == [], size
    assert was is not None
    page.set_viewport_size(was)


def _picture(page: Page, name: str, size: ViewportSize) -> None:
    if folder := os.environ.get("SMSBOT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}-{size['width']}.png")
