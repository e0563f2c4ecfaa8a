"""Two transactions about one appointment at the same moment, on PostgreSQL: the one that waits sees what the other did.

SQLite has one writer at a time, so there no transaction decides on rows that are just changing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, select, text

from smsbot.appointments.cancellation import Verdict
from smsbot.appointments.intake import take_record
from smsbot.appointments.participation_queries import hold_participation
from smsbot.model import OrganisationRecord
from smsbot.store.database import Database
from smsbot.store.tables import appointments
from tests.appointments.records import NOW as TODAY
from tests.appointments.records import appointment, participation
from tests.appointments.test_cancellation import API, SMS, WHOLE, House
from tests.test_turn import NOW, Line

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

_SOMEBODY_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def meanwhile(
    database: Database,
    first: Callable[[Connection], object],
    second: Callable[[], object],
    then: Callable[[Connection], object] = lambda _: None,
) -> None:
    """Commit `first` and `then` once `second`, in a thread of its own, waits for `first`."""
    other = threading.Thread(target=second)

    def work(connection: Connection) -> None:
        first(connection)
        other.start()
        deadline = time.monotonic() + 30
        while not database.read_now(lambda beside: beside.execute(_SOMEBODY_WAITS).scalar_one()):
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)
        then(connection)

    database.write_now(work)
    other.join()


@pytest.mark.parametrize(("days", "reply"), [(10, "confirm_moved"), (0.1, "too_late")])
def test_a_yes_is_to_the_time_that_was_told(database: Database, days: float, reply: str) -> None:
    line = Line(database)
    line.books()
    line.hears("annuler dup")
    moved = appointment(
        "1",
        starts_at=NOW + timedelta(days=days),
        ends_at=None,
        organisation=OrganisationRecord("12", "Mairie 12"),
        participations=(participation("1-1", email=None),),
    )
    said: list[str | None] = []
    meanwhile(
        database,
        lambda connection: take_record(connection, "rdvsp", moved, event_at=NOW, now=NOW),
        lambda: said.extend(line.hears("oui")),
    )
    assert said == [reply]
    assert line.part()["status"] == "unknown"


@pytest.mark.parametrize("meant", ["500", WHOLE])
def test_an_agent_cancels_what_it_is_by_then(database: Database, meant: str) -> None:
    house = House(database)
    house.holds("500")
    moved = appointment(starts_at=TODAY + timedelta(days=9), ends_at=None)
    meanwhile(
        database,
        lambda connection: take_record(connection, "rdvsp", moved, event_at=TODAY, now=TODAY),
        lambda: house.cancels(meant, API),
    )
    [ended] = house.announcer.told
    assert ended.participations[0].appointment.starts_at == moved.starts_at
    assert ended.calendar_sequence == house.desk.appointment()["calendar_sequence"] == 2


def test_each_cancellation_of_a_workshop_has_its_own_place_in_the_calendar(database: Database) -> None:
    house = House(database)
    house.holds("500", "501", collective=True)
    meanwhile(database, house.cancelling("500", SMS), lambda: house.cancels("501", SMS))
    assert sorted(ended.calendar_sequence for ended in house.announcer.told) == [1, 2]


def test_parent_and_child_who_cancel_at_the_same_moment_do_not_lock_each_other_out(database: Database) -> None:
    """Each transaction locks its own participation and then ends the other's. Without the lock on the appointment,
    PostgreSQL would find a deadlock and end one of the two.
    """
    house = House(database)
    house.holds("500", "501")
    mine, verdicts, tries = house.id_of("500"), list[Verdict](), list[str]()

    def cancelling(person: str) -> Callable[[Connection], None]:
        work = house.cancelling(person, SMS)

        def counted(connection: Connection) -> None:
            tries.append(person)
            verdicts.append(work(connection))

        return counted

    meanwhile(
        database,
        lambda connection: hold_participation(connection, mine),
        partial(database.write_now, cancelling("501")),
        cancelling("500"),
    )
    assert sorted(tries) == ["500", "501"]
    assert verdicts == [Verdict.CANCELLED, Verdict.ALREADY]


def test_who_cancels_and_a_source_that_tells_of_a_change_do_not_lock_each_other_out(database: Database) -> None:
    """Both hold the appointment before its participations. PostgreSQL would end one of the two, after a second."""
    house = House(database)
    house.holds("500", "501")
    moved = appointment(starts_at=TODAY + timedelta(days=9), ends_at=None, participations=(participation("500"),))
    cancel, tries = house.cancelling(WHOLE, API), list[str]()
    whole = select(appointments.c.id).with_for_update(key_share=True)

    def taking(connection: Connection) -> None:
        tries.append("take")
        take_record(connection, "rdvsp", moved, event_at=TODAY, now=TODAY)

    def cancelling(connection: Connection) -> None:
        tries.append("cancel")
        assert cancel(connection) is Verdict.CANCELLED

    meanwhile(
        database, lambda connection: connection.execute(whole).all(), partial(database.write_now, taking), cancelling
    )
    assert sorted(tries) == ["cancel", "take"]
