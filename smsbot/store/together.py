"""Work that is done for all who wait, in one transaction: see `Together`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from smsbot.store.database import Database, is_about_the_database

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_TOGETHER = 64
AT_ONCE_ON_POSTGRESQL = 2
"""So many transactions at the same time: one has the server work while the other has Python work."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    key: Hashable
    future: asyncio.Future[Result]


class Together(Generic[Item, Result]):
    """Does the same work for many items.

    An item that comes while nothing is done is worked on at once. Those that come meanwhile wait, and the next
    transaction is for all of them. Where the work on several fails, it is done again for each of them alone, so that an
    item fails only by itself, or because the database does.
    """

    def __init__(
        self,
        database: Database,
        work: Callable[[Connection, Sequence[Item]], Sequence[Result]],
        key: Callable[[Item], Hashable],
    ) -> None:
        """`work` returns the result of each item, in their order.

        Of the items with the same `key` the first is worked on alone, then the second, and so on.
        """
        self._database = database
        self._work = work
        self._key = key
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._busy: set[Hashable] = set()
        self._at_once = 1 if database.is_sqlite else AT_ONCE_ON_POSTGRESQL
        self._running: set[asyncio.Task[None]] = set()

    async def do(self, item: Item) -> Result:
        """The result of the work on this item, once it is durable. Raises what the work on it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Waiting(item, self._key(item), future))
        if len(self._running) < self._at_once:
            self._running.add(loop.create_task(self._work_off()))
        return await future

    async def _work_off(self) -> None:
        try:
            while some := self._take():
                try:
                    await self._finish(some)
                finally:
                    self._busy.difference_update(one.key for one in some)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._running.discard(task)  # at once, or whoever comes next would wait for it

    def _take(self) -> list[_Waiting[Item, Result]]:
        """The next items, each with another key, and with none that is being worked on."""
        taken: list[_Waiting[Item, Result]] = []
        passed: list[_Waiting[Item, Result]] = []
        while self._waiting and len(taken) < MOST_TOGETHER:
            one = self._waiting.popleft()
            if one.key in self._busy:
                passed.append(one)
            else:
                self._busy.add(one.key)
                taken.append(one)
        self._waiting.extendleft(reversed(passed))
        return taken

    async def _finish(self, some: Sequence[_Waiting[Item, Result]]) -> None:
        items = [one.item for one in some]
        try:
            results = await self._database.write(lambda connection: self._work(connection, items))
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            if len(some) > 1 and not is_about_the_database(error):
                for one in some:
                    await self._finish([one])
                return
            for one in some:
                if not one.future.done():
                    one.future.set_exception(error)
            return
        for one, result in zip(some, results, strict=True):
            if not one.future.done():
                one.future.set_result(result)
