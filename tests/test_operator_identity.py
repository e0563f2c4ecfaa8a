"""With an operator's own name, no page, e-mail or calendar names RDV Service Public."""

from __future__ import annotations

import json
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import icalendar
import pytest
from starlette.responses import Response

from smsbot.app import Service
from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participations_by_id
from smsbot.messages.email import EmailKind, to_message
from smsbot.outbox.messages import OutgoingMessage
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import metadata
from smsbot.web.usager import Pages
from tests.appointments.records import Desk, appointment
from tests.messages.test_mime import Kept
from tests.web.usager_site import NOW, STARTS_AT, Site

OPERATOR = {
    "name": "Rendez-vous de la ville d'Exemple",
    "contact": "accueil@exemple.fr, 01 00 00 00 00",
    "reply_to": "Accueil <accueil@exemple.fr>",
    "legal_notice": "Éditeur : ville d'Exemple.",
}
NAMES_OF_OTHERS = (
    "RDV Service Public",
    "RDV Solidarités",
    "RDV Aide Numérique",
    "rdv.anct",
    "rdv-solidarites",
    "rdv-aide",
)
TEMPLATES = Path(__file__).parents[1] / "templates" / "web" / "usager"
ONLY_CONNECTED = {"source_login"}


def _names_nobody_else(text: str) -> None:
    assert [name for name in NAMES_OF_OTHERS if name in text] == []


def test_no_page_names_rdv_service_public(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, str] = {}
    page = Pages.page

    def noted(self: Pages, name: str, *arguments: Any, **values: Any) -> Response:
        answer = page(self, name, *arguments, **values)
        shown[name] = bytes(answer.body).decode()
        return answer

    monkeypatch.setattr(Pages, "page", noted)
    site = Site(sqlite_database, {"operator": OPERATOR})  # the organisations are RDV Solidarités's
    visitor = site.visitor()
    visitor.get("/r/nothing")
    for button in ("Non", "Oui, annuler le rendez-vous"):
        visitor.enter(site.participation())
        visitor.press("Annuler le RDV")
        visitor.press(button)
    for wrong in ("XYZ", "12"):
        visitor.enter(site.participation(), wrong)
        visitor.give(wrong)
        visitor.give(wrong)
    visitor.open(site.participation(site.appointment(destroyed_at=NOW)))
    visitor.open(site.participation(site.appointment(starts_at=NOW + timedelta(hours=1))))
    for path in ("accessibilite", "mentions-legales", "donnees-personnelles"):
        visitor.get(f"/{path}?marque=rdv_solidarites")
    visitor.client.post(site.links.url_for(1), json={"lettres": "DUP"})
    metadata.drop_all(sqlite_database.engine)
    visitor.get(site.links.url_for(1))
    assert set(shown) == {path.stem for path in TEMPLATES.glob("[a-z]*.html")} - ONLY_CONNECTED
    for html in shown.values():
        _names_nobody_else(html)
        assert "Rendez-vous de la ville d&#39;Exemple" in html
    assert "accueil@exemple.fr" in shown["accessibility"]
    assert "Éditeur" in shown["legal_notice"]


def test_no_email_and_no_calendar_names_rdv_service_public(sqlite_database: Database, tmp_path: Path) -> None:
    service = _service(sqlite_database, tmp_path, operator=OPERATOR)
    for kind in EmailKind:
        email = _email(service, sqlite_database, kind)
        for text in (email.subject, email.body, email.html):
            _names_nobody_else(str(text))
        assert "Message automatique de Rendez-vous de la ville d'Exemple" in email.body
        assert "Contact : accueil@exemple.fr, 01 00 00 00 00" in email.body
        [event] = icalendar.Calendar.from_ical(str(email.calendar)).walk("VEVENT")
        _names_nobody_else(event.to_ical().decode())
        assert event["ORGANIZER"].params["CN"] == OPERATOR["name"]
        assert _sent(email)["Reply-To"] == "Accueil <accueil@exemple.fr>"


def test_an_organisation_writes_in_its_own_name_over_its_brand_and_the_operator(
    sqlite_database: Database, tmp_path: Path
) -> None:
    own = {"name": "CCAS d'Exemple", "reply_to": "ccas@exemple.fr", "website": "ccas.exemple.fr"}
    service = _service(sqlite_database, tmp_path, operator=OPERATOR, organisations_12=own)
    email = _email(service, sqlite_database, EmailKind.CANCELLED_BY_SERVICE)
    assert "Message automatique de CCAS d'Exemple" in email.body
    assert "Contact : accueil@exemple.fr" in email.body, "what it does not say, the operator does"
    assert "sur ccas.exemple.fr" in email.body
    assert _sent(email)["Reply-To"] == "ccas@exemple.fr"


def test_an_organisations_page_leads_to_its_own_legal_texts(sqlite_database: Database) -> None:
    own = {"name": "CCAS d'Exemple", "legal_notice": "Éditeur : CCAS."}
    site = Site(sqlite_database, {"operator": OPERATOR, "organisations": {"900": own}})
    visitor = site.visitor()
    page = visitor.enter(site.participation(site.appointment(organisation={"external_id": "900"})))
    assert page.title.endswith("– CCAS d'Exemple")
    assert "Éditeur : CCAS." in visitor.get(page.links["Mentions légales"]).text
    assert visitor.page.title == "Mentions légales – CCAS d'Exemple"
    assert "Éditeur : ville d'Exemple." in visitor.get("/mentions-legales?organisation=901").text


def test_without_the_operators_table_nothing_is_otherwise(sqlite_database: Database, tmp_path: Path) -> None:
    email = _email(_service(sqlite_database, tmp_path), sqlite_database, EmailKind.CANCELLED_BY_SERVICE)
    assert "Message automatique de RDV Service Public" in email.body
    assert "sur rdv.anct.gouv.fr" in email.body
    assert "Contact" not in email.body
    assert _sent(email)["Reply-To"] is None


def _service(database: Database, folder: Path, **tables: dict[str, str]) -> Service:
    """The service with these tables in its smsbot.toml, by their names; `organisations_12` is [organisations.12]."""
    file = folder / "smsbot.toml"
    lines = [
        line
        for name, keys in tables.items()
        for line in (f"[{name.replace('_', '.')}]", *(f"{key} = {json.dumps(text)}" for key, text in keys.items()))
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@exemple.fr",
        config=file,
    )
    return Service(settings, database)


def _email(service: Service, database: Database, kind: EmailKind) -> OutgoingMessage:
    return service.herald.writer.email([_sophies(database)], kind, "notification", NOW)


def _sophies(database: Database) -> Participation:
    Desk(database).take(appointment(starts_at=STARTS_AT), now=NOW)
    found = database.read_now(lambda connection: participations_by_id(connection, [1]))
    return found[1]


def _sent(email: OutgoingMessage) -> EmailMessage:
    kept = Kept(
        sender=email.sender,
        recipient=email.recipient,
        subject=email.subject,
        body=email.body,
        html=email.html,
        calendar=email.calendar,
        calendar_method=email.calendar_method,
        reply_to=email.reply_to,
    )
    return to_message(kept, "<1@exemple.fr>")
