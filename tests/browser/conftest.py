"""A real Chromium, the system's own, and the usager's pages on a real server for it to look at.

Where the system has no browser, or cannot run one, these tests are skipped and say why; `.ci/run` installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket
from smsbot.store.database import Database
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

LAPTOP: ViewportSize = {"width": 1024, "height": 768}
DESK: ViewportSize = {"width": 1280, "height": 800}

AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "iframes": False,  # what is in the demo's frames are pages of the service, and held to it by tests of their own
}

_SCRIPT = files("axe_playwright_python") / "axe.min.js"

# All that axe can tell of a page takes as long to bring here as to find out. And each question takes a way of its own
# through three processes, so one brings all answers.
_LOOK = """
options => axe.run(document, options).then(({violations}) => [
  violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)]),
  document.documentElement.scrollWidth,
])
"""

# As a reader may set it (WCAG 2.2, 1.4.12).
_WIDTH_WHEN_SPACED = """
() => {
  const sheet = document.styleSheets[0];
  const rule = "* {line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important}";
  sheet.insertRule(rule);
  const width = document.documentElement.scrollWidth;
  sheet.deleteRule(0);
  return width;
}
"""


@pytest.fixture(scope="module")
def _scripted_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(locale="fr-FR") as context:
        # So it is sent once for a process of the browser, and not for each page: it is half a megabyte.
        context.add_init_script(path=str(_SCRIPT))
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


def bring_axe(page: Page) -> None:
    """Into the page as it is now, for `look`: into one that is not of `scripted`."""
    page.evaluate(_SCRIPT.read_text(encoding="utf-8"))


def look(page: Page, size: ViewportSize) -> list[tuple[str, list[Any]]]:
    """What axe finds against WCAG 2.2 AA in a window of this size: each rule's name, and where it is broken.

    Fails where something is beyond the edge of the screen.
    """
    page.set_viewport_size(size)
    found, width = page.evaluate(_LOOK, AXE)
    assert width <= size["width"], "there is something beyond the edge of the screen"
    return [(rule, where) for rule, where in found]


def look_in_the_dark(page: Page) -> list[tuple[str, list[Any]]]:
    """The contrasts that axe finds too low where the reader prefers dark colours."""
    page.emulate_media(color_scheme="dark")
    found, _ = page.evaluate(_LOOK, AXE | {"runOnly": ["color-contrast"]})
    return [(rule, where) for rule, where in found]


def width_when_spaced(page: Page) -> int:
    """How wide the page is with more space between lines, words and letters."""
    width: int = page.evaluate(_WIDTH_WHEN_SPACED)
    return width


# An answer that is still to come, and what was to be asked later, as the inbox does.
_ASK_NO_MORE = "() => { stop(); for (let last = setTimeout(() => {}); last > 0; last -= 1) clearTimeout(last); }"


def _for_another(page: Page) -> BrowserContext:
    """What it shows stays until the next test opens something, but asks for nothing by itself any more.

    Leaving it for about:blank would take a new process of Chromium for each test, which is half of what most cost.
    """
    page.evaluate(_ASK_NO_MORE)
    page.set_viewport_size(PHONE)
    page.emulate_media(media="null", color_scheme="light")
    page.context.clear_cookies()
    return page.context


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, empty_sqlite_file: Path) -> Iterator[Site]:
    """The pages on a server of their own, under an address that the browser can open."""
    listening = loopback_socket()
    file = shutil.copy(empty_sqlite_file, tmp_path_factory.mktemp("site"))
    with closing(Database(f"sqlite:///{file}")) as database:
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
