"""Which commands make a database, and that one SQLite file is served by one process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smsbot.cli.common import AlreadyServed, alone_on
from tests.walks.conftest import make_service as make_service
from tests.walks.conftest import smtp as smtp
from tests.walks.conftest import twilio as twilio
from tests.walks.running import Service

MakeService = Callable[..., Service]

LOOKING = [
    ("outbox", "list"),
    ("outbox", "show", "1"),
    ("outbox", "retry", "1"),
    ("figures",),
    ("agent", "list"),
    ("agent", "add", "ada@mairie.fr", "--organisation", "1"),
    ("cancel", "1", "--by", "agent"),
    ("purge",),
    ("export", "+33612345678"),
    ("backup", "copy.db"),
]


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_command_names_the_database_that_it_did_not_find_and_makes_none(
    make_service: MakeService, tmp_path: Path, command: tuple[str, ...]
) -> None:
    service = make_service(database_url="sqlite:///smsbot.db")
    done = service.run(*command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"There is no database at {service.folder / 'smsbot.db'}: ")
    assert done.stderr.count("\n") == 1
    assert list(service.folder.glob("smsbot.db*")) == []


@pytest.mark.parametrize("command", [("migrate",), ("import", "none.csv")], ids=" ".join)
def test_some_commands_make_it(make_service: MakeService, command: tuple[str, ...]) -> None:
    service = make_service(database_url="sqlite:///smsbot.db")
    (service.folder / "none.csv").write_text("external_id,starts_at\n", encoding="utf-8")
    service.run(*command)
    assert (service.folder / "smsbot.db").exists()
    assert service.run("outbox", "list").returncode == 0


def test_no_database_is_made_for_a_file_that_cannot_be_read(make_service: MakeService) -> None:
    service = make_service(database_url="sqlite:///smsbot.db")
    done = service.run("import", "none.csv")
    assert (done.returncode, done.stderr.partition(" (")[0]) == (1, "The file none.csv cannot be read")
    (service.folder / "other.csv").write_text("nothing,of,ours\n", encoding="utf-8")
    done = service.run("import", "other.csv")
    assert (done.returncode, done.stderr.partition(" CSV")[0]) == (1, "The file is neither JSON nor")
    assert list(service.folder.glob("smsbot.db*")) == []


def test_a_second_process_does_not_serve_the_same_file(make_service: MakeService) -> None:
    first = make_service(database_url="sqlite:///smsbot.db").start()
    file = first.folder / "smsbot.db"
    (first.folder / "other").symlink_to(first.folder)
    second = make_service(database_url=f"sqlite:///{first.folder / 'other' / 'smsbot.db'}")
    for options in ((), ("--no-delivery",)):
        done = second.run("serve", "--port", "0", *options)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"Another smsbot serve is running on {file}: ")
    assert first.run("outbox", "list").returncode == 0, "the other commands work beside it"
    first.kill()
    second.start()  # the lock ended together with the process


def test_the_lock_ends_with_its_block_and_with_its_process(tmp_path: Path) -> None:
    file = tmp_path / "smsbot.db"
    with alone_on(file), pytest.raises(AlreadyServed), alone_on(file):
        pass
    holding = "import sys, pathlib, smsbot.cli.common as l\nwith l.alone_on(pathlib.Path(sys.argv[1])): input()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{holding.replace('input()', 'print(flush=True); input()')}", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(AlreadyServed), alone_on(file):
            pass
        holder.kill()
        holder.wait()
    with alone_on(file):
        pass


def test_another_engine_needs_no_lock() -> None:
    with alone_on(None), alone_on(None):
        pass
