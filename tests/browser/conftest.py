"""A real Chromium, the system's own, and the usager's pages on a real server for it to look at.

Where the system has no browser, or cannot run one, these tests are skipped and say why; `.ci/run` installs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

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


PHONE: ViewportSize = {"width": 320, "height": 640}
"""An old telephone's screen."""


@pytest.fixture(scope="module")
def _scripted_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(locale="fr-FR") as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def _plain_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False, locale="fr-FR") as context:
        yield context.new_page()


@pytest.fixture
def scripted(_scripted_page: Page) -> BrowserContext:
    """A browser of an old telephone's width in which scripts run; `page_of` gives its one page.

    A page of its own for each test would be a new process of Chromium, which costs more than most of what is then done
    there. So the tests of a module use one after the other, without the cookies of the test before.
    """
    return _for_another(_scripted_page)


@pytest.fixture
def plain(_plain_page: Page) -> BrowserContext:
    """The same, but it runs no scripts."""
    return _for_another(_plain_page)


@pytest.fixture
def fresh(browser: Browser) -> Iterator[BrowserContext]:
    """One in which scripts run, for this test alone: for what cannot be undone, as a clock of the page's own."""
    with browser.new_context(viewport=PHONE, locale="fr-FR") as context:
        yield context


def page_of(context: BrowserContext) -> Page:
    """Its page, opened where there is none yet."""
    return context.pages[0] if context.pages else context.new_page()


@contextmanager
def heard(page: Page, **listeners: Callable[..., None]) -> Iterator[None]:
    """Each of these hears the page's events of its name, until the block ends."""
    events: Any = page  # Playwright types each name by itself
    for name, listener in listeners.items():
        events.on(name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            events.remove_listener(name, listener)


def _for_another(page: Page) -> BrowserContext:
    page.goto("about:blank")
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="light")
    page.context.clear_cookies()
    return page.context


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
