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
GATHERING_SECONDS = 0.001
"""How long a transaction waits for more items. Nobody notices it, and most of what a transaction costs is for all."""
REST, LONGEST_REST = 3, 0.1  # times as long as the transaction took; seconds


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    key: Hashable
    future: asyncio.Future[Result]


@dataclass(frozen=True, slots=True)
class Share(Generic[Item]):
    """How much one transaction takes, so that others find room: at most `items`, of at most `weight` together.

    `weigh` gives the weight of an item that follows another one in the transaction (None for the first). A single item
    may weigh more. With `rests`, nothing is done after each transaction for three times as long as it took, for 0.1 s
    at most: that is for work that comes in floods.
    """

    items: int = MOST_TOGETHER
    weight: int = MOST_TOGETHER
    weigh: Callable[[Item, Item | None], int] = lambda _item, _before: 1
    rests: bool = False


class Together(Generic[Item, Result]):
    """Does the same work for many items.

    A transaction begins a millisecond after an item has come, and is for all that wait by then. Those that come
    meanwhile wait for the next one. Where the work on several fails, it is done again for each of them alone, so that
    an item fails only by itself, or because the database does.
    """

    def __init__(
        self,
        database: Database,
        work: Callable[[Connection, Sequence[Item]], Sequence[Result]],
        key: Callable[[Item], Hashable] | None,
        share: Share[Item] | None = None,
    ) -> None:
        """`work` returns the result of each item, in their order.

        Of the items with the same `key` the first is worked on alone, then the second, and so on. Where `key` is None,
        all items are worked on in the order in which they came, one transaction after the other; then `work` looks
        after those that belong together.
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
        """The result of the work on this item, once it is durable. Raises what the work on it raises."""
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
            self._running.discard(task)  # at once, or whoever comes next would wait for it

    def _take(self) -> list[_Waiting[Item, Result]]:
        """The next items, each with another key, and with none that is being worked on."""
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
