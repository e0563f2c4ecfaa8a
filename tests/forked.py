"""Starts processes of smsbot quickly.

Loading modules takes most of the time of a start. One process does it once (`multiprocessing`'s forkserver), and is
forked for each command: the same program, in its own process, folder and environment.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeAlias

FORKED = multiprocessing.get_context("forkserver")
# pytest too: a forked process looks at the script that its tests were started with.
FORKED.set_forkserver_preload(["pytest", "tests.preloaded"])

_PR_SET_PDEATHSIG = 1

Offer: TypeAlias = tuple[str, bytes | None]
_SERVER: Any = vars(forkserver)["_forkserver"]


def offer() -> Offer:
    """Start the process that others are forked from. Returns what `accept` needs in other processes of this run.

    To load its modules takes some seconds. With an offer it happens once, not once in each worker.
    """
    _SERVER.ensure_running()
    return _SERVER._forkserver_address, getattr(_SERVER, "_forkserver_authkey", None)


def accept(offered: Offer) -> None:
    """Fork from the process of whoever has offered it, and who ends it."""
    _SERVER._forkserver_address, _SERVER._forkserver_authkey = offered
    _SERVER._forkserver_alive_fd = os.open(os.devnull, os.O_RDONLY)  # whoever has offered it keeps it alive
    _SERVER.ensure_running = resource_tracker.ensure_running


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    output: Connection | Path,
    errors: Path | None = None,
    *,
    anew: bool = False,
    terminal: Path = Path(os.devnull),
    before: Callable[[], None] | None = None,
) -> ForkServerProcess:
    """Start `smsbot ARGUMENTS…` in this folder and environment.

    It reads its input from `terminal`. Its output goes to the pipe `output`, or to the end of that file; its errors go
    to `errors`, if given. `before`, a function of a module, is called in the process first, to put a mistake into it.
    With `anew` the process loads its modules itself, as an operator's `python -m smsbot` does.
    """
    what = (tuple(arguments), dict(environment), folder, output, errors, anew, terminal, before)
    process = FORKED.Process(target=_run, args=what, daemon=True)
    process.start()
    return process


def finished(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    seconds: float = 60.0,
    typed: str = "",
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Like `start`, but wait for the end. `typed` is its input.

    After `seconds` it is killed, and `subprocess.TimeoutExpired` is raised.
    """
    output, errors, read = (folder / f"{os.urandom(8).hex()}.{name}" for name in ("output", "errors", "typed"))
    read.write_text(typed, encoding="utf-8")
    process = start(arguments, environment, folder, output, errors, terminal=read, before=before)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired([*arguments], seconds)
    told = [file.read_text(encoding="utf-8") for file in (output, errors)]
    for file in (output, errors, read):
        file.unlink()
    return subprocess.CompletedProcess([*arguments], process.exitcode, *told)


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    output: Connection | Path,
    errors: Path | None,
    anew: bool,
    terminal: Path,
    before: Callable[[], None] | None,
) -> None:
    if sys.platform == "linux":  # if the process of the tests dies, the kernel kills this one: prctl(2)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(terminal, os.O_RDONLY | os.O_NOCTTY), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing has given it another
    os.dup2(_descriptor(output), 1)
    os.dup2(1 if errors is None else _descriptor(errors), 2)
    if anew:
        os.execv(sys.executable, [sys.executable, "-m", "smsbot", *arguments])
    from smsbot.cli import main

    if before is not None:
        before()
    sys.argv = ["smsbot", *arguments]
    main()


def _descriptor(output: Connection | Path) -> int:
    if isinstance(output, Path):
        return os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return output.fileno()
