"""A real Chromium, the system's own, and the usager's pages on a real server for it to look at.

Where the system has no browser, or cannot run one, these tests are skipped and say why; `.ci/run` installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from smsbot.standins.loop_thread import LOOPBACK, LoopThread, listen
from smsbot.store.database import Database
from tests.web.usager_site import Site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, started once."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"NOT RUN: no Chromium on this system (looked for {', '.join(NAMES)}); .ci/run installs one")
    try:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
    except Error as error:
        pytest.skip(f"NOT RUN: {path} does not start here: {error.message.splitlines()[0]}")
    yield browser
    browser.close()


@contextmanager
def _served(database: Database) -> Iterator[Site]:
    listening = listen()
    site = Site(database, public_url=f"http://{LOOPBACK}:{listening.getsockname()[1]}")
    server = uvicorn.Server(
        uvicorn.Config(site.app, lifespan="off", log_config=None, access_log=False, server_header=False)
    )
    thread = LoopThread("usager-pages")
    thread.start()
    serving = thread.submit(server.serve(sockets=[listening]))
    try:
        yield site
    finally:
        server.should_exit = True
        serving.result(timeout=10)
        thread.stop()


@pytest.fixture
def site(sqlite_database: Database) -> Iterator[Site]:
    """The pages on a server of their own, under an address that the browser can open."""
    with _served(sqlite_database) as served:
        yield served
