"""The agents' guide is true: its pictures, the buttons and texts that it names, and what smsbot answers.

If a picture or a word is no longer true, the console or an SMS has changed. Then take the pictures again with
`./dev run python -m tools.agents_guide`, look at them, and correct the guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from smsbot.demo.town.town_hall import Town
from smsbot.demo.town.townspeople import EVERYBODY
from smsbot.messages.templates import templates_directory
from tools.agents_guide.opening import open_town
from tools.agents_guide.pictures import FOLDER, agents_context, words_in, words_of, write_pictures
from tools.agents_guide.screens import OTHERS, PICTURES, Screen

GUIDE = Path(__file__).parents[2] / "docs" / "guide-agents.md"
MOST_BYTES = 640_000  # of all pictures together
SILENCE = "*(rien)*"

_BUTTONS = """
() => [...document.querySelectorAll("a, button, summary")].map((one) => {
  const seen = one.cloneNode(true);
  seen.querySelectorAll(".invisible").forEach((unseen) => unseen.remove());
  return seen.textContent;
})
"""


@dataclass(frozen=True, slots=True)
class Open:
    """The town, and the address of its pages."""

    town: Town
    url: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a screen shows: the words of its picture, its links and buttons, and each line of the whole page."""

    words: str
    buttons: set[str]
    lines: list[str]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """The town that all tests share. They may only look at it."""
    with open_town(tmp_path_factory.mktemp("town")) as (town, url):
        yield Open(town, url)


@pytest.fixture(scope="module")
def look(opened: Open, browser: Browser) -> Iterator[Callable[[Screen], Seen]]:
    """Looks at each screen once for all tests, in one page, because each new page is a new process of the browser."""
    with agents_context(browser) as context:
        page = context.new_page()

        @cache
        def see(screen: Screen) -> Seen:
            screen.open(page, opened.town, opened.url)
            lines = page.locator("body").inner_text().splitlines()
            return Seen(words_of(page, screen), _pressable(page), [_plain(line) for line in lines])

        yield see


@cache
def _guide() -> str:
    return GUIDE.read_text(encoding="utf-8")


def _plain(text: str) -> str:
    """The text in one line, without the typographic signs that the console has and the guide does not."""
    return " ".join(text.replace("&nbsp;", " ").replace("’", "'").split())


def _named(pattern: str) -> list[str]:
    return sorted({_plain(found) for found in re.findall(pattern, _guide(), re.DOTALL)})


# Pictures


def test_the_guide_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r'<img src="images/([a-z-]+)\.png" width="\d+" alt="[^"]+">', _guide())
    assert _guide().count("<img") == len(shown)
    assert sorted(shown) == sorted(screen.name for screen in PICTURES)
    assert sorted(shown) == sorted(path.stem for path in FOLDER.iterdir())


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


@pytest.mark.parametrize("screen", PICTURES, ids=lambda screen: screen.name)
def test_the_page_still_says_what_the_picture_shows(look: Callable[[Screen], Seen], screen: Screen) -> None:
    assert look(screen).words.splitlines() == words_in(FOLDER / f"{screen.name}.png").splitlines()


def test_a_picture_is_one_that_browsers_show(opened: Open, browser: Browser, tmp_path: Path) -> None:
    with closing(write_pictures(browser, opened.town, opened.url, tmp_path)) as pictures:
        path = next(pictures)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.evaluate("document.images[0].naturalWidth") == 2 * PICTURES[0].width
    assert "Connexion" in words_in(path)


# Words


@pytest.mark.timeout(600)  # some forty pages
def test_what_is_to_be_pressed_or_read_is_there(look: Callable[[Screen], Seen]) -> None:
    seen = [look(screen) for screen in (*PICTURES, *OTHERS)]
    buttons = {name for each in seen for name in each.buttons}
    lines = [*_template_lines(), *(line for each in seen for line in each.lines)]
    named = [name for name in _named(r"\*\*(.+?)\*\*") if name != "en gras"]
    assert [name for name in named if not any(_is_pressed(button, name) for button in buttons)] == []
    quoted = [quote for quote in _named(r"« (.+?) »") if quote != "entre guillemets"]
    assert [quote for quote in quoted if not any(_holds(line, quote) for line in lines)] == []


def _pressable(page: Page) -> set[str]:
    """The words on links and buttons, without the number of messages that wait."""
    return {re.sub(r" \(\d+\)$", "", _plain(text)) for text in page.evaluate(_BUTTONS)}


def _is_pressed(button: str, named: str) -> bool:
    """ "…" stands for whatever is there."""
    return re.fullmatch(".*".join(map(re.escape, named.split("…"))), button) is not None


def _holds(line: str, quoted: str) -> bool:
    """ "…" stands for whatever is there."""
    return re.search(".*".join(re.escape(part.strip()) for part in quoted.split("…")), line) is not None


@cache
def _template_lines() -> tuple[str, ...]:
    """The lines of the templates, for texts that no screen here shows: a failure, an e-mail."""
    files = sorted((templates_directory() / "web" / "console").rglob("*.*"))
    return tuple(_plain(line) for file in files for line in file.read_text(encoding="utf-8").splitlines())


def test_the_contents_lead_somewhere() -> None:
    headings = re.findall(r"^##+ (.+)$", _guide(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", _guide())
    assert links
    assert [link for link in links if link not in anchors] == []


# Conversations


def test_smsbot_answers_as_the_guide_says(tmp_path: Path) -> None:
    people = {who.name: who for who in EVERYBODY}
    told = re.findall(r"^\| ([^|]+) écrit \| smsbot répond \|\n\|[ -|]+\n((?:\|.+\|\n)+)", _guide(), re.MULTILINE)
    assert len(told) >= 5
    with open_town(tmp_path) as (town, _):
        for name, rows in told:
            texts, answers = zip(*(_cells(row) for row in rows.splitlines()), strict=True)
            given = [SILENCE if answer is None else _plain(answer) for answer in town.writes(people[name], *texts)]
            assert given == list(answers), name


def _cells(row: str) -> tuple[str, str]:
    left, right = (_plain(cell) for cell in row.strip("|").split("|"))
    return left, right
