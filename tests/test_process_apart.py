"""What the first process does when the second is not ready, dies, hangs, or cannot be started.

Here the test plays the other processes. Forking and killing are tested in `tests/walks/test_second_process.py`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from smsbot import process_apart
from smsbot.process_apart import Parcel, ProcessApart, answer_questions


@asynccontextmanager
async def starter() -> AsyncIterator[tuple[ProcessApart, socket.socket]]:
    """A `ProcessApart`, and the socket through which it asks its starter for a process."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ProcessApart(ours, os.getpid()), theirs


def started(theirs: socket.socket) -> socket.socket:
    """The connection for the process that has to be started."""
    _, [line], _, _ = socket.recv_fds(theirs, 16, 1)
    return socket.socket(fileno=line)


async def ready(process: ProcessApart) -> None:
    while process.pid is None:
        await asyncio.sleep(0)


async def shout(question: Parcel) -> Parcel:
    if question.head["word"] == "wrong":
        raise ValueError
    return Parcel({"word": question.head["word"].upper()}, question.body * 2)


@pytest.mark.anyio
async def test_questions_are_answered_once_it_is_ready_each_with_its_own_answer() -> None:
    async with starter() as (process, theirs):
        assert await process.ask(Parcel({"word": "too early"})) is None
        answering = asyncio.create_task(answer_questions(started(theirs), shout))
        await ready(process)
        assert process.pid == os.getpid()
        questions = [Parcel({"word": f"é{n}"}, bytes([n]) * n * 500_000) for n in range(6)]
        answers = await asyncio.gather(*map(process.ask, [*questions, Parcel({"word": "wrong"})]))
        assert answers == [Parcel({"word": f"É{n}"}, bytes([n]) * n * 1_000_000) for n in range(6)] + [None]
        answering.cancel()


@pytest.mark.anyio
async def test_one_that_ends_or_hangs_answers_nobody_and_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_apart, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(process_apart, "_MOST_SECONDS", 0.05)
    async with starter() as (process, theirs):
        for hangs in (False, True):
            assert await process.ask(Parcel({"word": "begin"})) is None
            with started(theirs) as line:
                line.send(process_apart._written(0, Parcel({"pid": 1})))
                await ready(process)
                asked = asyncio.create_task(process.ask(Parcel({"word": "well?"})))
                await asyncio.sleep(0)
                if not hangs:
                    line.close()
                assert await asked is None
                while process.pid is not None:
                    await asyncio.sleep(0)


@pytest.mark.anyio
async def test_one_that_ends_at_once_is_not_started_again_and_again() -> None:
    async with starter() as (process, theirs):
        assert await process.ask(Parcel({})) is None
        started(theirs).close()
        theirs.setblocking(False)
        for _ in range(5):
            await asyncio.sleep(0.001)
            assert await process.ask(Parcel({})) is None
        with pytest.raises(BlockingIOError):
            started(theirs)


def test_nothing_is_forked_beside_other_threads() -> None:
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    try:
        assert ProcessApart.forked("never", lambda _line: None) is None
    finally:
        ends.set()
        thread.join()


@pytest.mark.anyio
async def test_without_a_starter_it_is_said_once_and_nobody_waits() -> None:
    async with starter() as (process, theirs):
        theirs.close()
        with capture_logs() as logged:
            assert [await process.ask(Parcel({})) for _ in range(3)] == [None] * 3
    assert [line["log_level"] for line in logged] == ["error"]
