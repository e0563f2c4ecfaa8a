"""The purge: data that is due goes from every table, other data stays, and the log has no personal data."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from smsbot.retention import purging
from smsbot.retention.purging import Purged, purge
from smsbot.store.database import Database
from smsbot.store.tables import (
    appointments,
    audit,
    conversations,
    incoming_messages,
    opt_outs,
    outgoing_messages,
    participations,
)
from tests.retention.people import BEFORE, NOW, RETENTION, World, days
from tests.supervised import supervised

A, B = "+33612345678", "+33687654321"
MAIL = "sophie@exemple.fr"
SECOND = timedelta(seconds=1)


def run(world: World, before: datetime = BEFORE, at_most: int = 200) -> Purged:
    return asyncio.run(purge(world.database, before, NOW, at_most=at_most))


def whole_story(world: World, starts_at: datetime) -> dict[str, int]:
    """Sophie's appointment at home with everything that belongs to it, written in the days before it."""
    at = starts_at - days(2)
    appointment = world.appointment(starts_at, world.organisation(), address="3 rue des Lilas", location_type="home")
    participation = world.participation(
        appointment,
        "Dupont",
        A,
        MAIL,
        responsible_external_id="usager-mere",
        own={"first_name": "Léa", "last_name": "Dupont", "phone": B, "email": "lea@exemple.fr"},
        status="excused",
        cancelled_at=at,
        cancelled_by="usager",
        cancelled_way="sms",
    )
    about = {"appointment_id": appointment, "participation_id": participation}
    received = world.received(A, at, "ANNULER DUP svp, Sophie Dupont", for_agents=True)
    return {
        **about,
        "received": received,
        "reply": world.sent(A, at, "C'est annulé", in_reply_to=received, **about),
        "receipt": world.sent(
            MAIL, at, "Bonjour Sophie", subject="Sophie", html="<p>Sophie", calendar="ATTENDEE:Sophie", **about
        ),
        "conversation": world.conversation(A, at),
        "act": world.act(at, "agent@mairie.fr", **about),
        "request": world.request(at, "agent@mairie.fr", "Mot", in_reply_to=received, **about),
    }


