"""What a process of smsbot's does: loaded once for all tests, and forked for each process.

Most of the time a start takes is spent on loading modules. Where one process has done so, and is forked again and again
(`multiprocessing`'s forkserver), the others are up in a fraction of it, and can be killed so much more often.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import twilio.rest.api  # noqa: F401 - loaded by the commands when they run, like the next two
import uvloop  # noqa: F401

import smsbot.cli.serve_commands  # noqa: F401
from smsbot.cli import main

_PR_SET_PDEATHSIG = 1


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, output: Connection) -> None:
    """Be `smsbot ARGUMENTS…` in this folder and environment; what it says goes to the pipe `output`."""
    if sys.platform == "linux":  # whatever becomes of the tests' process, the kernel then kills this one: prctl(2)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for standard in (sys.stdout, sys.stderr):
        os.dup2(output.fileno(), standard.fileno())
    sys.argv = ["smsbot", *arguments]
    main()
