"""A real Chromium, the system's own, and the usager's pages on a real server for it to look at.

Where the system has no browser, or cannot run one, these tests are skipped and say why; `.ci/run` installs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import uvicorn
from playwright.sync_api import Browser

from smsbot.demo.loop_thread import LOOPBACK, LoopThread, listen
from smsbot.store.database import Database
from smsbot.store.tables import metadata
from tests.browser.usager_states import POLICY
from tests.web.usager_site import Site
from tools.chromium import NoBrowser, open_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, started once for a module.

    Not for the whole run: while Playwright is started its event loop counts as running in this thread, and the tests
    of other modules have loops of their own.
    """
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(open_chromium())
        except NoBrowser as problem:
            pytest.skip(f"NOT RUN: {problem} .ci/run installs one")
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages on a server of their own, under an address that the browser can open."""
    listening = listen()
    with closing(Database(f"sqlite:///{tmp_path_factory.mktemp('site') / 'smsbot.db'}")) as database:
        metadata.create_all(database.engine)
        site = Site(database, POLICY, public_url=f"http://{LOOPBACK}:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(site.app, lifespan="off", log_config=None, access_log=False))
        thread = LoopThread("usager-pages")
        thread.start()
        serving = thread.submit(server.serve(sockets=[listening]))
        try:
            yield site
        finally:
            server.should_exit = True
            serving.result(timeout=30)
            thread.stop()
