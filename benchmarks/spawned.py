"""A process beside the benchmark that is ordered by a pipe, for what must not share the benchmark's interpreter."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def spawned(live: Callable[..., None], *arguments: object) -> Iterator[Connection[Any, Any]]:
    """Run `live(pipe, *arguments)` in a new process, and give this end of the pipe. The process has to end when the
    pipe is closed, which happens at the end of the block.
    """
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=live, args=(there, *arguments))
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join()
