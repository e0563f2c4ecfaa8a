"""Text that the person did not write: reactions, quotations, our own text, signatures, auto-replies."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from smsbot.understanding import Answer, read_confirmation
from smsbot.understanding.set_aside import AsideKind, set_aside
from tests.lines import every_line

REMINDER = (
    "Rappel : votre RDV du lundi 24/11 a 14h30 (Mairie du 1er). Pour annuler, repondez ANNULER ou https://rdv.fr/r/a1"
)
QUESTION = "Voulez-vous annuler votre RDV du lundi 24 novembre a 14h30 (Mairie du 1er) ? Repondez OUI ou NON."
CORPUS = Path(__file__).parents[1] / "corpus"


def lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


@every_line("text", [line["text"] for line in lines("opening.jsonl") if line["label"] == "machine"])
def test_what_a_machine_wrote_leaves_nothing_to_read(text: str) -> None:
    assert set_aside(text, (REMINDER,)).is_nobodys


@every_line(
    "text",
    [line["text"] for line in lines("opening.jsonl") if line["label"] not in ("machine", "unsure")],
)
def test_what_a_person_wrote_leaves_their_words(text: str) -> None:
    assert not set_aside(text, (REMINDER,)).is_nobodys


@every_line(
    "text",
    [
        REMINDER,
        f"RE: {REMINDER}",
        REMINDER.upper(),
        f"« {REMINDER} »",
        f"> {REMINDER}",
        REMINDER[:70],
        REMINDER[40:],
        f"Tr : {REMINDER}",
        f"A aimé « {REMINDER} »",
        f"Liked “{REMINDER[:60]}…”",
        f"Le gustó “{REMINDER}”",
        f"\u200b👍\u200b to “{REMINDER}”",
        f"A réagi avec 👍 à “{REMINDER}”",
        f"A retiré 👍 de “{REMINDER}”",
        "Reminder: your appointment on Monday 24/11 at 2:30 pm. To cancel, answer ANNULER",
    ],
)
def test_our_text_sent_back_is_nobodys(text: str) -> None:
    assert set_aside(text, (REMINDER,)).is_nobodys


@every_line(
    ("text", "words"),
    [
        (f"{REMINDER}\nOUI", "OUI"),
        (f"> {QUESTION}\nnon", "non"),
        ("ANNULER\n\nEnvoyé de mon iPhone", "ANNULER"),
        (f"« {QUESTION} » Oui, je le veux.", "Oui, je le veux."),
        ("« ANNULER »", "« ANNULER »"),
        ('"DUP"', '"DUP"'),
        ("oui", "oui"),
        ("👍", "👍"),
    ],
)
def test_what_stands_beside_it_is_read(text: str, words: str) -> None:
    message = set_aside(text, (REMINDER, QUESTION))
    assert (message.words, message.is_nobodys) == (words, False)


def test_what_is_too_long_is_no_machines() -> None:
    message = set_aside("oui " * 400)
    assert ([one.kind for one in message.aside], message.is_nobodys) == ([AsideKind.TOO_LONG], False)


@given(st.sampled_from(["oui", "non", "peut-être", "oui mais pas lundi", "annulez svp", "DUP"]))
def test_a_quoted_text_never_changes_what_stands_beside_it(own: str) -> None:
    for quoted in (f"> {QUESTION}\n{own}", f"{own}\n> {REMINDER}", f"{QUESTION}\n{own}"):
        assert read_confirmation(set_aside(quoted, (REMINDER, QUESTION)).words) is read_confirmation(own)


@example("N¼", [])
@given(st.text(max_size=700), st.lists(st.text(max_size=160), max_size=3))
def test_doing_it_twice_changes_nothing(text: str, sent: list[str]) -> None:
    once = set_aside(text, tuple(sent))
    assert set_aside(once.words, ()).words.split() == once.words.split() or once.aside


def test_a_reaction_is_no_yes() -> None:
    assert read_confirmation(f"👍 à « {QUESTION} »") is not Answer.YES
