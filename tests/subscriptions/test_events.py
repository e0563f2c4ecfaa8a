"""Events for other systems: which there are, in which order, who is told, and that none is ever missed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from smsbot.agents.account_changes import add_agent
from smsbot.agents.accounts import Agent
from smsbot.appointments.intake import destroy
from smsbot.appointments.undoing import take_back
from smsbot.gateways.base import DeliveryStatus, StatusReport
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.outbox.outcomes import Reported, record_statuses
from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import forget
from smsbot.store.database import Database
from smsbot.store.tables import events, outgoing_messages, participations
from smsbot.subscriptions.event_list import EventFilter, EventPage, ToldEvent, find_events
from smsbot.subscriptions.publishing import publish
from tests.appointments.records import appointment, participation
from tests.test_turn import NOW, PHONE, SECOND, Line


class Listener(Line):
    """Telephones and a service, and systems that ask for the events of organisations."""

    def agent(self, *organisations: str) -> Agent:
        def work(connection: Connection) -> Agent:
            return add_agent(connection, f"{'-'.join(organisations)}@agenda.fr", "rdvsp", organisations, NOW)

        return self.database.write_now(work)

    def publish(self, at_most: int = 100) -> int:
        return self.database.write_now(lambda connection: publish(connection, self.now, at_most))

    def page(self, agent: Agent, limit: int = 100, **wanted: Any) -> EventPage:
        return self.database.read_now(lambda connection: find_events(connection, agent, EventFilter(**wanted), limit))

    def told(self, agent: Agent, **wanted: Any) -> list[ToldEvent]:
        while self.publish():
            pass
        return list(self.page(agent, **wanted).events)

    def cancels_as_agent(self, hold: timedelta = timedelta(0)) -> None:
        canceller = Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED, agent="ada@one.fr", hold=hold)
        part = self.part()["id"]
        self.database.write_now(lambda connection: self.service.door.cancel(connection, part, canceller, self.now))

    def takes_back_as_agent(self) -> None:
        part = self.part()

        def work(connection: Connection) -> None:
            announcer, appointment_id = self.service.door.announcer, part["appointment_id"]
            take_back(connection, announcer, appointment_id, part["id"], "ada@one.fr", Via.CONSOLE, self.now)

        self.database.write_now(work)


@pytest.fixture
def listener(database: Database) -> Listener:
    return Listener(database)


def in_brief(told: Sequence[ToldEvent]) -> list[tuple[Any, ...]]:
    return [
        (each.type.value, each.data.by, each.data.way, each.data.participation and each.data.participation.status)
        for each in told
    ]


def test_what_an_usager_does_by_sms(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.hears("je viens", "ANNULER", "DUP", "OUI", "erreur", "oui", "je suis en retard", "STOP", "STOP", "START")
    told = listener.told(agent)
    assert in_brief(told) == [
        ("appointment.announced", "usager", "sms", "unknown"),
        ("appointment.cancelled", "usager", "sms", "excused"),
        ("appointment.cancellation_taken_back", "usager", "sms", "unknown"),
        ("message.for_agents", "usager", "sms", None),
        ("usager.stopped", "usager", "sms", None),
        ("usager.resumed", "usager", "sms", None),
    ]
    announced, _, _, message, stopped, _ = (each.data for each in told)
    assert announced.appointment is not None
    assert announced.participation is not None
    assert (announced.organisation.external_id, announced.appointment.external_id) == ("12", "1")
    assert announced.participation.external_id == "1-1"
    assert message.message is not None
    assert (message.message.phone, message.message.text) == (PHONE, "je suis en retard")
    assert stopped.message is not None
    assert stopped.message.phone == PHONE
    assert told[0].timestamp == NOW + SECOND
    assert len({each.id for each in told}) == len(told)


def test_what_agents_and_the_source_do(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.cancels_as_agent(hold=timedelta(seconds=20))
    listener.takes_back_as_agent()
    parts = (participation("1-1", status=Status.REVOKED),)
    record = appointment("1", starts_at=NOW + timedelta(days=3), status=Status.REVOKED, participations=parts)
    listener.desk.take(record, now=NOW, event_at=NOW)
    assert in_brief(listener.told(agent)) == [
        ("appointment.cancelled", "agent", "console", "revoked"),
        ("appointment.cancellation_taken_back", "agent", "console", "unknown"),
        ("appointment.cancelled", "source", "webhook", "revoked"),
    ]


def test_our_message_that_does_not_arrive(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.hears("ANNULER", "DUP")
    [first, second] = listener.desk.rows(select(outgoing_messages.c.id).order_by(outgoing_messages.c.id))
    sent = update(outgoing_messages).values(attempts=1, state="sent")
    listener.database.write_now(lambda connection: connection.execute(sent))
    for status in (DeliveryStatus.SENT, DeliveryStatus.UNDELIVERED, DeliveryStatus.UNDELIVERED):
        report = Reported(StatusReport("twilio", "SMx", first["id"], status, "30005"), NOW)
        listener.database.write_now(lambda connection, report=report: record_statuses(connection, [report]))  # type: ignore[misc]
    [told] = listener.told(agent)
    assert told.type == "message.not_delivered"
    assert told.data.delivery is not None
    assert (told.data.delivery.fate, told.data.delivery.code) == ("lost", "30005")
    assert told.data.delivery.id == f"out-{first['id']}" != f"out-{second['id']}"


def test_each_organisation_hears_of_its_own_and_of_a_stop_that_concerns_it(listener: Listener) -> None:
    here, there, both = listener.agent("12"), listener.agent("13"), listener.agent("12", "13")
    listener.books("1", organisation="12")
    listener.books("2", organisation="13", phone=PHONE)
    listener.books("3", organisation="14", phone="+33687654321")
    listener.hears("STOP")
    listener.cancels_as_agent()
    assert [each.type for each in listener.told(here)] == ["usager.stopped", "appointment.cancelled"]
    assert [each.type for each in listener.told(there)] == ["usager.stopped"]
    assert [each.data.organisation.external_id for each in listener.told(both)] == ["12", "13", "12"]
    assert listener.told(listener.agent("14")) == []


def test_pages_go_on_where_they_ended(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.hears("je viens", "ANNULER", "DUP", "OUI", "erreur")
    whole = listener.told(agent)
    seen: list[ToldEvent] = []
    after = 0
    while True:
        page = listener.page(agent, limit=2, after=after)
        seen += page.events
        if page.is_end:
            break
        assert page.last is not None
        after = page.last
    assert seen == whole
    assert [each.type for each in listener.told(agent, types=[whole[1].type])] == ["appointment.cancelled"]
    since = whole[1].timestamp
    assert listener.told(agent, since=since) == whole[1:]
    assert listener.told(agent, until=since) == whole[:1]


def test_who_was_erased_is_in_no_event(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.hears("je suis en retard")
    person = ContactAddress(PHONE)
    listener.database.write_now(lambda connection: forget(connection, person, listener.now, including_coming=True))
    [told] = listener.told(agent)
    assert told.data.message is None
    assert PHONE not in told.model_dump_json()


def test_positions_are_never_given_twice(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.hears("je viens")
    [before] = listener.told(agent)
    listener.database.write_now(lambda connection: connection.execute(delete(events)))
    listener.hears("ANNULER", "DUP", "OUI")
    [after] = listener.told(agent)
    assert listener.page(agent, after=1).events == [after]
    assert before.id.startswith("evt-1-")
    assert after.id.startswith("evt-2-")


def test_what_the_source_destroyed_is_still_told_of(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books()
    listener.cancels_as_agent()
    listener.database.write_now(
        lambda connection: destroy(connection, "rdvsp", "1", event_at=None, reason=None, now=NOW)
    )
    assert [each.type for each in listener.told(agent)] == ["appointment.cancelled"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_whoever_has_read_on_misses_nothing_that_is_committed_later(listener: Listener) -> None:
    agent = listener.agent("12")
    listener.books("1")
    listener.books("2", phone="+33687654321")
    slow, quick = listener.part("1")["id"], listener.part("2")["id"]
    door, canceller = listener.service.door, Canceller(Actor.AGENT, Via.API, Status.REVOKED)
    with listener.database.engine.connect() as late:
        door.cancel(late, slow, canceller, NOW)  # the row of this event is older, but not committed yet
        listener.database.write_now(lambda connection: door.cancel(connection, quick, canceller, NOW))
        [first] = listener.told(agent)
        late.commit()
    [second] = listener.told(agent, after=1)
    names = [each.data.appointment.external_id for each in (first, second) if each.data.appointment]
    assert names == ["2", "1"]
    rows = listener.desk.rows(select(events.c.id, events.c.position).order_by(events.c.position))
    assert rows[0]["id"] > rows[1]["id"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_processes_that_publish_at_once_give_each_position_once(listener: Listener) -> None:
    listener.books()
    number = 40
    part = select(participations.c.appointment_id, participations.c.id)
    [row] = listener.desk.rows(part)
    values = {"at": NOW, "type": "appointment.announced", "appointment_id": row["appointment_id"]}
    organisation = listener.desk.rows(select(events.c.organisation_id))
    assert organisation == []
    listener.hears("je viens")
    [first] = listener.desk.rows(select(events.c.organisation_id))
    rows = [{**values, "organisation_id": first["organisation_id"]} for _ in range(number - 1)]
    listener.database.write_now(lambda connection: connection.execute(events.insert(), rows))

    def work(_: int) -> int:
        published = 0
        while one := listener.publish(at_most=3):
            published += one
        return published

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == number
    positions = [row["position"] for row in listener.desk.rows(select(events.c.position).order_by(events.c.position))]
    assert positions == list(range(1, number + 1))
