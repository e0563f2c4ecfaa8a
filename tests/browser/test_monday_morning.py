"""A short Monday morning: with both ways of working, all messages are done and each person is told once.

`python -m tools.monday_morning` does a whole morning and counts the effort.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tools.monday_morning import open_morning, work_through


@pytest.mark.parametrize(("way", "messages"), [("one by one", 4), ("together", 12)])
def test_all_messages_are_worked_through_and_each_person_is_told_once(
    browser: Browser, tmp_path: Path, way: str, messages: int
) -> None:
    with open_morning(tmp_path, messages, appointments_today=2 * messages) as morning:
        effort = work_through(browser, morning, way)
        assert morning.left() == []
        assert len(morning.kinds) == messages
    by_hand = 1 + 3 * messages  # the list, the message and "Je m'en occupe" for each
    assert effort.page_loads <= by_hand
    assert (effort.keys == 0) is (way == "together"), "with ready answers nothing has to be typed"
