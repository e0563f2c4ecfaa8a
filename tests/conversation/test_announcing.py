"""Messages that say that somebody comes, and the topics of other messages, line by line, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from smsbot.conversation.facts import Coming, Facts
from smsbot.conversation.states import Deed, Event, Reply, State
from smsbot.conversation.table import TABLE
from smsbot.understanding import Keyword
from smsbot.understanding.topics import Topic
from tests.conversation.test_conversation import NOW, Phone, coming, with_appointments
from tests.lines import every_line

DAY = timedelta(days=1)


def reminded(participation_id: int = 1, *, ago: timedelta = DAY, **other: Any) -> Coming:
    """A participation on Monday 11 May 2026 at noon in Paris, unless other fields are given, with a reminder."""
    return coming(participation_id, reminded_at=NOW - ago, **other)


def just_reminded(*appointments: Coming) -> Phone:
    return Phone(Facts(appointments, just_reminded=True))


@every_line("text", ["je viens", "oui je serai là", "je serai là lundi", "à lundi 12h", "N'annulez pas je viens"])
def test_who_says_that_they_come_is_told_what_the_reminder_told(text: str) -> None:
    taken = with_appointments(reminded()).writes(text)
    assert (taken.event, taken.announces, taken.about) == (Event.COMES, (1,), 1)
    assert taken.says is not None
    assert taken.says.reply is Reply.COMING_NOTED
    assert not taken.for_agents
    assert taken.cancels is None


@every_line("text", ["je viens", "présent", "je confirme ma présence"])
def test_without_a_reminder_nothing_is_told(text: str) -> None:
    taken = with_appointments(coming()).writes(text)
    assert (taken.event, taken.announces) == (Event.COMES_UNTOLD, (1,))
    assert taken.says is not None
    assert taken.says.reply is Reply.COMING_THANKED


@every_line("text", ["je viens lundi", "je viens mardi", "je serai là à 12h"])
def test_without_a_reminder_a_guess_at_the_day_gives_nothing_away(text: str) -> None:
    taken = with_appointments(coming()).writes(text)
    assert (taken.event, taken.announces) == (Event.OTHER_WORDS, ())


@every_line("text", ["je viens mardi", "je serai là à 16h", "je viens le 12", "je viens si je peux"])
def test_another_moment_or_a_condition_is_for_people(text: str) -> None:
    taken = with_appointments(reminded()).writes(text)
    assert (taken.event, taken.announces, taken.for_agents) == (Event.OTHER_WORDS, (), True)


@every_line("text", ["oui", "OK", "d'accord merci", "👍"])
def test_a_bare_yes_to_a_reminder(text: str) -> None:
    assert just_reminded(reminded()).writes(text).event is Event.COMES


@every_line(
    "facts",
    [
        Facts((reminded(),)),  # another message was sent after the reminder
        Facts((reminded(ago=4 * DAY),), just_reminded=True),
        Facts((reminded(),), just_reminded=True, written_long_ago=True),
    ],
)
def test_a_bare_yes_to_nothing(facts: Facts) -> None:
    taken = Phone(facts).writes("oui")
    assert (taken.event, taken.announces) == (Event.OTHER_WORDS, ())


def test_thanks_are_no_yes() -> None:
    taken = just_reminded(reminded()).writes("merci")
    assert (taken.event, taken.announces) == (Event.THANKS, ())


def test_the_one_that_was_reminded_lately_is_meant() -> None:
    taken = with_appointments(coming(1, days=2), reminded(2), coming(3, days=20)).writes("je viens")
    assert taken.announces == (2,)


@every_line(
    "appointments",
    [
        (coming(1), coming(2, days=8)),
        (reminded(1), reminded(2, days=8)),
        (reminded(1, ago=9 * DAY), coming(2, days=8)),
    ],
)
def test_where_it_cannot_be_told_to_which_nothing_is_marked_and_nobody_is_bothered(
    appointments: tuple[Coming, ...],
) -> None:
    taken = with_appointments(*appointments).writes("je viens")
    assert (taken.event, taken.says, taken.announces) == (Event.COMES_TO_WHICH, None, ())
    assert taken.reason == "says that they come, unclear to which"
    assert not taken.for_agents


def test_the_day_tells_which_of_two_that_were_reminded() -> None:
    phone = with_appointments(reminded(1), reminded(2, days=8))
    assert phone.writes("je viens mardi").announces == (2,)
    assert phone.writes("je viens lundi").announces == (1,)


def test_parent_and_child_in_one_appointment_come_together() -> None:
    together = (reminded(1, appointment_id=7), reminded(2, appointment_id=7, first_name="Léa"))
    assert with_appointments(*together).writes("on vient").announces == (1, 2)


def test_two_places_in_a_group_are_two() -> None:
    taken = with_appointments(reminded(1, first_name="Léa"), reminded(2, first_name="Tom")).writes("on vient")
    assert taken.event is Event.COMES_TO_WHICH


def test_what_is_locked_is_not_announced() -> None:
    phone = with_appointments(reminded(locked_until=NOW + DAY))
    taken = phone.writes("je viens")
    assert (taken.event, taken.announces) == (Event.LOCKED_OUT, ())


@pytest.mark.parametrize("before", [["annuler"], ["annuler dup"]])
@pytest.mark.parametrize("text", ["je viens", "je confirme ma présence", "oui je serai là"])
def test_nothing_changes_while_a_question_is_open(before: list[str], text: str) -> None:
    phone = just_reminded(reminded())
    phone.replies(*before)
    taken = phone.writes(text)
    assert taken.announces == ()
    assert taken.cancels is None
    assert taken.event not in (Event.COMES, Event.COMES_UNTOLD)


def test_an_expired_question_is_told_first() -> None:
    phone = with_appointments(reminded())
    phone.replies("annuler dup")
    taken = phone.writes("je viens", after=timedelta(hours=2))
    assert (taken.event, taken.announces) == (Event.LATE_ANSWER, ())


def test_who_comes_may_still_cancel() -> None:
    phone = with_appointments(reminded())
    assert phone.replies("je viens", "annuler dup", "oui") == ["coming_noted", "confirm", "cancelled"]
    assert phone.writes("oui").announces == ()


def test_after_stop_nothing_is_announced() -> None:
    taken = Phone(Facts((reminded(),), opted_out=True)).writes("je viens")
    assert (taken.event, taken.announces) == (Event.AFTER_STOP, ())


def test_only_saying_so_announces() -> None:
    announcing = {
        (state, event) for state, moves in TABLE.items() for event, move in moves.items() if Deed.ANNOUNCE in move.does
    }
    assert announcing == {(State.IDLE, Event.COMES), (State.IDLE, Event.COMES_UNTOLD)}
    assert all(TABLE[state][event].does == (Deed.ANNOUNCE,) for state, event in announcing)


# The topics of other messages -----------------------------------------------------------------------------------------


def test_who_wants_another_date_has_an_answer_of_its_own_and_is_seen_by_agents() -> None:
    phone = with_appointments(coming())
    taken = phone.writes("bonjour, on peut décaler à jeudi ?")
    assert (taken.event, taken.for_agents, taken.topic) == (Event.OTHER_DATE, True, Topic.OTHER_DATE)
    again = phone.writes("vraiment, je voudrais un autre jour")
    assert (again.says, again.for_agents, again.topic) == (None, True, Topic.OTHER_DATE)
    assert phone.writes("une autre date svp", after=timedelta(hours=1)).event is Event.OTHER_DATE


def test_nobody_is_told_to_cancel_what_they_cannot() -> None:
    for text, event in (("je voudrais un autre jour", Event.OTHER_DATE), ("c'est où ?", Event.OTHER_WORDS)):
        late = with_appointments(coming(days=0.1)).writes(text)
        assert (late.event, late.says and late.says.may_cancel) == (event, False)
        in_time = with_appointments(coming(days=0.1), coming(id=2)).writes(text)
        assert (in_time.event, in_time.says and in_time.says.may_cancel) == (event, True)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("je serai en retard", Topic.LATE),
        ("c'est à quel étage ?", Topic.QUESTION),
        ("mauvais numéro", Topic.WRONG_NUMBER),
        ("vous êtes des incapables", Topic.OTHER),
    ],
)
@pytest.mark.parametrize("opted_out", [False, True])
def test_what_is_for_agents_says_what_it_is_about(text: str, topic: Topic, opted_out: bool) -> None:
    taken = Phone(Facts((coming(),), opted_out=opted_out)).writes(text)
    assert (taken.for_agents, taken.topic) == (True, topic)


def test_agents_are_told_of_somebody_who_comes_when_they_should() -> None:
    """No reminder told the telephone the hour, so the reply does not confirm it. Agents see that the person will come
    in time.
    """
    taken = with_appointments(coming()).writes("je serai là lundi à 12h")
    assert (taken.event, taken.topic) == (Event.OTHER_WORDS, Topic.COMING)
    assert with_appointments(coming()).writes("je serai là lundi à 13h").topic is Topic.LATE


@every_line(("text", "topic"), [("annuler", Topic.OTHER), ("merci", Topic.THANKS), ("je viens", Topic.COMING)])
def test_what_is_not_for_agents_is_about_something_too(text: str, topic: Topic) -> None:
    taken = with_appointments(coming()).writes(text)
    assert (taken.for_agents, taken.topic) == (False, topic)


MACHINE = "Je conduis. Je verrai votre message en arrivant. (Réponse automatique)"


@pytest.mark.parametrize(
    "facts",
    [
        Facts((coming(),)),
        Facts(),
        Facts(is_former=True),
        Facts((coming(locked_until=datetime.max.replace(tzinfo=NOW.tzinfo)),)),
        Facts((coming(),), opted_out=True),
        Facts((coming(),), unanswerable="a number at a premium rate"),
        Facts((coming(),), answers_a_day=0),
    ],
)
@pytest.mark.parametrize("before", [[], ["annuler"], ["annuler dup"]])
def test_a_machine_is_never_put_before_agents(facts: Facts, before: list[str]) -> None:
    phone = Phone(facts)
    phone.replies(*before)
    taken = phone.writes(MACHINE)
    assert (taken.event, taken.for_agents, taken.says) == (Event.NOT_THEIR_WORDS, False, None)


def test_the_keyword_of_a_gateway_counts_whatever_it_stands_in() -> None:
    taken = Phone(replace(Facts((coming(),)), gateway_keyword=Keyword.STOP)).writes(MACHINE)
    assert taken.event is Event.GATEWAY_STOP
