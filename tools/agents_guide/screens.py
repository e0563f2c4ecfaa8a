"""The screens that the guide shows, and others that it mentions: which agent sees them, and how to get there.

No way to a screen changes what another screen shows, so they may be opened in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from playwright.sync_api import Locator, Page, ViewportSize

from smsbot.demo.town.town_hall import Town
from smsbot.demo.town.townspeople import (
    ANNE,
    CAMILLE,
    CLAIRE,
    EDWIGE,
    JEAN,
    KARIM,
    LEA,
    LOUISE,
    NADIA,
    NORA,
    PAUL,
    SOPHIE,
    Townsperson,
)
from tools.chromium import follow

DESK, NARROW, TELEPHONE = 1080, 620, 390
"""Widths in CSS pixels. The second is for pages with one form, the last for telephones."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The way of an agent to a screen. `url` is the address of the service's pages."""

    page: Page
    town: Town
    url: str

    def go(self, path: str) -> None:
        """Open the page at `path`, below `/agents`."""
        self.page.goto(f"{self.url}/agents{path}")

    def press(self, button: str) -> None:
        follow(self.page.get_by_role("button", name=button, exact=True))


Way: TypeAlias = Callable[[Visit], None]
Part: TypeAlias = Callable[[Page], Locator]


def https_of(url: str) -> str:
    """The address with https, as people outside use it.

    A browser only accepts protected cookies for such an address.
    """
    return url.replace("http://", "https://", 1)


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen. `agent` is who has signed in, or None for nobody.

    Its picture shows the whole page, or the `part` of it with a `margin` around, at most `height` CSS pixels high.
    """

    name: str
    way: Way
    agent: str | None = NADIA
    width: int = DESK
    height: int = 1400
    part: Part | None = None
    margin: int = 0

    def open(self, page: Page, town: Town, url: str) -> None:
        """Bring the page to this screen. If somebody else was signed in, they are signed out."""
        page.context.clear_cookies()
        if self.agent is not None:
            session = {
                "name": town.session_cookie,
                "value": town.session(self.agent),
                "url": https_of(url),
                "secure": True,
            }
            page.context.add_cookies([session])  # type: ignore[list-item]
        page.set_viewport_size(ViewportSize(width=self.width, height=600))
        self.way(Visit(page, town, url))

    def part_of(self, page: Page) -> Locator:
        """The part of the page that the picture shows."""
        return self.part(page) if self.part is not None else page.locator("body")


def _at(path: str) -> Way:
    return lambda visit: visit.go(path)


def _appointment(who: Townsperson, step: str = "") -> Way:
    return lambda visit: visit.go(f"/rdv/{visit.town.appointments[who]}{step}")


def _thread(who: Townsperson) -> Way:
    return lambda visit: visit.go(f"/messages/{visit.town.message(who)}")


def _personal_data(who: Townsperson, step: str = "") -> Way:
    return lambda visit: visit.go(
        f"/rdv/{visit.town.appointments[who]}/donnees{step}?personne={visit.town.participation(who)}"
    )


def _typing(who: Townsperson, text: str) -> Way:
    def way(visit: Visit) -> None:
        _thread(who)(visit)
        with visit.page.expect_response("**/messages/compte"):
            visit.page.get_by_label("Votre réponse").fill(text)
        visit.page.get_by_text("segment de SMS, encore").wait_for()
        visit.page.get_by_label("Votre réponse").blur()

    return way


def _refused_sign_in(visit: Visit) -> None:
    visit.go("/connexion")
    visit.page.get_by_label("Adresse e-mail professionnelle").fill(NADIA)
    visit.page.get_by_label("Mot de passe").fill("ce n’est pas le bon")
    visit.press("Se connecter")


def _choosing_a_password(visit: Visit) -> None:
    visit.go(visit.town.password_link(NADIA))


def _a_day(visit: Visit) -> None:
    visit.go("/rdv?q=aujourd’hui")


def _several(day: str, act: str, *then: str) -> Way:
    """A way: choose the appointments of a day, say what to do with them, and press the buttons in `then`."""

    def way(visit: Visit) -> None:
        visit.go(f"/ensemble?jour={day}")
        visit.page.get_by_label(act).check()
        visit.page.get_by_label("Un mot pour les personnes").fill("La mairie est fermée ce jour-là.")
        for button in ("Relire avant d’envoyer", *then):
            visit.press(button)

    return way


def _making_a_calendar(visit: Visit) -> None:
    visit.go("/calendriers")
    visit.press("Faire le calendrier")


def _account(email: str) -> Way:
    def way(visit: Visit) -> None:
        visit.go("/comptes")
        follow(visit.page.get_by_role("link", name=email))

    return way


def _system(visit: Visit) -> None:
    visit.go("/logiciels/ajout")
    visit.page.get_by_label("Nom du logiciel").fill("agenda-mairie")
    visit.page.get_by_label("Lire les rendez-vous").check()
    visit.page.locator("input[name^='dans-']").last.check()
    visit.press("Donner accès")
    follow(visit.page.get_by_role("link", name="Revenir aux logiciels"))


def _its_access(visit: Visit) -> None:
    visit.go("/logiciels")
    follow(visit.page.get_by_role("link", name="agenda-mairie"))


def _importing(visit: Visit) -> None:
    visit.go("/comptes/import")
    visit.page.get_by_label("Ou collez ici").fill("e-mail;organisations\nnouveau@example.org;12\n")
    visit.press("Relire avant d’importer")


def _its_organisation(visit: Visit) -> None:
    _account(NADIA)(visit)
    follow(visit.page.get_by_role("heading", level=3).get_by_role("link").first)


def _removing(visit: Visit) -> None:
    _account(NADIA)(visit)
    follow(visit.page.get_by_role("link", name="Retirer de").first)


def _erasing_too_soon(visit: Visit) -> None:
    _personal_data(SOPHIE)(visit)
    visit.page.get_by_label("Cette personne demande elle-même").check()
    visit.press("Effacer pour toujours")


def _behind_the_link(visit: Visit) -> None:
    visit.page.goto(visit.url + visit.town.service.links.path_for(visit.town.participation(SOPHIE)))


def _main(page: Page) -> Locator:
    return page.get_by_role("main")


def _list(page: Page) -> Locator:
    return page.locator("ul.liste").first


def _conversation(page: Page) -> Locator:
    return page.locator("ol.fil")


def _answer(page: Page) -> Locator:
    return page.locator("form", has=page.get_by_label("Votre réponse"))


PICTURES: tuple[Screen, ...] = (
    Screen("connexion", _at("/connexion"), agent=None, width=NARROW),
    Screen("mot-de-passe", _choosing_a_password, agent=None, width=NARROW),
    Screen("rendez-vous", _at("/rdv"), height=760),
    Screen("rendez-vous-telephone", _at("/rdv"), width=TELEPHONE, height=700),
    Screen("annules", _at("/rdv?voir=annules"), height=660),
    Screen("un-rendez-vous", _appointment(SOPHIE), height=900),
    Screen("conversation", _appointment(KARIM), width=TELEPHONE, height=1000, part=_conversation, margin=12),
    Screen("annulation", _appointment(SOPHIE, "/annulation"), width=NARROW, part=_main),
    Screen("bloque", _appointment(JEAN), width=NARROW, part=_list, margin=12),
    Screen("non-remis", _appointment(LEA), width=NARROW, part=_conversation, margin=12),
    Screen("messages", _at("/messages"), height=980),
    Screen("un-message", _thread(ANNE), height=600),
    Screen(
        "repondre",
        _typing(SOPHIE, "Bonjour, c’est noté, pas de problème. À tout à l’heure ! Nadia, CCAS"),
        part=_answer,
        margin=12,
    ),
    Screen("collegue", _thread(LEA), height=440),
    Screen("repondre-par-e-mail", _thread(EDWIGE), part=_answer, margin=12),
    Screen("chiffres", _at("/chiffres"), height=600),
    Screen("donnees", _personal_data(SOPHIE), width=NARROW, height=860, part=_main),
    Screen("comptes", _at("/comptes"), agent=CLAIRE),
    Screen("lien", _behind_the_link, agent=None, width=TELEPHONE),
)
"""The screens that the guide shows, by the names of the files."""

OTHERS: tuple[Screen, ...] = (
    Screen("refused-sign-in", _refused_sign_in, agent=None),
    Screen("forgotten-password", _at("/mot-de-passe"), agent=None),
    Screen("link-sent", _at("/mot-de-passe?envoye"), agent=None),
    Screen("link-over", _at("/mot-de-passe/unknown"), agent=None),
    Screen("session-over", _at("/connexion?expiree"), agent=None),
    Screen("past", _at("/rdv?quand=passes")),
    Screen("not-delivered", _at("/rdv?voir=non-remis")),
    Screen("stopped", _at("/rdv?voir=stop")),
    Screen("one-day", _a_day),
    Screen("calendars", _making_a_calendar),
    Screen("held", _appointment(NORA)),
    Screen("several", _at("/ensemble?jour=2026-11-26")),
    Screen("several-to-cancel", _several("2026-11-26", "Tout annuler")),
    Screen("several-to-write-to", _several("2026-11-26", "Seulement leur écrire")),
    Screen("several-begun", _several("2026-11-30", "Seulement leur écrire", "Oui, envoyer ce message")),
    Screen("write-first", _appointment(PAUL, "/message")),
    Screen("cancelled-by-agent", _appointment(PAUL)),
    Screen("landline", _appointment(LOUISE)),
    Screen("workshop", _appointment(CAMILLE)),
    Screen("taken", _thread(SOPHIE)),
    Screen("done", _at("/messages?vue=traites")),
    Screen("done-thread", _thread(CAMILLE)),
    Screen("ready-answers", _at("/reponses")),
    Screen("erasing-too-soon", _erasing_too_soon),
    Screen("kept", _personal_data(SOPHIE, "/lecture")),
    Screen("account", _account(NADIA), agent=CLAIRE),
    Screen("accounts-import", _at("/comptes/import"), agent=CLAIRE),
    Screen("accounts-import-preview", _importing, agent=CLAIRE),
    Screen("account-adding", _at("/comptes/ajout"), agent=CLAIRE),
    Screen("service-accounts", _system, agent=CLAIRE),
    Screen("service-account", _its_access, agent=CLAIRE),
    Screen("organisations", _at("/organisations"), agent=CLAIRE),
    Screen("organisation", _its_organisation, agent=CLAIRE),
    Screen("removal", _removing, agent=CLAIRE),
    Screen("no-such-page", _at("/rdv/999999")),
)
"""The screens that the guide only mentions."""
