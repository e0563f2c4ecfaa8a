"""Starts the services that are measured, each in a process of its own, and stops them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

AUTH_TOKEN = "a-token-for-benchmarks"
METRICS_TOKEN = "a-token-for-the-scraper"
SECRET_KEY = "a secret key for benchmarks, 32 bytes or more"
SOMEWHERE = "http://127.0.0.1:9"  # where nothing listens


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Running:
    """A process that is ready at `url`."""

    url: str
    pid: int

    @property
    def webhook(self) -> str:
        """The address of the webhook to which Twilio posts."""
        return f"{self.url}/webhooks/twilio/sms"

    def cpu_seconds(self) -> float:
        """The CPU that it and the processes that it has started have used so far, on all cores."""
        return sum(map(_ticks, _family(self.pid))) / os.sysconf("SC_CLK_TCK")

    def has_process_for_pages(self) -> bool:
        """Whether the second process of `smsbot serve` is ready to make the console's pages."""
        told = httpx.get(f"{self.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        return "smsbot_pages_process_cpu_seconds_total" in told.raise_for_status().text

    def resident_megabytes(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _family(pid: int) -> list[int]:
    """This process, and all processes that it or they have started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return [pid, *(each for child in children for each in _family(child))]


def _ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


@contextmanager
def floor(folder: Path, database: str | None = None) -> Iterator[Running]:
    """The floor, with a SQLite file in `folder` or with the PostgreSQL database at this URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = database or str(folder / f"floor-{port}.db")
    with _process(["-m", "benchmarks.floor", str(port), database, AUTH_TOKEN, url], {}) as process:
        _wait_until_ready(process, url)
        yield Running(url, process.pid)


@contextmanager
def service(database_url: str, *options: str, gateway_url: str = SOMEWHERE, **more: str) -> Iterator[Running]:
    """`smsbot serve` with a gateway that listens at `gateway_url`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = settings(database_url, url, gateway_url) | more
    with _process(["-m", "smsbot", "serve", "--port", str(port), *options], environment) as process:
        _wait_until_ready(process, url)
        yield Running(url, process.pid)


@contextmanager
def delivery(database_url: str, *, public_url: str, gateway_url: str, **more: str) -> Iterator[Running]:
    """`smsbot deliver` beside the service at `public_url`."""
    with _process(["-m", "smsbot", "deliver"], settings(database_url, public_url, gateway_url) | more) as process:
        yield Running(public_url, process.pid)


def settings(database_url: str, public_url: str, gateway_url: str) -> dict[str, str]:
    """The environment variables of a service with one Twilio account."""
    return {
        "SMSBOT_DATABASE_URL": database_url,
        "SMSBOT_PUBLIC_URL": public_url,
        "SMSBOT_SECRET_KEY": SECRET_KEY,
        "SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "SMSBOT_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SMSBOT_SENDER": "+33937000000",
        "SMSBOT_TWILIO_API_URL": gateway_url,
        "SMSBOT_MAIL_FROM": "rdv@example.org",
        "SMSBOT_METRICS_TOKEN": METRICS_TOKEN,
    }


@contextmanager
def _process(arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSBOT_")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 180  # a busy machine takes a minute to begin
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.RequestError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not become ready")
