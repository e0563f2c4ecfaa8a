"""The fate of messages, as agents see it in the console of the running service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from html import unescape

import httpx
import pytest
from sqlalchemy import select

from smsbot.agents.account_changes import add_agent
from smsbot.agents.tokens import open_session
from smsbot.store.database import Database
from smsbot.store.tables import appointments, metadata
from tests.walks.running import OUR_NUMBER, PHONE, Service, rdv, user


@pytest.fixture
def desk(service: Service) -> Iterator[httpx.Client]:
    """The browser of an agent of the organisation of `rdv`, who has signed in."""
    with closing(Database(service.database_url)) as database:
        now = datetime.now(UTC)
        agent = database.write_now(lambda c: add_agent(c, "ada@mairie.fr", "rdvsp", ["12"], now))
        token = database.write_now(lambda c: open_session(c, agent, now))
    with httpx.Client(base_url=f"{service.url}/agents", cookies={"agent": token}) as client:
        yield client


def dossier(service: Service, desk: httpx.Client, number: int) -> str:
    """The page of an appointment, as text in one line."""
    with closing(Database(service.database_url)) as database:
        ours = select(appointments.c.id).where(appointments.c.external_id == str(number))
        appointment_id = database.read_now(lambda c: c.execute(ours).scalar_one())
    page = desk.get(f"/rdv/{appointment_id}").raise_for_status()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.text, flags=re.DOTALL)))


def test_a_lock_by_sms_is_in_the_history(service: Service, desk: httpx.Client) -> None:
    service.post_rdv(rdv(1))
    service.talk("annuler", "MAR", "BER", "PET")
    page = dossier(service, desk, 1)
    assert re.search(r"Annulation bloquée jusqu’au \S+ \S+ \S+ à \S+, après 3 réponses inexactes", page)
    assert re.search(r"Historique \S+ \S+ \S+ : annulation bloquée après 3 réponses inexactes par SMS", page)
    assert "Débloquer l’annulation" in page


def test_who_writes_after_the_cancellation_reaches_the_agents_who_knew_them(
    service: Service, desk: httpx.Client
) -> None:
    service.post_rdv(rdv(1))
    service.talk("annuler dup", "oui")
    neutral = service.asks("Qui est mon assistante sociale ?")
    assert "lannuaire.service-public.fr" in neutral.body
    inbox = desk.get("/messages").text
    assert "Qui est mon assistante sociale ?" in inbox
    assert "Sophie Dupont" in inbox
    page = dossier(service, desk, 1)
    assert page.index("Qui est mon assistante") < page.index("Aucun RDV à venir ne peut")


def test_a_stranger_is_in_nobodys_inbox(service: Service, desk: httpx.Client) -> None:
    service.post_rdv(rdv(1, user(phone_number_formatted="+33611223344", phone_number=None)))
    assert "lannuaire.service-public.fr" in service.asks("Je veux un rendez-vous", "+33698765432").body
    assert "Je veux un rendez-vous" not in desk.get("/messages").text


def test_whom_one_has_forgotten_nothing_brings_back(service: Service) -> None:
    appointment = rdv(1)
    service.post_rdv(appointment)
    url, text = f"{service.url}/webhooks/twilio/sms", "Je serai en retard de 10 min"
    form = {"MessageSid": "SM1", "AccountSid": "AC1", "From": PHONE, "To": OUR_NUMBER, "Body": text}
    headers = {"X-Twilio-Signature": service.twilio.signature(url, form)}
    assert httpx.post(url, data=form, headers=headers).status_code == 200
    service.sends("Où est-ce ?")  # the stand-in lists this one
    forgotten = service.run("forget", PHONE, "--yes", "--including-coming")
    assert forgotten.returncode == 0, forgotten.stderr
    service.post_rdv(appointment, "updated")
    assert httpx.post(url, data=form, headers=headers).status_code == 200
    service.stop()
    service.start()  # at start it reads from Twilio what it may have missed
    answers = len(service.to(PHONE))
    assert "lannuaire" in service.asks("Bonjour", "+33698765432").body, "it is at work again"
    kept = service.run("export", PHONE)
    assert (kept.returncode, json.loads(kept.stdout)["participations"]) == (0, [])
    assert "10 min" not in kept.stdout
    with closing(Database(service.database_url)) as database:
        tables = metadata.sorted_tables
        everything = str(database.read_now(lambda c: [c.execute(select(table)).all() for table in tables]))
    for secret in (PHONE, "Dupont", "sophie.dupont", "10 min", "Où est-ce"):
        assert secret not in everything
    assert len(service.to(PHONE)) == answers


def test_a_delay_is_in_the_api_until_an_agent_has_handled_it(service: Service, desk: httpx.Client) -> None:
    service.post_rdv(rdv(1))
    service.sends("Je serai en retard de 10 min")
    issued = service.run("agent", "token", "ada@mairie.fr")
    assert issued.returncode == 0, issued.stderr
    headers = {"Authorization": f"Bearer {issued.stdout.split()[-1]}"}
    url = f"{service.url}/api/v1/messages?topic=late&waiting=true"
    [message] = httpx.get(url, headers=headers).raise_for_status().json()["messages"]
    assert (message["text"], message["phone"]) == ("Je serai en retard de 10 min", PHONE)
    [about] = message["about"]
    path = f"{service.url}/api/v1/appointments/{about['appointment_id']}/messages"
    assert httpx.get(path, headers=headers).raise_for_status().json()["messages"] == [message]
    number = message["id"].removeprefix("sms-")
    token = re.search(r'name="jeton" value="([^"]+)"', desk.get(f"/messages/{number}").text)
    assert token is not None
    closed = desk.post(f"/messages/{number}/fin", data={"jeton": token[1], "vu": f"{number}.0"})
    assert closed.status_code == 303, closed.text
    assert httpx.get(url, headers=headers).raise_for_status().json() == {"messages": [], "next": None}
