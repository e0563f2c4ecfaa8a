"""Lets only one service at a time use a SQLite file, with a lock of the operating system that ends with its process.

The lock is on a separate file beside the database, because SQLite uses locks on the database itself.
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
    """Another process serves this database. The sentence says what to do."""


@contextmanager
def alone_on(database: Path | None) -> Iterator[None]:
    """Hold the lock of the SQLite file `database` while the block runs. None means another engine, which needs no lock.

    Raises `AlreadyServed` where another process holds it, and `OSError` where the lock's file cannot be made.
    """
    if database is None or not database.parent.is_dir():  # opening the database will say what is wrong
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
