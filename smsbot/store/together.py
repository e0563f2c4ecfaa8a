"""Does work for all waiting callers in one transaction: see `Together`."""

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
"""How many transactions run at the same time. With two, the server works on one while Python works on the other."""
GATHERING_SECONDS = 0.001
"""How long a transaction waits for more items. Nobody notices it, and it saves most of the cost of a transaction."""
REST, LONGEST_REST = 3, 0.1  # a multiple of the transaction's duration; seconds


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    key: Hashable
    future: asyncio.Future[Result]


@dataclass(frozen=True, slots=True)
class Share(Generic[Item]):
    """How much one transaction takes, so that other work gets its turn: at most `items`, with `weight` in total.

    `weigh` returns the weight of an item, given the item before it in the transaction (None for the first). A single
    item may be heavier than `weight`. `rests` is for work that comes in floods: after each transaction nothing is done
    for three times its duration, but at most 0.1 s.
    """

    items: int = MOST_TOGETHER
    weight: int = MOST_TOGETHER
    weigh: Callable[[Item, Item | None], int] = lambda _item, _before: 1
    rests: bool = False


class Together(Generic[Item, Result]):
    """Does the same work for many items.

    A transaction begins a millisecond after an item has come, and takes all items that are waiting then. Items that
    come meanwhile wait for the next one. If the work on several items fails, it is done again for each of them alone.
    So an item fails only for its own reason, or because the database fails.
    """

    def __init__(
        self,
        database: Database,
        work: Callable[[Connection, Sequence[Item]], Sequence[Result]],
        key: Callable[[Item], Hashable] | None,
        share: Share[Item] | None = None,
    ) -> None:
        """`work` returns the result of each item, in the order of the items.

        Items with the same `key` are never in the same transaction: the first is finished before the second begins.
        If `key` is None, all items are worked on in the order in which they came, in one transaction after the other;
        then `work` must handle items that belong together.
        """
        self._database = database
        self._work = work
        self._key = key
        self._share: Share[Item] = share or Share()
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._busy: set[Hashable] = set()
        self._at_once = 1 if database.is_sqlite or key is None else AT_ONCE_ON_POSTGRESQL
        self._running: set[asyncio.Task[None]] = set()
        self._rests_until = 0.0  # by the loop's clock

    async def do(self, item: Item) -> Result:
        """The result of the work on this item, when it is committed. Raises what the work raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Waiting(item, self._key(item) if self._key is not None else None, future))
        if len(self._running) < self._at_once:
            self._running.add(loop.create_task(self._work_off()))
        return await future

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await asyncio.sleep(max(GATHERING_SECONDS, self._rests_until - loop.time()))
                if not (some := self._take()):
                    break
                began = loop.time()
                try:
                    await self._finish(some)
                finally:
                    self._busy.difference_update(one.key for one in some)
                if self._share.rests:
                    self._rests_until = loop.time() + min((loop.time() - began) * REST, LONGEST_REST)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._running.discard(task)  # at once, or the next caller would wait for this task, which does nothing more

    def _take(self) -> list[_Waiting[Item, Result]]:
        """The next items. Each has a key of its own, and no item with that key is being worked on."""
        taken: list[_Waiting[Item, Result]] = []
        passed: list[_Waiting[Item, Result]] = []
        weight = 0
        while self._waiting and len(taken) < self._share.items:
            one = self._waiting.popleft()
            if self._key is not None and one.key in self._busy:
                passed.append(one)
                continue
            weight += self._share.weigh(one.item, taken[-1].item if taken else None)
            if taken and weight > self._share.weight:
                passed.append(one)
                break
            self._busy.add(one.key)
            taken.append(one)
        self._waiting.extendleft(reversed(passed))
        return taken

    async def _finish(self, some: Sequence[_Waiting[Item, Result]]) -> None:
        items = [one.item for one in some]
        try:
            results = await self._database.write(lambda connection: self._work(connection, items))
        except Exception as error:  # noqa: BLE001 - given to the callers that await it
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
