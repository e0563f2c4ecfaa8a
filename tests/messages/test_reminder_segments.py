"""What a reminder leaves out before it takes a second segment, and how often one segment is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.segments import NOW, NUMBER, appointments, measure
from smsbot.messages.appointment_facts import AppointmentText
from smsbot.messages.gsm7 import septets
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment

LINK = "https://rdv.example.fr/r/Q2hhcmxlbWFnbmUx"
SHORT = AppointmentText(NOW + timedelta(days=2), place="Mairie de Lyon", telephone="0472103030")


@pytest.fixture(scope="module")
def texts() -> SmsTexts:
    return SmsTexts(template_environment(now=lambda: NOW))


def reminder(texts: SmsTexts, place: str, link: str = LINK, *, two_way: bool = True) -> str:
    values = {"appointment": replace(SHORT, place=place), "link": link, "two_way": two_way, "cancellable": True}
    return texts.write_reminder(values, asks=False).body


def test_what_is_given_up_comes_in_one_order(texts: SmsTexts) -> None:
    place = "Maison des solidarités de Villefranche-de-Rouergue"
    assert reminder(texts, "Mairie de Lyon") == (
        f"Rappel : votre RDV du mercredi 4 novembre à 10h00 (Mairie de Lyon). Pour annuler, répondez ANNULER ou {LINK}"
    )
    named = reminder(texts, place)
    assert named.startswith(
        "Rappel : votre RDV du mercredi 4 novembre à 10h00 (Maison des solidarités..). Pour annuler"
    )
    in_short = reminder(texts, place, LINK + "x" * 8)
    assert in_short.startswith("Rappel : RDV du mer 04/11 10h00 (Maison des solidarités de Villefranche..). Annuler : ")
    assert in_short.endswith(f"Annuler : répondez ANNULER ou {LINK}xxxxxxxx")
    shorter = reminder(texts, place, LINK + "x" * 36)
    assert shorter.startswith("Rappel : RDV du mer 04/11 10h00 (Maison des solid.). Annuler : répondez ANNULER ou http")
    without = reminder(texts, place, LINK + "x" * 48)
    assert without.endswith(f"({place}). Annuler : répondez ANNULER."), "and then its name has room again"
    for body in (named, in_short, shorter, without):
        assert septets(body) <= 160


def test_where_nobody_can_answer_the_link_stays_and_takes_a_second_segment(texts: SmsTexts) -> None:
    link = LINK + "x" * 90
    body = reminder(texts, "Maison des solidarités", link, two_way=False)
    assert link in body
    assert septets(body) > 160


@pytest.mark.parametrize("two_way", [True, False])
def test_of_a_thousand_reminders_hardly_any_takes_two(two_way: bool) -> None:
    told = measure(two_way=two_way)
    assert sum(told.values()) == NUMBER
    assert told["two segments"] <= NUMBER // 100
    assert told["in short, without the link"] <= NUMBER // 20


def test_they_are_always_the_same_thousand() -> None:
    assert list(appointments()) == list(appointments())
    places = [text.place for text, _ in appointments() if text.place]
    assert len(set(places)) > 500
    assert 20 < sum(map(len, places)) / len(places) < 50
