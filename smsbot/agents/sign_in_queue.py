"""The queue before Argon2, which takes memory and time on purpose: short, and fair among those who wait.

Few are served at once. The others wait in turn, one of each origin after the other, so whoever sends much waits behind
themselves. Where the queue is full, nobody waits at all: who comes then hears at once that it is full. Known devices
have a queue of their own, which goes first: strangers cannot fill it.

One queue belongs to one event loop, and all of it runs there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from smsbot.problem import Problem

AT_ONCE = 2  # times 64 MiB
MOST_WAITING = 24
MOST_WAITING_OF_ONE = 6


class QueueFull(Problem):
    """There is no room to wait in: come back in some seconds."""


@dataclass(slots=True)
class _Lane:
    """Those who wait, by origin; the origin whose turn is next comes first."""

    waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)

    def join(self, origin: str) -> asyncio.Future[None]:
        """Raises QueueFull."""
        own = len(self.waiting.get(origin, ()))
        if own >= MOST_WAITING_OF_ONE or sum(map(len, self.waiting.values())) >= MOST_WAITING:
            raise QueueFull("Too many people are signing in at this moment: try again in a minute.")
        turn = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(origin, deque()).append(turn)
        return turn

    def leave(self, origin: str, turn: asyncio.Future[None]) -> None:
        turns = self.waiting.get(origin, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            self.waiting.pop(origin, None)

    def call_next(self) -> bool:
        """Gives the next one their turn; False where nobody waits. Their origin is the last then."""
        while self.waiting:
            origin, turns = self.waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self.waiting[origin] = turns
            if not turn.cancelled():  # else they have given up, and are about to leave
                turn.set_result(None)
                return True
        return False


@dataclass(slots=True)
class SignInQueue:
    """Whose turn it is to have a password looked at."""

    _free: int = AT_ONCE
    _known: _Lane = field(default_factory=_Lane)
    _strangers: _Lane = field(default_factory=_Lane)

    @asynccontextmanager
    async def turn(self, origin: str, *, is_known: bool) -> AsyncIterator[None]:
        """Waits for the turn of this origin, and has it while the block runs. Raises QueueFull at once."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(self._known if is_known else self._strangers, origin)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, lane: _Lane, origin: str) -> None:
        turn = lane.join(origin)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                lane.leave(origin, turn)
            else:  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if not self._known.call_next() and not self._strangers.call_next():
            self._free += 1
