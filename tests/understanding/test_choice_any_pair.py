"""Any two appointments and any way to name one: it is chosen if it fits alone, and a yes to the other is no yes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from smsbot.understanding import Answer, Asked, Choice, ChoiceReading, read_choice, read_confirmation

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2027, 1, 4)
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre"),
    *("novembre", "décembre"),
)
_SHORT_MONTHS = ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc")
_PLACES = ("Mairie de Lyon", "MDS Bellevue", "Pôle social Grammont", "Espace Croix-Rousse")
_NAMES = ("Léo", "Sophie", "Mamadou", "Inès")

APPOINTMENTS = st.builds(
    lambda days, hour, minute, place, name: Asked(
        datetime(2027, 1, 5, hour, minute, tzinfo=PARIS) + timedelta(days=days), TODAY, place, (name,)
    ),
    st.integers(0, 200),
    st.integers(8, 18),
    st.sampled_from((0, 15, 30, 45)),
    st.sampled_from(_PLACES),
    st.sampled_from(_NAMES),
)


@dataclass(frozen=True)
class Form:
    """A way to name an appointment: the words, and what two appointments have in common if the words fit both."""

    words: Callable[[Asked], str]
    says: Callable[[Asked], object]

    def __repr__(self) -> str:
        return self.words(Asked(datetime(2027, 3, 11, 9, 15, tzinfo=PARIS), TODAY, _PLACES[0], (_NAMES[0],)))


def _weekday(one: Asked) -> str:
    return _DAYS[one.starts_at.weekday()]


def _month(one: Asked) -> str:
    return _MONTHS[one.starts_at.month - 1]


def _date(one: Asked) -> tuple[int, int]:
    return one.starts_at.day, one.starts_at.month


FORMS = (
    Form(_weekday, lambda one: one.starts_at.weekday()),
    Form(lambda one: f"celui de {_weekday(one)}", lambda one: one.starts_at.weekday()),
    Form(lambda one: f"le {one.starts_at.day} {_month(one)}", _date),
    Form(lambda one: f"celui du {one.starts_at:%d/%m}", _date),
    Form(lambda one: f"{_weekday(one)} {one.starts_at.day} {_month(one)}", _date),
    Form(lambda one: f"{_weekday(one)[:3]}. {one.starts_at:%d/%m}", _date),
    Form(
        lambda one: f"celui du {one.starts_at.day} {_SHORT_MONTHS[one.starts_at.month - 1]} à {one.starts_at:%Hh%M}",
        lambda one: one.starts_at,
    ),
    Form(lambda one: f"{one.starts_at.hour}h", lambda one: one.starts_at.hour),
    Form(lambda one: f"celui de {one.starts_at:%Hh%M}", lambda one: one.starts_at.time()),
    Form(lambda one: f"à {one.starts_at:%H:%M}", lambda one: one.starts_at.time()),
    Form(
        lambda one: f"{_weekday(one)} {one.starts_at.hour} heures",
        lambda one: (one.starts_at.weekday(), one.starts_at.hour),
    ),
    Form(lambda one: f"celui à {one.place}", lambda one: one.place),
    Form(lambda one: f"celui de {one.first_names[0]}", lambda one: one.first_names),
    Form(
        lambda one: f"celui de {one.first_names[0]} {_weekday(one)}",
        lambda one: (one.first_names, one.starts_at.weekday()),
    ),
)
MOMENTS = FORMS[:11]


@given(APPOINTMENTS, APPOINTMENTS, st.sampled_from(FORMS))
def test_what_fits_one_alone_chooses_it(one: Asked, other: Asked, form: Form) -> None:
    offered = (one, other)
    reading = read_choice(form.words(other), offered)
    if form.says(one) != form.says(other):
        assert reading == ChoiceReading(Choice.NUMBER, 2)
    else:
        assert reading == ChoiceReading(Choice.OTHER)


@given(APPOINTMENTS, APPOINTMENTS, APPOINTMENTS, st.sampled_from(FORMS))
def test_what_fits_none_chooses_none(one: Asked, other: Asked, elsewhere: Asked, form: Form) -> None:
    assume(form.says(elsewhere) not in (form.says(one), form.says(other)))
    assert read_choice(form.words(elsewhere), (one, other)) == ChoiceReading(Choice.OTHER)


@given(APPOINTMENTS, APPOINTMENTS, st.sampled_from(FORMS))
def test_nothing_is_chosen_by_name_where_one_is_gone(one: Asked, gone: Asked, form: Form) -> None:
    assert read_choice(form.words(one), (one, None)) == ChoiceReading(Choice.OTHER)
    assert read_choice("2", (one, None)) == ChoiceReading(Choice.NUMBER, 2)


@given(
    APPOINTMENTS,
    APPOINTMENTS,
    st.sampled_from(MOMENTS),
    st.sampled_from(("oui {}", "oui annulez {}", "oui, {}", "{} oui", "ok annulez {} merci", "annulez le rdv, {}")),
)
def test_no_yes_to_another_moment_is_a_yes(asked: Asked, other: Asked, form: Form, around: str) -> None:
    assume(form.says(asked) != form.says(other))
    assert read_confirmation(around.format(form.words(other)), asked) is not Answer.YES
    assert read_confirmation(around.format(form.words(other)), asked, beside=(other,)) is not Answer.YES


@given(APPOINTMENTS, APPOINTMENTS, st.sampled_from(FORMS[11:]))
def test_no_yes_to_another_place_or_person_is_a_yes(asked: Asked, other: Asked, form: Form) -> None:
    assume(form.says(asked) != form.says(other))
    for beside in ((), (other,)):
        assert read_confirmation(f"oui {form.words(other)}", asked, beside=beside) is not Answer.YES
        assert read_confirmation(f"oui annulez {form.words(other)}", asked, beside=beside) is not Answer.YES


@given(APPOINTMENTS, st.sampled_from(FORMS))
def test_a_yes_to_the_one_asked_about_is_a_yes(asked: Asked, form: Form) -> None:
    words = form.words(asked)
    assume(words.startswith("celui"))
    assert read_confirmation(f"oui {words}", asked) is Answer.YES
    assert read_confirmation(f"oui annulez {words}", replace(asked, today=None)) is Answer.YES
