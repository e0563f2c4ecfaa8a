from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.gsm7 import is_gsm7, septets
from smsbot.messages.telephone import MOST_SEPTETS, telephone_display
from tests.lines import every_line


@every_line(
    ("written", "told"),
    [
        ("0123456789", "01 23 45 67 89"),
        ("01.23.45.67.89", "01 23 45 67 89"),
        ("+33123456789", "01 23 45 67 89"),
        ("0033 1 23 45 67 89", "01 23 45 67 89"),
        ("04 72 10 30 30 (standard)", "04 72 10 30 30"),
        ("04 72 10 30 30 poste 12", "04 72 10 30 30"),
        ("0472103030 / 0612345678", "04 72 10 30 30"),
        ("0 800 123 456", "0 800 12 34 56"),
        # of a range that is newer than the library, or that is never given to anybody
        ("+33639981201", "06 39 98 12 01"),
        # overseas
        ("+262262902000", "0262 90 20 00"),
        ("0262 90 20 00", "0262 90 20 00"),
        ("0590416200", "0590 41 62 00"),
        ("0594298900", "0594 29 89 00"),
        ("+596596596300", "0596 59 63 00"),
        ("+68940506070", "40 50 60 70"),
        # short numbers, as they are
        ("3949", "3949"),
        ("39 49", "39 49"),
        ("3949 (0,15 €/min)", "3949"),
        ("112", "112"),
        # abroad
        ("+3224567890", "+32 2 456 78 90"),
        # not a known number, but it can be dialled
        ("01 23 45", "01 23 45"),
        # nothing to dial
        (None, None),
        ("", None),
        ("voir le site", None),
        ("12", None),
        ("1234567890" * 5, None),
        ("appelez Mme Dupont au 5e étage, bureau 512", None),
    ],
)
def test_telephone_numbers(written: str | None, told: str | None) -> None:
    assert telephone_display(written) == told


@given(st.text() | st.text(alphabet="0123456789+-. ()/€\n", max_size=40))
def test_whatever_is_written_fits_an_sms(written: str) -> None:
    told = telephone_display(written)
    if told is not None:
        assert is_gsm7(told)
        assert 0 < septets(told) <= MOST_SEPTETS
        assert told.isprintable()
