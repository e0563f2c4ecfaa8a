"""The system's own Chromium, for the pictures of the agents' guide and for the tests in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The first one is the same browser without windows, tabs and background services: a page costs it a third less CPU."""

_DISABLED = (
    "RenderDocument",  # it makes a new frame for each page of a site: a seventh of the CPU of opening a page
    # Chromium only uses the last list that it gets. So this one repeats those of Playwright's that matter here.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "LensOverlay", "MediaRouter"),
    *("OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
ARGUMENTS = (
    f"--disable-features={','.join(_DISABLED)}",
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowser(Exception):
    """There is no Chromium here, or it does not start. The message is one sentence."""


@contextmanager
def open_chromium(*arguments: str) -> Iterator[Browser]:
    """A browser without a window, open until the block ends. `arguments` are added to its usual ones.

    Raises `NoBrowser`.
    """
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise NoBrowser(f"No Chromium on this system (looked for {', '.join(NAMES)}).")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        except Error as error:
            raise NoBrowser(f"{path} does not start here: {error.message.splitlines()[0]}") from error
        try:
            yield browser
        finally:
            browser.close()


def follow(thing: Locator) -> None:
    """Click, and wait for the next page. A click alone returns before the browser has left the present page."""
    with thing.page.expect_navigation():
        thing.click()


def follow_by_key(page: Page, key: str = "Enter") -> None:
    """Like `follow`, with a key on the element that has the focus."""
    with page.expect_navigation():
        page.keyboard.press(key)
