"""Messages that somebody comes, or wants another date: what the turn leaves in the database, on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from smsbot.agents.account_changes import add_agent, revoke_agent
from smsbot.inbox.alerts import alerting, set_alert_address
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.receiving import Reception
from smsbot.incoming.reply_values import SAY_WHO_HAS_IT
from smsbot.messages.templates import template_environment
from smsbot.model import Actor, Canceller, MotifRecord, OrganisationRecord, Status, Via
from smsbot.runtime import Supervisor
from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, incoming_messages, organisations, outgoing_messages, participations
from tests.appointments.records import appointment, participation
from tests.test_turn import NOW, PHONE, Line

TOLD = "C'est noté : à jeudi 7 janvier à 10h00. Merci d'avoir prévenu."
THANKED = "C'est noté. Merci d'avoir prévenu."


@pytest.fixture
def line(database: Database) -> Line:
    return Line(database)


def remind(line: Line, state: str = "sent", **columns: Any) -> None:
    """Write the reminders that are due, and set their state."""
    reminders = replace(line.service.reminders, lead=timedelta(days=5))

    def work(connection: Any) -> None:
        connection.execute(update(participations).values(send_reminder_notification=True))
        reminders.remind(connection, reminders.due(connection, line.now).participation_ids, line.now)
        these = outgoing_messages.c.kind == "reminder"
        connection.execute(update(outgoing_messages).where(these).values(state=state, **columns))

    line.database.write_now(work)


def replies(line: Line) -> list[str]:
    return [reply["body"] for reply in line.newest()["replies"]]


def changed_at(line: Line) -> Any:
    return line.desk.appointment("1")["changed_at"]


@pytest.mark.parametrize("text", ["je viens", "Oui je serai là", "à jeudi 10h", "oui", "ok merci"])
def test_the_answer_to_a_reminder_is_thanked_and_written_down(line: Line, text: str) -> None:
    line.books()
    remind(line)
    before = changed_at(line)
    assert line.hears(text) == ["coming_noted"]
    assert replies(line) == [TOLD]
    assert (line.part()["announced_at"], line.part()["status"]) == (line.now, "unknown")
    assert changed_at(line) == line.now > before
    [act] = line.desk.rows(select(audit))
    about = {"act": "announced", "by": "usager", "way": "sms", "participation_id": line.part()["id"], "agent": None}
    assert {name: act[name] for name in about} == about
    assert line.newest()["for_agents"] is False


def test_it_is_written_down_once(line: Line) -> None:
    line.books()
    remind(line)
    assert line.hears("je viens") == ["coming_noted"]
    first = line.part()["announced_at"]
    assert line.hears("je confirme ma présence") == ["coming_noted"]
    assert line.part()["announced_at"] == first == changed_at(line)
    assert len(line.desk.rows(select(audit))) == 1


def test_a_yes_counts_only_right_after_the_reminder(line: Line) -> None:
    line.books()
    remind(line)
    assert line.hears("c'est où ?", "oui") == ["outside_flow", None]
    assert line.part()["announced_at"] is None


@pytest.mark.parametrize("days", [0, 2.9])
def test_a_reminder_is_fresh_for_three_days(line: Line, days: float) -> None:
    line.books()
    remind(line)
    line.now += timedelta(days=days)
    assert line.hears("oui") == ["coming_noted"]


def test_an_older_reminder_still_tells_the_day(line: Line) -> None:
    line.books(days=4)
    remind(line)
    line.now += timedelta(days=3)
    assert line.hears("oui") == ["outside_flow"]
    assert line.hears("je viens") == ["coming_noted"]


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "waiting"},
        {"state": "sending"},
        {"state": "refused"},
        {"state": "sent", "delivery_status": "undelivered"},
        {"state": "sent", "recipient": "+33687654321"},
        {"state": "sent", "channel": "email"},
    ],
)
def test_what_no_reminder_has_told_this_telephone_is_not_told(line: Line, columns: dict[str, Any]) -> None:
    line.books()
    remind(line, **columns)
    assert line.hears("je serai là jeudi") == ["outside_flow"]
    assert line.hears("je viens") == ["coming_thanked"]
    assert replies(line) == [THANKED]
    assert line.part()["announced_at"] == line.now


def test_a_reminder_of_another_time_has_told_nothing(line: Line) -> None:
    line.books()
    remind(line)
    line.books(days=5)
    assert line.hears("je viens") == ["coming_thanked"]
    assert replies(line) == [THANKED]


def test_where_several_could_be_meant_nothing_is_done(line: Line) -> None:
    line.books("1")
    line.books("2", days=4)
    assert line.hears("je viens") == [None]
    assert line.newest()["reason"] == "says that they come, unclear to which"
    assert (line.part("1")["announced_at"], line.part("2")["announced_at"]) == (None, None)
    assert line.newest()["for_agents"] is False


def test_a_cancellation_withdraws_it(line: Line) -> None:
    line.books()
    remind(line)
    assert line.hears("je viens", "annuler dup", "oui") == ["coming_noted", "confirm", "cancelled"]
    assert line.part()["announced_at"] is None


def test_an_agents_cancellation_withdraws_it(line: Line) -> None:
    line.books()
    line.hears("je viens")
    door, part = line.service.door, line.part()
    line.database.write_now(
        lambda connection: door.cancel(connection, part["id"], Canceller(Actor.AGENT, Via.API), line.now)
    )
    assert line.part()["announced_at"] is None


def test_the_source_withdraws_it_where_it_moves_or_cancels(line: Line) -> None:
    line.books()
    line.hears("je viens")
    line.books()
    assert line.part()["announced_at"] is not None
    line.books(days=4)
    assert line.part()["announced_at"] is None
    line.hears("je viens")
    assert line.part()["announced_at"] is not None
    line.books(days=4, status=Status.REVOKED)
    assert line.part()["announced_at"] is None


def test_redelivery_changes_nothing(line: Line) -> None:
    line.books()
    message = line.message("je viens")
    assert line.takes(message) is not None
    known = line.everything()
    assert line.takes(message) is None
    assert line.everything() == known


# Another date ---------------------------------------------------------------------------------------------------------

POLICY = '[defaults]\nrebook_url = "https://rdv.example.fr/p?o={organisation_id}"\n'


def books(
    line: Line, external_id: str = "1", days: float = 3, *, everyone: bool = True, organisation: str = "12"
) -> None:
    record = appointment(
        external_id,
        starts_at=NOW + timedelta(days=days),
        ends_at=None,
        organisation=OrganisationRecord(organisation, "Mairie"),
        motif=MotifRecord("5", bookable_by_everyone=everyone),
        participations=(participation(f"{external_id}-1"),),
    )
    line.desk.take(record, now=NOW - timedelta(days=30))


@pytest.fixture
def rebooking(database: Database, tmp_path: Path) -> Line:
    file = tmp_path / "smsbot.toml"
    file.write_text(POLICY, encoding="utf-8")
    return Line(database, config=file)


def test_who_wants_another_date_gets_the_address(rebooking: Line) -> None:
    books(rebooking)
    assert rebooking.hears("on peut décaler à lundi ?") == ["other_date"]
    assert replies(rebooking) == [
        "Autre date : https://rdv.example.fr/p?o=12 Pour annuler le RDV actuel, répondez ANNULER."
    ]
    assert (rebooking.newest()["for_agents"], rebooking.newest()["topic"]) == (True, "other_date")


@pytest.mark.parametrize("second", [{"everyone": False}, {"organisation": "13"}])
def test_which_address_is_not_told_where_there_are_two(rebooking: Line, second: dict[str, Any]) -> None:
    books(rebooking)
    books(rebooking, "2", 4, **second)
    assert rebooking.hears("je voudrais un autre jour") == ["other_date"]
    assert "http" not in replies(rebooking)[0]


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        *(("ANNULER", "other"), ("merci", "thanks"), ("je viens", "coming"), ("c'est à quel étage ?", "question")),
        *(("je serai en retard", "late"), ("mauvais numéro", "wrong_number"), ("on peut décaler ?", "other_date")),
        ("Je conduis. (Réponse automatique)", "machine"),
    ],
)
def test_what_every_message_is_about_is_stored(line: Line, text: str, topic: str) -> None:
    line.books()
    line.hears(text)
    assert line.newest()["topic"] == topic


def test_nobody_is_told_to_cancel_by_a_reply_what_they_cannot(line: Line) -> None:
    line.books(days=0.08)
    employ(line)
    assert line.hears("c'est à quel étage ?") == ["outside_flow"]
    assert replies(line)[0].startswith(
        "Votre message est transmis au service. Votre RDV ne s'annule pas, ou plus, par SMS."
    )


def employ(line: Line, organisation: str = "12", source: str = "rdvsp") -> None:
    line.database.write_now(lambda c: add_agent(c, "ada@mairie.fr", source, [organisation], NOW))


def test_without_an_address_the_service_is_told(line: Line) -> None:
    line.books()
    employ(line)
    assert line.hears("je voudrais un autre jour") == ["other_date"]
    [said] = replies(line)
    assert said.startswith("Votre demande d'une autre date est transmise au service")
    assert "jeudi" not in said


def test_where_no_inbox_has_it_nobody_is_said_to_be_told(line: Line) -> None:
    line.books()
    line.desk.run(update(appointments).values(organisation_id=None, place_phone_number=None))
    assert line.hears("je voudrais un autre jour") == ["other_date"]
    assert replies(line)[0].startswith("Pour une autre date, voyez lannuaire.service-public.fr.")


PASSED_ON = ["Votre message est transmis", "d'une autre date est transmise", "Votre message est transmis"]
CALLS = ["Pour joindre le service, ", "Pour une autre date, ", "Pour annuler votre RDV, "]


@pytest.mark.parametrize(
    ("employed", "is_seen"),
    [({}, True), ({"organisation": "13"}, False), ({"source": "ailleurs"}, False), (None, False)],
)
def test_a_message_is_said_to_be_passed_on_only_where_an_agent_can_see_it(
    line: Line, employed: dict[str, str] | None, is_seen: bool
) -> None:
    line.books()
    if employed is not None:
        employ(line, **employed)
    told = []
    for texts in (["c'est où ?"], ["je voudrais un autre jour"], ["annuler dup", "hein", "hein", "hein"]):
        line.hears(*texts)
        told += replies(line)
        assert line.newest()["for_agents"], "whoever comes later finds it"
    for said, passed_on, calls in zip(told, PASSED_ON, CALLS, strict=True):
        assert (passed_on in said) is is_seen, said
        assert is_seen or calls in said, said


def test_no_other_reply_says_that_a_message_is_passed_on() -> None:
    sms = template_environment()
    assert sms.loader is not None
    sources = {name: sms.loader.get_source(sms, name)[0] for name in sms.list_templates() if name.startswith("sms/")}
    saying = {name for name, source in sources.items() if "transmis" in source}
    assert saying == {f"sms/{reply}.txt" for reply in SAY_WHO_HAS_IT}
    assert all("is_passed_on" in sources[name] for name in saying)


def test_an_agent_who_is_revoked_sees_nothing(line: Line) -> None:
    line.books()
    employ(line)
    line.database.write_now(lambda c: revoke_agent(c, "ada@mairie.fr", NOW))
    line.hears("c'est où ?")
    assert replies(line)[0].startswith("Je ne sais qu'annuler un RDV : pour cela, répondez ANNULER. Pour joindre")


# Late -----------------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_agents_are_told_of_a_delay_at_once(line: Line) -> None:
    line.books()
    [organisation] = line.desk.rows(select(organisations))
    line.database.write_now(lambda connection: set_alert_address(connection, organisation["id"], "accueil@example.fr"))
    supervisor = Supervisor()
    supervisor.start(alerting(line.database, line.service.console.alerts(), lambda: line.now))
    try:
        async with asyncio.timeout(30):
            while "inbox_alerts" not in supervisor.seconds_since_success():
                await asyncio.sleep(0.01)
            await Reception(line.database, line.turn).receive(Arrived(late(line), line.now))
            while not line.desk.rows(select(outgoing_messages).where(outgoing_messages.c.kind == "agents")):
                await asyncio.sleep(0.01)
    finally:
        await supervisor.stop()
    [message] = line.desk.rows(select(incoming_messages))
    assert (message["topic"], message["alerted_at"]) == ("late", line.now)


def late(line: Line) -> Any:
    return line.message("je serai en retard de dix minutes", phone=PHONE)
