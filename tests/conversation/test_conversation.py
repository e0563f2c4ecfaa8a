"""Conversations line by line: what the usager writes, and what the bot answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smsbot.conversation.facts import Coming, Facts
from smsbot.conversation.machine import EXPIRY, Say, Step, step
from smsbot.conversation.memory import Memory
from smsbot.conversation.perceiving import SAID_IN_A_ROW
from smsbot.conversation.states import Event, Reply, State
from smsbot.conversation.table import TABLE
from smsbot.rules.letters import Names
from smsbot.understanding import Keyword
from tests.lines import every_line

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def coming(participation_id: int = 1, surname: str = "Dupont", days: float = 7, **other: Any) -> Coming:
    names = Names((surname,), ("Sophie",))
    return replace(Coming(participation_id, NOW + timedelta(days=days), names), **other)


@dataclass
class Phone:
    """One phone and the facts about it, which change from message to message as in the service."""

    facts: Facts = field(default_factory=lambda: Facts((coming(),)))
    memory: Memory = field(default_factory=Memory)
    now: datetime = NOW
    cancelled: list[int] = field(default_factory=list)
    requested: list[int] = field(default_factory=list)
    taken_back: list[int] = field(default_factory=list)

    def writes(self, text: str, after: timedelta = timedelta(minutes=1)) -> Step:
        self.now += after
        taken = step(self.memory, text, self.facts, self.now)
        self.memory = taken.memory
        locks = {lock.participation_id: lock for lock in taken.locks}
        if taken.cancels is not None:
            self.cancelled.append(taken.cancels)
            just = tuple(replace(one, cancelled_at=self.now) for one in self.facts.coming if one.id == taken.cancels)
            self.facts = replace(self.facts, cancelled=(*just, *self.facts.cancelled))
        if taken.takes_back is not None:
            self.cancelled = [one for one in self.cancelled if one != taken.takes_back]
            [again] = [one for one in self.facts.cancelled if one.id == taken.takes_back]
            left = tuple(one for one in self.facts.cancelled if one.id != taken.takes_back)
            stands = (*self.facts.coming, replace(again, cancelled_at=None))
            self.facts = replace(self.facts, cancelled=left, coming=stands)
        if taken.requests is not None:
            self.requested.append(taken.requests)
            [asked] = [one for one in self.facts.coming if one.id == taken.requests]
            asked = replace(asked, is_requested=True, cancelled_at=self.now)
            self.facts = replace(self.facts, cancelled=(asked, *self.facts.cancelled))
        if taken.requests_taking_back is not None:
            self.taken_back.append(taken.requests_taking_back)
            their = taken.requests_taking_back
            asked_back = (
                replace(one, is_taking_back_requested=True) if one.id == their else one for one in self.facts.cancelled
            )
            self.facts = replace(self.facts, cancelled=tuple(asked_back))

        def moved_on(one: Coming) -> Coming:
            if one.id in self.requested:
                one = replace(one, is_requested=True, is_taking_back_requested=one.id in self.taken_back)
            if one.id in taken.forgives:
                return replace(one, wrong_answers=0, wrong_answer_at=None, locked_until=None)
            if (lock := locks.get(one.id)) is not None:
                return replace(
                    one,
                    wrong_answers=lock.wrong_answers,
                    wrong_answer_at=self.now,
                    locked_until=lock.locked_until,
                )
            return one

        self.facts = replace(
            self.facts,
            coming=tuple(moved_on(one) for one in self.facts.coming if one.id not in self.cancelled),
            opted_out=(self.facts.opted_out or taken.opts_out) and not taken.opts_in,
        )
        return taken

    def replies(self, *texts: str) -> list[str | None]:
        steps = [self.writes(text) for text in texts]
        return [taken.says.reply.value if taken.says else None for taken in steps]

    def answers(self, participation_id: int, *, cancelled: bool) -> None:
        """The source has answered that this one is cancelled, or that it is not."""
        self.requested.remove(participation_id)
        here = (replace(one, is_requested=False) if one.id == participation_id else one for one in self.facts.coming)
        ended = tuple(
            replace(one, is_requested=False) for one in self.facts.cancelled if cancelled or one.id != participation_id
        )
        self.facts = replace(self.facts, coming=tuple(here), cancelled=ended)
        if cancelled:
            self.loses(participation_id)

    def loses(self, participation_id: int) -> None:
        """The source cancels this one."""
        left = tuple(one for one in self.facts.coming if one.id != participation_id)
        self.facts = replace(self.facts, coming=left)


def with_appointments(*appointments: Coming) -> Phone:
    return Phone(Facts(appointments))


MANY = tuple(coming(number, days=number) for number in range(1, 7))

WALKS: list[tuple[str, Iterable[Coming], list[tuple[str, str | None]]]] = [
    (
        "the main job",
        [coming()],
        [("ANNULER", "ask_letters"), ("DUP", "confirm"), ("OUI", "cancelled"), ("merci", None)],
    ),
    (
        "an error, taken back",
        [coming()],
        [
            *(("ANNULER DUP", "confirm"), ("oui", "cancelled"), ("zut c'est une erreur", "take_back")),
            *(("erreur", "take_back_again"), ("oui", "taken_back"), ("ANNULER DUP", "confirm"), ("oui", "cancelled")),
            *(("finalement je viens", "take_back"), ("non", "stays_cancelled")),
        ],
    ),
    (
        "an error, and then nothing clear",
        [coming()],
        [
            *(("ANNULER DUP", "confirm"), ("oui", "cancelled"), ("je me suis trompé", "take_back")),
            *(("peut-être", "take_back_again"), ("oui annulez", "take_back_again"), ("hein", "not_taken_back")),
        ],
    ),
    (
        "je viens is about the other one, an error is not",
        [coming(1, days=2), coming(2, days=3)],
        [
            *(("annuler dup", "choose"), ("1", "confirm"), ("oui", "cancelled"), ("je viens", "coming_thanked")),
            *(("erreur", "take_back"), ("STOP", "stopped")),
        ],
    ),
    ("the shortcut", [coming()], [("ANNULER DUP", "confirm"), ("oui", "cancelled")]),
    ("a wrong shortcut counts", [coming()], [("ANNULER XYZ", "wrong_letters"), ("DUP", "confirm")]),
    ("changes their mind", [coming()], [("annuler", "ask_letters"), ("dup", "confirm"), ("non", "kept")]),
    ("gives up before the letters", [coming()], [("annuler", "ask_letters"), ("non laissez tomber", "abandoned")]),
    (
        "three wrong answers lock",
        [coming()],
        [
            ("annuler", "ask_letters"),
            ("MAR", "wrong_letters"),
            ("BER", "wrong_letters"),
            ("PET", "locked"),
            ("annuler", None),
            ("DUP", None),
        ],
    ),
    (
        "the count outlives the conversation",
        [coming()],
        [
            ("annuler MAR", "wrong_letters"),
            ("non laissez tomber", "abandoned"),
            ("annuler BER", "wrong_letters"),
            ("aide", "explain_letters"),
            ("PET", "locked"),
        ],
    ),
    (
        "no letters, explained three times",
        [coming()],
        [
            ("annuler", "ask_letters"),
            ("bonjour", "explain_letters"),
            ("?", "explain_letters"),
            ("AIDE", "explain_letters"),
            ("👍", "letters_given_up"),
        ],
    ),
    (
        "a surname in Arabic, given in its letters",
        [coming(surname="محمود")],
        [("annuler", "ask_letters"), ("علي", "wrong_letters"), ("مُحَمَّد", "confirm"), ("oui", "cancelled")],
    ),
    (
        "a surname in Arabic, given in Latin letters: neither right nor wrong, however often",
        [coming(surname="محمود")],
        [*[("annuler", "ask_letters"), ("MAH", "other_script")] * 4, ("annuler محمود", "confirm")],
    ),
    (
        "a surname in Latin letters, given in Cyrillic ones",
        [coming(surname="Dupont")],
        [("annuler", "ask_letters"), ("Дюпон", "other_script"), ("annuler dup", "confirm")],
    ),
    (
        "surnames in two scripts: what fits none of them is wrong",
        [coming(1, "Иванов", days=2), coming(2, "Dupont", days=3)],
        [("annuler", "ask_letters"), ("Сид", "wrong_letters"), ("MAR", "wrong_letters"), ("ива", "confirm")],
    ),
    (
        "a choice of two",
        [coming(1, days=2), coming(2, days=3)],
        [("annuler", "ask_letters"), ("dup", "choose"), ("2", "confirm"), ("oui", "cancelled")],
    ),
    (
        "one number too many, asked twice again, then the telephone",
        [coming(1, days=2), coming(2, days=3)],
        [("annuler dup", "choose"), ("3", "choose_again"), ("oui", "choose_again"), ("les deux", "doubt_given_up")],
    ),
    (
        "in doubt, asked twice again, then the telephone",
        [coming()],
        [
            ("annuler dup", "confirm"),
            ("ANNULER", "confirm_again"),
            ("je confirme", "confirm_again"),
            ("oui je serai là", "doubt_given_up"),
            ("oui", "outside_flow"),
        ],
    ),
    ("too late from the start", [coming(days=0.1)], [("annuler", "too_late")]),
    ("barred from the start", [coming(may_be_cancelled=False)], [("annuler", "not_cancellable")]),
    (
        "the letters fit only one that is too late",
        [coming(1, "Martin", days=0.1), coming(2)],
        [("annuler", "ask_letters"), ("mar", "too_late")],
    ),
    (
        "the letters fit only one that is barred",
        [coming(1, "Martin", may_be_cancelled=False), coming(2)],
        [("annuler", "ask_letters"), ("mar", "not_cancellable")],
    ),
    (
        "one of the list is too late",
        [coming(1, days=0.1), coming(2)],
        [("annuler dup", "choose"), ("1", "too_late")],
    ),
    ("nothing is known", [], [("bonjour", "no_appointment"), ("annuler", None), ("hé ho", None)]),
    ("words outside any flow", [coming()], [("je serai en retard de 10 min", "outside_flow"), ("et aussi", None)]),
    ("help", [coming()], [("AIDE", "help")]),
    (
        "stop wins, and start resumes",
        [coming()],
        [
            ("annuler dup", "confirm"),
            ("STOP", "stopped"),
            ("oui", None),
            ("annuler", None),
            ("stop", None),
            ("START", "restarted"),
            ("annuler", "ask_letters"),
        ],
    ),
    ("the letters END are not STOP", [coming(1, "Endelin")], [("annuler", "ask_letters"), ("END", "confirm")]),
    ("the same yes twice", [coming()], [("annuler dup", "confirm"), ("oui", "cancelled"), ("OUI", None)]),
]


@every_line(("appointments", "lines"), [walk[1:] for walk in WALKS])
def test_walk(appointments: Iterable[Coming], lines: list[tuple[str, str | None]]) -> None:
    phone = with_appointments(*appointments)
    assert phone.replies(*(text for text, _ in lines)) == [reply for _, reply in lines]
    assert bool(phone.cancelled) == ("cancelled" in [reply for _, reply in lines])


def test_the_one_chosen_is_the_one_cancelled() -> None:
    phone = with_appointments(coming(7, days=2), coming(3, days=3), coming(5, "Martin"))
    phone.replies("annuler", "dup", "2", "oui")
    assert phone.cancelled == [3]


# Named by day, hour, place or first name. Monday 4 May 2026; in two days it is Wednesday the 6th, 12h in Paris.

WEDNESDAY = coming(1, days=2, place="Mairie de Lyon")
FRIDAY = coming(2, days=4.125, place="MDS Bellevue")  # the 8th, 15h


@every_line(
    ("lines", "replies", "cancelled"),
    [
        (["annuler", "dup", "celui de vendredi", "oui"], ["ask_letters", "choose", "confirm", "cancelled"], [2]),
        (["annuler dup", "mercredi", "oui"], ["choose", "confirm", "cancelled"], [1]),
        (["annuler dup", "le 8", "oui"], ["choose", "confirm", "cancelled"], [2]),
        (["annuler dup", "à Bellevue", "oui celui de vendredi"], ["choose", "confirm", "cancelled"], [2]),
        (["annuler dup", "15h", "oui celui de mercredi"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "2", "oui à 12h"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "2", "oui annulez celui de Lyon"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "2", "oui annulez le 1"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "2", "oui annulez les deux"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "2", "oui annulez demain"], ["choose", "confirm", "confirm_again"], []),
        (["annuler dup", "jeudi", "le 7", "16h"], ["choose", "choose_again", "choose_again", "doubt_given_up"], []),
        (["annuler dup", "je garde mercredi"], ["choose", "choose_again"], []),
        # a request that names its appointment needs no list
        (["annulez vendredi", "dup", "oui"], ["ask_letters", "confirm", "cancelled"], [2]),
        (["annuler le rdv du 8 à 15h", "dup", "oui"], ["ask_letters", "confirm", "cancelled"], [2]),
        (["je ne pourrai pas venir mercredi", "dup", "oui"], ["ask_letters", "confirm", "cancelled"], [1]),
        (["ANNULER DUP vendredi", "oui"], ["confirm", "cancelled"], [2]),
        (["annuler", "dup, celui de vendredi", "oui"], ["ask_letters", "confirm", "cancelled"], [2]),
        (
            ["annulez vendredi", "bonjour", "xyz", "dup"],
            ["ask_letters", "explain_letters", "wrong_letters", "confirm"],
            [],
        ),
        (["annuler XYZ vendredi", "dup", "oui"], ["wrong_letters", "confirm", "cancelled"], [2]),
        (["annulez jeudi", "dup"], ["ask_letters", "choose"], []),
        (["annulez mercredi et vendredi", "dup"], ["ask_letters", "choose"], []),
        (["annuler tout sauf vendredi", "dup"], ["ask_letters", "choose"], []),
        (["annuler mon rdv, je commence un travail vendredi", "dup"], ["ask_letters", "choose"], []),
    ],
)
def test_an_appointment_is_named(lines: list[str], replies: list[str], cancelled: list[int]) -> None:
    phone = with_appointments(WEDNESDAY, FRIDAY)
    assert phone.replies(*lines) == replies
    assert phone.cancelled == cancelled


def test_a_request_for_a_day_that_is_not_on_record_is_told_the_one_that_is() -> None:
    phone = with_appointments(WEDNESDAY)
    assert phone.replies("annulez jeudi", "dup", "oui jeudi") == ["ask_letters", "confirm", "confirm_again"]
    assert phone.cancelled == []


def test_the_name_in_a_request_is_forgotten_with_it() -> None:
    phone = with_appointments(WEDNESDAY, FRIDAY)
    phone.replies("annulez vendredi", "non laissez tomber")
    assert phone.replies("annuler", "dup") == ["ask_letters", "choose"]


def test_nothing_is_told_of_what_a_request_names_before_the_letters_fit() -> None:
    """The answer is the same whether or not there is such an appointment or such a person."""
    for request in ("annulez vendredi", "annulez mardi", "annulez celui de Léa", "annulez celui de Zoé"):
        phone = with_appointments(replace(WEDNESDAY, first_name="Léa"), FRIDAY)
        assert phone.writes(request).says == Say(Reply.ASK_LETTERS)


def test_a_request_that_names_one_too_late_is_told_so() -> None:
    phone = with_appointments(coming(1, days=0.1), FRIDAY)
    assert phone.replies("annulez aujourd'hui", "dup") == ["ask_letters", "too_late"]


def test_letters_decide_between_two_that_a_request_may_name() -> None:
    phone = with_appointments(WEDNESDAY, replace(FRIDAY, names=Names(("Martin",))))
    assert phone.replies("annulez vendredi", "dup", "oui") == ["ask_letters", "confirm", "cancelled"]
    assert phone.cancelled == [1], "the question named Wednesday"


def test_a_first_name_chooses_between_two_at_the_same_hour() -> None:
    phone = with_appointments(LEA, TOM)
    assert phone.replies("annuler dup", "celui de Tom", "oui pour Léa", "oui celui de Tom") == [
        *("choose", "confirm", "confirm_again", "cancelled")
    ]
    assert phone.cancelled == [2]


def test_days_and_hours_are_those_of_the_appointments_own_zone() -> None:
    """At 22h UTC it is the next morning in Nouméa."""
    late = replace(FRIDAY, starts_at=datetime(2026, 5, 7, 22, tzinfo=UTC), time_zone="Pacific/Noumea")
    phone = with_appointments(WEDNESDAY, late)
    assert phone.replies("annuler dup", "celui de 9h", "oui celui de jeudi") == ["choose", "confirm", "confirm_again"]
    assert phone.replies("oui celui de vendredi 9h") == ["cancelled"]


def test_nothing_is_chosen_by_name_where_one_of_the_list_is_gone() -> None:
    """The word "vendredi" may mean the appointment that is no longer there."""
    phone = with_appointments(WEDNESDAY, FRIDAY, coming(3, days=11.125))
    phone.writes("annuler dup")
    phone.loses(2)
    assert phone.replies("vendredi", "3") == ["choose_again", "confirm"]


def test_the_last_of_several_pages_is_asked_again() -> None:
    phone = with_appointments(*MANY)
    assert phone.replies("annuler dup", "le dernier") == ["choose", "choose_again"]
    assert phone.replies("suite", "le premier", "le 6") == ["choose", "choose_again", "confirm"]


def test_demain_says_nothing_in_a_message_that_was_written_long_ago() -> None:
    phone = with_appointments(coming(1, days=1), FRIDAY)
    phone.writes("annuler dup")
    phone.facts = replace(phone.facts, written_long_ago=True)
    assert phone.replies("celui de demain", "celui de mardi") == ["choose_again", "confirm"]


def test_a_list_shows_four_at_most_soonest_first_and_suite_the_rest() -> None:
    phone = with_appointments(*MANY)
    first = phone.writes("annuler dup").says
    second = phone.writes("SUITE").says
    again = phone.writes("suite").says
    assert first is not None
    assert second is not None
    assert again is not None
    assert (first.options, first.more) == (((1, 1), (2, 2), (3, 3), (4, 4)), True)
    assert (second.options, second.more) == (((5, 5), (6, 6)), True)
    assert again.options == first.options
    phone.replies("6", "oui")
    assert phone.cancelled == [6]


# Several people behind one telephone


LEA = coming(1, first_name="Léa", appointment_id=11)
TOM = coming(2, first_name="Tom", appointment_id=12)


def test_parent_and_child_in_one_appointment_are_one_choice() -> None:
    """The appointment ends for both, so there is nothing to choose."""
    phone = with_appointments(coming(1, appointment_id=11), coming(2, first_name="Léa", appointment_id=11))
    taken = phone.writes("annuler dup")
    assert taken.says == Say(Reply.CONFIRM)
    assert phone.replies("oui") == ["cancelled"]
    assert phone.cancelled == [1]


def test_each_appointment_is_one_line_whoever_takes_part() -> None:
    together = [coming(number, days=1 + number // 2, appointment_id=number // 2) for number in range(2, 6)]
    phone = with_appointments(*together)
    taken = phone.writes("annuler dup")
    assert taken.says == Say(Reply.CHOOSE, ((1, 2), (2, 4)))
    phone.replies("2", "oui")
    assert phone.cancelled == [4]


@every_line("collective", [False, True])
def test_two_children_at_the_same_hour_are_told_apart_by_their_first_names(collective: bool) -> None:
    """They are in two appointments, or in a collective one in which only one participation ends."""
    ones = [replace(one, appointment_id=None) if collective else one for one in (LEA, TOM)]
    phone = with_appointments(*ones, coming(3, days=8, first_name="Léa", appointment_id=13))
    taken = phone.writes("annuler dup")
    assert taken.says == Say(Reply.CHOOSE, ((1, 1), (2, 2), (3, 3)), named=frozenset({1, 2}))
    assert phone.writes("2").says == Say(Reply.CONFIRM, named=frozenset({2}))
    assert phone.writes("hein ?").says == Say(Reply.CONFIRM_AGAIN, named=frozenset({2}))
    assert phone.writes("oui").says == Say(Reply.CANCELLED, named=frozenset({2}))
    assert phone.cancelled == [2]


def test_letters_that_fit_one_of_two_children_name_that_one() -> None:
    phone = with_appointments(LEA, replace(TOM, names=Names(("Martin",), ("Tom",))))
    assert phone.writes("annuler mar").says == Say(Reply.CONFIRM, named=frozenset({2}))
    assert phone.writes("non").says == Say(Reply.KEPT, named=frozenset({2}))


def test_two_that_are_told_as_the_same_hour_are_told_apart_too() -> None:
    """By the clocks of La Réunion and of Paris, or as nobody tells seconds."""
    local = LEA.starts_at.astimezone(ZoneInfo(LEA.time_zone)).replace(tzinfo=ZoneInfo("Indian/Reunion"))
    overseas = replace(TOM, starts_at=local.astimezone(UTC), time_zone="Indian/Reunion")
    for other in (overseas, replace(TOM, starts_at=LEA.starts_at + timedelta(seconds=30))):
        assert Facts(coming=(LEA, other)).needing_first_names() == {1, 2}
    assert Facts(coming=(LEA, replace(TOM, time_zone="Indian/Reunion"))).needing_first_names() == set()


def test_one_person_twice_at_the_same_hour_needs_no_name() -> None:
    phone = with_appointments(LEA, replace(TOM, first_name="Léa"))
    assert phone.writes("annuler dup").says == Say(Reply.CHOOSE, ((1, 1), (2, 2)))


@every_line(
    "ones",
    [
        (LEA, TOM),
        (replace(LEA, may_be_cancelled=False), replace(TOM, may_be_cancelled=False)),
        (coming(1, days=0.1, first_name="Léa"), coming(2, days=0.1, first_name="Tom")),
    ],
)
def test_no_first_name_is_told_before_the_letters_fit(ones: tuple[Coming, ...]) -> None:
    phone = with_appointments(*ones)
    steps = [phone.writes(text) for text in ("bonjour", "annuler", "aide", "mar", "ber", "pet", "annuler")]
    assert {one for taken in steps if taken.says for one in taken.says.named} == set()


def test_a_list_with_first_names_shows_three_at_a_time() -> None:
    phone = with_appointments(LEA, TOM, *(coming(number, days=7 + number) for number in range(3, 6)))
    first, second = (phone.writes(text).says for text in ("annuler dup", "suite"))
    assert first == Say(Reply.CHOOSE, ((1, 1), (2, 2), (3, 3)), more=True, named=frozenset({1, 2}))
    assert second == Say(Reply.CHOOSE, ((4, 4), (5, 5)), more=True)
    assert phone.replies("4", "oui") == ["confirm", "cancelled"]
    assert phone.cancelled == [4]


def test_a_number_of_the_first_page_is_understood_after_the_second() -> None:
    phone = with_appointments(*MANY)
    phone.replies("annuler dup", "suite", "1", "oui")
    assert phone.cancelled == [1]


def test_cancelled_by_the_source_in_the_middle_is_noticed() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    phone.loses(1)
    assert phone.replies("oui") == ["already_cancelled"]
    assert phone.cancelled == []


def test_cancelled_by_the_source_while_one_is_chosen() -> None:
    phone = with_appointments(coming(1, days=2), coming(2, days=3), coming(3, days=4))
    phone.replies("annuler dup")
    phone.loses(2)
    assert phone.replies("2") == ["already_cancelled"]


def test_cancelled_by_the_source_while_the_letters_are_asked() -> None:
    phone = Phone()
    phone.replies("annuler")
    phone.loses(1)
    assert phone.replies("dup") == ["no_appointment"]


def test_moved_in_the_middle_is_asked_again_with_the_new_time() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    phone.facts = Facts((coming(days=9),))
    assert phone.replies("oui") == ["confirm_moved"]
    assert phone.cancelled == []
    assert phone.replies("oui") == ["cancelled"]


@every_line(
    ("before", "reply"),
    [(timedelta(hours=4, seconds=1), "cancelled"), (timedelta(hours=4), "too_late"), (HOUR, "too_late")],
)
def test_the_four_hour_rule_holds_at_the_yes(before: timedelta, reply: str) -> None:
    phone = with_appointments(coming(days=0.5))
    phone.replies("annuler", "dup")
    phone.now = phone.facts.coming[0].starts_at - before
    phone.memory = replace(phone.memory, asked_at=phone.now)
    taken = phone.writes("oui", after=timedelta())
    assert taken.says is not None
    assert taken.says.reply.value == reply
    assert phone.cancelled == ([1] if reply == "cancelled" else [])


@every_line(("seconds", "reply"), [(1, "ask_letters"), (0, "too_late"), (-1, "too_late")])
def test_on_the_boundary_it_is_too_late(seconds: int, reply: str) -> None:
    phone = with_appointments(replace(coming(), starts_at=NOW + 4 * HOUR + timedelta(seconds=seconds)))
    taken = phone.writes("annuler", after=timedelta())
    assert taken.says is not None
    assert taken.says.reply.value == reply


def test_an_appointment_that_has_begun_is_not_cancelled() -> None:
    phone = with_appointments(coming(days=0.25))
    phone.replies("annuler dup")
    phone.facts = Facts()
    phone.memory = replace(phone.memory, asked_at=phone.now + 7 * HOUR)
    taken = phone.writes("oui", after=7 * HOUR)
    assert taken.event is Event.TOO_LATE
    assert phone.cancelled == []


def test_a_yes_written_long_ago_is_asked_again_as_often_as_it_comes_and_is_no_doubt() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    phone.facts = replace(phone.facts, written_long_ago=True)
    assert phone.replies(*["oui"] * 4) == ["confirm_late"] * 4
    assert phone.cancelled == []
    phone.facts = replace(phone.facts, written_long_ago=False)
    assert phone.replies("hein", "quoi", "oui") == ["confirm_again", "confirm_again", "cancelled"]


@every_line(
    ("lines", "reply"),
    [
        ([], "ask_letters"),
        (["annuler"], "confirm"),
        (["annuler dup"], "kept"),
    ],
)
def test_whatever_else_was_written_long_ago_is_taken_as_it_is(lines: list[str], reply: str) -> None:
    phone = Phone()
    phone.replies(*lines)
    phone.facts = replace(phone.facts, written_long_ago=True)
    assert phone.replies({"ask_letters": "annuler", "confirm": "dup", "kept": "non"}[reply]) == [reply]


def test_a_yes_written_long_ago_is_too_late_where_any_would_be() -> None:
    phone = with_appointments(coming(days=0.25))
    phone.replies("annuler dup")
    phone.facts = replace(phone.facts, written_long_ago=True)
    phone.memory = replace(phone.memory, asked_at=phone.now + 3 * HOUR)
    assert phone.writes("oui", after=3 * HOUR).event is Event.TOO_LATE


def test_a_late_answer_is_told_kindly_and_does_nothing() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    late = phone.writes("oui", after=EXPIRY)
    assert late.says is not None
    assert late.says.reply is Reply.EXPIRED
    assert not late.for_agents
    assert phone.cancelled == []
    assert phone.replies("oui") == ["outside_flow"]


def test_other_words_to_an_expired_question_are_kept_for_the_agents() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    assert phone.writes("je serai en retard de dix minutes", after=2 * HOUR).for_agents


def test_a_new_request_after_the_expiry_simply_starts_again() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    taken = phone.writes("annuler", after=2 * HOUR)
    assert taken.says is not None
    assert taken.says.reply is Reply.ASK_LETTERS


def test_the_lock_ends_after_24_hours() -> None:
    phone = Phone()
    phone.replies("annuler", "MAR", "BER", "PET")
    assert phone.writes("annuler", after=23 * HOUR).says is None
    taken = phone.writes("annuler", after=HOUR)
    assert taken.says is not None
    assert taken.says.reply is Reply.ASK_LETTERS


def test_a_right_answer_ends_the_count_of_those_it_fits_alone() -> None:
    phone = with_appointments(coming(1, "Dupont"), coming(2, "Martin"))
    phone.replies("annuler", "XXX", "dup", "non")
    assert [one.wrong_answers for one in phone.facts.coming] == [0, 1]


@pytest.mark.parametrize(
    ("fitting", "reply"),
    [
        ((coming(1), coming(2, days=8)), "choose"),
        ((coming(1, days=0.1), coming(2, days=0.1)), "too_late"),
        ((coming(1, may_be_cancelled=False),), "not_cancellable"),
        ((coming(1, is_requested=True),), "request_registered"),
        ((coming(1, is_requested=True, is_taking_back_requested=True),), "taking_back_under_way"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_right_answer_ends_the_count_whatever_it_leads_to(fitting: tuple[Coming, ...], reply: str) -> None:
    phone = with_appointments(*fitting, coming(9, "Martin"))
    assert phone.replies("annuler", "XXX", "dup") == ["ask_letters", "wrong_letters", reply]
    assert [one.wrong_answers for one in phone.facts.coming] == [*(0 for _ in fitting), 1]


def test_the_third_wrong_answer_ends_the_conversation() -> None:
    phone = Phone()
    phone.replies("annuler", "MAR", "BER", "PET")
    phone.facts = Facts((*phone.facts.coming, coming(2, days=8)))  # it was made meanwhile, so it is not locked
    assert phone.replies("DUP", "annuler dup") == ["outside_flow", "confirm"]  # the letters alone open nothing


def test_what_is_locked_is_as_if_it_did_not_exist_for_the_letters() -> None:
    locked = coming(1, "Martin", wrong_answers=3, wrong_answer_at=NOW, locked_until=NOW + 24 * HOUR)
    phone = with_appointments(locked, coming(2, "Dupont", days=8))
    assert phone.replies("annuler", "mar", "dup") == ["ask_letters", "wrong_letters", "confirm"]


def test_a_lock_by_link_in_the_middle_holds_by_sms_too() -> None:
    phone = Phone()
    phone.replies("annuler", "dup")
    phone.facts = Facts((coming(wrong_answers=3, wrong_answer_at=phone.now, locked_until=phone.now + 24 * HOUR),))
    assert phone.replies("oui", "oui") == ["locked", None]
    assert phone.cancelled == []


def test_one_help_text_an_hour_and_every_message_is_kept() -> None:
    phone = Phone()
    first, second = phone.writes("allo ?"), phone.writes("il y a quelqu'un ?")
    third = phone.writes("je vous écris encore", after=HOUR)
    assert [taken.says is not None for taken in (first, second, third)] == [True, False, True]
    assert all(taken.for_agents for taken in (first, second, third))


def test_an_autoresponder_cannot_make_a_loop() -> None:
    phone = Phone()
    answered = 0
    for number in range(500):
        text = f"Je ne peux pas venir au telephone, je vous rappelle ({number})"
        answered += phone.writes(text, after=timedelta(seconds=2)).says is not None
    assert 0 < answered <= phone.facts.answers_a_day


@every_line("text", ["annuler", "AIDE", "Annuler  ", "annuler\nEnvoyé de mon iPhone"])
def test_what_repeats_itself_is_met_with_silence(text: str) -> None:
    phone = Phone()
    taken = [phone.writes(text, after=timedelta(minutes=5)) for _ in range(30)]
    assert sum(step.says is not None for step in taken) <= SAID_IN_A_ROW
    assert taken[-1].event is Event.REPEATS_ITSELF or taken[-1].says is None
    assert not any(step.for_agents for step in taken if step.event is Event.REPEATS_ITSELF)
    assert phone.writes("annuler mon rendez-vous", after=timedelta(minutes=5)).says is not None  # other words are read


def test_a_day_later_there_are_answers_again() -> None:
    phone = Phone(Facts((coming(),), answers_a_day=3))
    requests = ["annuler", "dup", "non", "annuler svp", "annulez"]
    said = [phone.writes(text, after=timedelta(minutes=1)).says is not None for text in requests]
    assert said == [True, True, True, False, False]
    assert phone.writes("annuler", after=timedelta(hours=24)).says is not None


@every_line("text", ["annuler", "stop", "start", "bonjour", "AIDE"])
def test_a_number_that_gets_no_sms_is_never_answered(text: str) -> None:
    phone = Phone(Facts((coming(),), unanswerable="a number at a premium rate"))
    taken = phone.writes(text)
    assert taken.says is None
    assert taken.opts_out == (text == "stop")


@every_line("before", [(), ("annuler",), ("annuler", "dup")])
def test_what_is_longer_than_four_messages_is_left_to_people(before: tuple[str, ...]) -> None:
    phone = Phone()
    phone.replies(*before)
    taken = phone.writes("oui annuler " + "merci beaucoup " * 60)
    assert taken.says is not None
    assert taken.says.reply.value in ("outside_flow", "explain_letters", "confirm_again")
    assert phone.cancelled == []


def test_start_without_a_stop_is_answered_and_bothers_nobody() -> None:
    taken = Phone().writes("START")
    assert taken.says is not None
    assert (taken.says.reply.value, taken.for_agents) == ("restarted", False)


def test_a_stranger_is_told_once_in_24_hours() -> None:
    phone = with_appointments()
    assert phone.replies("bonjour", "ANNULER") == ["no_appointment", None]
    taken = phone.writes("allo", after=24 * HOUR)
    assert taken.says is not None
    assert taken.says.reply is Reply.NO_APPOINTMENT


def test_a_stranger_beyond_the_cap_is_a_silence_with_its_reason() -> None:
    phone = Phone(Facts(stranger_silence="the day's cap"))
    taken = phone.writes("bonjour")
    assert (taken.says, taken.reason) == (None, "the day's cap")


def test_who_had_an_appointment_is_told_as_a_stranger_is_and_agents_see_it() -> None:
    phone, stranger = Phone(Facts(is_former=True)), Phone(Facts())
    words = ("finalement je viens quand même", "allo ?")
    assert phone.replies(*words) == stranger.replies(*words) == ["no_appointment", None]
    assert [each.writes("et alors ?").for_agents for each in (phone, stranger)] == [True, False]
    silenced = Phone(Facts(is_former=True, stranger_silence="the day's cap")).writes("je viens quand même")
    assert (silenced.says, silenced.reason, silenced.for_agents) == (None, "the day's cap", True)


@every_line("state", list(State))
def test_where_the_gateway_answers_stop_the_bot_records_and_is_silent(state: State) -> None:
    facts = Facts((coming(),), gateway_keyword=Keyword.STOP)
    taken = step(Memory(state=state, asked_at=NOW, offered=(1,), chosen=1), "CANCEL", facts, NOW)
    assert (taken.says, taken.opts_out) == (None, True)


def test_every_move_speaks_or_has_its_reason_and_only_a_yes_cancels() -> None:
    cancelling = [
        (state, event)
        for state, moves in TABLE.items()
        for event, move in moves.items()
        if "cancel" in [deed.value for deed in move.does] or move.says is Reply.CANCELLED
    ]
    assert cancelling == [(State.CONFIRMATION, Event.YES)]


def test_every_event_and_every_reply_is_somewhere_in_the_table() -> None:
    moves = [(event, move) for by_event in TABLE.values() for event, move in by_event.items()]
    assert {event for event, _ in moves} == set(Event)
    assert {move.says for _, move in moves if move.says} == set(Reply)


# What a connected source owns -----------------------------------------------------------------------------------------


def owned(participation_id: int = 1, surname: str = "Dupont", days: float = 7, **other: Any) -> Coming:
    return coming(participation_id, surname, days, asks_its_source=True, **other)


def test_a_yes_asks_the_source_and_says_nothing_until_it_answers() -> None:
    phone = with_appointments(owned())
    assert phone.replies("annuler dup") == ["confirm"]
    taken = phone.writes("oui")
    assert (taken.says, taken.cancels, taken.requests) == (None, None, 1)
    assert taken.reason == "yes, the answer follows when the source has answered"
    assert not taken.for_agents


@every_line(
    ("text", "reply", "for_agents"),
    [
        ("ANNULER", "request_under_way", False),
        ("annuler dup", "request_under_way", False),
        ("ANNULER MAR", "request_under_way", False),
        ("oui", "request_under_way", False),
        ("alors ?", "request_under_way", True),
        ("DUP", "request_under_way", True),
        ("je voudrais une autre date", "request_under_way", True),
        ("je viens", "take_back", False),
        ("merci", None, False),
        ("AIDE", "help", False),
        ("STOP", "stopped", False),
    ],
)
def test_while_its_source_has_not_answered(text: str, reply: str | None, for_agents: bool) -> None:
    phone = with_appointments(owned())
    phone.replies("annuler dup", "oui")
    taken = phone.writes(text)
    assert (taken.says.reply.value if taken.says else None) == reply
    assert taken.for_agents is for_agents
    assert (taken.cancels, taken.requests, taken.locks, taken.announces) == (None, None, (), ())


def test_other_words_hear_it_once_an_hour_and_agents_get_them_all() -> None:
    phone = with_appointments(owned())
    phone.replies("annuler dup", "oui")
    steps = [phone.writes(text) for text in ("alors ?", "et alors ?")]
    assert [step.says is not None for step in steps] == [True, False]
    assert all(step.for_agents for step in steps)


def test_what_the_source_has_refused_can_be_asked_for_again() -> None:
    phone = with_appointments(owned())
    phone.replies("annuler dup", "oui")
    phone.answers(1, cancelled=False)
    assert phone.replies("annuler", "dup", "oui") == ["ask_letters", "confirm", None]
    assert phone.requested == [1]


def test_a_yes_again_after_its_source_has_cancelled_is_met_with_silence() -> None:
    phone = with_appointments(owned())
    phone.replies("annuler dup", "oui")
    phone.answers(1, cancelled=True)
    assert phone.writes("oui").event is Event.ECHO


def test_another_appointment_of_the_telephone_can_still_be_cancelled() -> None:
    phone = with_appointments(owned(1, days=2), owned(2, days=5))
    assert phone.replies("annuler dup", "1", "oui") == ["choose", "confirm", None]
    assert phone.replies("annuler", "dup") == ["ask_letters", "confirm"]
    taken = phone.writes("oui")
    assert (taken.requests, phone.requested) == (2, [1, 2])
    assert phone.replies("annuler") == ["request_under_way"]


def test_the_letters_of_a_requested_one_tell_its_day() -> None:
    phone = with_appointments(owned(1), coming(2, "Martin"))
    phone.replies("annuler dup", "oui")
    assert phone.replies("annuler") == ["ask_letters"]
    taken = phone.writes("dup")
    assert (taken.event, taken.about) == (Event.FITS_REQUESTED, 1)
    assert taken.says is not None
    assert taken.says.reply is Reply.REQUEST_REGISTERED
    assert phone.replies("annuler mar", "oui") == ["confirm", "cancelled"]


def test_a_list_leaves_out_what_is_requested() -> None:
    phone = with_appointments(owned(1, days=2), owned(2, days=5), owned(3, days=6))
    phone.replies("annuler dup", "1", "oui")
    taken = phone.writes("annuler dup")
    assert taken.says is not None
    assert [one for _, one in taken.says.options] == [2, 3]


def test_a_request_that_names_a_requested_one_is_not_taken_for_another() -> None:
    monday, tuesday = owned(1, days=7), owned(2, days=8)
    phone = with_appointments(monday, tuesday)
    phone.replies("annulez lundi", "dup", "oui")
    assert phone.requested == [1]
    taken = [phone.writes("annulez lundi"), phone.writes("dup")][-1]
    assert (taken.event, taken.about) == (Event.FITS_REQUESTED, 1)


def test_one_too_late_beside_a_requested_one_is_told_after_the_letters() -> None:
    phone = with_appointments(coming(1, "Martin", days=0.1), owned(2))
    phone.replies("annuler dup", "oui")
    assert phone.replies("annuler", "mar") == ["ask_letters", "too_late"]


@pytest.mark.parametrize("text", ["oui", "non", "hein", "1"])
@pytest.mark.parametrize("asked", ["confirmation", "choice"])
def test_requested_by_link_in_the_middle_it_is_not_kept_and_not_asked_again(asked: str, text: str) -> None:
    both = (owned(1), owned(2)) if asked == "choice" else (owned(1),)
    phone = with_appointments(*both)
    phone.replies("annuler dup")
    phone.facts = replace(phone.facts, coming=tuple(replace(one, is_requested=True) for one in both))
    taken = phone.writes(text)
    assert (taken.cancels, taken.requests) == (None, None)
    if asked == "confirmation" or text == "1":
        assert (taken.event, taken.about) == (Event.REQUESTED, 1)


def test_je_viens_for_one_that_is_not_requested_is_noted() -> None:
    phone = with_appointments(owned(1, reminded_at=NOW), owned(2, days=20))
    phone.requested.append(2)
    phone.replies("merci")
    assert phone.writes("je viens").announces == (1,)


# Taking a cancellation back -------------------------------------------------------------------------------------------


def cancelled_one(**other: Any) -> Phone:
    phone = with_appointments(coming(1, **other))
    assert phone.replies("annuler dup", "oui") == ["confirm", "cancelled"]
    return phone


def said(taken: Step) -> str | None:
    return taken.says.reply.value if taken.says else None


def test_it_may_be_taken_back_for_a_quarter_of_an_hour_and_the_question_answered_later() -> None:
    phone = cancelled_one()
    assert said(phone.writes("erreur", timedelta(minutes=14, seconds=59))) == "take_back"
    assert said(phone.writes("oui", timedelta(minutes=59))) == "taken_back"


def test_after_that_they_hear_that_it_stays_and_agents_see_it() -> None:
    phone = cancelled_one()
    late = phone.writes("erreur", timedelta(minutes=15))
    assert (said(late), late.for_agents) == ("not_taken_back", True)
    assert (said(phone.writes("mais si, erreur")), phone.cancelled) == (None, [1])


def test_once_it_has_begun_or_somebody_has_changed_it_it_stays() -> None:
    phone = cancelled_one(days=0.2)
    assert said(phone.writes("erreur", timedelta(minutes=10))) == "take_back"
    phone.facts = replace(phone.facts, cancelled=())
    gone = phone.writes("oui")
    assert (said(gone), gone.for_agents) == ("not_taken_back", True)
    begun = cancelled_one(days=0.2)
    assert begun.replies("erreur") == ["take_back"]
    begun.facts = replace(
        begun.facts, cancelled=tuple(replace(one, starts_at=begun.now) for one in begun.facts.cancelled)
    )
    assert begun.replies("oui") == ["not_taken_back"]


def test_moved_meanwhile_it_is_asked_about_again() -> None:
    phone = cancelled_one()
    phone.writes("erreur")
    [one] = phone.facts.cancelled
    phone.facts = replace(phone.facts, cancelled=(replace(one, starts_at=one.starts_at + HOUR),))
    assert phone.replies("oui", "oui") == ["take_back", "taken_back"]


def asked_of_its_source(*, answered: bool = True, **other: Any) -> Phone:
    """Somebody who has said yes, and whose source has cancelled it, or has not answered yet."""
    phone = with_appointments(owned(1, **other))
    assert phone.replies("annuler dup", "oui") == ["confirm", None]
    if answered:
        phone.answers(1, cancelled=True)
    return phone


@pytest.mark.parametrize("answered", [True, False])
def test_what_its_source_owns_is_taken_back_there_first(answered: bool) -> None:
    phone = asked_of_its_source(answered=answered)
    assert phone.replies("erreur") == ["take_back"]
    taken = phone.writes("oui")
    assert (said(taken), taken.takes_back, taken.requests_taking_back) == (None, None, 1)
    assert not taken.for_agents


@every_line(
    ("text", "reply", "for_agents"),
    [
        ("erreur", "taking_back_under_way", False),
        ("oui", "taking_back_under_way", False),
        ("je viens", "taking_back_under_way", False),
        ("annuler", "taking_back_under_way", True),
        ("annuler dup", "taking_back_under_way", True),
        ("alors ?", "taking_back_under_way", True),
        ("merci", None, False),
        ("STOP", None, False),
    ],
)
def test_while_its_source_has_not_taken_it_back(text: str, reply: str | None, for_agents: bool) -> None:
    phone = asked_of_its_source()
    phone.replies("erreur", "oui")
    taken = phone.writes(text)
    assert (said(taken), taken.for_agents) == (reply, for_agents)
    assert (taken.takes_back, taken.requests, taken.requests_taking_back) == (None, None, None)


@every_line(
    ("text", "event"),
    [
        ("erreur", Event.TAKING_BACK_REQUESTED),
        ("oui", Event.TAKING_BACK_REQUESTED),
        ("annuler dup", Event.WORDS_WHILE_TAKING_BACK),
        ("alors ?", Event.WORDS_WHILE_TAKING_BACK),
    ],
)
def test_what_was_not_cancelled_yet_is_not_asked_for_again_while_it_is_taken_back(text: str, event: Event) -> None:
    phone = asked_of_its_source(answered=False)
    phone.replies("erreur", "oui")
    assert phone.writes(text).event is event


def test_the_letters_of_what_is_taken_back_say_so() -> None:
    phone = with_appointments(owned(1), coming(2, "Martin"))
    phone.replies("annuler dup", "oui", "erreur", "oui")
    assert phone.replies("annuler", "dup") == ["ask_letters", "taking_back_under_way"]


def test_nobody_is_told_that_it_stays_cancelled_before_its_source_has_said_so() -> None:
    phone = asked_of_its_source(answered=False)
    assert phone.replies("erreur", "non") == ["take_back", "request_under_way"]
    assert phone.replies("erreur", "hein", "hein ?", "quoi") == [
        *("take_back", "take_back_again", "take_back_again", "request_under_way")
    ]
    phone = asked_of_its_source(answered=False)
    phone.replies("erreur")
    assert said(phone.writes("quoi", timedelta(hours=2))) == "request_under_way"


def test_what_its_source_has_refused_to_cancel_stands_without_being_taken_back() -> None:
    phone = asked_of_its_source(answered=False)
    assert phone.replies("erreur") == ["take_back"]
    phone.answers(1, cancelled=False)
    stands = phone.writes("oui")
    assert (said(stands), stands.event, stands.requests_taking_back) == ("taken_back", Event.STANDS, None)


def test_asked_of_its_source_too_long_ago_it_is_not_taken_back() -> None:
    phone = asked_of_its_source()
    late = phone.writes("erreur", timedelta(minutes=15))
    assert (said(late), late.for_agents) == ("not_taken_back", True)


def test_who_cancelled_by_link_is_told_neither_day_nor_name() -> None:
    phone = with_appointments()
    phone.facts = replace(phone.facts, cancelled=(coming(1, cancelled_at=NOW),), is_former=True)
    for text, reply in (("erreur", "take_back"), ("hein", "take_back_again"), ("oui", "taken_back")):
        taken = phone.writes(text)
        assert taken.says is not None
        assert (taken.says.reply, taken.says.is_discreet, taken.says.named) == (reply, True, frozenset())
    told = cancelled_one().writes("erreur").says
    assert told is not None
    assert not told.is_discreet


def test_what_is_locked_or_gets_no_sms_is_not_taken_back() -> None:
    phone = with_appointments()
    locked = coming(1, cancelled_at=NOW, locked_until=NOW + HOUR)
    phone.facts = replace(phone.facts, cancelled=(locked,))
    assert phone.replies("erreur") == ["no_appointment"]
    phone = with_appointments()
    phone.facts = Facts(cancelled=(coming(1, cancelled_at=NOW),), unanswerable="why", stranger_silence="why")
    assert phone.replies("erreur") == [None]


def test_a_yes_that_comes_late_is_asked_again() -> None:
    phone = cancelled_one()
    phone.writes("erreur")
    phone.facts = replace(phone.facts, written_long_ago=True)
    assert phone.replies("oui") == ["take_back_again"]
    assert phone.cancelled == [1]
