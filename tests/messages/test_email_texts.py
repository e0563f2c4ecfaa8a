"""The words of the e-mails, and that text and HTML have the same content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.appointment_facts import (
    RDV_AIDE_NUMERIQUE,
    RDV_SERVICE_PUBLIC,
    RDV_SOLIDARITES,
    AppointmentText,
    EmailFacts,
    PersonalLink,
)
from smsbot.messages.email import EmailContent, EmailKind, EmailTexts
from smsbot.model import LocationType
from tests.lines import every_line

MAIRIE = AppointmentText(datetime(2025, 5, 12, 12, 30, tzinfo=UTC), place="Mairie de Lyon", telephone="0472103030")
FACTS = EmailFacts(
    MAIRIE,
    uuid="7f0c1a52-1d0e-4b6c-9a3e-5f0c7a9b1c2d",
    sequence=2,
    written_at=datetime(2025, 5, 1, 8, 0, tzinfo=UTC),
    brand=RDV_SOLIDARITES,
    ends_at=MAIRIE.starts_at + timedelta(minutes=30),
    address="1 place de la Comédie, 69001 Lyon",
    organisation="Métropole de Lyon",
    first_names=("Sophie",),
    organiser="rdv@example.org",
)
LINK = "https://rdv.example.fr/r/Q2hhcmxlbWFnbmUx"
LINKS = (PersonalLink("Sophie", LINK),)
REBOOK = "https://www.rdv-solidarites.fr/public_link/organisations/12?motif=34&lieu=56"
COMING = (EmailKind.CREATED, EmailKind.MOVED, EmailKind.REMINDER, EmailKind.STANDS_AGAIN, EmailKind.WORD)
GONE = tuple(kind for kind in EmailKind if not kind.tells_of_coming and not kind.tells_of_failure)
FAILED = tuple(kind for kind in EmailKind if kind.tells_of_failure)


class Page(HTMLParser):
    """The visible words, the links, and whether every element is closed in order."""

    VOID = ("meta", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.language: str | None = None
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        values = dict(attrs)
        if tag == "html":
            self.language = values["lang"]
        if tag == "a":
            self.links.append(values["href"] or "")
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "title" not in self._open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_receipt_to_the_letter(email_texts: EmailTexts) -> None:
    receipt = email_texts.write(EmailKind.RECEIPT, replace(FACTS, rebook=True, rebook_url=REBOOK))
    assert receipt.subject == "C’est annulé : RDV du lundi 12 mai à 14h30, Mairie de Lyon"
    assert receipt.body == (
        "Bonjour Sophie,\n"
        "\n"
        "Votre rendez-vous est annulé, comme vous l’avez demandé. Vous n’avez plus rien à faire.\n"
        "\n"
        "Objet : RDV\n"
        "Quand : lundi 12 mai à 14h30\n"
        "Où : Mairie de Lyon, 1 place de la Comédie, 69001 Lyon\n"
        "Avec : Métropole de Lyon\n"
        "Téléphone : 04 72 10 30 30\n"
        "\n"
        "Vous pouvez reprendre rendez-vous en ligne quand vous le souhaitez.\n"
        "\n"
        f"Reprendre rendez-vous : {REBOOK}\n"
        "\n"
        "—\n"
        "Message automatique de RDV Solidarités pour Métropole de Lyon."
    )


@every_line(
    ("kind", "collective", "subject", "introduction"),
    [
        (
            EmailKind.RECEIPT,
            True,
            "C’est annulé : ",
            "Votre participation est annulée, comme vous l’avez demandé. Vous n’avez plus rien à faire.",
        ),
        (EmailKind.CREATED, False, "C’est noté : ", "Votre rendez-vous est enregistré."),
        (EmailKind.CREATED, True, "C’est noté : ", "Votre participation à ce rendez-vous est enregistrée."),
        (EmailKind.MOVED, False, "Changement : ", "Voici désormais la date et le lieu de votre rendez-vous."),
        (
            EmailKind.MOVED,
            True,
            "Changement : ",
            "Voici désormais la date et le lieu du rendez-vous auquel vous participez.",
        ),
        (EmailKind.REMINDER, False, "Rappel : ", "Vous avez bientôt rendez-vous."),
        (EmailKind.REMINDER, True, "Rappel : ", "Vous participez bientôt à un rendez-vous."),
        (
            EmailKind.WORD,
            True,
            "Message du service : ",
            "Le service vous écrit au sujet de votre participation à ce rendez-vous, qui est maintenu.",
        ),
        (
            EmailKind.STANDS_AGAIN,
            False,
            "Finalement maintenu : ",
            "Votre rendez-vous a bien lieu : son annulation était une erreur. "
            "Ne tenez pas compte du message d’annulation.",
        ),
        (
            EmailKind.CANCELLED_BY_SERVICE,
            False,
            "Annulé par le service : ",
            "Votre rendez-vous est annulé par le service. Merci de ne pas vous déplacer.",
        ),
        (
            EmailKind.CANCELLED_BY_SERVICE,
            True,
            "Annulé par le service : ",
            "Votre participation est annulée par le service. Merci de ne pas vous déplacer.",
        ),
        (
            EmailKind.CANCELLED_ON_REQUEST,
            False,
            "Annulé à votre demande : ",
            "Votre rendez-vous est annulé à votre demande, par un agent du service. Vous n’avez plus rien à faire.",
        ),
        (
            EmailKind.CANCELLED_OTHERS,
            False,
            "Annulé par un autre participant : ",
            "Votre rendez-vous est annulé : un autre participant s’est désisté.",
        ),
        (
            EmailKind.REQUEST_REFUSED,
            True,
            "Toujours prévu : ",
            "Nous n’avons pas pu annuler votre participation, comme vous l’aviez demandé.",
        ),
        (
            EmailKind.REQUEST_MOVED,
            False,
            "Toujours prévu : ",
            "Le service a changé l’horaire entre-temps : rien n’a été annulé. Voici ce qui est désormais prévu.",
        ),
        (
            EmailKind.REQUEST_HELD,
            False,
            "Déjà traité : ",
            "Le service a déjà traité votre rendez-vous : nous ne pouvons plus l’annuler.",
        ),
        (
            EmailKind.REQUEST_GONE,
            False,
            "Plus dans l’agenda : ",
            "Ce rendez-vous, que vous aviez demandé d’annuler, n’est plus dans l’agenda du service.",
        ),
        (
            EmailKind.REQUEST_GIVEN_UP,
            True,
            "Sans réponse : ",
            "Vous aviez demandé d’annuler votre participation. Le service ne l’a pas confirmé à temps.",
        ),
    ],
)
def test_what_each_kind_announces(
    email_texts: EmailTexts, kind: EmailKind, collective: bool, subject: str, introduction: str
) -> None:
    facts = replace(FACTS, appointment=replace(MAIRIE, collective=collective, label="Atelier CV"))
    content = email_texts.write(kind, facts)
    assert content.subject == f"{subject}Atelier CV du lundi 12 mai à 14h30, Mairie de Lyon"
    assert introduction in content.body
    assert introduction in Page(content.html).text


@every_line("kind", COMING)
def test_a_coming_appointment_carries_the_way_out(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, replace(FACTS, links=LINKS))
    assert f"Annuler le rendez-vous : {LINK}\n" in content.body
    assert LINK in Page(content.html).links
    assert "Annuler le rendez-vous" in Page(content.html).text
    together = email_texts.write(kind, replace(FACTS, links=LINKS, appointment=replace(MAIRIE, collective=True)))
    assert f"Annuler ma participation : {LINK}\n" in together.body
    assert "Annuler ma participation" in Page(together.html).text


@every_line("kind", COMING)
def test_inside_the_notice_period_it_carries_the_telephone_number(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, FACTS)
    assert "Pour prévenir le service, appelez le 04 72 10 30 30." in content.body
    assert Page(content.html).links == ["tel:0472103030"]
    content = email_texts.write(kind, replace(FACTS, appointment=replace(MAIRIE, telephone=None)))
    assert "Pour prévenir le service, voyez lannuaire.service-public.fr" in content.body
    assert Page(content.html).links == []


@every_line("kind", FAILED)
def test_what_could_not_be_cancelled_says_whom_to_call(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, FACTS)
    assert "appelez le 04 72 10 30 30." in content.body
    assert Page(content.html).links == ["tel:0472103030"]


@every_line("kind", GONE)
def test_booking_again_is_told_only_where_one_can(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, replace(FACTS, rebook=True, rebook_url=REBOOK))
    assert f"Reprendre rendez-vous : {REBOOK}\n" in content.body
    assert REBOOK in Page(content.html).links
    content = email_texts.write(kind, replace(FACTS, rebook=True, brand=RDV_AIDE_NUMERIQUE))
    assert "reprendre rendez-vous en ligne, sur www.rdv-aide-numerique.fr" in content.body
    content = email_texts.write(kind, FACTS)
    assert "Reprendre" not in content.body
    assert "en ligne" not in content.body
    assert "appelez le 04 72 10 30 30." in content.body


@every_line(
    ("location", "told"),
    [
        (LocationType.PUBLIC_OFFICE, "Mairie de Lyon, 1 place de la Comédie, 69001 Lyon"),
        (LocationType.PHONE, "Par téléphone"),
        (LocationType.VISIO, "En visioconférence"),
        (LocationType.HOME, "À domicile"),
    ],
)
def test_where(email_texts: EmailTexts, location: LocationType, told: str) -> None:
    content = email_texts.write(EmailKind.CREATED, replace(FACTS, location=location))
    assert f"Où : {told}\n" in content.body
    assert event_of(content)["LOCATION"] == told


@every_line("kind", EmailKind)
def test_a_home_address_is_told_nowhere(email_texts: EmailTexts, kind: EmailKind) -> None:
    at_home = replace(MAIRIE, at_home=True, place=None)
    for location in (LocationType.HOME, LocationType.PUBLIC_OFFICE):
        content = email_texts.write(
            kind, replace(FACTS, appointment=at_home, location=location, address="12 rue du Lac, Lyon")
        )
        assert "rue du Lac" not in "".join((content.subject, content.body, content.html, content.calendar or ""))
        assert "lundi 12 mai vers 14h30" in content.body


def test_nothing_is_said_of_what_is_not_known(email_texts: EmailTexts) -> None:
    bare = EmailFacts(
        AppointmentText(MAIRIE.starts_at), uuid="1", sequence=0, written_at=FACTS.written_at, brand=RDV_SERVICE_PUBLIC
    )
    receipt = email_texts.write(EmailKind.RECEIPT, bare)
    assert receipt.subject == "C’est annulé : RDV du lundi 12 mai à 14h30"
    assert receipt.body.startswith("Bonjour,\n")
    assert "Objet : RDV\nQuand : lundi 12 mai à 14h30\n\nUne question" in receipt.body
    assert receipt.body.endswith("Message automatique de RDV Service Public.")


@every_line("kind", EmailKind)
def test_html_that_mail_clients_show(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, replace(FACTS, links=LINKS, rebook_url=REBOOK))
    page = Page(content.html)
    assert content.html.startswith("<!DOCTYPE html>")
    assert page.language == "fr"
    assert not page.elements & {"style", "script", "img", "link", "iframe", "form", "div"}
    assert "url(" not in content.html
    assert len(content.html.encode()) < 20_000  # Gmail cuts at 102 KB
    assert max(map(len, content.html.splitlines())) < 998  # RFC 5322, 2.1.1


@every_line("kind", EmailKind)
def test_text_and_html_say_the_same(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, FACTS)
    visible = Page(content.html).text
    for line in content.body.splitlines():
        for part in line.split(" : ") if line.count(" : ") == 1 else [line]:
            assert part == "—" or part in visible


def event_of(content: EmailContent) -> icalendar.Component:
    assert content.calendar is not None
    (event,) = icalendar.Calendar.from_ical(content.calendar).walk("VEVENT")
    return event


@every_line("kind", EmailKind)
def test_the_calendar_part_does_what_the_e_mail_says(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, FACTS)
    event = event_of(content)
    stands = kind in COMING or (kind in FAILED and kind is not EmailKind.REQUEST_GONE)
    assert content.calendar_method == ("PUBLISH" if stands else "CANCEL")
    assert f"\r\nMETHOD:{content.calendar_method}\r\n" in str(content.calendar)
    assert event["STATUS"] == ("CONFIRMED" if stands else "CANCELLED")
    assert event["UID"] == FACTS.uuid
    assert event["SEQUENCE"] == 2
    assert event["SUMMARY"] == "RDV"
    assert event.decoded("DTSTART") == MAIRIE.starts_at
    assert event.decoded("DTEND") == FACTS.ends_at


EVIL_LINKS = (PersonalLink("www.evil.fr", LINK), PersonalLink("evil.com", LINK))


@every_line("kind", EmailKind)
def test_a_first_name_that_is_an_address_of_the_web_is_left_out(email_texts: EmailTexts, kind: EmailKind) -> None:
    content = email_texts.write(kind, replace(FACTS, first_names=("www.evil.fr",), links=EVIL_LINKS))
    assert content.body.startswith("Bonjour,\n")
    assert "evil" not in f"{content.subject}{content.body}{content.html}{content.calendar}"


@every_line(
    ("first_names", "greeting"),
    [((), "Bonjour,"), (("Léa", "Tom"), "Bonjour Léa et Tom,"), (("Léa", "Tom", "Zoé"), "Bonjour Léa, Tom et Zoé,")],
)
def test_everybody_reached_at_an_address_is_greeted(
    email_texts: EmailTexts, first_names: tuple[str, ...], greeting: str
) -> None:
    content = email_texts.write(EmailKind.CREATED, replace(FACTS, first_names=first_names))
    assert content.body.startswith(f"{greeting}\n")
    assert greeting in " ".join(Page(content.html).words)


def test_each_participation_that_ends_alone_has_a_link_of_its_own(email_texts: EmailTexts) -> None:
    links = (PersonalLink("Léa", f"{LINK}1"), PersonalLink("evil.com", f"{LINK}2"))
    facts = replace(FACTS, links=links, appointment=replace(MAIRIE, collective=True))
    content = email_texts.write(EmailKind.CREATED, facts)
    assert f"\nAnnuler pour Léa : {LINK}1\n" in content.body
    assert f"\nAnnuler la participation n° 2 : {LINK}2\n" in content.body
    page = Page(content.html)
    assert page.links[-2:] == [f"{LINK}1", f"{LINK}2"]
    assert "Annuler pour Léa" in page.words


names = st.text(max_size=80) | st.sampled_from(["<script>alert(1)</script>", "a\r\nBcc: x@y.fr", "É" * 500, "\ud800"])


@given(label=names, place=names, address=names, organisation=names, first_name=names, uuid=names)
def test_names_can_add_neither_markup_nor_lines(
    email_texts: EmailTexts, label: str, place: str, address: str, organisation: str, first_name: str, uuid: str
) -> None:
    content = email_texts.write(
        EmailKind.RECEIPT,
        replace(
            FACTS,
            uuid=uuid,
            appointment=replace(MAIRIE, label=label, place=place),
            address=address,
            organisation=organisation,
            first_names=(first_name,),
            links=(PersonalLink(first_name, LINK), PersonalLink(None, LINK)),
        ),
    )
    plain = email_texts.write(EmailKind.RECEIPT, replace(FACTS, links=(*LINKS, *LINKS)))
    assert Page(content.html).elements == Page(plain.html).elements
    assert len(content.subject.splitlines()) == 1
    assert len(content.subject) <= 200
    assert len(content.body.splitlines()) <= len(plain.body.splitlines())
    event = event_of(content)
    assert event["STATUS"] == "CANCELLED"
    assert "ATTENDEE" not in event
    for part in (content.subject, content.body, content.html, content.calendar or ""):
        part.encode()
