"""One service at a time on one SQLite file: a lock of the operating system's, which ends with the process that has it.

The lock is on a file of its own beside the database. Locks on the database itself are SQLite's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smsbot.problem import Problem

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class AlreadyServed(Problem):
    """Another process serves this database; the message is one line that says what to do."""


@contextmanager
def alone_on(database: Path | None) -> Iterator[None]:
    """Hold the lock of the SQLite file `database` while the block runs; None, for another engine, needs none.

    Raises `AlreadyServed` where another process holds it, and `OSError` where the lock's file cannot be made.
    """
    if database is None or not database.parent.is_dir():  # whoever opens the database says what is wrong
        yield
        return
    file = database.resolve()
    descriptor = os.open(file.with_name(f"{file.name}-serving"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(descriptor)
        except OSError:
            raise AlreadyServed(
                f"Another smsbot serve is running on {file}: stop it first, or use PostgreSQL for several processes."
            ) from None
        yield
    finally:
        os.close(descriptor)
