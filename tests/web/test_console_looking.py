"""What agents type to find somebody: names, numbers and days in every spelling."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.web.console.diary import Position, Question
from smsbot.web.console.looking import Name, Number, read_day, read_words


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("dupont", ("DUPONT",)),
        (" Sophie   DUPONT ", ("SOPHIE", "DUPONT")),
        ("Œuvrard", ("OEUVRARD",)),
        ("l'hôpital-é", ("LHOPITALE",)),
        ("xi", ("XI",)),
    ],
)
def test_names(typed: str, parts: tuple[str, ...]) -> None:
    assert read_words(typed) == Name(parts)


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("0612345678", "+33612345678"),
        ("06 12 34 56 78", "+33612345678"),
        ("06.12.34.56.78", "+33612345678"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("(0)6-12-34-56-78", "+33612345678"),
        ("0692 12 34 56", "+262692123456"),
    ],
)
def test_whole_numbers(typed: str, e164: str) -> None:
    found = read_words(typed)
    assert isinstance(found, Number)
    assert found.e164 == e164


@pytest.mark.parametrize(("typed", "digits"), [("5678", "5678"), ("06 12 34", "61234"), ("0612", "612")])
def test_parts_of_numbers(typed: str, digits: str) -> None:
    found = read_words(typed)
    assert found == (Number(None, digits) if len(digits) >= 4 else None)


@pytest.mark.parametrize("typed", ["", "  ", "12", "?!", "😅", "-", "٣٤٥٦"])
def test_what_finds_nothing(typed: str) -> None:
    assert read_words(typed) is None


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2025-05-12", date(2025, 5, 12)),
        ("12/05/2025", date(2025, 5, 12)),
        ("1.6.25", date(2025, 6, 1)),
        ("12-05-2025", date(2025, 5, 12)),
        ("31/02/2025", None),
        ("2025-13-01", None),
        ("20250512", None),
        ("demain", None),
        ("", None),
    ],
)
def test_days(typed: str, day: date | None) -> None:
    assert read_day(typed) == day


@pytest.mark.parametrize(
    ("typed", "names", "fits"),
    [
        ("dupont", ("Dupont", "Sophie"), True),
        ("pont", ("Dupont",), True),
        ("la fontaine", ("De La Fontaine",), True),
        ("delafontaine", ("De La Fontaine",), True),
        ("muller", ("Müller-Lefèvre",), True),
        ("lefevre zoe", ("Müller-Lefèvre", "Zoé"), True),
        ("sophie dupond", ("Dupont", "Sophie"), False),
        ("dupont", (), False),
    ],
)
def test_names_that_fit(typed: str, names: tuple[str, ...], fits: bool) -> None:
    sought = read_words(typed)
    assert isinstance(sought, Name)
    assert sought.fits(names) is fits


@given(st.dictionaries(st.sampled_from(["q", "jour", "voir", "quand", "apres"]), st.text()))
def test_no_address_makes_the_page_fail(query: dict[str, str]) -> None:
    question = Question.read(query)
    assert question.is_understood is (not question.words.strip() or (question.sought or question.asked_day) is not None)


@given(st.text() | st.from_regex(r"\d{1,18}\.\d{1,20}", fullmatch=True))
def test_a_position_is_ours_to_the_letter_or_none(text: str) -> None:
    position = Position.read(text)
    assert position is None or Position.read(position.written()) == position
