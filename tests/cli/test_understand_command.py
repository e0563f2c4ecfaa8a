"""`smsbot understand`: how a text is read in each situation, and why."""

from __future__ import annotations

from typer.testing import CliRunner

from smsbot.cli.main import app
from tests.lines import every_line


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


@every_line(
    ("question", "text", "reading"),
    [
        ("confirmation", "oui annulez", "yes"),
        ("confirmation", "non je viens", "no"),
        ("confirmation", "oui mais pas celui-là", "unclear"),
        ("choice", "le 2", "number 2 (no list was given)"),
        ("letters", "DUP", "wrong (no name on record was given)"),
    ],
)
def test_each_question_is_read_by_its_own_rules(question: str, text: str, reading: str) -> None:
    assert f"reading     {reading}\n" in understand("--question", question, text)


def test_letters_are_held_against_the_names_given() -> None:
    assert "reading     right\n" in understand("--question", "letters", "--surname", "Dupont", "DUP")


TWO = ("--appointment", "24/11/2031 14h30, Mairie du 1er, Léo", "--appointment", "04/12/2031 9h, MDS Bellevue, Inès")


@every_line(
    ("question", "text", "reading"),
    [
        ("choice", "celui de Bellevue", "number 2"),
        ("choice", "le 24", "number 1"),
        ("choice", "mardi", "other"),
        ("confirmation", "oui celui de Léo", "yes"),
        ("confirmation", "oui annulez celui d'Inès", "unclear"),
        ("none", "annulez le 4 décembre", "cancel"),
    ],
)
def test_what_is_named_is_held_against_the_appointments_given(question: str, text: str, reading: str) -> None:
    told = understand("--question", question, *TWO, text)
    assert f"reading     {reading}\n" in told
    assert "appointment 2 04/12/2031 09:00, MDS Bellevue, Inès\n" in told


def test_a_request_tells_which_one_it_names() -> None:
    assert "names       2\n" in understand(*TWO, "annulez le 4 décembre")


def test_a_choice_without_a_list_says_so() -> None:
    assert "reading     other (no list was given)\n" in understand("--question", "choice", "celui de jeudi")


@every_line("said", ["demain", "lundi", "31/02 14h30", "24/11/2025 25h00", ""])
def test_an_appointment_that_is_none_says_how_to_write_one(said: str) -> None:
    result = CliRunner().invoke(app, ["understand", "--appointment", said, "oui"])
    assert result.exit_code == 1
    assert "write it like 'lundi 14h30, Mairie du 1er, Léo'" in result.output


def test_stop_comes_before_any_question() -> None:
    assert "keyword     STOP" in understand("--question", "confirmation", "stop sms")


def test_an_unknown_question_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["understand", "--question", "weather", "oui"]).exit_code == 2
