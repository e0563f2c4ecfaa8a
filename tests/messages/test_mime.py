from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsbot.messages.email import to_message
from smsbot.messages.email_addresses import parse_address
from tests.lines import every_line

CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:CANCEL\r\nX-NOTE:é\r\nEND:VCALENDAR\r\n"


@dataclass(frozen=True)
class Kept:
    """An e-mail as it is stored in the outbox."""

    subject: str | None
    body: str
    html: str | None
    calendar: str | None = None
    calendar_method: str | None = None
    reply_to: str | None = None
    sender: str = "RDV Solidarités <rdv@example.org>"
    recipient: str = "sophie@example.org"
    created_at: datetime = datetime(2025, 5, 1, 8, 0, tzinfo=UTC)


HTML = '<!DOCTYPE html>\n<html lang="fr"><body><p>Voilà = ça</p></body></html>'
EMAIL = Kept(
    subject="C’est annulé : RDV du lundi 12 mai à 14h30, Mairie de Lyon",
    body="Bonjour Sophie,\n\n" + "Voilà. " * 200 + "\n.\nFrom nowhere\n",
    html=HTML,
    calendar=CALENDAR,
    calendar_method="CANCEL",
)


def sent(kept: Kept = EMAIL, recipient: str = "sophie@example.org") -> bytes:
    return to_message(replace(kept, recipient=recipient), "<17@example.org>").as_bytes()


def received(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.defects == []
    return message


def test_it_reads_back_as_its_three_parts() -> None:
    message = received(sent())
    assert message.get_content_type() == "multipart/alternative"
    text, html, calendar = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert isinstance(calendar, EmailMessage)
    assert text.get_content_type() == "text/plain"
    assert text.get_content().splitlines() == EMAIL.body.splitlines()
    assert html.get_content_type() == "text/html"
    assert html.get_content().splitlines() == HTML.splitlines()
    assert calendar.get_content_type() == "text/calendar"
    assert calendar["Content-Type"].params == {"method": "CANCEL", "charset": "utf-8"}
    payload = calendar.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode() == CALENDAR
    assert {part.get_content_charset() for part in (text, html, calendar)} == {"utf-8"}


def test_the_headers() -> None:
    message = received(sent())
    assert message["Subject"] == EMAIL.subject
    assert message["From"].addresses[0].display_name == "RDV Solidarités"
    assert message["From"].addresses[0].addr_spec == "rdv@example.org"
    assert message["To"] == "sophie@example.org"
    assert message["Date"].datetime == datetime(2025, 5, 1, 8, 0, tzinfo=UTC)
    assert message["Message-ID"] == "<17@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"


def test_it_travels_as_lines_of_ascii() -> None:
    octets = sent()
    assert octets.isascii()
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert b"\n" not in octets.replace(b"\r\n", b"")


def test_without_a_calendar_there_are_two_parts() -> None:
    message = received(sent(Kept("Bonjour", "texte", "<p>texte</p>")))
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_domain_outside_ascii_is_written_in_idna() -> None:
    assert received(sent(recipient="sophie@mairie-évry.fr"))["To"] == "sophie@xn--mairie-vry-h7a.fr"


def test_a_local_part_outside_ascii_is_kept_for_servers_that_take_it() -> None:
    assert "To: zoé@xn--mairie-vry-h7a.fr\r\n".encode() in sent(recipient="zoé@mairie-évry.fr")


@every_line(
    "written",
    [
        "",
        "sophie",
        "@example.org",
        "sophie@",
        "sophie@example.org\r\nBcc: tous@example.org",
        "sophie@example.org\nBcc: tous@example.org",
        "Sophie\r\nBcc: tous@example.org <sophie@example.org>",
        "sophie@..é",
        "sophie dupont@example.org",
        "a@example.org, b@example.org",
        "\x00a@example.org",
        "a@é..fr",
        "a@=?utf-8?q?evil.fr?=",
        "=?utf-8?q?a=40evil.fr?=@example.org",
        "a@ex_ample.org",
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        sent(recipient=written)


@given(written=st.text(max_size=40) | st.text(alphabet='ab@.,<>" \r\né:;()[]=?_-%', max_size=30))
@example("a@straße.de")
@example("a=?=b@c.fr")
def test_no_address_adds_a_header_or_a_recipient(written: str) -> None:
    try:
        parse_address(written)
    except ValueError as error:
        assert "not an e-mail address" in str(error)  # noqa: PT017 - every refusal must have these words
        return
    message = received_leniently(sent(recipient=written))
    assert [one.addr_spec for one in message["To"].addresses] == [parse_address(written).addr_spec]
    assert message["Bcc"] is None
    assert message["Auto-Submitted"] == "auto-generated"


def received_leniently(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


@given(subject=st.text(max_size=300))
def test_no_subject_adds_a_header(subject: str) -> None:
    message = received(sent(Kept(f"RDV {subject}\r\nBcc: tous@example.org", "texte", "<p>texte</p>")))
    assert message["Bcc"] is None
    assert message["To"] == "sophie@example.org"
    assert message["Subject"].startswith("RDV")
