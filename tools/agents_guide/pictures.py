"""Takes pictures of screens as small PNGs.

These pages are text in a few colours, so sixteen colours are enough, at four bits a pixel. That is a third of the size
that the browser writes. The picture's description has the words on the page. With it, a test finds pictures whose page
now says something else.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, FloatRect, Page

from smsbot.demo.town.town_hall import Town
from tools.agents_guide.screens import DESK, PICTURES, Screen

FOLDER = Path(__file__).parents[2] / "docs" / "images"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"Description"
_COLOURS = 16  # as many as four bits can name

# The browser has the pixels of its PNG, and counts their colours faster than Python.
_REDUCE = """
async ([png, most]) => {
  const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) {
    counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  }
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const byNumber = [...counts].sort(([one, so], [other, many]) => many - so || one - other);
  const palette = byNumber.slice(0, most).map(([colour]) => parts(colour));
  const distance = (one, other) => one.reduce((sum, part, i) => sum + (part - other[i]) ** 2, 0);
  const nearest = new Map(byNumber.map(([colour]) => {
    const distances = palette.map((each) => distance(each, parts(colour)));
    return [colour, distances.indexOf(Math.min(...distances))];
  }));
  let indices = "";
  for (const pixel of pixels) {
    indices += String.fromCharCode(nearest.get(pixel));
  }
  return { width: image.width, height: image.height, palette, indices: btoa(indices) };
}
"""

# A French browser shows this in an empty field for a date. Not every Chromium has its French texts installed.
_IN_FRENCH = """
for (const field of document.querySelectorAll("input[type=date]")) {
  field.type = "text";
  field.placeholder = "jj/mm/aaaa";
}
"""


# A browser without windows forbids notifications. An agent's browser can be asked for them.
_MAY_BE_ASKED = "Object.defineProperty(Notification, 'permission', {get: () => 'default'})"


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen as the browser shows it: its PNG, and the words in it."""

    png: bytes
    words: str


def take(browser: Browser, screen: Screen, town: Town, url: str, scale: float | None = None) -> Shot:
    """Go to the screen and photograph it, at `scale` device pixels for each CSS pixel.

    Without `scale` it is one and a half for wide pages, because the guide shows them smaller anyway, and two for
    others.
    """
    if scale is None:
        scale = 1.5 if screen.width >= DESK else 2
    with agents_context(browser, scale) as context:
        return _shot(context.new_page(), screen, town, url)


def agents_context(browser: Browser, scale: float = 1) -> BrowserContext:
    """An agent's browser, at `scale` device pixels for each CSS pixel. Use it in a `with`, so that it is closed."""
    context = browser.new_context(locale="fr-FR", device_scale_factor=scale)
    context.add_init_script(_MAY_BE_ASKED)
    return context


def _shot(page: Page, screen: Screen, town: Town, url: str) -> Shot:
    screen.open(page, town, url)
    words = words_of(page, screen)
    page.evaluate(_IN_FRENCH)
    return Shot(page.screenshot(full_page=True, clip=_frame(page, screen), animations="disabled"), words)


def words_of(page: Page, screen: Screen) -> str:
    """The words on the screen, one line for each line."""
    lines = (" ".join(line.split()) for line in screen.part_of(page).inner_text().splitlines())
    return "\n".join(line for line in lines if line)


def write_pictures(browser: Browser, town: Town, url: str, folder: Path = FOLDER) -> Generator[Path, None, None]:
    """Take all pictures of the guide, and yield the path of each."""
    with browser.new_context() as context:
        darkroom = context.new_page()
        for screen in PICTURES:
            shot, path = take(browser, screen, town, url), folder / f"{screen.name}.png"
            path.write_bytes(reduced_png(darkroom, b64encode(shot.png).decode(), shot.words))
            yield path


def reduced_png(darkroom: Page, png: str, words: str) -> bytes:
    """Reduce a PNG (in base64) to sixteen colours, with `words` as its description.

    `darkroom` is a page of the browser in which the work is done.
    """
    return _png(darkroom.evaluate(_REDUCE, [png, _COLOURS]), words)


def words_in(path: Path) -> str:
    """The words in the description of one of our pictures, or "" for any other file."""
    data = path.read_bytes()
    at = len(_SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        if kind == b"iTXt" and content.startswith(_KEYWORD + b"\0"):
            return zlib.decompress(content[len(_KEYWORD) + 5 :]).decode()
        at += 12 + length
    return ""


def _frame(page: Page, screen: Screen) -> FloatRect:
    """The part of the page that the picture shows, in CSS pixels from the upper left corner of the page."""
    page.evaluate("scrollTo(0, 0)")  # because the browser measures a box from the corner of its window
    box = screen.part_of(page).bounding_box()
    assert box is not None, f"{screen.name}: there is nothing to see"
    left, top = max(box["x"] - screen.margin, 0), max(box["y"] - screen.margin, 0)
    width = min(box["width"] + 2 * screen.margin, screen.width - left)
    return {"x": left, "y": top, "width": width, "height": min(box["height"] + 2 * screen.margin, screen.height)}


def _png(reduced: dict[str, Any], words: str) -> bytes:
    """A PNG with a palette of up to sixteen colours."""
    width, height, indices = reduced["width"], reduced["height"], b64decode(reduced["indices"])
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    rows = (_row(indices[width * row : width * (row + 1)]) for row in range(height))
    description = _KEYWORD + b"\0\1\0\0\0" + zlib.compress(words.encode(), 9)  # compressed; without a language
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes(part for colour in reduced["palette"] for part in colour)),
            _chunk(b"iTXt", description),
            _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _row(indices: bytes) -> bytes:
    """One row of pixels: a byte that says "not filtered", then two pixels in each byte."""
    even = indices + b"\0" * (len(indices) % 2)
    return b"\0" + bytes(left << 4 | right for left, right in zip(even[::2], even[1::2], strict=True))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
