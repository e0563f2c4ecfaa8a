"""`smsbot cancel`: it uses the same door as all other ways to cancel."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from smsbot.agents.account_changes import add_agent
from smsbot.app import Service
from smsbot.batches.records import BatchOutcome
from smsbot.cli.common import CommandFailed
from smsbot.cli.main import app
from smsbot.cli.operations.cancelling import BatchOrder, cancel_appointment, carry_out, prepare
from smsbot.model import Actor, Status, Via
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import audit, outgoing_messages, participations
from tests.agents.shell import NOW, Told, add_appointment, door, part_id
from tests.appointments.records import Desk, appointment, participation
from tests.lines import every_line


def cancel(database: Database, told: Told, name: str, source: str = "rdvsp", agent: str | None = None) -> str:
    return cancel_appointment(database, door(told), name, source, agent, NOW)


def test_a_whole_appointment_by_either_id_once(database: Database) -> None:
    told = Told()
    first, second = add_appointment(database, "7", "p1", "p2", collective=True), add_appointment(database, "8", "p3")
    assert cancel(database, told, "7") == f"Cancelled: rdv-{first}."
    assert cancel(database, told, f"rdv-{first}") == f"Already cancelled before: rdv-{first}."
    assert cancel(database, told, f"rdv-{second}") == f"Cancelled: rdv-{second}."
    assert [len(ended.participations) for ended in told.news] == [2, 1]
    canceller = told.news[0].canceller
    assert (canceller.by, canceller.via, canceller.status) == (Actor.AGENT, Via.SHELL, Status.REVOKED)


def test_a_single_participation(database: Database) -> None:
    told = Told()
    add_appointment(database, "7", "p1", "p2", collective=True)
    name = f"part-{part_id(database, 'p2')}"
    assert cancel(database, told, name) == f"Cancelled: {name}."
    assert cancel(database, told, name) == f"Already cancelled before: {name}."
    (ended,) = told.news
    assert [each.external_id for each in ended.participations] == ["p2"]


def test_in_an_agents_name_and_within_their_organisations(database: Database) -> None:
    told = Told()
    appointment = add_appointment(database, "7", "p1")
    database.write_now(lambda connection: add_agent(connection, "ada@one.fr", "rdvsp", ["1"], NOW))
    database.write_now(lambda connection: add_agent(connection, "bob@two.fr", "rdvsp", ["2"], NOW))
    with pytest.raises(CommandFailed, match=f"^rdv-{appointment} is not in an organisation of bob@two"):
        cancel(database, told, "7", agent="bob@two.fr")
    with pytest.raises(CommandFailed, match="There is no agent nobody@one"):
        cancel(database, told, "7", agent="nobody@one.fr")
    assert told.news == []
    assert cancel(database, told, "7", agent="Ada@One.fr") == f"Cancelled: rdv-{appointment}."
    who = select(audit.c.agent).where(audit.c.act == "cancelled")
    assert database.read_now(lambda connection: connection.execute(who).scalars().all()) == ["ada@one.fr"]


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("8", "rdvsp", "There is no appointment 8 of the source rdvsp."),
        ("7", "autre", "There is no appointment 7 of the source autre."),
        ("part-999", "rdvsp", "There is no appointment part-999 of the source rdvsp."),
        ("empty", "rdvsp", "empty cannot be cancelled: Nobody takes part"),
    ],
)
def test_what_cannot_be_cancelled_is_said_in_one_line(database: Database, name: str, source: str, why: str) -> None:
    add_appointment(database, "7", "p1")
    add_appointment(database, "empty")
    with pytest.raises(CommandFailed) as failed:
        cancel(database, Told(), name, source)
    assert str(failed.value).startswith(why)


def test_what_a_connected_source_owns_is_requested_there(database: Database) -> None:
    told = Told()
    appointment = add_appointment(database, "7", "p1")
    for _ in range(2):
        line = cancel_appointment(database, door(told, "rdvsp"), "7", "rdvsp", None, NOW)
        assert line == f"Not cancelled yet, its source has been asked to cancel it: rdv-{appointment}."
    assert told.news == []
    acts = database.read_now(lambda connection: connection.execute(select(audit.c.act)).scalars().all())
    assert acts == ["cancellation_requested"]


# Many at once ---------------------------------------------------------------------------------------------------------


def order(**more: Any) -> BatchOrder:
    return BatchOrder(date(2027, 1, 7), "12", "rdvsp", **more)


@pytest.fixture
def town(database: Database) -> Service:
    """Three appointments on Thursday, one an hour from 10h on, and one on Friday."""
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@example.fr",
    )
    desk = Desk(database)
    for number, hours in enumerate((0, 1, 2, 24)):
        part = participation(f"{number}-1", phone=f"+3361234567{number}", send_lifecycle_notifications=True)
        starts_at = datetime(2027, 1, 7, 9, tzinfo=UTC) + timedelta(hours=hours)
        desk.take(appointment(str(number), starts_at=starts_at, ends_at=None, participations=(part,)))
    return Service(settings, database, clock=lambda: datetime(2027, 1, 6, tzinfo=UTC))


def done(town: Service, asked: BatchOrder) -> tuple[list[str], dict[str | None, int]]:
    prepared = town.database.read_now(lambda c: prepare(c, town.batch_worker, asked, town.clock()))
    outcomes = carry_out(town.database, town.batch_worker, prepared, town.clock, pause_seconds=0)
    return list(prepared.lines(Decimal("0.07"))), {outcome and outcome.value: n for outcome, n in outcomes.items()}


def test_a_day_is_cancelled_and_shown_before(town: Service) -> None:
    lines, outcomes = done(town, order(word="Fermé.", begins_from=time(11)))
    assert lines == [
        "rdv-2, 2027-01-07 11:00, people: 1, 1 SMS, 1 e-mail",
        "rdv-3, 2027-01-07 12:00, people: 1, 1 SMS, 1 e-mail",
        "2 appointments would be cancelled: 2 people, 2 SMS in 2 segments (0.14 EUR), 2 e-mails; 0 cannot be told.",
    ]
    assert outcomes == {"cancelled": 2}
    states = select(participations.c.status).order_by(participations.c.id)
    assert town.database.read_now(lambda c: c.execute(states).scalars().all()) == [
        *("unknown", "revoked", "revoked", "unknown")
    ]
    who = select(audit.c.by, audit.c.way, audit.c.agent)
    assert set(town.database.read_now(lambda c: c.execute(who).all())) == {("agent", "shell", None)}


def test_only_writing_cancels_nothing(town: Service) -> None:
    _, outcomes = done(town, order(word="Entrée par la cour.", only_write=True, begins_before=time(11)))
    assert outcomes == {"written": 1}
    bodies = select(outgoing_messages.c.body).where(outgoing_messages.c.channel == "sms")
    assert "Message : Entrée par la cour." in town.database.read_now(lambda c: c.execute(bodies).scalar_one())


def test_interrupted_it_leaves_the_rest_alone(town: Service) -> None:
    ticks = iter(range(100))

    def clock() -> datetime:
        if next(ticks) == 4:  # after the first appointment
            raise KeyboardInterrupt
        return datetime(2027, 1, 6, tzinfo=UTC)

    prepared = town.database.read_now(lambda c: prepare(c, town.batch_worker, order(), town.clock()))
    outcomes = carry_out(town.database, town.batch_worker, prepared, clock, pause_seconds=0)
    assert sum(outcomes.values()) == 3
    assert outcomes[None] >= 1
    assert outcomes[BatchOutcome.CANCELLED] >= 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (order(word="x" * 301), "--word is 1 characters too long"),
        (order(only_write=True), "--only-write needs the text for people"),
        (order(agent="nobody@one.fr"), "There is no agent nobody@one"),
        (order(place="Ailleurs"), "There is no such appointment"),
        (replace(order(), organisation="99"), "There is no organisation 99 of the source rdvsp"),
    ],
)
def test_what_cannot_be_begun_is_said_in_one_line(town: Service, asked: BatchOrder, why: str) -> None:
    with pytest.raises(CommandFailed, match=f"^{why}"):
        town.database.read_now(lambda c: prepare(c, town.batch_worker, asked, town.clock()))
    assert town.database.read_now(lambda c: c.execute(select(audit)).all()) == []


@every_line(
    "arguments",
    [
        ["--by", "agent"],
        ["--by", "agent", "7", "--day", "2027-01-07", "--organisation", "12"],
        ["--by", "agent", "--day", "2027-01-07"],
        ["--by", "agent", "7", "--word", "Fermé"],
        ["--by", "agent", "--day", "07/01/2027", "--organisation", "12"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["cancel", *arguments]).exit_code == 2
