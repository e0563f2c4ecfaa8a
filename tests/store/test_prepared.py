"""Prepared statements give the same results as SQLAlchemy, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Text, bindparam, exc, func, select, update

from smsbot.store.database import Database
from smsbot.store.many import Inserts, Updates, is_one_of
from smsbot.store.prepared import Prepared, in_one_journey, inserting, upserting
from smsbot.store.tables import UtcDateTime, appointments, conversations, participations

NOW = datetime(2026, 5, 4, 10, 0, 0, 123456, tzinfo=UTC)
COLUMNS = ("source", "external_id", "uuid", "starts_at", "status", "collective", "location_type")
APPOINTMENT = {
    "source": "rdvsp",
    "external_id": "1",
    "uuid": "u",
    "starts_at": NOW,
    "status": "unknown",
    "collective": True,
    "location_type": "phone",
    "bookable_by_everyone": False,
    "changed_at": NOW,
}
INSERT = Prepared(inserting(appointments, *APPOINTMENT).returning(appointments.c.id, appointments.c.starts_at))
REMEMBER = upserting(
    conversations,
    ("usager_number", "our_number", "memory", "updated_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["usager_number", "our_number"], set_={"memory": insert.excluded.memory}
    ).returning(conversations.c.memory, conversations.c.updated_at),
)


def test_values_go_in_and_come_out_as_with_sqlalchemy(database: Database) -> None:
    statement = select(*(appointments.c[name] for name in COLUMNS), appointments.c.ends_at).where(
        appointments.c.starts_at == bindparam("at"),
        appointments.c.status == "unknown",
        appointments.c.location_type.in_(("visio", "phone")),
    )

    def work(connection: Any) -> tuple[Any, list[Any], list[Any]]:
        written = INSERT.row(connection, APPOINTMENT)
        elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))
        prepared = Prepared(statement).rows(connection, {"at": elsewhere})
        return written, prepared, list(connection.execute(statement, {"at": elsewhere}))

    written, prepared, usual = database.write_now(work)
    assert [tuple(row) for row in prepared] == [tuple(row) for row in usual]
    assert tuple(prepared[0]) == (*(APPOINTMENT[name] for name in COLUMNS), None)
    assert (type(written[0]), written[1]) == (int, NOW)


def test_two_columns_of_one_name_both_come(database: Database) -> None:
    def work(connection: Any) -> Any:
        [appointment_id, _] = INSERT.row(connection, APPOINTMENT) or (0, 0)
        row = {
            "id": 77,
            "appointment_id": appointment_id,
            "source": "rdvsp",
            "external_id": "p",
            "status": "unknown",
            "surnames": ["Müller"],
            "first_names": [],
        }
        flags = ("notify_by_sms", "notify_by_email", "send_lifecycle_notifications", "send_reminder_notification")
        connection.execute(participations.insert(), row | dict.fromkeys(flags, True))
        both = select(participations.c.id, participations.c.surnames, appointments.c.id, appointments.c.changed_at)
        joined = Prepared(both.select_from(participations.join(appointments)))
        return appointment_id, joined.row(connection, {})

    appointment_id, found = database.write_now(work)
    assert tuple(found) == (77, ["Müller"], appointment_id, NOW)


def test_an_upsert_writes_json_and_gives_back_what_stands(database: Database) -> None:
    def work(connection: Any, memory: dict[str, Any], at: datetime) -> Any:
        values = {"usager_number": "+33612345678", "our_number": "36123", "memory": memory, "updated_at": at}
        return REMEMBER.row(connection, values)

    first = database.write_now(lambda connection: work(connection, {"state": "é"}, NOW))
    again = database.write_now(lambda connection: work(connection, {"state": None}, NOW + timedelta(days=1)))
    assert tuple(first) == ({"state": "é"}, NOW)
    assert tuple(again) == ({"state": None}, NOW)


def test_it_tells_how_many_rows_were_changed(database: Database) -> None:
    end = Prepared(
        update(appointments)
        .where(appointments.c.external_id == bindparam("this"), appointments.c.status == "unknown")
        .values(status=bindparam("new_status"))
    )

    def work(connection: Any) -> list[int]:
        INSERT.rows(connection, APPOINTMENT)
        return [end.run(connection, {"this": this, "new_status": "excused"}) for this in ("0", "1", "1")]

    assert database.write_now(work) == [0, 1, 0]


def test_errors_are_sqlalchemys_and_tell_nothing_personal(database: Database) -> None:
    def work(connection: Any) -> None:
        INSERT.rows(connection, APPOINTMENT | {"external_id": "secret-of-somebody"})
        INSERT.rows(connection, APPOINTMENT | {"external_id": "secret-of-somebody"})

    with pytest.raises(exc.IntegrityError) as raised:
        database.write_now(work)
    if database.is_sqlite:
        assert "secret-of-somebody" not in str(raised.value)


def test_a_value_that_is_missing_is_a_mistake(database: Database) -> None:
    with pytest.raises((KeyError, exc.StatementError)):
        database.write_now(lambda connection: INSERT.rows(connection, {"source": "rdvsp"}))


def test_many_rows_are_inserted_at_once(database: Database) -> None:
    inserts = Inserts(
        conversations,
        "usager_number",
        "our_number",
        "memory",
        "updated_at",
        conflict="ON CONFLICT (usager_number, our_number) DO UPDATE SET memory = excluded.memory",
        returning=("usager_number", "memory", "updated_at"),
    )
    phones = [f"+3361234{number:04d}" for number in range(300)]

    def rows(memory: Any) -> list[dict[str, Any]]:
        return [{"usager_number": phone, "our_number": "1", "memory": memory, "updated_at": NOW} for phone in phones]

    def work(connection: Any) -> tuple[Any, Any, Any]:
        first = inserts.rows(connection, rows({"said": 'é "\\ \n', "none": None}))
        again = inserts.rows(connection, rows({"state": 1}))
        some = select(conversations.c.memory).where(is_one_of(conversations.c.usager_number, "phones"))
        return first, again, Prepared(some).rows(connection, {"phones": [phones[7], "it's nobody's", phones[9]]})

    first, again, some = database.write_now(work)
    assert [tuple(row) for row in first] == [(phone, {"said": 'é "\\ \n', "none": None}, NOW) for phone in phones]
    assert [tuple(row) for row in again] == [(phone, {"state": 1}, NOW) for phone in phones]
    assert [tuple(row) for row in some] == [({"state": 1},)] * 2
    assert database.write_now(lambda connection: inserts.rows(connection, [])) == []


def test_many_rows_are_changed_at_once_each_by_values_of_its_own(database: Database) -> None:
    updates = Updates(
        lambda given: (
            update(appointments)
            .where(appointments.c.external_id == given("this"))
            .values(starts_at=given("at"), uuid=func.coalesce(given("name"), appointments.c.uuid))
            .returning(appointments.c.external_id, appointments.c.uuid, appointments.c.starts_at)
        ),
        this=Text(),
        at=UtcDateTime(),
        name=Text(),
    )
    later = NOW + timedelta(hours=1)

    def work(connection: Any) -> tuple[Any, Any]:
        for number in ("1", "2", "3"):
            INSERT.rows(connection, APPOINTMENT | {"external_id": number})
        wanted = [{"this": "1", "at": NOW, "name": 'it\'s "1"'}, {"this": "3", "at": later, "name": None}]
        return updates.rows(connection, [*wanted, {"this": "4", "at": NOW, "name": "4"}]), updates.rows(connection, [])

    changed, none = database.write_now(work)
    assert sorted(tuple(row) for row in changed) == [("1", 'it\'s "1"', NOW), ("3", "u", later)]
    assert none == []


def test_a_list_may_hold_any_text(database: Database) -> None:
    said = ["{}", 'a "b", \\c\\', "", "NULL", "it's", " \n", "é,😀"]
    inserts = Inserts(conversations, "usager_number", "our_number", "memory", "updated_at")
    rows = [{"usager_number": each, "our_number": "1", "memory": {}, "updated_at": NOW} for each in [*said, "other"]]
    found = Prepared(select(conversations.c.usager_number).where(is_one_of(conversations.c.usager_number, "texts")))

    def work(connection: Any) -> Any:
        inserts.rows(connection, rows)
        return found.rows(connection, {"texts": [*said, None]}), found.rows(connection, {"texts": []})

    some, none = database.write_now(work)
    assert sorted(text for [text] in some) == sorted(said)
    assert none == []


def test_statements_of_one_journey_see_what_those_before_them_did(database: Database) -> None:
    def work(connection: Any) -> Any:
        values = {"usager_number": "+33612345678", "our_number": "36123", "updated_at": NOW}
        count = Prepared(select(func.count()).select_from(conversations))
        end = Prepared(update(conversations).values(memory={"at": "end"}))
        return in_one_journey(
            connection, (count, {}), (REMEMBER, values | {"memory": {}}), (count, {}), (end, {}), (count, {})
        )

    found = database.write_now(work)
    assert [[tuple(row) for row in rows] for rows in found] == [[(0,)], [({}, NOW)], [(1,)], [], [(1,)]]


def test_an_error_in_a_journey_is_sqlalchemys(database: Database) -> None:
    passed_over = [(INSERT, APPOINTMENT)] * 20  # after the statement that fails; the error must not name these
    with pytest.raises(exc.IntegrityError):
        database.write_now(
            lambda connection: in_one_journey(connection, (INSERT, APPOINTMENT), (INSERT, APPOINTMENT), *passed_over)
        )
    found = Prepared(select(func.count()).select_from(appointments))
    assert database.read_now(lambda connection: [tuple(row) for row in found.rows(connection, {})]) == [(0,)]
