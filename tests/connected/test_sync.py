"""Reading all coming appointments, and reading again those that were missing in a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from smsbot.appointments.intake import IntakeKind, destroy
from smsbot.connected.rereading import READ_AGAIN_AFTER, Rereading
from smsbot.connected.source_api import CallFailedForNow, CallRefused
from smsbot.connected.source_state import claim_sync, source_states
from smsbot.connected.sync import Sync, SyncReport, syncing
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.runtime import HasToWait
from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations
from tests.connected.sources import api_to

pytestmark = pytest.mark.anyio


def utc_now() -> datetime:
    return datetime.now(UTC)


def soon(**later: float) -> datetime:
    return (utc_now() + timedelta(days=1, **later)).replace(microsecond=0)


def add(source: RdvspStandIn, starts_at: datetime | None = None, agents: tuple[int, ...] = (1,)) -> str:
    return str(source.agenda.add(starts_at=starts_at or soon(), agents=agents, quietly=True))


async def run(
    source: RdvspStandIn, database: Database, told: Callable[[SyncReport], None] = lambda _: None
) -> SyncReport:
    async with api_to(source, database) as api:
        return await Sync(api, database, utc_now, told).run()


def coming(database: Database) -> dict[str, datetime]:
    """What is stored here: the start of each appointment that has participants."""
    known = (
        select(appointments.c.external_id, appointments.c.starts_at)
        .join(participations)
        .where(participations.c.removed_at.is_(None))
    )
    return {row.external_id: row.starts_at for row in database.read_now(lambda each: each.execute(known).all())}


def to_read(database: Database) -> set[str]:
    marked = select(appointments.c.external_id).where(appointments.c.to_read_at.is_not(None))
    return set(database.read_now(lambda each: each.execute(marked).scalars().all()))


async def test_each_appointment_is_read_once_however_the_list_repeats(source: RdvspStandIn, database: Database) -> None:
    source.shuffles = True
    ids = {add(source, soon(minutes=7 * n), agents=(1, 2) if n % 2 else (1,)) for n in range(400)}
    shares: list[float] = []
    report = await run(source, database, lambda report: shares.append(report.share))
    assert set(coming(database)) == ids
    assert report.read == 400
    assert report.kinds[IntakeKind.NEW] == 400
    assert shares == sorted(shares)
    assert max(shares[:-1]) < 1
    assert shares[-1] == 1
    assert to_read(database) == set()


async def test_many_that_begin_at_the_same_moment_are_all_read(source: RdvspStandIn, sqlite_database: Database) -> None:
    """No window is small enough for one page. The pages are read until they bring nothing new."""
    source.shuffles = True
    moment = soon()
    ids = {add(source, moment) for _ in range(230)}
    await run(source, sqlite_database)
    missing = ids - set(coming(sqlite_database))
    await confirm(source, sqlite_database)
    assert len(missing) <= 2  # by chance every page may leave one out; the next sync has it
    assert set(coming(sqlite_database)) == ids - missing


@pytest.mark.parametrize("days", [(), (0,), (1, 400), (2, 2, 2), (300,)])
async def test_time_is_covered_to_the_end(
    source: RdvspStandIn, sqlite_database: Database, days: tuple[int, ...]
) -> None:
    ids = {add(source, soon(hours=24 * day + n)) for n, day in enumerate(days)}
    report = await run(source, sqlite_database)
    assert set(coming(sqlite_database)) == ids
    assert report.share == 1
    assert report.pages < 40


async def test_what_is_past_is_not_read(source: RdvspStandIn, sqlite_database: Database) -> None:
    add(source, utc_now() - timedelta(days=1))
    assert (await run(source, sqlite_database)).read == 0


async def test_a_sync_repairs_what_was_missed_and_tells_nobody(source: RdvspStandIn, database: Database) -> None:
    agenda = source.agenda
    moved, cancelled, renamed, gone, same = (add(source, soon(hours=n)) for n in range(5))
    await run(source, database)
    agenda.move(int(moved), soon(hours=30))
    agenda.set_all(int(cancelled), "revoked")
    agenda.change_user(
        agenda.rdv(int(renamed)).participations[0].user_id, last_name="Martin", phone_number_formatted="+33611111111"
    )
    agenda.destroy(int(gone))
    new = add(source, soon(hours=6))
    report = await run(source, database)
    assert {kind: report.kinds[kind] for kind in (IntakeKind.NEW, IntakeKind.CHANGED, IntakeKind.UNCHANGED)} == {
        IntakeKind.NEW: 1,
        IntakeKind.CHANGED: 3,
        IntakeKind.UNCHANGED: 1,
    }
    assert to_read(database) == {gone, moved}  # the window of `moved` was read before it was seen in another
    await confirm(source, database)
    assert to_read(database) == set()
    assert coming(database)[moved] == agenda.rdv(int(moved)).starts_at
    person = select(participations.c.last_name, participations.c.phone).join(appointments)
    named = database.read_now(lambda each: each.execute(person.where(appointments.c.external_id == renamed)).one())
    assert tuple(named) == ("Martin", "+33611111111")
    status = select(appointments.c.status).where(appointments.c.external_id == cancelled)
    assert database.read_now(lambda each: each.execute(status).scalar_one()) == "revoked"
    assert {same, new} <= set(coming(database))
    messages = select(func.count()).select_from(outgoing_messages)
    assert database.read_now(lambda each: each.execute(messages).scalar_one()) == 0


async def test_the_source_has_the_last_word_on_what_was_cancelled_here(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    """An agent there has reopened it, and the webhook was lost."""
    rdv_id = add(source)
    await run(source, sqlite_database)
    then = utc_now() - timedelta(hours=1)
    ended = {"status": "excused", "cancelled_at": then, "cancelled_by": "usager", "cancelled_way": "sms"}
    sqlite_database.write_now(lambda each: each.execute(update(participations).values(ended)))
    await run(source, sqlite_database)
    standing = select(participations.c.status).join(appointments).where(appointments.c.external_id == rdv_id)
    assert sqlite_database.read_now(lambda each: each.execute(standing).scalar_one()) == "unknown"


async def confirm(source: RdvspStandIn, database: Database, rounds: int = 2) -> None:
    """Do what the worker does with marked appointments."""
    now = utc_now()
    async with api_to(source, database) as api:
        rereading = Rereading(api, database, lambda: now)
        for _ in range(rounds):
            await rereading.once()
            now += READ_AGAIN_AFTER


async def test_what_is_not_shown_is_gone_once_two_readings_agree(source: RdvspStandIn, database: Database) -> None:
    gone, there = add(source), add(source)
    await run(source, database)
    source.agenda.destroy(int(gone), quietly=True)
    await run(source, database)
    await confirm(source, database, rounds=1)
    assert set(coming(database)) == {gone, there}
    await confirm(source, database)
    assert set(coming(database)) == {there}
    assert to_read(database) == set()


async def test_what_a_list_left_out_is_still_there(source: RdvspStandIn, sqlite_database: Database) -> None:
    """A list is no proof: an agent may have changed something between two pages."""
    moved = add(source)
    await run(source, sqlite_database)
    source.agenda.move(int(moved), utc_now() - timedelta(hours=1))  # into the past, where no sync looks
    await run(source, sqlite_database)
    assert to_read(sqlite_database) == {moved}
    await confirm(source, sqlite_database, rounds=1)
    assert coming(sqlite_database)[moved] == source.agenda.rdv(int(moved)).starts_at
    assert to_read(sqlite_database) == set()


async def test_what_comes_back_into_sight_is_known_again(source: RdvspStandIn, sqlite_database: Database) -> None:
    """Our account loses a service and gets it back."""
    hidden = add(source)
    await run(source, sqlite_database)
    source.services = set()
    await run(source, sqlite_database)
    await confirm(source, sqlite_database)
    assert coming(sqlite_database) == {}
    source.services = None
    await run(source, sqlite_database)
    assert set(coming(sqlite_database)) == {hidden}


async def test_an_organisation_out_of_sight_takes_nothing_with_it(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    """The role of our account was changed: operators are told, and usagers' appointments stay."""
    kept = add(source)
    await run(source, sqlite_database)
    source.sees = set()
    await run(source, sqlite_database)
    await confirm(source, sqlite_database, rounds=3)
    assert set(coming(sqlite_database)) == {kept}