class TestWhatIsDue:
    def test_of_somebody_whose_appointment_is_long_past_nothing_is_left(self, world: World) -> None:
        story = whole_story(world, BEFORE - SECOND)
        assert run(world) == Purged(people=1, addresses=1, sent=2, received=1, conversations=1, agents=1, requests=1)
        left = world.told()
        for word in (
            "Dupont",
            "Sophie",
            "Léa",
            A,
            B,
            MAIL,
            "lea@",
            "Lilas",
            "annulé",
            "ANNULER",
            "agent@",
            "usager-",
            "Mot",
        ):
            assert word not in left, word
        person = world.row(participations, story["participation_id"])
        assert (person.status, person.cancelled_way, person.erased_at) == ("excused", "sms", NOW)
        assert not world.row(incoming_messages, story["received"]).for_agents

    def test_a_moment_earlier_all_of_it_is_still_there(self, world: World) -> None:
        whole_story(world, BEFORE)
        before = world.told()
        assert run(world, before=BEFORE - days(2)) == Purged()
        assert world.told() == before

    def test_what_is_about_an_appointment_goes_with_it_however_early_it_was_written(self, world: World) -> None:
        whole_story(world, BEFORE)
        kept = world.told(participations, appointments, outgoing_messages, incoming_messages, audit)
        purged = run(world)
        assert purged == Purged(conversations=1), "a conversation at rest for that long is about nothing any more"
        assert world.told(participations, appointments, outgoing_messages, incoming_messages, audit) == kept

    def test_done_again_it_does_nothing(self, world: World) -> None:
        whole_story(world, BEFORE - days(1))
        run(world)
        after = world.told()
        assert run(world) == Purged()
        assert world.told() == after

    def test_what_strangers_wrote_goes_as_long_after_it_came(self, world: World) -> None:
        old, new = world.received(A, BEFORE - SECOND, "qui êtes-vous"), world.received(A, BEFORE, "allô")
        answers = [
            world.sent(A, at, "Ce numéro", in_reply_to=this) for at, this in ((BEFORE - SECOND, old), (NOW, new))
        ]
        assert run(world) == Purged(sent=1, received=1)
        assert [world.row(incoming_messages, this).body for this in (old, new)] == ["", "allô"]
        assert [world.row(outgoing_messages, this).recipient for this in answers] == ["", A]

    def test_an_old_appointment_goes_though_its_usager_has_a_new_one(self, world: World) -> None:
        old = whole_story(world, BEFORE - days(1))
        new = whole_story(world, NOW + days(5))
        run(world)
        assert world.row(participations, old["participation_id"]).phone is None
        assert world.row(incoming_messages, old["received"]).from_number == ""
        assert world.row(outgoing_messages, old["reply"]).recipient == ""
        assert world.row(participations, new["participation_id"]).phone == A
        assert world.row(incoming_messages, new["received"]).from_number == A
        assert world.row(outgoing_messages, new["reply"]).recipient == A

    def test_what_was_written_lately_about_an_old_appointment_stays_a_while(self, world: World) -> None:
        story = whole_story(world, BEFORE - days(30))
        late = world.sent(MAIL, NOW - days(1), appointment_id=story["appointment_id"], state="waiting")
        world.conversation(B, NOW - days(1))
        run(world)
        message = world.row(outgoing_messages, late)
        assert (message.recipient, message.state) == (MAIL, "waiting")
        assert B in world.told(conversations)

    def test_what_never_left_is_withdrawn(self, world: World) -> None:
        this = world.sent(A, BEFORE - days(1), state="waiting")
        run(world)
        message = world.row(outgoing_messages, this)
        assert (message.state, message.error_code, message.finished_at) == ("refused", "erased", NOW)

    def test_a_late_address_of_an_old_appointment_goes_too(self, world: World) -> None:
        story = whole_story(world, BEFORE - days(1))
        run(world)
        world.change(appointments, story["appointment_id"], address="3 rue des Lilas")
        assert run(world) == Purged(addresses=1)

    def test_who_asked_for_stop_is_left_alone_for_good(self, world: World) -> None:
        whole_story(world, BEFORE - days(400))
        world.opt_out(A, BEFORE - days(400))
        run(world)
        assert A in world.told(opt_outs)
        assert world.told().count(A) == 1

    def test_the_stop_of_a_stranger_ends_as_long_after_it_came(self, world: World) -> None:
        world.opt_out(A, BEFORE - SECOND, by_stranger=True)
        world.opt_out(B, BEFORE, by_stranger=True)
        assert run(world) == Purged(opt_outs=1)
        assert (A in world.told(opt_outs), B in world.told(opt_outs)) == (False, True)

    def test_a_stranger_who_has_an_appointment_by_now_keeps_their_stop(self, world: World) -> None:
        whole_story(world, NOW + days(5))
        world.opt_out(A, BEFORE - days(9), by_stranger=True)
        run(world)
        assert A in world.told(opt_outs)

    def test_the_administration_of_agents_keeps_its_names(self, world: World) -> None:
        world.act(BEFORE - days(400), "agent@mairie.fr", act="agent_added")
        assert run(world) == Purged()
        assert "agent@mairie.fr" in world.told(audit)


