"""SQLAlchemy's engines for SQLite and PostgreSQL, set up as smsbot needs them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from smsbot.store.journeys import JourneyConnection

_TRUSTED_SECONDS = 1.0  # after its last use, a connection to PostgreSQL counts as alive for so long


def with_driver(url: URL) -> URL:
    """The URL with the driver that smsbot uses. Raises ValueError for engines other than SQLite and PostgreSQL."""
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+pysqlite")
    raise ValueError("a database URL is sqlite:///path or postgresql://user:password@host/db")


def cause_of(error: SQLAlchemyError) -> str:
    """Why a database cannot be used: one line in its own words.

    If the host is not found, the host is not repeated. It may be a part of the password: that happens when a sign in
    the password is not percent-encoded.
    """
    told = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    if "resolve host" in told:
        return "its host is not found; in the password @ : / ? # are written %40 %3A %2F %3F %23"
    return told


def sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    """An engine for a SQLite file. A connection waits up to `busy_seconds` while another process writes."""
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": busy_seconds, "check_same_thread": False}
    )

    @event.listens_for(engine, "do_connect")
    def make(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
        """Create a new file readable by its owner only. SQLite gives its log and shared memory the same permissions."""
        if not options.get("uri"):
            with contextlib.suppress(OSError):  # it exists already, or connecting will raise the same error
                file = os.path.realpath(arguments[0])  # a link may lead to a file that does not exist yet
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # only Database begins transactions, with BEGIN
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # erased data does not stay in free pages
        cursor.execute("PRAGMA temp_store=MEMORY")  # nor in temporary files
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    return engine


def postgresql_engine(url: URL, connections: int) -> Engine:
    """An engine for PostgreSQL that keeps up to `connections` connections open."""
    engine = create_engine(url, hide_parameters=True, pool_size=connections, max_overflow=2)

    dialect: Any = engine.dialect
    dialect.connect = partial(JourneyConnection.connect, prepare_threshold=None)

    @event.listens_for(engine, "checkin")
    def rests(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["at_rest_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def is_alive(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
        """Check a connection that was unused for a while. One that was just used is not checked, because a check costs
        as much as a statement.
        """
        if time.monotonic() - record.info.get("at_rest_since", 0.0) < _TRUSTED_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise DisconnectionError from error  # makes the pool open another connection

    return engine
