"""The supervisor: failures are logged with their kind, work is restarted after growing pauses, and at last given up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from structlog.testing import capture_logs

from smsbot import runtime as module
from smsbot.runtime import HasToWait, PeriodicWork, RestartPolicy, Supervisor, last_successes, noting_successes
from smsbot.store.database import Database
from tests.supervised import supervised

pytestmark = pytest.mark.anyio

OFTEN = timedelta(milliseconds=1)
AT_ONCE = RestartPolicy(first_pause=0.0001, longest_pause=0.001, failures=5, seconds=0.0)


class Rounds:
    """One piece of work. Its rounds do what the test says, one after the other, and then nothing."""

    def __init__(self, *does: Exception | None) -> None:
        self.count = 0
        self._does: Iterator[Exception | None] = itertools.chain(does, itertools.repeat(None))

    async def once(self) -> None:
        self.count += 1
        error = next(self._does)
        if error is not None:
            raise error

    async def reach(self, count: int) -> None:
        await until(lambda: self.count >= count)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_rounds_follow_each_other_and_a_success_is_noted() -> None:
    rounds = Rounds()
    async with supervised(PeriodicWork("reminders", rounds.once, OFTEN)) as supervisor:
        await rounds.reach(3)
        assert 0 <= supervisor.seconds_since_success()["reminders"] < 20
        assert supervisor.given_up is None


async def test_a_mistake_is_told_by_kind_and_place_and_the_work_goes_on() -> None:
    rounds = Rounds(ValueError("Sophie Dupont, +33612345678"), KeyError("x"))
    with capture_logs() as logs:
        async with supervised(PeriodicWork("reminders", rounds.once, OFTEN), restarts=AT_ONCE) as supervisor:
            await rounds.reach(4)
            assert supervisor.given_up is None
    told = [log for log in logs if log["event"] == "work failed"]
    assert [(log["work"], log["error"], log["failures"]) for log in told] == [
        ("reminders", "ValueError", 1),
        ("reminders", "KeyError", 2),
    ]
    assert all(log["log_level"] == "error" and "test_runtime.py:" in str(log["at"]) for log in told)
    assert "Sophie" not in str(logs)
    assert "612345678" not in str(logs)


async def test_what_fails_again_and_again_is_given_up_and_told_at_once() -> None:
    rounds = Rounds(*[RuntimeError() for _ in range(50)])
    told: list[str] = []
    with capture_logs() as logs:
        supervisor = Supervisor(AT_ONCE)
        supervisor.when_given_up(lambda: told.append("ending"))
        supervisor.start(PeriodicWork("reminders", rounds.once, OFTEN))
        await until(lambda: bool(told))
        assert supervisor.given_up == "reminders"
        await supervisor.stop()
    assert (rounds.count, told) == (5, ["ending"])
    assert [log["work"] for log in logs if log["event"] == "work given up: the process ends"] == ["reminders"]


async def test_a_success_between_failures_begins_the_count_anew() -> None:
    failing: list[Exception | None] = [RuntimeError()] * 4
    rounds = Rounds(*failing, None, *failing, None, *failing)
    async with supervised(PeriodicWork("reminders", rounds.once, OFTEN), restarts=AT_ONCE) as supervisor:
        await rounds.reach(16)
        assert supervisor.given_up is None


@pytest.mark.parametrize(
    "outage",
    [
        OperationalError("SELECT", {}, Exception("gone")),
        InterfaceError("SELECT", {}, Exception("closed")),
        NoConnectionFree(),
        HasToWait("Something is out of reach."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_out_of_reach_is_waited_for_however_long(outage: Exception) -> None:
    rounds = Rounds(*[outage] * 30)
    async with supervised(PeriodicWork("reminders", rounds.once, OFTEN), restarts=AT_ONCE) as supervisor:
        await rounds.reach(30)
        assert supervisor.seconds_since_success() == {}
        await rounds.reach(32)
        assert supervisor.given_up is None
        assert "reminders" in supervisor.seconds_since_success()


async def test_a_wrong_statement_is_no_outage() -> None:
    rounds = Rounds(*[ProgrammingError("SELECT", {}, Exception("no such column"))] * 9)
    async with supervised(PeriodicWork("reminders", rounds.once, OFTEN), restarts=AT_ONCE) as supervisor:
        await until(lambda: supervisor.given_up is not None)


async def test_work_that_ends_in_silence_is_given_up_too() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    async with supervised(PeriodicWork("reminders", cancels_itself, OFTEN)) as supervisor:
        await until(lambda: supervisor.given_up == "reminders")


async def test_others_go_on_while_one_fails() -> None:
    well, ill = Rounds(), Rounds(*[RuntimeError()] * 4)
    works = PeriodicWork("purge", well.once, OFTEN), PeriodicWork("reminders", ill.once, OFTEN)
    async with supervised(*works, restarts=AT_ONCE):
        await ill.reach(4)
        await well.reach(well.count + 2)


async def test_a_first_success_is_noted_at_once_and_later_ones_from_time_to_time(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUCCESSES_NOTED_EVERY", timedelta(hours=1))
    may_begin, noted = asyncio.Event(), list[Mapping[str, datetime]]()

    async def late() -> None:
        await may_begin.wait()

    async def are_noted(*names: str) -> None:
        async with asyncio.timeout(20):
            while not (successes := await sqlite_database.read(last_successes)).keys() >= set(names):
                await asyncio.sleep(0.001)
        noted.append(successes)

    supervisor, rounds = Supervisor(), Rounds()
    heart = noting_successes(sqlite_database, supervisor, lambda: datetime.now(UTC))
    supervisor.start(heart, PeriodicWork("purge", rounds.once, OFTEN), PeriodicWork("reminders", late, OFTEN))
    await are_noted("purge")
    assert "reminders" not in noted[0]
    may_begin.set()
    await are_noted("purge", "reminders")
    again = rounds.count + 20
    await rounds.reach(again)
    assert await sqlite_database.read(last_successes) == noted[-1]
    await supervisor.stop()


def test_pauses_grow_up_to_the_longest_and_giving_up_takes_failures_and_time() -> None:
    failing = module._Failing(RestartPolicy(first_pause=1.0, longest_pause=60.0, failures=10, seconds=600.0))
    now, pauses = 0.0, []
    while (pause := failing.again(now)) is not None:
        pauses.append(pause)
        now += pause
    assert pauses[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert len(pauses) > 10
    assert 600 <= now < 700


class TestStopping:
    async def test_a_long_round_is_cut_off(self) -> None:
        begun = asyncio.Event()

        async def long() -> None:
            begun.set()
            await asyncio.sleep(3600)

        async with supervised(PeriodicWork("purge", long, OFTEN)) as supervisor:
            await begun.wait()
        assert supervisor.given_up is None

    async def test_a_round_of_work_that_has_to_be_finished_ends_and_then_it_is_finished(self) -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()
        done: list[str] = []

        async def once() -> None:
            begun.set()
            await may_end.wait()
            done.append("round")

        async def finish() -> None:
            done.append("finish")

        supervisor = Supervisor()
        supervisor.start(PeriodicWork("delivery_sms", once, timedelta(hours=1), finish))
        await begun.wait()
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0)
        assert done == []
        may_end.set()
        await stopping
        assert done == ["round", "finish"]

    async def test_a_pause_after_a_failure_is_no_reason_to_wait(self) -> None:
        rounds, finished = Rounds(RuntimeError()), asyncio.Event()

        async def finish() -> None:
            finished.set()

        supervisor = Supervisor(RestartPolicy(first_pause=3600.0, longest_pause=3600.0))
        supervisor.start(PeriodicWork("delivery_sms", rounds.once, OFTEN, finish))
        await rounds.reach(1)
        async with asyncio.timeout(20):
            await supervisor.stop()
        assert finished.is_set()


async def test_waking_ends_the_pause_of_work_that_goes_well() -> None:
    rounds = Rounds()
    work = PeriodicWork("delivery_sms", rounds.once, timedelta(hours=1))
    async with supervised(work):
        await rounds.reach(1)
        work.wake.set()
        await rounds.reach(2)
