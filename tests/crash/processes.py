"""Processes of smsbot that can be killed, frozen and kept from writing, and are started again when they end."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests import forked


class Program:
    """One command of smsbot that runs until it is stopped, such as `serve --port 8000`.

    Its output goes through a pipe to `name.log`, so that a limit on the size of files only affects its database.
    `falls` are the exit statuses with which it ended by itself after it had become ready.
    """

    READY = (b'"event": "listening"', b'"event": "delivering"')

    def __init__(self, name: str, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.falls: list[int] = []
        self._arguments = arguments
        self._folder = folder
        self._environment = dict(environment)
        self._process: ForkServerProcess | None = None
        self._ready = threading.Event()
        self._wanted = False

    def start(self) -> None:
        self._wanted = True
        self._ready = threading.Event()
        output, its_output = forked.FORKED.Pipe(duplex=False)
        self._process = forked.start(self._arguments, self._environment, self._folder, its_output)
        its_output.close()
        threading.Thread(target=self._write_log, args=(output, self._ready), daemon=True).start()

    def wait_until_ready(self, seconds: float = 90.0) -> None:
        if not self._ready.wait(seconds):
            raise TimeoutError(f"{self.name} is not ready:\n{self.log.read_text(encoding='utf-8')}")

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    def kill(self) -> None:
        """End the process as a power cut would: no handler runs, nothing is flushed. It stays down until `start`."""
        self._wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def limit_file_size(self, most_bytes: int | None) -> None:
        """From now on no file that the process writes can grow beyond this. None removes the limit.

        A write beyond it fails as on a full disk. Python ignores the SIGXFSZ that comes with it.
        """
        assert self._process is not None
        assert self._process.pid is not None
        most = resource.RLIM_INFINITY if most_bytes is None else most_bytes
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def get_up(self) -> bool:
        """Start the process again if it has ended by itself, as systemd would. Returns whether it had ended."""
        process = self._process
        if process is None or not self._wanted or (status := process.exitcode) is None:
            return False
        if self._ready.is_set():
            self.falls.append(status)
        self.start()
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    def _write_log(self, output: Connection, ready: threading.Event) -> None:
        with output, open(output.fileno(), "rb", closefd=False) as lines, self.log.open("ab", buffering=0) as log:
            for line in lines:
                log.write(line)
                if any(word in line for word in self.READY):
                    ready.set()
