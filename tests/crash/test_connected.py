"""`kill -9` while a cancellation is on its way to RDV Service Public and back, on both engines.

Whatever the moment, the appointment is cancelled there once and known here as cancelled, and its usager is told once.
Nobody is told before it is so. The same holds for a cancellation that its usager takes back.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store.tables import audit, cancellation_requests, outgoing_messages, participations
from tests.crash import looking
from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.usagers import Town, Usager
from tests.walks.running import OUR_NUMBER, WEBHOOK_SECRET, Service

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

PASSWORD = "hunter2"
FAR = timedelta(hours=1000)
ANNULE = "C'est annulé"
RETABLI = "C'est rétabli"


class ConnectedInstallation(Installation):
    """An installation whose appointments a stand-in for RDV Service Public owns."""

    def __init__(
        self, folder: Path, url: str, twilio: StormyTwilio, smtp: StormySmtp, journal: Journal, rdvsp: RdvspStandIn
    ) -> None:
        super().__init__(folder, url, twilio, smtp, journal)
        self.rdvsp = rdvsp

    @property
    def service(self) -> Service:
        service = super().service
        connected = {
            "SMSBOT_RDVSP_URL": self.rdvsp.url,
            "SMSBOT_RDVSP_EMAIL": self.rdvsp.tokens.email,
            "SMSBOT_RDVSP_PASSWORD": PASSWORD,
            "SMSBOT_RDVSP_SYNC_MINUTES": "0",
        }
        return replace(service, settings={**service.settings, **connected})

    def let_time_pass(self, passed: timedelta) -> None:
        super().let_time_pass(passed)
        for rdv in list(self.rdvsp.agenda.between(None, None)):
            rdv.starts_at -= passed  # moved like all times in the database, because nobody has moved the appointment
        self.rdvsp.recover()  # a fault does not last for minutes

    def town(self) -> ConnectedTown:
        return ConnectedTown(self.url, self.twilio, self.journal, at_once=6).of(self.rdvsp)


class ConnectedTown(Town):
    """Usagers whose appointments are made at RDV Service Public. It posts each one until smsbot has taken it."""

    rdvsp: RdvspStandIn
    rdvs: dict[str, int]

    def of(self, rdvsp: RdvspStandIn) -> ConnectedTown:
        self.rdvsp, self.rdvs = rdvsp, {}
        return self

    async def _book(self, rdvsp: httpx.AsyncClient, usager: Usager) -> None:
        self.rdvs[usager.phone] = book(self.rdvsp, usager.surname, usager.phone, usager.email)


def book(rdvsp: RdvspStandIn, surname: str, phone: str, email: str) -> int:
    now = datetime.now(UTC)
    user = rdvsp.agenda.add_user(last_name=surname, phone_number_formatted=phone, email=email)
    return rdvsp.agenda.add(user, starts_at=now + FAR, created_at=now - timedelta(days=10))


@pytest.fixture(params=["sqlite", "postgresql"])
def connected(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite_file: Path, journal: Journal
) -> Iterator[ConnectedInstallation]:
    """One process on SQLite, several on PostgreSQL."""
    alone = request.param == "sqlite"
    if alone:
        url = f"sqlite:///{shutil.copy(migrated_sqlite_file, tmp_path)}"
    else:
        url = request.getfixturevalue("migrated_postgresql_url")  # of the server that all tests share: it stays up
    twilio, smtp = StormyTwilio(journal.seed), StormySmtp(journal.seed)
    with twilio, smtp, RdvspStandIn(password=PASSWORD, is_silenced=True) as rdvsp:
        installation = ConnectedInstallation(tmp_path, url, twilio, smtp, journal, rdvsp)
        try:
            if alone:
                installation.start_alone()
            else:
                installation.start_many()
            rdvsp.subscribe(f"{installation.url}/webhooks/rdvsp", WEBHOOK_SECRET)
            rdvsp.webhooks.wait_unit = 0.002  # one second at the real one
            yield installation
        finally:
            installation.close()


PHONE = "+33612345678"


def _has_more(inbox: list[str], than: int) -> bool:
    return len(inbox) > than


class Moment:
    """One usager and their appointment, up to the moment at which all processes are killed, and the result."""

    def __init__(self, installation: ConnectedInstallation) -> None:
        self.installation = installation
        self.rdv = book(installation.rdvsp, "Dubreuil", PHONE, "usager@example.org")
        installation.rdvsp.settle(30)

    def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, str(self.installation.journal)
            time.sleep(0.02)

    def says_yes(self) -> None:
        url = f"{self.installation.url}/webhooks/twilio/sms"
        inbox = self.installation.twilio.inboxes[PHONE]
        self.installation.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text="annuler dub").result(30)
        self.until(lambda: len(inbox) == 1)
        self.installation.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text="oui").result(30)

    def says(self, *texts: str) -> None:
        """The usager writes these texts. Each one except the last is answered before the next is written."""
        url, inbox = f"{self.installation.url}/webhooks/twilio/sms", self.installation.twilio.inboxes[PHONE]
        for text in texts[:-1]:
            answered = len(inbox)
            self.installation.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text=text).result(30)
            self.until(partial(_has_more, inbox, answered))
        self.installation.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text=texts[-1]).result(30)

    @property
    def status(self) -> str:
        return self.installation.rdvsp.agenda.rdv(self.rdv).status

    @property
    def state(self) -> str | None:
        rows = self.installation.database.read_now(
            lambda connection: connection.execute(select(cancellation_requests.c.state)).scalars().all()
        )
        return rows[0] if rows else None

    def is_taken_back_once(self, *, most_patches: int) -> None:
        """Kill every process at this moment and start it again.

        Then the appointment stands, and the usager is told once.
        """
        inbox = self.installation.twilio.inboxes[PHONE]
        assert not any(RETABLI in text for text in inbox)
        asyncio.run(self.installation.cut_the_power())
        self.until(lambda: any(RETABLI in text for text in inbox), 120)
        self.installation.rdvsp.settle(30)
        self.until(lambda: self.is_settled)
        assert sum(RETABLI in text for text in inbox) == 1, str(self.installation.journal)
        assert self.status == "unknown"
        assert len(self.installation.rdvsp.calls_of("participations")) <= most_patches
        rows = self.installation.database.read_now(
            lambda connection: connection.execute(
                select(participations.c.status, participations.c.taking_back_requested_at)
            ).all()
        )
        assert [tuple(row) for row in rows] == [("unknown", None)]
        assert self.installation.accidents() == []

    @property
    def is_settled(self) -> bool:
        """Whether no request is open, and no message of ours is on its way."""
        on_their_way, _ = self.installation.database.read_now(looking.how_far)
        states = self.installation.database.read_now(
            lambda connection: connection.execute(select(cancellation_requests.c.state)).scalars().all()
        )
        return not on_their_way and "waiting" not in states

    def comes_to_its_end(self) -> None:
        """Kill every process at this moment and start it again. Then it is cancelled, and the usager is told once."""
        assert not any(ANNULE in text for text in self.installation.twilio.inboxes[PHONE])
        asyncio.run(self.installation.cut_the_power())
        self.until(lambda: any(ANNULE in text for text in self.installation.twilio.inboxes[PHONE]), 120)
        self.installation.rdvsp.settle(30)
        self.until(lambda: self.is_settled)  # so that a second message would have come by now
        told = [text for text in self.installation.twilio.inboxes[PHONE] if ANNULE in text]
        assert len(told) == 1, str(self.installation.journal)
        assert (self.status, self.state) == ("excused", "done")
        assert len(self.installation.rdvsp.calls_of("participations")) <= 1
        with_the_audit = select(participations.c.status, audit.c.act).join(
            audit, audit.c.participation_id == participations.c.id
        )
        rows = self.installation.database.read_now(lambda connection: connection.execute(with_the_audit).all())
        acts = [(row.status, row.act) for row in rows]
        assert acts == [("excused", "cancellation_requested"), ("excused", "cancelled")]
        assert self.installation.accidents() == []


def test_between_the_yes_and_the_call(connected: ConnectedInstallation) -> None:
    # While one process signs in, no other may pass it.
    connected.rdvsp.fail(StandInFault(hangs_seconds=30), times=100, on="sign_in")
    moment = Moment(connected)
    moment.says_yes()
    assert (moment.state, moment.status) == ("waiting", "unknown")
    moment.comes_to_its_end()


def test_between_the_call_and_its_answer(connected: ConnectedInstallation) -> None:
    connected.rdvsp.fail(StandInFault(hangs_seconds=15, acts=True), on="participations")
    moment = Moment(connected)
    moment.says_yes()
    moment.until(lambda: moment.status == "excused")
    assert moment.state == "waiting"
    moment.comes_to_its_end()


def test_between_the_answer_and_the_sms(connected: ConnectedInstallation) -> None:
    moment = Moment(connected)
    url, twilio = f"{connected.url}/webhooks/twilio/sms", connected.twilio
    twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text="annuler dub").result(30)
    moment.until(lambda: len(twilio.inboxes[PHONE]) == 1)
    twilio.weather.storm(1.0, StandInFault(status=503))
    twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text="oui").result(30)
    moment.until(lambda: moment.state == "done")
    twilio.weather.calm()
    moment.comes_to_its_end()


def test_taking_it_back_between_the_yes_and_the_call(connected: ConnectedInstallation) -> None:
    moment = Moment(connected)
    moment.says_yes()
    moment.until(lambda: any(ANNULE in text for text in connected.twilio.inboxes[PHONE]))
    connected.rdvsp.fail(StandInFault(hangs_seconds=30), times=100, on="rdvs")  # it is read before it is called
    moment.says("erreur", "oui")
    assert moment.status == "excused"
    moment.is_taken_back_once(most_patches=2)


def test_taking_it_back_between_the_call_and_its_answer(connected: ConnectedInstallation) -> None:
    moment = Moment(connected)
    moment.says_yes()
    moment.until(lambda: any(ANNULE in text for text in connected.twilio.inboxes[PHONE]))
    connected.rdvsp.fail(StandInFault(hangs_seconds=15, acts=True), on="participations")
    moment.says("erreur", "oui")
    moment.until(lambda: moment.status == "unknown")
    moment.is_taken_back_once(most_patches=2)


def test_taking_back_what_is_still_on_its_way(connected: ConnectedInstallation) -> None:
    connected.rdvsp.fail(StandInFault(hangs_seconds=15, acts=True), on="participations")
    moment = Moment(connected)
    moment.says_yes()
    moment.until(lambda: moment.status == "excused")
    moment.says("erreur", "oui")
    moment.is_taken_back_once(most_patches=2)
    assert not any(ANNULE in text for text in connected.twilio.inboxes[PHONE])


def test_at_any_moment(connected: ConnectedInstallation) -> None:
    connected.rdvsp.fail(StandInFault(hangs_seconds=0.3), times=20, on="participations")
    strikes = [connected.killing(*connected.programs)] * 6
    town = connected.town()
    asyncio.run(connected.live(town, connected.suffer(strikes, pause=(0.1, 1.0))))
    connected.rdvsp.settle(60)
    rows = connected.database.read_now(
        lambda connection: connection.execute(
            select(participations.c.phone, participations.c.status, participations.c.cancellation_requested_at)
        ).all()
    )
    here = {row.phone: row.status for row in rows}
    replies = connected.database.read_now(
        lambda connection: connection.execute(
            select(outgoing_messages.c.recipient).where(outgoing_messages.c.body.startswith(ANNULE))
        ).scalars()
    )
    told = Counter(replies.all())
    wrong = []
    for usager in town.usagers:
        there = connected.rdvsp.agenda.rdv(town.rdvs[usager.phone]).status
        wanted = ("excused", "excused", 1) if usager.cancels else ("unknown", "unknown", 0)
        found = (there, here[usager.phone], told[usager.phone])
        if found != wanted or not usager.has_ended:
            wrong.append(f"{usager.phone} wants {wanted}: {found}, and has ended: {usager.has_ended}")
    assert not wrong, "\n".join([*wrong, str(connected.journal)])
    assert not any(row.cancellation_requested_at for row in rows)
    assert any(usager.cancels for usager in town.usagers)
    assert connected.accidents() == []
