"""Rules for every text: the spelling changes nothing, a negation is never overlooked, the work is limited."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reading import AWKWARD, READERS, forget
from smsbot.understanding import (
    Answer,
    Keyword,
    Opening,
    read_confirmation,
    read_keyword,
    read_opening,
    set_aside,
    words,
)
from smsbot.understanding.set_aside import LONGEST_READ, AsideKind
from smsbot.understanding.spelling import plain
from smsbot.understanding.weights import written
from tests.corpus.__main__ import LEARNED
from tests.corpus.hands import SITUATIONS
from tests.corpus.training import learn

CLEAR = {
    Opening.CANCEL: [
        "annuler",
        "je souhaite annuler mon rendez-vous de lundi",
        "annulez svp, je suis malade",
        "je me désiste",
        "libérez la place",
        "je n'ai plus besoin du rendez-vous",
        "merci de supprimer mon rdv",
        "quiero cancelar la cita",
    ],
    Answer.YES: ["oui", "oui annulez", "d'accord", "je confirme l'annulation", "oui je ne viens pas", "oui merci"],
    Answer.NO: ["non", "non je garde mon rendez-vous", "n'annulez pas", "surtout pas", "je le garde"],
    Keyword.STOP: ["stop", "arrêtez de m'envoyer des sms", "je ne veux plus recevoir vos messages", "stop sms"],
}
TEXTS = st.sampled_from([(meaning, text) for meaning, texts in CLEAR.items() for text in texts])
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: list[Form] = ["NFC", "NFD", "NFKC", "NFKD"]
INVISIBLE = st.sampled_from(["\u200b", "\u200d", "\ufe0f", "\u2060", "\u00ad", "\u200e", "\ufeff"])


def reading(meaning: Opening | Answer | Keyword, text: str) -> object:
    if isinstance(meaning, Keyword):
        return read_keyword(text)
    return read_opening(text).meaning if isinstance(meaning, Opening) else read_confirmation(text)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 60), INVISIBLE), max_size=5))
def test_what_cannot_be_seen_changes_nothing(clear: tuple[Opening, str], put: list[tuple[int, str]]) -> None:
    meaning, text = clear
    for place, sign in put:
        text = text[:place] + sign + text[place:]
    assert reading(meaning, text) is meaning


@given(TEXTS, st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
def test_capitals_change_nothing(clear: tuple[Opening, str], written_as: Callable[[str], str]) -> None:
    meaning, text = clear
    assert reading(meaning, written_as(text)) is meaning


@given(TEXTS, st.sampled_from(FORMS))
def test_how_accents_are_coded_changes_nothing(clear: tuple[Opening, str], form: Form) -> None:
    meaning, text = clear
    assert reading(meaning, unicodedata.normalize(form, text)) is meaning


@given(TEXTS)
def test_accents_left_out_change_nothing(clear: tuple[Opening, str]) -> None:
    meaning, text = clear
    assert reading(meaning, plain(text)) is meaning


@given(TEXTS, st.data())
def test_a_doubled_letter_changes_nothing(clear: tuple[Opening, str], data: st.DataObject) -> None:
    meaning, text = clear
    long_words = [word for word in text.split() if len(word) > 4 and word.isalpha()]
    if long_words:
        word = data.draw(st.sampled_from(long_words))
        at = data.draw(st.integers(1, len(word) - 1))
        assert reading(meaning, text.replace(word, word[:at] + word[at - 1] + word[at:], 1)) is meaning


QUOTED = [
    "n'annulez surtout pas mon rendez-vous",
    "annulez tout de suite mon rdv svp",
    "oui annulez le rendez-vous",
    "non je garde mon rendez-vous",
    "stop je ne veux plus vos sms",
    "Rappel : votre RDV du lundi 24 novembre à 14h30 (Mairie du 1er). Pour annuler, répondez ANNULER",
]
AROUND = ["« {quoted} » {text}", "{text} « {quoted} »", "> {quoted}\n{text}", "{text}\n> {quoted}", "“{quoted}” {text}"]


@given(TEXTS, st.sampled_from(QUOTED), st.sampled_from(AROUND))
def test_what_is_quoted_changes_nothing(clear: tuple[Opening, str], quoted: str, around: str) -> None:
    meaning, text = clear
    assert reading(meaning, around.format(quoted=quoted, text=text)) is meaning


NEGATIONS = [
    *("je ne veux pas {}", "je ne souhaite pas {}", "surtout ne pas {}", "il ne faut pas {}", "je vais pas {}"),
    *("je n'ai jamais demandé à {}", "pas question de {}", "hors de question de {}", "je refuse de {}"),
    *("je veux plus {}", "on veut plus {}", "je peux pas {}", "n'allez pas {}", "je ne vous demande pas de {}"),
    *("je n'ai pas l'intention de {}", "aucune raison de {}", "inutile de {}", "merci de ne pas {}", "faut pas {}"),
]
ASKED_FOR = ["annuler", "annuler mon rdv", "annuler le rendez-vous de lundi", "supprimer mon rdv", "me désister"]


@pytest.mark.parametrize("negation", NEGATIONS)
@given(asked_for=st.sampled_from(ASKED_FOR), after=st.sampled_from(["", " svp", " merci", ", à lundi", " !"]))
def test_a_negation_before_a_request_never_opens(negation: str, asked_for: str, after: str) -> None:
    text = negation.format(asked_for) + after
    assert read_opening(text).meaning is not Opening.CANCEL
    assert read_confirmation(text) is not Answer.YES


# How much work it is -------------------------------------------------------------------------------------------------


def test_the_length_is_measured_once_nothing_invisible_is_left() -> None:
    assert read_confirmation("\u200b" * 3 * LONGEST_READ + "oui") is Answer.YES
    assert [aside.kind for aside in set_aside.set_aside("a" * (LONGEST_READ + 1)).aside] == [AsideKind.TOO_LONG]
    assert [aside.kind for aside in set_aside.set_aside("㎚ " * 300).aside] == [AsideKind.TOO_LONG], (
        "each is two letters"
    )


@pytest.mark.parametrize("reader", READERS)
def test_the_work_grows_with_the_length_alone(reader: str) -> None:
    """Counted in calls, not in time: twice the text is at most about twice the work."""
    for pump in AWKWARD:
        half, whole = (calls(READERS[reader], pump * (size // len(pump))) for size in (LONGEST_READ // 2, LONGEST_READ))
        assert whole <= 2.5 * half + 500, pump
        assert whole <= 12 * LONGEST_READ, pump


def calls(reader: Callable[[str], object], text: str) -> int:
    """How many functions are called to read a text."""
    forget()
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        reader(text)
    finally:
        sys.setprofile(before)
    return count


def test_the_words_of_a_long_message_are_bounded() -> None:
    for pump in AWKWARD:
        assert len(words.read((pump * LONGEST_READ)[:LONGEST_READ]).tokens) <= LONGEST_READ


# What is learned -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_weights_are_what_the_replies_teach(situation: str) -> None:
    """If this fails, words or rules have changed: `python -m tests.corpus train` learns the weights again."""
    shipped = (LEARNED / f"{situation}.txt").read_text(encoding="utf-8")
    title = shipped.splitlines()[0].removeprefix("# ")
    assert written(learn(situation), title) == shipped
