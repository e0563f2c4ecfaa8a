from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.lines import every_line


def test_each_line_that_fails_is_told_and_the_others_are_tried() -> None:
    tried = []

    @every_line(("text", "number"), [("un", 1), ("deux", 3), ("trois", 3), ("quatre", 5)])
    def reads(text: str, number: int) -> None:
        tried.append(text)
        assert {"un": 1, "deux": 2, "trois": 3}[text] == number

    with pytest.raises(pytest.fail.Exception) as failed:
        reads()
    assert tried == ["un", "deux", "trois", "quatre"]
    told = str(failed.value)
    assert told.startswith("2 of 4 lines\n\ntext='deux', number=3\n")
    assert "assert 2 == 3" in told
    assert "text='quatre', number=5\n" in told
    assert "KeyError: 'quatre'" in told
    assert "'un'" not in told.replace("{'un'", "").replace('{"un"', "")


def test_a_line_that_raises_nothing_where_it_should_is_told() -> None:
    @every_line("text", ["x"])
    def refuses(text: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - nothing is raised
            str(text)

    with pytest.raises(pytest.fail.Exception, match=r"1 of 1 lines\n\ntext='x'\n(?s:.*)DID NOT RAISE"):
        refuses()


@every_line("name", ["a", "b"])
def test_what_a_test_takes_besides_is_a_fixture(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert (tmp_path / "a").exists()  # the same folder for both lines


def test_what_fails_for_no_line_passes() -> None:
    @every_line("number", [1, 2])
    def holds(tmp_path: Path, number: int) -> None:
        assert number < 3

    assert list(inspect.signature(holds).parameters) == ["tmp_path"]
    holds(tmp_path=Path())


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no line of text"):
        every_line("text", [])
