"""Work for all who wait is done in one transaction, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from smsbot.store.database import Database
from smsbot.store.tables import heartbeats
from smsbot.store.together import MOST_TOGETHER, Together

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)

pytestmark = pytest.mark.anyio


class Writing:
    """Work that writes names. `bad` names fail. `batches` has the names of each transaction."""

    def __init__(self, bad: Exception | None = None) -> None:
        self.bad = bad
        self.batches: list[list[str]] = []

    def __call__(self, connection: Connection, names: Sequence[str]) -> list[str]:
        self.batches.append(list(names))
        for name in names:
            connection.execute(heartbeats.insert(), {"name": name, "at": NOW})
        if self.bad is not None and "bad" in names:
            raise self.bad
        return [name.upper() for name in names]


def written(database: Database) -> int:
    count = select(func.count()).select_from(heartbeats)
    return database.read_now(lambda connection: connection.execute(count).scalar_one())


async def test_all_who_wait_share_a_transaction_and_each_gets_its_own_result(database: Database) -> None:
    work = Writing()
    together = Together(database, work, key=lambda name: name)
    names = [f"name {number}" for number in range(3 * MOST_TOGETHER)]
    assert await asyncio.gather(*(together.do(name) for name in names)) == [name.upper() for name in names]
    assert written(database) == len(names)
    assert len(work.batches) < 8
    assert max(map(len, work.batches)) <= MOST_TOGETHER


async def test_one_that_fails_is_undone_alone(database: Database) -> None:
    together = Together(database, Writing(ZeroDivisionError()), key=lambda name: name)
    results = await asyncio.gather(*(together.do(name) for name in ("a", "bad", "b")), return_exceptions=True)
    assert [results[0], results[2]] == ["A", "B"]
    assert isinstance(results[1], ZeroDivisionError)
    assert written(database) == 2


async def test_a_database_that_fails_is_not_asked_again_for_each(database: Database) -> None:
    work = Writing(OperationalError("INSERT", {}, Exception("disk full")))
    together = Together(database, work, key=lambda name: name)
    first = asyncio.gather(together.do("bad"), together.do("a"), return_exceptions=True)
    results = await first
    assert all(isinstance(result, OperationalError) for result in results)
    assert work.batches == [["bad", "a"]]


async def test_items_of_one_key_are_worked_on_one_after_the_other(database: Database) -> None:
    work = Writing()
    together = Together(database, work, key=lambda name: name[0])
    names = [f"{letter}{number}" for number in range(4) for letter in "xy"]
    await asyncio.gather(*(together.do(name) for name in names))
    for letter in "xy":
        in_order = [name for batch in work.batches for name in batch if name[0] == letter]
        assert in_order == [f"{letter}{number}" for number in range(4)]
    assert all(len({name[0] for name in batch}) == len(batch) for batch in work.batches)


async def test_who_comes_a_moment_later_shares_the_transaction(database: Database) -> None:
    work = Writing()
    together = Together(database, work, key=lambda name: name)
    first = asyncio.create_task(together.do("a"))
    for _ in range(2):
        await asyncio.sleep(0)  # now the cancellation has arrived
    await together.do("b")
    await first
    assert work.batches == [["a", "b"]]


async def test_who_comes_when_it_has_just_ended_does_not_wait_for_ever(database: Database) -> None:
    together = Together(database, Writing(), key=lambda name: name)

    async def several(first: int) -> None:
        for number in range(first, first + 5):
            await together.do(str(number))  # each begins at the moment at which the one before ends

    async with asyncio.timeout(30):
        await asyncio.gather(several(0), several(100))
    assert written(database) == 10
