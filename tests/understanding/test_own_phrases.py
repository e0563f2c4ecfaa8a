"""The replies that we wrote ourselves (`tests/corpus/which_one.tsv`, `no_yes.tsv`): none is understood wrongly."""

from __future__ import annotations

import pytest

from tests.corpus.which_one import Phrase, choices, chosen, confirmed, near_misses
from tests.lines import every_line

_MOST_OF_THEM = 0.95
"""The share of each set that has to be understood."""


@every_line("phrase", choices())
def test_no_other_appointment_than_the_one_meant_is_chosen(phrase: Phrase) -> None:
    as_ = chosen(phrase)
    assert as_ in (phrase.label, "0") or (as_ == "no" and phrase.label == "0")


@every_line("phrase", near_misses())
def test_what_is_nearly_a_yes_is_none(phrase: Phrase) -> None:
    assert confirmed(phrase) == "no yes"


@pytest.mark.parametrize("name", dict.fromkeys(phrase.set for phrase in choices()))
def test_most_choices_are_understood(name: str) -> None:
    of_set = [phrase for phrase in choices() if phrase.set == name]
    right = [phrase for phrase in of_set if chosen(phrase) == phrase.label]
    assert len(right) >= _MOST_OF_THEM * len(of_set)
