"""Telephone numbers as people write them, and the one form in which they are kept (E.164)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.phone_numbers import normalise, takes_sms
from tests.lines import every_line

WRITTEN = [
    ("06 12 34 56 78", "+33612345678"),
    ("0612345678", "+33612345678"),
    ("06.12.34.56.78", "+33612345678"),
    ("06-12-34-56-78", "+33612345678"),
    ("+33 6 12 34 56 78", "+33612345678"),
    ("+33 (0)6 12 34 56 78", "+33612345678"),
    ("0033 6 12 34 56 78", "+33612345678"),
    ("  0612345678 ", "+33612345678"),
    ("07 56 78 90 12", "+33756789012"),
    ("0690 12 34 56", "+590690123456"),
    ("0694 12 34 56", "+594694123456"),
    ("0696 12 34 56", "+596696123456"),
    ("0692 12 34 56", "+262692123456"),
    ("0693 12 34 56", "+262693123456"),
    ("0639 01 23 45", "+262639012345"),
    ("00262 692 12 34 56", "+262692123456"),
    ("+262692123456", "+262692123456"),
    ("01 23 45 67 89", "+33123456789"),
    ("0262 12 34 56", "+262262123456"),
    ("09 37 12 34 56", "+33937123456"),
    ("+32 470 12 34 56", "+32470123456"),
    ("+1 201 555 0123", "+12015550123"),
    ("06 39 98 00 12", "+33639980012"),  # reserved for fiction
    ("07 00 00 00 01", "+33700000001"),  # not given to any operator
]

NO_NUMBERS = [
    None,
    "",
    "   ",
    "inconnu",
    "06 12 34 56 7",
    "06 12 34 56 78 9",
    "3949",
    "36179",
    "06 12 34 56 78 / 07 12 34 56 78",
    "+33612345678" * 10,
    "\x00",
    "१२३",
]


@every_line(("written", "expected"), WRITTEN)
def test_a_number_becomes_e164(written: str, expected: str) -> None:
    assert normalise(written) == expected


@every_line("written", NO_NUMBERS)
def test_what_is_no_number_is_none(written: str | None) -> None:
    assert normalise(written) is None


@every_line(("written", "expected"), WRITTEN)
def test_e164_stays_as_it_is(written: str, expected: str) -> None:
    assert normalise(expected) == expected


@given(st.text(max_size=60))
def test_any_text_gives_e164_or_none(text: str) -> None:
    number = normalise(text)
    assert number is None or (number.startswith("+") and number[1:].isdecimal() and number.isascii())


MOBILES = (
    *("+33612345678", "+33639981201", "+33757912345", "+33712345678"),
    *("+590690301234", "+594694201234", "+596696201234", "+262692123456", "+262639123456"),
    *("+687751234", "+68987123456", "+508551234", "+681821234"),
    *("+4915123456789", "+32470123456", "+447400123456", "+212612345678", "+213551234567", "+221701234567"),
    "+12025550123",  # of a numbering plan in which mobile numbers look like others
    "+99912345",  # of no known numbering plan
    "x",
)
FOR_CALLS_ALONE = (
    *("+33123456789", "+33472103030", "+33978123456", "+33800123456", "+33820123456", "+33899123456"),
    *("+590590416200", "+590976123456", "+594594298900", "+596596596300", "+262262902000", "+262269621234"),
    *("+687261234", "+68940506070", "+508411234"),
    *("+4930123456", "+3224567890", "+442079460000", "+447012345678", "+212522123456"),
)


@every_line(
    ("number", "takes"),
    [*((number, True) for number in MOBILES), *((number, False) for number in FOR_CALLS_ALONE)],
)
def test_which_numbers_take_sms(number: str, takes: bool) -> None:
    assert takes_sms(number) is takes