async def test_newer_data_of_a_webhook_win_over_a_page_that_is_still_on_its_way(
    source: RdvspStandIn, database: Database
) -> None:
    rdv_id = add(source)
    await run(source, database)
    async with api_to(source, database) as api:
        listed = await api.starting_between(utc_now(), None)
        gone_at = listed.at + timedelta(milliseconds=1)
        await database.write(lambda each: destroy(each, "rdvsp", rdv_id, event_at=gone_at, reason=None, now=gone_at))
        report = await Sync(api, database, utc_now).run()
    assert report.kinds[IntakeKind.IGNORED] == 1
    assert coming(database) == {}


async def test_a_sync_waits_for_what_passes_and_is_repeated_after_what_does_not(
    source: RdvspStandIn, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsbot.connected.sync.FIRST_PAUSE", 0.01)
    ids = {add(source, soon(hours=9 * n)) for n in range(30)}
    source.fail(StandInFault(503, retry_after=0), times=2, on="rdvs")
    source.fail(StandInFault(cuts=True), on="rdvs")
    troubles: list[str] = []
    await run(source, sqlite_database, lambda report: troubles.append(report.trouble or ""))
    assert set(coming(sqlite_database)) == ids
    assert "answered 503" in troubles[0]
    assert "RemoteProtocolError" in troubles[2]
    assert troubles[3:] == [""] * len(troubles[3:])
    source.fail(StandInFault(403), on="rdvs")
    with pytest.raises(CallRefused):
        await run(source, sqlite_database)
    state = sqlite_database.read_now(lambda each: source_states(each, ["rdvsp"], utc_now()))["rdvsp"]
    assert state.problem is not None
    await run(source, sqlite_database)
    state = sqlite_database.read_now(lambda each: source_states(each, ["rdvsp"], utc_now()))["rdvsp"]
    assert state.problem is None
    assert state.synced_at is not None


async def test_a_sync_that_is_stopped_keeps_what_it_has_read(source: RdvspStandIn, sqlite_database: Database) -> None:
    ids = {add(source, soon(minutes=20 * n)) for n in range(600)}
    enough = asyncio.Event()

    def told(report: SyncReport) -> None:
        if report.read >= 150:
            enough.set()

    syncing_now = asyncio.create_task(run(source, sqlite_database, told))
    await enough.wait()
    syncing_now.cancel()
    with pytest.raises(asyncio.CancelledError):
        await syncing_now
    assert 150 <= len(coming(sqlite_database)) < 600
    await run(source, sqlite_database)
    assert set(coming(sqlite_database)) == ids


async def test_only_one_process_syncs_and_only_when_it_is_due(source: RdvspStandIn, database: Database) -> None:
    hour, now = timedelta(hours=1), utc_now()

    def claims(at: datetime) -> bool:
        return database.write_now(lambda each: claim_sync(each, "rdvsp", hour, at))

    assert claims(now)
    assert not claims(now)
    await run(source, database)
    assert not claims(utc_now() + timedelta(minutes=59))
    assert claims(utc_now() + timedelta(minutes=61))


async def test_the_work_of_a_process_syncs_when_it_is_due_and_waits_where_nobody_is_signed_in(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    add(source)
    async with api_to(source, sqlite_database, signed_in=False) as api:
        with pytest.raises(HasToWait):
            await syncing(sqlite_database, api, utc_now).once()
    async with api_to(source, sqlite_database) as api:
        work = syncing(sqlite_database, api, utc_now)
        await work.once()
        pages = len(source.calls_of("rdvs"))
        await work.once()
    assert len(coming(sqlite_database)) == 1
    assert len(source.calls_of("rdvs")) == pages


async def test_a_reading_that_fails_is_repeated(source: RdvspStandIn, sqlite_database: Database) -> None:
    rdv_id = add(source)
    await run(source, sqlite_database)
    source.agenda.destroy(int(rdv_id), quietly=True)
    await run(source, sqlite_database)
    now = utc_now()
    async with api_to(source, sqlite_database) as api:
        rereading = Rereading(api, sqlite_database, lambda: now)
        source.fail(StandInFault(500), on="rdvs")
        with pytest.raises(CallFailedForNow):
            await rereading.once()
        assert await rereading.once() == 0  # the failed process still has the lease
        now += timedelta(minutes=3)
        assert await rereading.once() == 1
