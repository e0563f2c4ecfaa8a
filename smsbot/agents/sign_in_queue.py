"""The queue for Argon2, which takes memory and time on purpose. It is short, and fair to those who wait.

Only a few passwords are checked at once. The others wait, and one of each origin is called in turn, so whoever sends
many waits only behind themselves. When the queue is full, the next one is refused at once. Known devices have their own
queue, which goes first, so strangers cannot fill it.

A queue belongs to one event loop and is used only there.
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
    """There is no room in the queue; try again in some seconds."""


@dataclass(slots=True)
class _Lane:
    """Those who wait, by origin. The first origin is called next."""

    waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)

    def join(self, origin: str) -> asyncio.Future[None]:
        """Wait in this lane; the future is done when it is this one's turn. Raises QueueFull."""
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
        """Call the next one, whose origin then becomes the last. False where nobody waits."""
        while self.waiting:
            origin, turns = self.waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self.waiting[origin] = turns
            if not turn.cancelled():  # otherwise it has given up and will leave by itself
                turn.set_result(None)
                return True
        return False


@dataclass(slots=True)
class SignInQueue:
    """Decides whose password is checked next."""

    _free: int = AT_ONCE
    _known: _Lane = field(default_factory=_Lane)
    _strangers: _Lane = field(default_factory=_Lane)

    @asynccontextmanager
    async def turn(self, origin: str, *, is_known: bool) -> AsyncIterator[None]:
        """Wait for a turn, and keep it while the block runs. Raises QueueFull at once where the queue is full."""
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
