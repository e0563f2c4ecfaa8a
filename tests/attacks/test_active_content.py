"""Names and texts from outside are shown as text on every page and in every e-mail, and are never active content."""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from email.message import EmailMessage

import httpx
import pytest
from sqlalchemy import select

from smsbot.signing import Links
from smsbot.store.database import Database
from smsbot.store.tables import participations
from tests.walks.running import Service, rdv, user

_NUMBERS = itertools.count(900)
NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "Dupont\r\nBcc: evil@example.org",
    "http://evil.example/",
    '=HYPERLINK("http://evil.example")',
    "\u202eelpmaxe",
]


def receipt(target: Service, address: str) -> EmailMessage:
    """Wait for the e-mail to this address, and return it."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for mail in target.smtp.messages:
            if address in mail.recipients:
                return mail.message
        time.sleep(0.02)
    raise TimeoutError(target.log)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_mark_up(target: Service, name: str) -> None:
    number = next(_NUMBERS)
    phone = f"+3361239{number:04d}"
    address = f"a{number}@example.org"
    person = user(
        number, first_name=name, last_name="Dupont", phone_number=phone, phone_number_formatted=phone, email=address
    )
    place = {"id": 5, "name": name, "address": name, "phone_number": "04 72 11 11 11"}
    assert target.post_rdv(rdv(number, person, lieu=place)).status_code == 200
    with closing(Database(target.database_url)) as database:
        of_phone = select(participations.c.id).where(participations.c.phone == phone)
        mine = database.read_now(lambda connection: connection.execute(of_phone).scalar_one())
    link = Links(target.environment["SMSBOT_SECRET_KEY"], target.url).url_for(mine)
    with httpx.Client(follow_redirects=True) as browser:
        pages = [browser.get(link).text, browser.post(link, data={"lettres": "DUP"}).text]
    target.talk("annuler", "dup", "oui", phone=phone)
    email = receipt(target, address)
    bodies = [part.get_content() for part in email.walk() if part.get_content_type() == "text/html"]
    for text in [*pages, *bodies]:
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert "{{" not in name or "7 * 7" in pages[1]  # shown as it was written, not evaluated
    assert email["Bcc"] is None
