"""Opens the demo on loopback, on a fixed Tuesday, and takes the picture of its page for the README.

`./dev run python -m tools.demo_house` takes the picture again. `tests/browser/test_demo_page.py` fails when that is
needed.
"""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, ViewportSize, expect

from smsbot.demo.house import House
from smsbot.demo.stage import StagePlan
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.server import http_server
from tools.agents_guide.pictures import reduced_png
from tools.chromium import NoBrowser, open_chromium

NOW = datetime(2026, 11, 24, 9, 41, tzinfo=ZoneInfo(DEFAULT_TIME_ZONE))
PICTURE = Path(__file__).parents[1] / "docs" / "demo.png"
DESK: ViewportSize = {"width": 1440, "height": 1064}
_SECONDS = 60


@contextmanager
def open_house(folder: Path, *, stands_still: bool = False) -> Iterator[str]:
    """Open the demo until the block ends, and yield its address. Its files are in `folder`.

    With `stands_still`, its clock does not move.
    """
    listening = loopback_socket()
    public_url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    ready: Future[None] = Future()
    ends = asyncio.Event()

    async def keep_open() -> None:
        house = House(partial(_plan, folder, stands_still=stands_still), shown="error")
        server = http_server(house)
        async with house.open(public_url):
            serving = asyncio.create_task(server._serve(sockets=[listening]))
            try:
                await house.on_stage()
                ready.set_result(None)
                await ends.wait()
            except Exception as error:
                ready.set_exception(error)
                raise
            finally:
                server.should_exit = True
                await serving

    async def end() -> None:
        ends.set()

    thread = LoopThread("demo-house")
    thread.start()
    kept = thread.submit(keep_open())
    try:
        ready.result(_SECONDS)
        yield public_url
    finally:
        thread.submit(end()).result(_SECONDS)
        kept.result(_SECONDS)
        thread.stop()


def _plan(folder: Path, connected: bool, *, stands_still: bool) -> StagePlan:
    database = Path(mkdtemp(dir=folder)) / "demo.db"
    return StagePlan(database, NOW, connected=connected, has_town=True, stands_still=stands_still)


def settle_on_picture(page: Page, url: str) -> None:
    """Bring the page to what the picture shows: Sophie Dupont has cancelled, and her receipt has come."""
    page.goto(f"{url}/demo")
    expect(page.locator(".courriers")).to_contain_text("nouveaux messages à traiter", timeout=_SECONDS * 1000)
    for text, answer in (("ANNULER", "3 premières lettres"), ("DUP", "Répondez OUI ou NON"), ("OUI", "C'est annulé")):
        page.get_by_label("Votre SMS").fill(text)
        page.get_by_role("button", name="Envoyer", exact=True).click()
        expect(page.locator(".fil > li").last).to_contain_text(answer, timeout=_SECONDS * 1000)
    receipt = page.locator(".courriers button").first
    expect(receipt).to_contain_text("C’est annulé", timeout=_SECONDS * 1000)
    expect(page.locator(".trace > li", has_text="L’opérateur dit")).to_have_count(3, timeout=_SECONDS * 1000)
    expect(page.locator(".lettre iframe").content_frame.locator("h1")).to_have_text("C’est annulé")
    console = page.locator('iframe[name="console"]').content_frame
    expect(console.get_by_text("Annulé par l’usager, par SMS")).to_have_count(2, timeout=_SECONDS * 1000)


def words_on(page: Page) -> str:
    """The words on the page and in its frames, without those that differ each time: ports, links, milliseconds, and the
    order of two things that happen at the same time."""
    trail = sorted(page.locator(".trace > li").all_inner_texts())
    parts = ("header", ".visites", "#etat", "#telephone", "#courrier", "#lien", "#console h2")
    texts = [page.locator(part).inner_text() for part in parts]
    texts += [frame.locator("body").inner_text() for frame in page.frames[1:]]
    said = re.sub(r"http://[\d.:]+(/\w+/\S+)?", "…", "\n".join((*texts, *trail)))
    lines = (" ".join(line.split()) for line in re.sub(r"\b\d+\sms", "… ms", said).splitlines())
    return "\n".join(line for line in lines if line)


def take_picture(browser: Browser, url: str) -> bytes:
    """The picture as a small PNG, whose description has the words of the page."""
    with browser.new_context(locale="fr-FR", viewport=DESK) as context, browser.new_context() as other:
        page = context.new_page()
        settle_on_picture(page, url)
        words = words_on(page)
        shot = page.screenshot(animations="disabled")
        return reduced_png(other.new_page(), b64encode(shot).decode(), words)


def main() -> int:
    try:
        with (
            TemporaryDirectory() as folder,
            open_chromium() as browser,
            open_house(Path(folder), stands_still=True) as url,
        ):
            PICTURE.write_bytes(take_picture(browser, url))
    except NoBrowser as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{PICTURE.name:28} {PICTURE.stat().st_size / 1000:5.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