class TestInSmallSteps:
    def test_many_rows_take_many_transactions_and_are_all_erased(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purging, "_FOUND_AT_ONCE", 7)
        for number in range(17):
            world.sent(f"+3361234{number:04}", BEFORE - days(1))
        writes: list[int] = []
        write = world.database.write

        async def counted(work: Any) -> Any:
            writes.append(await write(work))
            return writes[-1]

        monkeypatch.setattr(world.database, "write", counted)
        assert run(world, at_most=3) == Purged(sent=17)
        assert writes == [3, 3, 1, 3, 3, 1, 3]

    def test_what_was_moved_since_it_was_found_is_spared(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        story = whole_story(world, BEFORE - days(1))
        read = world.database.read

        async def read_and_move(work: Any) -> Any:
            found = await read(work)
            if found:
                world.change(appointments, story["appointment_id"], starts_at=NOW + days(1))
            return found

        monkeypatch.setattr(world.database, "read", read_and_move)
        run(world)
        assert world.row(participations, story["participation_id"]).phone == A
        assert world.row(outgoing_messages, story["reply"]).recipient == A

    def test_two_at_once_count_everything_once(self, world: World) -> None:
        for number in range(30):
            world.sent(f"+3361234{number:04}", BEFORE - days(1))

        async def both() -> list[Purged]:
            return await asyncio.gather(*(purge(world.database, BEFORE, NOW, at_most=5) for _ in range(2)))

        assert sum(purged.sent for purged in asyncio.run(both())) == 30


class TestKeepPurging:
    @pytest.mark.anyio
    async def test_it_purges_by_itself_and_outlives_a_failing_database(
        self, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = World(sqlite_database)
        this = world.sent(A, BEFORE - days(1))
        monkeypatch.setattr(purging, "EVERY", timedelta(milliseconds=1))
        read, failures = sqlite_database.read, iter([True])

        async def failing_once(work: Any) -> Any:
            if next(failures, False):
                raise OperationalError("SELECT", {}, Exception("gone"))
            return await read(work)

        monkeypatch.setattr(sqlite_database, "read", failing_once)
        async with supervised(purging.purging(sqlite_database, RETENTION, lambda: NOW)) as supervisor:
            for _ in range(500):
                if world.row(outgoing_messages, this).recipient == "":
                    break
                await asyncio.sleep(0.01)
            assert world.row(outgoing_messages, this).recipient == ""
            assert supervisor.given_up is None


@pytest.mark.parametrize("state", ["waiting", "refused", "resting"])
def test_a_link_that_did_not_leave_in_time_is_kept_no_longer(world: World, state: str) -> None:
    """The link is no longer valid, but a stored e-mail should not keep a token."""
    mail = "agent@mairie.fr"
    link = {"body": "https://…/mot-de-passe/secret", "html": "<a>secret", "kind": "agents", "state": state}
    old = world.sent(mail, NOW - timedelta(minutes=61), **link)
    new = world.sent(mail, NOW - timedelta(minutes=59), **link)
    sent = world.sent(mail, NOW - days(1), body="", kind="agents")
    assert run(world) == Purged(unsent=1)
    row = world.row(outgoing_messages, old)
    assert (row.recipient, row.body, row.html) == ("", "", None)
    assert row.state == ("refused" if state == "waiting" else state)
    assert "secret" in world.row(outgoing_messages, new).body
    assert world.row(outgoing_messages, sent).recipient == mail
    assert run(world) == Purged()


def test_it_is_found_by_the_indexes_and_rows_alone(world: World) -> None:
    """The purge runs often, so it must not compare every message with every other."""
    if not world.database.is_sqlite:
        pytest.skip("the plan is read on SQLite; PostgreSQL chooses by the size of the tables")

    def plan(connection: Connection) -> str:
        lines = []
        for kept in purging._KEPT:
            statement = kept.table.select().where(kept.is_due(BEFORE, NOW)).compile(connection)
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(statement.params.values()))
            lines += [f"{kept.name}: {row[3]}" for row in rows]
        return "\n".join(lines)

    scans = [line for line in world.database.read_now(plan).splitlines() if "SCAN" in line]
    assert len(scans) == len({line.partition(":")[0] for line in scans}), "one table each, once through"


def test_the_purge_looks_only_at_what_is_not_erased_yet(sqlite_database: Database) -> None:
    """So its cost does not grow with the years of erased rows."""
    world = World(sqlite_database)
    plans: list[str] = []

    def plan(connection: Connection) -> None:
        for kept in purging._KEPT:
            ids = select(kept.key).where(kept.is_due(BEFORE, NOW))
            sql = str(ids.compile(connection.engine, compile_kwargs={"literal_binds": True}))
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
            plans.append(f"{kept.name}: " + "; ".join(row[-1] for row in rows))

    world.database.read_now(plan)
    told = "\n".join(plans)
    for index in ("messages_unerased", "participations_unerased", "audit_named", "appointments_addressed"):
        assert index in told, told
