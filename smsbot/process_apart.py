"""A second process that answers what the first one asks.

Python computes in one thread of a process at a time. Whoever computes long in a thread makes all others wait, at each
statement and each answer from the network. A process of its own only takes a core, if there is one to take.

`ProcessApart.forked` makes the starter, before the first process has threads, an event loop or an open database:
forking is only safe then. The starter sleeps. When it is told to, it forks the process that answers from itself. So one
that has died can be replaced at any time.

However the first process ends, the kernel closes its sockets. The starter sees this, kills what it has started, and
ends. So the process that answers may be killed at any moment: it must not begin anything that has to be finished.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import structlog

_FRAME = struct.Struct(">QIQ")  # the question's number, and how many bytes of head and of body follow
_GREETING = 0  # the number of the first message of a process that answers: it is ready
_READ_AHEAD_BYTES = 1024 * 1024
_LEAST_SECONDS = 10.0  # from one start to the next: a process that always ends at once must not cost much
_MOST_SECONDS = 45.0  # for an answer: beyond this the process is taken to hang, before a proxy gives up the page
_NICENESS = 5  # where both want the same core, the first process gets three times as much of it

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A question or an answer: `head` is what JSON can tell, `body` any bytes."""

    head: dict[str, Any]
    body: bytes = field(default=b"", repr=False)


Answerer = Callable[[Parcel], Awaitable[Parcel]]


class ProcessApart:
    """The second process, as the first one sees it. It is started with the first question."""

    def __init__(self, control: socket.socket, starter_pid: int) -> None:
        """`control` leads to the starter. Call `forked` instead."""
        self._control = control
        self._starter_pid = starter_pid
        self._line: _Line | None = None
        self._may_start_at = float("-inf")
        self._is_closed = False

    @classmethod
    def forked(cls, name: str, answer: Callable[[socket.socket], None]) -> ProcessApart | None:
        """Call this before anything else is begun. None where forking is not safe: with threads, or outside of Linux.

        `answer` is called in the second process each time that one is started, and has to call `answer_questions`.
        `top` shows that process by its `name`, of at most 15 characters.
        """
        if sys.platform != "linux" or threading.active_count() > 1:
            return None
        ours, theirs = socket.socketpair()
        gc.freeze()  # a garbage collection would write on all memory that the processes have in common
        pid = os.fork()
        if pid == 0:
            ours.close()
            _live_apart(theirs, name, answer)
        theirs.close()
        ours.setblocking(False)
        return cls(ours, pid)

    @property
    def pid(self) -> int | None:
        """The process that answers now; None where there is none."""
        return self._line.pid if self._line is not None else None

    async def ask(self, question: Parcel) -> Parcel | None:
        """The answer; None where the process is not ready yet, or has ended, failed or hung before it answered."""
        if self._line is None and time.monotonic() >= self._may_start_at:
            self._start()
        if self._line is None or self._line.pid is None:
            return None
        return await self._line.ask(question)

    def close(self) -> None:
        """End both processes, and wait until they have ended."""
        if not self._is_closed:
            self._is_closed = True
            self._may_start_at = float("inf")
            self._control.close()
            if self._line is not None:
                self._line.hang_up()
            with suppress(ChildProcessError):  # whoever has started us may have chosen that nobody waits
                os.waitpid(self._starter_pid, 0)

    def _start(self) -> None:
        self._may_start_at = time.monotonic() + _LEAST_SECONDS
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"start"], [theirs.fileno()])
            except OSError:
                ours.close()
                self._may_start_at = float("inf")
                logger.error("no second process can be started any more: this one does its work from now on")
                return
        self._line = line = _Line()
        line.listening = asyncio.create_task(self._listen(line, ours))

    async def _listen(self, line: _Line, ours: socket.socket) -> None:
        try:
            await line.listen(ours)
        finally:
            self._line = None
            if not self._is_closed:
                logger.warning("the second process has ended: this one does its work until another is started")


