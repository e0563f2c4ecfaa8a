"""An agent's cancellation is taken back before anybody is told, in the console, while other things happen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from smsbot.appointments.cancellation import TAKE_BACK_WITHIN
from smsbot.appointments.intake import take_record
from smsbot.appointments.request_attempts import claim_requests
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import appointments, cancellation_requests, participations
from tests.appointments.records import appointment, participation
from tests.outbox.outbox_at_work import Outbox
from tests.web.console_site import ADA, CLO, NOW, Browser, Office

SECOND = timedelta(seconds=1)
UNDO = "Annuler cette annulation"


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def cancelled(office: Office, appointment_id: int) -> Browser:
    ada = office.at_desk()
    ada.get(f"/rdv/{appointment_id}/annulation")
    ada.press("Oui, annuler", raison="service", mot="")
    return ada


def outcome(office: Office, mine: int) -> tuple[str, list[str]]:
    """The status of the participation, and the states of the messages."""
    return office.row(participations, mine).status, [message.state for message in office.sent()]


def test_it_is_as_before_and_nobody_hears_of_it(office: Office) -> None:
    mine = office.participation(announced_at=NOW - timedelta(days=1))
    ours = office.row(participations, mine).appointment_id
    before = office.row(participations, mine)
    ada = cancelled(office, ours)
    assert "C’est annulé. Personne n’est encore prévenu." in ada.page.text
    assert "Vous avez 20 secondes pour revenir en arrière" in ada.page.text
    assert {message.due_at for message in office.sent()} == {NOW + TAKE_BACK_WITHIN}
    assert Outbox(office.database).taken(NOW + TAKE_BACK_WITHIN - SECOND) == []

    office.clock.now += 19 * SECOND
    page = ada.press(UNDO)
    assert "le rendez-vous est maintenu comme avant, et personne n’a été prévenu" in page.text
    assert "annulation annulée par ada@mairie.fr" in page.text
    assert office.row(participations, mine) == before
    assert office.row(appointments, ours).status == "unknown"
    assert [(message.state, message.error_code) for message in office.sent()] == [("refused", "overtaken")] * 2
    assert Outbox(office.database).taken(NOW + timedelta(hours=1)) == []
    assert [act for act, *_ in office.audited()] == ["cancelled", "cancellation_taken_back"]
    again = ada.post(f"/rdv/{ours}/retablissement", personne=str(mine))
    assert again.headers["location"].endswith("?trop-tard")
    assert outcome(office, mine) == ("unknown", ["refused", "refused"])
    cancelled(office, ours)
    assert outcome(office, mine) == ("revoked", ["refused", "refused", "waiting", "waiting"])


def test_after_its_time_it_says_that_people_were_told(office: Office) -> None:
    mine = office.participation()
    ada = cancelled(office, office.row(participations, mine).appointment_id)
    office.clock.now += TAKE_BACK_WITHIN
    assert "Trop tard : les personnes ont été prévenues" in ada.press(UNDO).text
    assert outcome(office, mine) == ("revoked", ["waiting", "waiting"])
    assert len(Outbox(office.database).taken(office.clock.now)) == 1


def test_what_a_faster_clock_has_sent_is_not_taken_back(office: Office) -> None:
    mine = office.participation()
    ada = cancelled(office, office.row(participations, mine).appointment_id)
    assert len(Outbox(office.database).taken(NOW + TAKE_BACK_WITHIN)) == 1  # by a process whose clock is ahead
    assert "Trop tard" in ada.press(UNDO).text
    assert outcome(office, mine) == ("revoked", ["sending", "waiting"])


def test_two_agents_take_back_each_their_own(office: Office) -> None:
    ours = office.appointment(collective=True)
    sophie, jean = office.participation(ours), office.participation(ours, first_name="Jean", phone="+33600000002")
    ada, clo = office.at_desk(), office.at_desk(CLO)
    for agent, person in ((ada, sophie), (clo, jean)):
        agent.get(f"/rdv/{ours}/annulation?personne={person}")
        agent.press("Oui, annuler", raison="service")
        office.clock.now += SECOND
    assert ada.get(f"/rdv/{ours}").text.count("Une erreur ?") == 2
    clo.post(f"/rdv/{ours}/retablissement", personne=str(jean))
    assert [office.row(participations, each).status for each in (sophie, jean)] == ["revoked", "unknown"]
    office.clock.now += timedelta(minutes=1)
    told = {message.recipient for message in Outbox(office.database).take(office.clock.now)}
    assert told == {office.row(participations, sophie).phone}


def test_another_organisations_is_out_of_reach(office: Office) -> None:
    mine = office.participation()
    ours = office.row(participations, mine).appointment_id
    cancelled(office, ours)
    bob = office.at_desk("bob@ailleurs.fr")
    bob.get("/rdv")
    assert bob.post(f"/rdv/{ours}/retablissement", personne=str(mine)).status_code == 404
    assert office.row(participations, mine).status == "revoked"


def test_an_usager_who_asks_to_cancel_too_has_learnt_it(office: Office) -> None:
    mine = office.participation()
    ada = cancelled(office, office.row(participations, mine).appointment_id)
    usager = Canceller(Actor.USAGER, Via.LINK)
    office.database.write_now(lambda connection: office.door.cancel(connection, mine, usager, NOW + SECOND))
    assert "Trop tard" in ada.press(UNDO).text
    assert office.row(participations, mine).status == "revoked"
    assert {message.due_at for message in office.sent()} == {NOW + SECOND}, "the others need not wait either"


def test_what_its_source_cancels_meanwhile_stays_cancelled(office: Office) -> None:
    def comes(status: Status) -> None:
        part = participation("9-1", status=None)
        whole = appointment("9", starts_at=NOW + timedelta(days=3), ends_at=None, status=status, participations=(part,))
        office.database.write_now(lambda c: take_record(c, "rdvsp", whole, event_at=None, now=office.clock.now))
        office.database.write_now(lambda c: c.execute(update(appointments).values(organisation_id=first)))

    first = office.organisation_ids["1"]
    comes(Status.UNKNOWN)
    ours, mine = office.database.read_now(
        lambda c: tuple(c.execute(select(participations.c.appointment_id, participations.c.id)).one())
    )
    ada = cancelled(office, ours)
    comes(Status.REVOKED)
    answer = ada.post(f"/rdv/{ours}/retablissement", personne=str(mine))
    assert answer.headers["location"].endswith("?trop-tard")
    assert office.row(participations, mine).status == "revoked"


# Where RDV Service Public owns the appointment ------------------------------------------------------------------------


@pytest.fixture
def owned(database: Database) -> Office:
    return Office(database, source_writes={"rdvsp": True})


def due(office: Office, after: timedelta) -> list[Any]:
    now = NOW + after
    return office.database.write_now(lambda c: claim_requests(c, now, now + 30 * SECOND, 10, sources=["rdvsp"]))


def test_its_source_is_asked_only_after_that_time(owned: Office) -> None:
    mine = owned.participation()
    ada = cancelled(owned, owned.row(participations, mine).appointment_id)
    assert "est demandée à RDV Service Public : ce n’est pas encore annulé" in ada.page.text
    assert due(owned, TAKE_BACK_WITHIN - SECOND) == []
    assert "le rendez-vous est maintenu comme avant" in ada.press(UNDO).text
    assert due(owned, timedelta(minutes=1)) == []
    row = owned.row(participations, mine)
    assert (row.status, row.cancellation_requested_at) == ("unknown", None)
    assert owned.row(appointments, row.appointment_id).to_read_at == NOW, "what it told meanwhile was left to the wish"
    assert [act for act, *_ in owned.audited()] == ["cancellation_requested", "cancellation_taken_back"]
    assert owned.sent() == []


def test_once_its_source_is_asked_it_is_too_late(owned: Office) -> None:
    mine = owned.participation()
    ada = cancelled(owned, owned.row(participations, mine).appointment_id)
    assert len(due(owned, TAKE_BACK_WITHIN)) == 1
    assert "Trop tard" in ada.press(UNDO).text
    assert owned.row(participations, mine).cancellation_requested_at == NOW


def test_an_usager_who_wants_the_same_is_not_forgotten(owned: Office) -> None:
    mine = owned.participation()
    ada = cancelled(owned, owned.row(participations, mine).appointment_id)
    usager = Canceller(Actor.USAGER, Via.LINK)
    owned.database.write_now(lambda c: owned.door.cancel(c, mine, usager, NOW + SECOND))
    assert "Trop tard" in ada.press(UNDO).text
    assert len(due(owned, SECOND)) == 1, "and it need not wait any longer"
    states = select(cancellation_requests.c.state)
    assert owned.database.read_now(lambda c: c.execute(states).scalars().all()) == ["waiting"]
    assert [(by, agent) for _, by, _, agent in owned.audited()] == [("agent", ADA)]
