"""A process beside the benchmark that gets orders by a pipe, for work that must not share the benchmark's
interpreter.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def spawned(live: Callable[..., None], *arguments: object) -> Iterator[Connection[Any, Any]]:
    """Run `live(pipe, *arguments)` in a new process, and yield this end of the pipe.

    The pipe is closed at the end of the block. `live` must return then.
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