class _Line:
    """The connection to one process that answers. `pid` is None until it is ready."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.listening: asyncio.Task[None] | None = None
        self._numbers = itertools.count(_GREETING + 1)
        self._waiting: dict[int, asyncio.Future[Parcel | None]] = {}
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, question: Parcel) -> Parcel | None:
        assert self._writer is not None
        number = next(self._numbers)
        answer: asyncio.Future[Parcel | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._writer.write(_written(number, question))
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                return await answer
        except TimeoutError:
            self.hang_up()  # whoever starts another kills this one first
            return None
        finally:
            self._waiting.pop(number, None)

    def hang_up(self) -> None:
        """Let the process at the other end know that there are no more questions: it ends."""
        if self._writer is not None:
            self._writer.close()

    async def listen(self, ours: socket.socket) -> None:
        """Hand answers to those who wait for them, until the process ends. Who waits then gets None."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=_READ_AHEAD_BYTES)
            async for number, parcel in _parcels(reader):
                if number == _GREETING:
                    self.pid = parcel.head["pid"]
                    logger.info("a second process is ready", pid=self.pid)
                elif (waits := self._waiting.get(number)) is not None and not waits.done():
                    waits.set_result(None if "failed" in parcel.head else parcel)
        finally:
            for waits in self._waiting.values():
                if not waits.done():
                    waits.set_result(None)
            self.hang_up()


async def answer_questions(line: socket.socket, answer: Answerer) -> None:
    """Answer all questions that come through `line`, several at once, until its other end is closed.

    Where `answer` raises an exception, the one who asked gets no answer, and does the work himself.
    """
    reader, writer = await asyncio.open_unix_connection(sock=line, limit=_READ_AHEAD_BYTES)
    writer.write(_written(_GREETING, Parcel({"pid": os.getpid()})))
    answering: set[asyncio.Task[None]] = set()

    async def answer_one(number: int, question: Parcel) -> None:
        try:
            answered = await answer(question)
        except Exception as error:  # noqa: BLE001 - the first process meets the same and tells of it
            answered = Parcel({"failed": type(error).__name__})
        writer.write(_written(number, answered))

    async for number, question in _parcels(reader):
        task = asyncio.create_task(answer_one(number, question))
        answering.add(task)
        task.add_done_callback(answering.discard)


def _written(number: int, parcel: Parcel) -> bytes:
    head = json.dumps(parcel.head).encode()
    return b"".join((_FRAME.pack(number, len(head), len(parcel.body)), head, parcel.body))


async def _parcels(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, Parcel]]:
    """What comes in, each with the number of its question, until the other end is closed."""
    try:
        while True:
            number, head, body = _FRAME.unpack(await reader.readexactly(_FRAME.size))
            yield number, Parcel(json.loads(await reader.readexactly(head)), await reader.readexactly(body))
    except (asyncio.IncompleteReadError, ConnectionError):
        return


def _live_apart(control: socket.socket, name: str, answer: Callable[[socket.socket], None]) -> NoReturn:
    """The whole life of the starter, and of each process that it starts: nothing above this may go on in them."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # these go to the first process as well, and it decides
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _tell_kernel("oom_score_adj", "500")  # where memory runs out, it ends this one and not the first
        with suppress(OSError):  # systemd may forbid it
            os.nice(_NICENESS)
        _tell_kernel("comm", "smsbot-starter")
        line = _forked_for_a_line(control)
        if line is not None:
            _tell_kernel("comm", name)
            answer(line)
        status = 0
    except BaseException:
        logger.exception("the second process failed")
    finally:
        os._exit(status)


def _tell_kernel(what: str, value: str) -> None:
    """Set something of this process in `/proc`, where that may be written."""
    with suppress(OSError):
        Path("/proc/self", what).write_text(value, encoding="ascii")


def _forked_for_a_line(control: socket.socket) -> socket.socket | None:
    """Fork a process for each line that comes through `control`, one at a time, and return in it, with the line.

    Returns None in the starter, once the first process has ended and what was started has been killed.
    """
    started: int | None = None
    while True:
        _, lines, _, _ = socket.recv_fds(control, 16, 1)
        if started is not None:
            os.kill(started, signal.SIGKILL)  # it was not waited for yet, so its number is nobody else's
            os.waitpid(started, 0)
        if not lines:
            return None
        started = os.fork()
        if started == 0:
            control.close()
            return socket.socket(fileno=lines[0])
        os.close(lines[0])
