"""An usager cancels by SMS, through the real process, over HTTP and SMTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from email.message import EmailMessage

import httpx
import icalendar

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from tests.lines import every_line
from tests.walks.running import OUR_NUMBER, PHONE, Service, rdv, user


def parts(message: EmailMessage) -> dict[str, EmailMessage]:
    return {part.get_content_type(): part for part in message.walk() if not part.is_multipart()}


def test_annuler_letters_oui_and_a_receipt(make_service: Callable[..., Service]) -> None:
    service = make_service().start(anew=True)
    assert service.post_rdv(rdv()).status_code == 200
    asked, confirm, done = (service.asks(text) for text in ("ANNULER", "DUP", "OUI"))
    assert "3" in asked.body
    assert "lettres" in asked.body
    assert "OUI" in confirm.body
    assert "NON" in confirm.body
    assert "Mairie du 1er" in confirm.body
    assert "annulé" in done.body
    assert "e-mail" in done.body
    assert {message.from_ for message in (asked, confirm, done)} == {OUR_NUMBER}
    assert {message.segments for message in (asked, confirm, done)} == {1}
    [mail] = service.smtp.wait_for(1)
    assert mail.recipients == ("sophie.dupont@example.org",)
    there = parts(mail.message)
    assert {"text/plain", "text/html", "text/calendar"} <= there.keys()
    calendar = icalendar.Calendar.from_ical(there["text/calendar"].get_content())
    [event] = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "CANCEL"
    assert there["text/calendar"]["Content-Type"].params["method"] == "CANCEL"
    assert event["STATUS"] == "CANCELLED"
    assert event["UID"] == rdv()["uuid"]
    for secret in ("RSA", "confidentiel"):
        assert secret not in there["text/plain"].get_content()
        assert secret not in there["text/html"].get_content()
        assert secret not in confirm.body + done.body
    handled = [json.loads(line) for line in service.log.splitlines() if '"message handled"' in line]
    [case] = {line["case"] for line in handled}
    assert len(handled) == 3
    assert service.run("case", PHONE).stdout == f"{case}\n"


def test_without_an_address_no_email_is_sent_or_promised(service: Service) -> None:
    service.post_rdv(rdv(1, user(email=None)))
    *_, done = service.talk("annuler dup", "oui")
    assert "annulé" in done
    assert "mail" not in done
    assert service.smtp.messages == []


def test_a_later_webhook_does_not_undo_it(service: Service) -> None:
    service.post_rdv(rdv())
    service.talk("annuler dup", "oui")
    assert service.post_rdv(rdv(), "updated").status_code == 200
    assert "lannuaire.service-public.fr" in service.asks("annuler").body


def test_fifty_at_once_cancel_once_and_mail_once(service: Service) -> None:
    service.post_rdv(rdv())
    service.talk("annuler dup")

    async def all_at_once() -> list[httpx.Response | None]:
        url = f"{service.url}/webhooks/twilio/sms"
        futures = [service.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text="OUI") for _ in range(50)]
        return await asyncio.gather(*(asyncio.wrap_future(future) for future in futures))

    answers = asyncio.run(all_at_once())
    assert [answer.status_code if answer else None for answer in answers] == [200] * 50
    service.smtp.wait_for(1)
    service.sends("merci")
    said = [message.body for message in service.wait_for(PHONE, 2)]
    assert sum("C'est annulé" in body for body in said) == 1
    assert len(service.smtp.messages) == 1


def test_the_same_message_sent_again_by_the_gateway_changes_nothing(service: Service) -> None:
    service.post_rdv(rdv())
    url = f"{service.url}/webhooks/twilio/sms"
    form = {"MessageSid": "SM1", "AccountSid": "AC1", "From": PHONE, "To": OUR_NUMBER, "Body": "ANNULER"}
    headers = {"X-Twilio-Signature": service.twilio.signature(url, form)}
    answers = [httpx.post(url, data=form, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].headers["content-type"].startswith("text/xml")
    assert "<Response/>" in answers[0].text
    assert "OUI" in service.asks("DUP").body
    assert len(service.to(PHONE)) == 2


def test_killed_between_the_commit_and_the_send_nothing_is_forgotten(make_service: Callable[..., Service]) -> None:
    service = make_service().start("--no-delivery")
    service.post_rdv(rdv())
    service.sends("annuler")
    service.kill()
    service.start()
    assert "lettres" in service.wait_for(PHONE, 1)[0].body
    service.talk("dup")
    service.stop()
    service.start("--no-delivery")
    service.sends("oui")
    service.kill()
    service.start()
    assert "annulé" in service.wait_for(PHONE, 3)[2].body
    assert len(service.smtp.wait_for(1)) == 1


def test_told_to_stop_it_finishes_what_is_in_hand(service: Service, twilio: TwilioStandIn) -> None:
    service.post_rdv(rdv())
    twilio.fail(StandInFault(hangs_seconds=1.5))
    service.sends("annuler")
    while not twilio.requests:
        time.sleep(0.01)
    service.stop()
    assert service.process is not None
    assert service.process.exitcode == 0
    assert len(service.to(PHONE)) == 1
    assert not (service.folder.parent / "smsbot.db-wal").exists(), "the database was closed"
    service.start()
    assert "OUI" in service.asks("dup").body
    assert len(service.to(PHONE)) == 2, "it was not sent again"


def test_nothing_personal_in_the_log(service: Service) -> None:
    service.post_rdv(rdv())
    service.talk("annuler dupont", "oui")
    service.sends("je m'appelle Sophie Dupont, rappelez-moi")
    service.smtp.wait_for(1)
    service.stop()
    for secret in ("upont", "ophie", "612345678", "6 12 34 56 78", "@example.org", "rappelez", "Traceback", "/r/"):
        assert secret not in service.log


@every_line(
    ("headers", "content", "status"),
    [
        ({}, b"MessageSid=SM1&From=%2B33612345678&To=%2B33937000000&Body=OUI", 403),
        ({"X-Twilio-Signature": "forged"}, b"MessageSid=SM1&From=%2B33612345678&To=%2B33937000000&Body=OUI", 403),
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({}, b"Body=%ff%fe", 400),
        ({}, b"a" * 70_000, 413),
    ],
)
def test_what_does_not_come_from_the_gateway_is_refused(
    service: Service, headers: dict[str, str], content: bytes, status: int
) -> None:
    sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    answer = httpx.post(f"{service.url}/webhooks/twilio/sms", content=content, headers=sent)
    assert answer.status_code in ({status, 403} if status in (400, 415) else {status})
    assert service.twilio.messages == []
