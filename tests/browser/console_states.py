"""The console's pages in every state that is worth a look, with the data of a town hall's week."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from playwright.sync_api import Page

from smsbot.agents.account_changes import name_administrator
from smsbot.agents.signing_in.passwords import issue_reset
from smsbot.batches.records import BatchAct, BatchOutcome, BatchTask, NewBatch, begin_batch, finish_task
from smsbot.model import Status, Via
from smsbot.store.tables import audit, inbox_notes, ready_answers
from tests.web.console_site import ADA, ADAS, CLO, NOW, STARTS_AT, Office
from tools.chromium import follow

JEAN, KARIM = "+33622222222", "+33698765432"


@dataclass
class Town:
    """The week of the agents Ada and Clo."""

    office: Office

    def __post_init__(self) -> None:
        office = self.office
        office.give_password(ADA)
        office.database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))
        self.today = office.appointment(starts_at=NOW + timedelta(hours=3))
        self.sophie = office.participation(self.today, announced_at=NOW - timedelta(hours=1))
        self.cancelled = office.appointment(
            starts_at=NOW + timedelta(hours=5), status="excused", label="Atelier numérique"
        )
        self.karim = office.participation(
            self.cancelled,
            first_name="Karim",
            last_name="Benali",
            phone=KARIM,
            email=None,
            status="excused",
            cancelled_at=NOW - timedelta(hours=2),
            cancelled_by="usager",
            cancelled_way="sms",
        )
        self.collective = office.appointment(starts_at=NOW + timedelta(days=1), collective=True)
        for first_name, last_name, phone in (
            ("Ève", "Müller-Lefèvre-de-la-Rochefoucauld", "+33611111111"),
            ("Jean", "De La Fontaine", JEAN),
            ("Zoé", "Xi", None),
        ):
            office.participation(self.collective, first_name=first_name, last_name=last_name, phone=phone)
        self.requested = office.appointment(starts_at=NOW + timedelta(days=2))
        lea = office.participation(
            self.requested, first_name="Léa", phone="+33655555555", cancellation_requested_at=NOW - timedelta(minutes=3)
        )
        office.request(self.requested, lea)
        self.locked = office.appointment(starts_at=STARTS_AT)
        office.participation(self.locked, wrong_answers=3, wrong_answer_at=NOW, locked_until=NOW + timedelta(hours=20))
        office.participation(office.appointment(starts_at=NOW - timedelta(days=4), status="seen"), status="noshow")
        self._taken_up()
        office.stop(JEAN)
        self._letters()
        self.late = office.incoming("Bonjour, je serai en retard de 10 min, désolée 😅", received_at=NOW, topic="late")
        self.stopped = office.incoming("Faut-il un justificatif ?", from_number=JEAN, received_at=NOW)
        self.done = office.incoming(
            "merci beaucoup",
            from_number=KARIM,
            received_at=NOW - timedelta(days=1),
            handled_at=NOW,
            handled_by=office.agent(CLO).id,
        )
        self.later = office.incoming(
            "Je vous dirai demain",
            from_number="+33677777777",
            received_at=NOW,
            comes_back_at=NOW + timedelta(days=1),
            put_off_by=office.agent(CLO).id,
        )
        note = {"message_id": self.late, "agent_id": office.agent(ADA).id, "written_at": NOW, "text": "Rappelée à 10h."}
        office.add(inbox_notes, note)
        organisation = office.organisation_ids[ADAS]
        for title, text in (("Nous attendons", "Nous vous attendons {jour} à {heure}."), ("Pas grave", "Merci.")):
            kept = {"organisation_id": organisation, "title": title, "text": text, "version": 1}
            office.add(ready_answers, kept)
        self.another = office.incoming("https://example.fr/" + "x" * 150, from_number="+33644444444", received_at=NOW)

    def _taken_up(self) -> None:
        """Add what agents have just done: a cancellation that can still be taken back, and a batch."""
        office, later = self.office, STARTS_AT + timedelta(days=30)
        self.held = office.appointment(starts_at=later, status="revoked")
        act = {"status": "revoked", "cancelled_at": NOW, "cancelled_by": "agent", "cancelled_way": "console"}
        office.participation(
            self.held, last_name="Petit", phone="+33688888888", held_until=NOW + timedelta(seconds=20), **act
        )
        batch = NewBatch(BatchAct.CANCEL, Via.CONSOLE, office.agent(ADA), Status.REVOKED, "La mairie est fermée.", NOW)
        those = [self.held, self.locked]
        self.batch = office.database.write_now(lambda c: begin_batch(c, batch, those, NOW))
        task = BatchTask(self.batch, self.held)
        office.database.write_now(lambda c: finish_task(c, task, BatchOutcome.ALREADY, NOW))

    def _letters(self) -> None:
        office = self.office
        about = {"appointment_id": self.today, "participation_id": self.sophie}
        office.outgoing(
            "Votre RDV du lundi 5 mai à 14h00 (Mairie du 3e) est confirmé. Pour l'annuler, répondez ANNULER.",
            created_at=NOW - timedelta(days=3),
            segments=2,
            **about,
        )
        office.outgoing(
            "Rappel : RDV lundi 5 mai à 14h00, Mairie du 3e.",
            kind="reminder",
            created_at=NOW - timedelta(days=1),
            delivery_status="undelivered",
            error_code="30003",
            **about,
        )
        office.outgoing(
            "Bonjour Sophie,\n\nVotre rendez-vous a lieu lundi.",
            channel="email",
            recipient="sophie@example.fr",
            subject="Rappel : RDV du lundi 5 mai à 14h00",
            segments=None,
            kind="reminder",
            state="refused",
            delivery_status=None,
            error_code="550",
            created_at=NOW - timedelta(days=1),
            **about,
        )
        office.add(
            audit,
            {
                "at": NOW - timedelta(hours=2),
                "act": "cancelled",
                "by": "usager",
                "way": "sms",
                "appointment_id": self.cancelled,
                "participation_id": self.karim,
            },
        )

    def reset_link(self) -> str:
        agent = self.office.agent(ADA)
        return "/mot-de-passe/" + self.office.database.write_now(lambda c: issue_reset(c, agent, NOW))


Open = Callable[[Page, Town], None]


def _at(path: str) -> Open:
    def open_it(page: Page, town: Town) -> None:
        ids = {name: getattr(town, name) for name in vars(town) if name != "office"}
        page.goto(f"{town.office.public_url}/agents{path.format(**ids)}")

    return open_it


def _press(path: str, button: str, **filled_in: str) -> Open:
    """The page that follows when a button on the page at `path` is pressed."""

    def open_it(page: Page, town: Town) -> None:
        _at(path)(page, town)
        for name, text in filled_in.items():
            page.locator(f"[name={name}]").fill(text)
        follow(page.get_by_role("button", name=button, exact=True))

    return open_it


def _choosing(weak: str | None = None) -> Open:
    def open_it(page: Page, town: Town) -> None:
        _at(town.reset_link())(page, town)
        if weak is not None:
            page.get_by_label("Nouveau mot de passe").fill(weak)
            follow(page.get_by_role("button", name="Enregistrer et se connecter"))

    return open_it


def _at_it(page: Page, town: Town, path: str) -> None:
    _at(path)(page, town)
    take = page.get_by_role("button", name="Je m’en occupe")
    if take.count():
        follow(take)


def _answering(text: str | None = None, path: str = "/messages/{late}") -> Open:
    def open_it(page: Page, town: Town) -> None:
        _at_it(page, town, path)
        if text is not None:
            page.get_by_label("Votre réponse").fill(text)
            follow(page.get_by_role("button", name="Relire avant d’envoyer"))

    return open_it


def _answering_too_late(page: Page, town: Town) -> None:
    _at_it(page, town, "/messages/{late}")
    page.get_by_label("Votre réponse").fill("Très bien, à tout à l’heure !")
    page.context.clear_cookies()
    follow(page.get_by_role("button", name="Envoyer", exact=True))


def _previewing(page: Page, town: Town) -> None:
    _at("/rdv/{today}/annulation")(page, town)
    page.get_by_label("Le service annule").check()
    page.get_by_label("Un mot pour la personne").fill("La mairie est fermée demain. Désolés ! " * 6)
    follow(page.get_by_role("button", name="Relire le SMS avant d’annuler"))


def _many(act: str | None) -> Open:
    """The page with what would be sent for all appointments of a day. With None, the form is not complete."""

    def open_it(page: Page, town: Town) -> None:
        _at("/ensemble?jour=2025-05-05")(page, town)
        page.get_by_label("Un mot pour les personnes").fill("La mairie est fermée demain. Désolés !")
        page.get_by_label(act or "Seulement leur écrire").check()
        if act is None:
            page.get_by_label("Un mot pour les personnes").fill(" ")
        follow(page.get_by_role("button", name="Relire avant d’envoyer"))

    return open_it


def _writing(page: Page, town: Town) -> None:
    _at("/rdv/{today}/message")(page, town)
    page.get_by_label("Votre message").fill("Apportez votre livret de famille.")
    follow(page.get_by_role("button", name="Relire le SMS avant d’envoyer"))


def _removing(page: Page, town: Town) -> None:
    _at("/comptes")(page, town)
    follow(page.get_by_role("link", name=CLO))
    follow(page.get_by_role("link", name="Retirer de CCAS n° 1"))


def _connecting(page: Page, town: Town) -> None:
    _at("/logiciels/ajout")(page, town)
    page.get_by_label("Nom du logiciel").fill(f"agenda-{uuid4().hex[:8]}")
    page.get_by_label("Lire les rendez-vous").check()
    page.get_by_label("CCAS n° 1").check()
    follow(page.get_by_role("button", name="Donner accès"))


def _connected(page: Page, town: Town) -> None:
    _connecting(page, town)
    follow(page.get_by_role("link", name="Revenir aux logiciels"))
    follow(page.get_by_role("link", name="agenda-").first)


def _importing(page: Page, town: Town) -> None:
    _at("/comptes/import")(page, town)
    lines = "e-mail;nom;rôle;organisations\ndan@mairie.fr;Dan;;1\nx;;;1\nclo@mairie.fr;Clo;admin;CCAS n° 1"
    page.get_by_label("Ou collez ici").fill(lines)
    follow(page.get_by_role("button", name="Relire avant d’importer"))


def _certain_that_it_is_them(page: Page, town: Town) -> None:
    _at("/rdv/{today}/donnees?personne={sophie}")(page, town)
    page.get_by_label("Cette personne demande elle-même").check()
    follow(page.get_by_role("button", name="Effacer pour toujours"))


OUTSIDE: dict[str, Open] = {
    "sign-in": _at("/connexion"),
    "sign-in-over": _at("/connexion?expiree"),
    "sign-in-wrong": _press("/connexion", "Se connecter", email="x@mairie.fr", motdepasse="x"),
    "forgotten": _at("/mot-de-passe"),
    "forgotten-sent": _at("/mot-de-passe?envoye"),
    "choose-password": _choosing(),
    "choose-password-weak": _choosing("court"),
    "link-over": _at("/mot-de-passe/unknown"),
    "openid-failed": _at("/connexion/retour?state=x&code=y"),
}
INSIDE: dict[str, Open] = {
    "diary": _at("/rdv"),
    "diary-search": _at("/rdv?q=muller"),
    "diary-none": _at("/rdv?q=personne"),
    "diary-not-understood": _at("/rdv?q=12"),
    "diary-past": _at("/rdv?quand=passes"),
    "diary-undelivered": _at("/rdv?voir=non-remis"),
    "appointment": _at("/rdv/{today}"),
    "appointment-cancelled": _at("/rdv/{cancelled}"),
    "appointment-collective": _at("/rdv/{collective}"),
    "appointment-locked": _at("/rdv/{locked}"),
    "appointment-requested": _at("/rdv/{requested}?demande"),
    "appointment-done": _at("/rdv/{today}?annule"),
    "cancellation": _at("/rdv/{today}/annulation"),
    "cancellation-preview": _previewing,
    "cancellation-collective": _at("/rdv/{collective}/annulation"),
    "appointment-held": _at("/rdv/{held}?annule"),
    "many": _at("/ensemble?jour=2025-05-05"),
    "many-none": _at("/ensemble?jour=2025-01-01"),
    "many-not-understood": _at("/ensemble?jour=2025-05-05&a=25"),
    "many-preview": _many("Tout annuler"),
    "many-writing": _many("Seulement leur écrire"),
    "many-wrong": _many(None),
    "many-running": _at("/ensemble/{batch}"),
    "writing": _at("/rdv/{today}/message"),
    "writing-preview": _writing,
    "inbox": _at("/messages"),
    "inbox-mine": _at("/messages?vue=pour-moi"),
    "inbox-unassigned": _at("/messages?vue=non-attribues"),
    "inbox-search": _at("/messages?q=retard&sujet=late"),
    "inbox-later": _at("/messages?vue=plus-tard"),
    "inbox-handled": _at("/messages?vue=traites"),
    "thread-next": _at("/messages/{late}?sujet=late&repondu"),
    "thread": _at("/messages/{another}"),
    "thread-done": _at("/messages/{done}"),
    "thread-answering": _answering(),
    "thread-preview": _answering("Très bien, à tout à l’heure ! L’équipe du CCAS ☀️"),
    "thread-too-long": _answering("x" * 700),
    "thread-session-over": _answering_too_late,
    "thread-by-mail": _answering("Oui, un justificatif de domicile.", path="/messages/{stopped}"),
    "thread-put-off": _at("/messages/{later}"),
    "ready-answers": _press("/reponses", "Ajouter"),
    "calendars": _press("/calendriers", "Faire le calendrier"),
    "figures": _at("/chiffres"),
    "personal-data": _at("/rdv/{today}/donnees?personne={sophie}"),
    "personal-data-coming": _certain_that_it_is_them,
    "kept": _at("/rdv/{today}/donnees/lecture?personne={sophie}"),
    "accounts": _at("/comptes"),
    "accounts-none": _at("/comptes?q=personne&etat=90"),
    "account": _at("/comptes/3"),
    "account-own": _at("/comptes/1?role"),
    "accounts-import": _at("/comptes/import"),
    "accounts-import-preview": _importing,
    "account-adding": _press("/comptes/ajout", "Ajouter", email="dan@mairie"),
    "service-accounts": _at("/logiciels"),
    "service-account-adding": _at("/logiciels/ajout"),
    "service-account-token": _connecting,
    "service-account": _connected,
    "organisations": _at("/organisations"),
    "organisations-none": _at("/organisations?q=personne&voir=sans-compte"),
    "organisation": _at("/organisations/fiche?structure=rdvsp:1"),
    "removal": _removing,
    "nowhere": _at("/rdv/999999"),
}
