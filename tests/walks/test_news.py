"""Notifications in the real process: appointments created, moved, cancelled; by the channels that people accept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import icalendar
import pytest

from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail
from tests.walks.running import Service, rdv, user

_NUMBERS: Iterator[int] = count(5000)


@pytest.fixture
def number() -> int:
    return next(_NUMBERS)


def person(number: int, phone: str, **other: Any) -> dict[str, Any]:
    return user(number, phone_number_formatted=phone, email=f"usager{number}@example.org", **other)


def mails(shared: Service, number: int) -> list[ReceivedMail]:
    return [mail for mail in shared.smtp.messages if mail.recipients == (f"usager{number}@example.org",)]


def wait_for_mails(shared: Service, number: int, how_many: int) -> list[ReceivedMail]:
    for _ in range(200):
        if len(found := mails(shared, number)) >= how_many:
            return found
        shared.smtp.wait_for(0)
        httpx.get(f"{shared.url}/health/live")
    raise AssertionError(f"{len(mails(shared, number))} e-mails of {how_many}:\n{shared.log}")


def calendar(mail: ReceivedMail) -> icalendar.Calendar:
    [part] = [part for part in mail.message.walk() if part.get_content_type() == "text/calendar"]
    return icalendar.Calendar.from_ical(part.get_content())


def just_now() -> str:
    return datetime.now(UTC).isoformat()


def test_created_moved_and_cancelled_by_the_service(shared: Service, phone: str, number: int) -> None:
    someone = person(number, phone)
    shared.post_rdv(rdv(number, someone, created_at=just_now()))
    created = shared.wait_for(phone, 1)[0]
    assert "répondez ANNULER" in created.body
    assert f"{shared.url}/r/" in created.body
    shared.post_rdv(rdv(number, someone, in_hours=100, created_at=just_now()), "updated")
    shared.wait_for(phone, 2)
    shared.post_rdv(rdv(number, someone, in_hours=100, status="revoked", created_at=just_now()), "updated")
    revoked = shared.wait_for(phone, 3)[2]
    assert "annulé par le service" in revoked.body
    assert all(not message.body.startswith("Annu") for message in shared.to(phone))
    assert all(message.segments <= 2 for message in shared.to(phone))
    there = [calendar(mail) for mail in wait_for_mails(shared, number, 3)]
    assert [one["METHOD"] for one in there] == ["PUBLISH", "PUBLISH", "CANCEL"]
    sequences = [int(str(one.walk("VEVENT")[0]["SEQUENCE"])) for one in there]
    assert sequences == sorted(set(sequences)), "the SEQUENCE grows"
    assert {str(one.walk("VEVENT")[0]["UID"]) for one in there} == {rdv(number)["uuid"]}


def test_on_request_of_the_usager(shared: Service, phone: str, number: int) -> None:
    someone = person(number, phone)
    shared.post_rdv(rdv(number, someone))
    shared.post_rdv(rdv(number, someone, status="excused"), "updated")
    assert "annulé à votre demande" in shared.wait_for(phone, 1)[0].body


def test_a_replay_tells_nobody(shared: Service, phone: str, number: int) -> None:
    someone = person(number, phone)
    shared.post_rdv(rdv(number, someone))
    shared.post_rdv(rdv(number, someone, in_hours=90), "created")
    shared.post_rdv(rdv(number + 100_000, someone, created_at=None), "created")
    assert "lettres" in shared.asks("annuler", phone).body
    assert len(shared.to(phone)) == 1
    assert mails(shared, number) == []


@pytest.mark.parametrize(
    ("flags", "sms", "email"),
    [({"notify_by_sms": False}, 0, 1), ({"notify_by_email": False}, 1, 0), ({}, 1, 1)],
)
def test_only_by_the_channels_that_the_usager_accepts(
    shared: Service, phone: str, number: int, flags: dict[str, bool], sms: int, email: int
) -> None:
    someone = person(number, phone, **flags)
    shared.post_rdv(rdv(number, someone, created_at=just_now()))
    if email:
        wait_for_mails(shared, number, 1)
    assert "lettres" in shared.asks("annuler", phone).body if not sms else shared.wait_for(phone, 1)
    shared.wait_until_all_has_left()
    created = [message for message in shared.to(phone) if "/r/" in message.body]
    assert (len(created), len(mails(shared, number))) == (sms, email)


def test_where_the_participation_asks_for_nothing_nothing_is_sent(shared: Service, phone: str, number: int) -> None:
    data = rdv(number, person(number, phone), created_at=just_now())
    data["participations"][0]["send_lifecycle_notifications"] = False
    shared.post_rdv(data)
    data["status"] = "revoked"
    shared.post_rdv(data, "updated")
    shared.asks("bonjour", phone)
    assert len(shared.to(phone)) == 1
    assert mails(shared, number) == []


def test_after_stop_what_is_told_goes_by_email(shared: Service, phone: str, number: int) -> None:
    someone = person(number, phone)
    shared.post_rdv(rdv(number, someone))
    shared.asks("STOP", phone)
    shared.post_rdv(rdv(number, someone, status="revoked"), "updated")
    wait_for_mails(shared, number, 1)
    assert len(shared.to(phone)) == 1


def test_the_link_of_an_sms_leads_to_the_cancellation(shared: Service, phone: str, number: int) -> None:
    shared.post_rdv(rdv(number, person(number, phone), created_at=just_now()))
    found = re.search(r"https?://\S+/r/\w+", shared.wait_for(phone, 1)[0].body)
    assert found is not None
    with httpx.Client(follow_redirects=True) as browser:
        first = browser.get(found[0])
        assert "lettres" in first.text
        assert "Mairie" not in first.text
        for headers in (first.headers,):
            assert "noindex" in headers["x-robots-tag"]
            assert headers["referrer-policy"] == "no-referrer"
            assert "no-store" in headers["cache-control"]
    assert shared.asks("annuler dup", phone).body.endswith("Répondez OUI ou NON.")


def test_the_shell_cancels_and_the_usager_hears_at_once(shared: Service, phone: str, number: int) -> None:
    shared.post_rdv(rdv(number, person(number, phone)))
    done = shared.run("cancel", str(number), "--by", "agent")
    assert (done.returncode, done.stderr) == (0, "")
    assert "annulé par le service" in shared.wait_for(phone, 1)[0].body
    again = shared.run("cancel", str(number), "--by", "agent")
    assert again.returncode == 0
    assert "lready" in again.stdout
    unknown = shared.run("cancel", "999999999", "--by", "agent")
    assert unknown.returncode == 1
    assert len(unknown.stderr.splitlines()) == 1


def test_an_import_tells_nobody_and_its_usagers_can_cancel(shared: Service, phone: str, number: int) -> None:
    starts = (datetime.now(UTC) + timedelta(days=3)).strftime("%d/%m/%Y 14h30")
    file = shared.folder / "rdv.csv"
    head = "external_id;starts_at;time_zone;last_name;first_name;phone;email;organisation_id;organisation_phone;place"
    national = "0" + phone.removeprefix("+33")
    row = f"csv-{number};{starts};Europe/Paris;Lefèvre;Zoé;{national};usager{number}@example.org;12;0472000000;Mairie"
    file.write_bytes(f"{head}\n{row}\n".encode("cp1252"))
    first, second = (shared.run("import", str(file)) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert "1 new" in first.stdout
    assert "0 new, 0 changed" in second.stdout
    assert "14h30" in shared.asks("annuler lef", phone).body
    assert "annulé" in shared.asks("oui", phone).body
    assert len(wait_for_mails(shared, number, 1)) == 1


def test_an_agents_token_reads_and_cancels_through_the_api(shared: Service, phone: str, number: int) -> None:
    shared.post_rdv(rdv(number, person(number, phone)))
    added = shared.run("agent", "add", "agent@example.org", "--organisation", "12")
    token = added.stdout.splitlines()[-1]
    with httpx.Client(base_url=shared.url, headers={"Authorization": f"Bearer {token}"}) as api:
        [found] = api.get("/api/v1/appointments", params={"external_id": str(number)}).json()["appointments"]
        assert found["status"] == "unknown"
        assert api.post(f"/api/v1/appointments/{found['id']}/cancel").status_code == 200
        [found] = api.get("/api/v1/appointments", params={"external_id": str(number)}).json()["appointments"]
        assert found["status"] == "revoked"
    assert "annulé par le service" in shared.wait_for(phone, 1)[0].body


@pytest.mark.parametrize("before", [timedelta(hours=47)])
def test_a_reminder_goes_out_once(make_service: Callable[..., Service], before: timedelta) -> None:
    service = make_service(settings={"SMSBOT_QUIET_HOURS": "off"}).start()
    service.post_rdv(rdv(1, in_hours=before / timedelta(hours=1)))
    service.stop()
    service.start()  # reminders are looked for at the start, then once a minute
    reminder = service.wait_for("+33612345678", 1)[0]
    assert reminder.body.startswith("Rappel")
    assert "répondez ANNULER" in reminder.body
    service.smtp.wait_for(1)
    service.stop()
    service.start()
    service.asks("annuler")
    assert len(service.to("+33612345678")) == 2
