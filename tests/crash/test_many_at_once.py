"""`kill -9` while an agent cancels all appointments of a day and usagers and webhooks come in, and while
agents take back what they have just cancelled.

Whatever the moment, each appointment is cancelled once, and each person is told once. If a cancellation was taken back
within 20 seconds, nobody is told anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection, select

from smsbot.batches.records import BatchAct, NewBatch, begin_batch
from smsbot.model import Status, Via
from smsbot.store.tables import appointments, audit, batches, outgoing_messages, participations
from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.walks.running import OUR_NUMBER, WEBHOOK_SECRET, rdv, user, webhook

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

PEOPLE = 30
WORD = "La mairie est fermée ce jour-là."
# Surnames that are in no log by chance. The last digits of a number tell whose it is.
SURNAME = "Kerouredan"


def phone_of(number: int) -> str:
    return f"+3362200{number:04d}"


class ClosedDay:
    """A day of many appointments, each of one person, which the source has posted."""

    def __init__(self, installation: Installation, people: int = PEOPLE) -> None:
        self.installation = installation
        self.rdvs = {
            number: rdv(
                number,
                user(number, last_name=SURNAME, email=None, phone_number=None, phone_number_formatted=phone_of(number)),
                in_hours=1000,
            )
            for number in range(1, people + 1)
        }

    async def post(self, http: httpx.AsyncClient, number: int, event: str, **changed: object) -> None:
        """The source posts the appointment until it is taken."""
        data = self.rdvs[number] | changed
        body = json.dumps(webhook(data, event, datetime.now(UTC) + timedelta(seconds=event == "updated"))).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
        while True:
            try:
                answer = await http.post(f"{self.installation.url}/webhooks/rdvsp", content=body, headers=headers)
            except httpx.RequestError:
                pass
            else:
                if answer.status_code == 200:
                    return
            await asyncio.sleep(0.1)

    async def writes(self, number: int, *texts: str) -> None:
        """Somebody writes these texts without waiting for answers."""
        twilio, url = self.installation.twilio, f"{self.installation.url}/webhooks/twilio/sms"
        for text in texts:
            await asyncio.wrap_future(twilio.receive(url, from_=phone_of(number), to=OUR_NUMBER, text=text))
            await asyncio.sleep(0.2)

    def begins(self) -> None:
        """An operator cancels the whole day."""

        def work(connection: Connection) -> None:
            ids = connection.execute(select(appointments.c.id).order_by(appointments.c.id)).scalars().all()
            now = datetime.now(UTC)
            begin_batch(connection, NewBatch(BatchAct.CANCEL, Via.SHELL, None, Status.REVOKED, WORD, now), ids, now)

        self.installation.database.write_now(work)

    @property
    def is_done(self) -> bool:
        states = self.installation.database.read_now(
            lambda connection: connection.execute(select(batches.c.state)).scalars().all()
        )
        return states == ["done"]


async def crossed(day: ClosedDay) -> None:
    installation = day.installation
    async with httpx.AsyncClient(timeout=10.0) as http:
        await asyncio.gather(*(day.post(http, number, "created") for number in day.rdvs))
        day.begins()
        everybody = list(day.rdvs)
        installation.random.shuffle(everybody)
        replies = [day.writes(number, "annuler ker", "oui") for number in everybody[:8]]
        webhooks = [day.post(http, number, "updated", status="revoked") for number in everybody[5:12]]
        strikes = [installation.killing(*installation.programs)] * 5
        await asyncio.gather(*replies, *webhooks, installation.suffer(strikes, pause=(0.1, 0.8)))
        await installation.cut_the_power()
        async with asyncio.timeout(FORM.settling):
            while not day.is_done:
                installation.get_up()
                await asyncio.sleep(0.1)
        await installation._settle()


def assert_each_is_told_once(day: ClosedDay) -> None:
    out = outgoing_messages.c
    database, journal = day.installation.database, str(day.installation.journal)
    rows = database.read_now(lambda connection: connection.execute(select(out.recipient, out.body, out.state)).all())
    # A reply "it is cancelled already" only answers somebody who asks. It does not count as telling them again.
    told = Counter(
        row.recipient for row in rows if "annulé" in row.body and not row.body.startswith("Ce RDV est déjà annulé")
    )
    assert told == Counter({phone_of(number): 1 for number in day.rdvs}), journal
    assert {row.state for row in rows} == {"sent"}, journal
    statuses = database.read_now(lambda connection: connection.execute(select(participations.c.status)).scalars().all())
    assert set(statuses) <= {"revoked", "excused"}, journal
    acts = database.read_now(
        lambda connection: connection.execute(
            select(audit.c.participation_id).where(audit.c.act == "cancelled")
        ).scalars()
    )
    assert set(Counter(acts.all()).values()) == {1}, journal
    assert day.installation.accidents() == []


def test_one_process_on_sqlite(alone: Installation) -> None:
    day = ClosedDay(alone)
    asyncio.run(crossed(day))
    assert_each_is_told_once(day)


def test_several_processes_on_postgresql(many: Installation) -> None:
    day = ClosedDay(many)
    asyncio.run(crossed(day))
    assert_each_is_told_once(day)


# An agent's 20 seconds ------------------------------------------------------------------------------------------------


class Desk:
    """An agent who acts by the API.

    Each request is repeated until it is answered, because a kill may lose an answer.
    """

    def __init__(self, installation: Installation, day: ClosedDay) -> None:
        self.installation, self.day = installation, day
        added = installation.service.run("agent", "add", "ada@example.org", "--organisation", "12")
        self.headers = {"Authorization": f"Bearer {added.stdout.strip().splitlines()[-1]}"}
        found = installation.database.read_now(
            lambda connection: connection.execute(select(appointments.c.external_id, appointments.c.id)).all()
        )
        self.ids = {int(row.external_id): row.id for row in found}

    async def act(self, http: httpx.AsyncClient, number: int, what: str, **body: object) -> int:
        address = f"{self.installation.url}/api/v1/appointments/rdv-{self.ids[number]}/{what}"
        while True:
            try:
                answer = await http.post(address, json=body, headers=self.headers)
            except httpx.RequestError:
                pass
            else:
                if answer.status_code < 500:
                    return answer.status_code
            await asyncio.sleep(0.1)

    async def changes_their_mind(self, http: httpx.AsyncClient, number: int) -> None:
        """Cancel, and take every second cancellation back. A colleague does the same at the same time."""
        await self.act(http, number, "cancel", hold_seconds=5)
        if number % 2:
            await asyncio.gather(*(self.act(http, number, "take-back") for _ in range(2)))


async def taken_back(day: ClosedDay) -> None:
    installation = day.installation
    async with httpx.AsyncClient(timeout=10.0) as http:
        await asyncio.gather(*(day.post(http, number, "created") for number in day.rdvs))
        desk = await asyncio.to_thread(Desk, installation, day)
        strikes = [installation.killing(*installation.programs)] * 4
        acts = [desk.changes_their_mind(http, number) for number in day.rdvs]
        await asyncio.gather(*acts, installation.suffer(strikes, pause=(0.1, 0.6)))
        await installation.cut_the_power()
        await installation._settle()


def assert_nobody_is_told_what_was_taken_back(day: ClosedDay) -> None:
    out, database, journal = outgoing_messages.c, day.installation.database, str(day.installation.journal)
    recipients = database.read_now(
        lambda connection: connection.execute(select(out.recipient).where(out.state == "sent")).scalars().all()
    )
    told = Counter(recipients)
    rows = database.read_now(
        lambda connection: connection.execute(select(participations.c.phone, participations.c.status)).all()
    )
    wrong = [row for row in rows if told[row.phone] != (row.status == "revoked")]
    assert not wrong, f"{wrong} {journal}"
    assert {row.status for row in rows} == {"unknown", "revoked"}, journal
    assert all(row.status == "revoked" for row in rows if int(row.phone[-4:]) % 2 == 0), journal
    assert day.installation.accidents() == []


def test_taken_back_within_its_seconds_with_one_process_on_sqlite(alone: Installation) -> None:
    day = ClosedDay(alone, people=10)
    asyncio.run(taken_back(day))
    assert_nobody_is_told_what_was_taken_back(day)


def test_taken_back_within_its_seconds_with_several_processes_on_postgresql(many: Installation) -> None:
    day = ClosedDay(many, people=10)
    asyncio.run(taken_back(day))
    assert_nobody_is_told_what_was_taken_back(day)
