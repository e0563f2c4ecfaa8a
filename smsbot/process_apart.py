"""A second process that answers what the first one asks.

Python runs one thread of a process at a time. A thread that computes for long makes all other threads wait at each of
their steps. A process of its own does not: it only needs a core.

`ProcessApart.forked` forks the starter before the first process has threads, an event loop or an open database, because
forking is only safe then. The starter sleeps. When the first process tells it to, it forks the process that answers. So
a process that has died can be replaced at any time.

However the first process ends, the kernel closes its sockets. The starter sees this, kills the process that it has
started, and ends. So the process that answers may be killed at any moment: it must not begin anything that has to be
finished.
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
_GREETING = 0  # the number of the message in which a new process says that it is ready
_READ_AHEAD_BYTES = 1024 * 1024
_LEAST_SECONDS = 10.0  # between two starts, so that a process that always ends at once does not cost much
_MOST_SECONDS = 45.0  # to wait for an answer; then the process counts as hung. Proxies usually wait longer
_NICENESS = 5  # if both processes want the same core, the first one gets three times as much of it

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A question or an answer. `head` holds JSON values, `body` any bytes."""

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
        """Fork the starter. Call this before anything else.

        `answer` is called in each second process that is started, and has to call `answer_questions`. `name` is the
        name of that process in `top`, at most 15 characters. Returns None where forking is not safe: when there are
        threads, or outside of Linux.
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
            with suppress(ChildProcessError):  # raised if our parent made us ignore SIGCHLD: nothing to wait for then
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
            self.hang_up()  # the starter kills this process before it starts the next
            return None
        finally:
            self._waiting.pop(number, None)

    def hang_up(self) -> None:
        """Close the connection. The process at the other end sees this, and ends."""
        if self._writer is not None:
            self._writer.close()

    async def listen(self, ours: socket.socket) -> None:
        """Hand out the answers until the process ends. Questions that are still open then get None."""
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

    Where `answer` raises an exception, the first process gets no answer and does the work itself.
    """
    reader, writer = await asyncio.open_unix_connection(sock=line, limit=_READ_AHEAD_BYTES)
    writer.write(_written(_GREETING, Parcel({"pid": os.getpid()})))
    answering: set[asyncio.Task[None]] = set()

    async def answer_one(number: int, question: Parcel) -> None:
        try:
            answered = await answer(question)
        except Exception as error:  # noqa: BLE001 - the first process does the work again, and logs the same error
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
    """Run the starter, and each process that it starts, to the end. Never returns: our callers must not go on there."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # these go to the first process as well, and it decides
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _tell_kernel("oom_score_adj", "500")  # if memory runs out, the kernel ends this process and not the first
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
    """Set a value of this process in `/proc`, if it may be written."""
    with suppress(OSError):
        Path("/proc/self", what).write_text(value, encoding="ascii")


def _forked_for_a_line(control: socket.socket) -> socket.socket | None:
    """Fork a process for each connection that comes through `control`, one at a time.

    Returns the connection in the new process. Returns None in the starter, once the first process has ended and the
    last new process was killed.
    """
    started: int | None = None
    while True:
        _, lines, _, _ = socket.recv_fds(control, 16, 1)
        if started is not None:
            os.kill(started, signal.SIGKILL)  # not waited for yet, so no other process can have its id
            os.waitpid(started, 0)
        if not lines:
            return None
        started = os.fork()
        if started == 0:
            control.close()
            return socket.socket(fileno=lines[0])
        os.close(lines[0])
