"""`smsbot understand`: how a text is read in each situation, and why."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from smsbot.cli.main import app


def understand(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["understand", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_request_is_told_with_what_it_was_understood_by() -> None:
    told = understand("annulez mon rdv svp\nEnvoyé de mon iPhone")
    assert "set aside   signature: 'Envoyé de mon iPhone'" in told
    assert "annulez=ORDER  mon=MY  rdv=APPOINTMENT  svp=PLEASE" in told
    assert "rule: asks" in told
    assert "reading     cancel" in told


@pytest.mark.parametrize(
    ("question", "text", "reading"),
    [
        ("confirmation", "oui annulez", "yes"),
        ("confirmation", "non je viens", "no"),
        ("confirmation", "oui mais pas celui-là", "unclear"),
        ("choice", "le 2", "number 2"),
        ("letters", "DUP", "wrong (no name on record was given)"),
    ],
)
def test_each_question_is_read_by_its_own_rules(question: str, text: str, reading: str) -> None:
    assert f"reading     {reading}\n" in understand("--question", question, text)


def test_letters_are_held_against_the_names_given() -> None:
    assert "reading     right\n" in understand("--question", "letters", "--surname", "Dupont", "DUP")


def test_stop_comes_before_any_question() -> None:
    assert "keyword     STOP" in understand("--question", "confirmation", "stop sms")


def test_an_unknown_question_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["understand", "--question", "weather", "oui"]).exit_code == 2
