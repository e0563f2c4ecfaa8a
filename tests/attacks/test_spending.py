"""Nobody can make the service send messages without end."""

from __future__ import annotations

import itertools

import pytest

from tests.walks.running import Service, rdv, user

_NUMBERS = itertools.count(700)


def somebody(target: Service, phone: str | None = None) -> str:
    number = next(_NUMBERS)
    phone = phone or f"+3361237{number:04d}"
    person = user(number, phone_number=phone, phone_number_formatted=phone, email=None)
    assert target.post_rdv(rdv(number, person)).status_code == 200
    return phone


def answers(target: Service, phone: str, texts: list[str]) -> int:
    before = len(target.to(phone))
    for text in texts:
        assert target.sends(text, phone).status_code == 200
    target.talk("annuler", phone=somebody(target))  # when this is answered, the messages before it are answered, too
    return len(target.to(phone)) - before


@pytest.mark.parametrize("text", ["AIDE", "ANNULER", "bonjour", "???"])
def test_the_same_word_without_end(target: Service, text: str) -> None:
    assert answers(target, somebody(target), [text] * 40) <= 5


def test_any_words_without_end(target: Service) -> None:
    phone = somebody(target)
    assert answers(target, phone, [f"annuler {number}" for number in range(100)]) <= 60


def test_our_own_words_sent_back(target: Service) -> None:
    phone = somebody(target)
    [question] = target.talk("annuler", phone=phone)
    echoes = [question, f"RE: {question}", question.upper(), f"« {question} »", question[: len(question) // 2]] * 4
    assert answers(target, phone, echoes) <= 1


@pytest.mark.parametrize("phone", ["+33899700001", "+32475700002", "+12025550143"])
def test_premium_ranges_and_other_countries(target: Service, phone: str) -> None:
    somebody(target, phone)
    assert answers(target, phone, ["annuler", "AIDE", "STOP", "START", "oui"]) == 0


def test_strangers_get_one_text_a_day(target: Service) -> None:
    phone = "+33612999999"
    assert answers(target, phone, ["annuler", "bonjour", "AIDE", "STOP", "START", "annuler"]) <= 1
