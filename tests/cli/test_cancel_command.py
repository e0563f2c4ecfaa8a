"""`smsbot cancel`: through the same door as everybody, by whoever may."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from smsbot.agents.accounts import add_agent
from smsbot.cli.appointment_commands import cancel_appointment
from smsbot.cli.common import CommandFailed
from smsbot.model import Actor, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import audit
from tests.agents.shell import NOW, Told, add_appointment, door, part_id


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
