"""Starts what is measured, each in a process of its own, and stops it again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

AUTH_TOKEN = "a-token-for-benchmarks"
SECRET_KEY = "a secret key for benchmarks, 32 bytes or more"
SOMEWHERE = "http://127.0.0.1:9"  # where nothing listens


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def floor(folder: Path) -> Iterator[str]:
    """The bare endpoint; gives its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = str(folder / f"floor-{port}.db")
    with _process(["-m", "benchmarks.floor", str(port), database, AUTH_TOKEN, url], url, {}):
        yield url


@contextmanager
def service(folder: Path, database_url: str, *options: str, **settings: str) -> Iterator[str]:
    """`smsbot serve`; gives its URL. It has nobody to deliver to unless the settings say so."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "SMSBOT_DATABASE_URL": database_url,
        "SMSBOT_PUBLIC_URL": url,
        "SMSBOT_SECRET_KEY": SECRET_KEY,
        "SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "SMSBOT_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SMSBOT_TWILIO_SENDER": "+33937000000",
        "SMSBOT_TWILIO_API_URL": SOMEWHERE,
        "SMSBOT_MAIL_FROM": "rdv@example.org",
        **settings,
    }
    with _process(["-m", "smsbot", "serve", "--port", str(port), *options], url, environment):
        yield url


@contextmanager
def _process(arguments: list[str], url: str, environment: dict[str, str]) -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSBOT_")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, url)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.RequestError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not become ready")
