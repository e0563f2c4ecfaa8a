"""Telephone numbers, written as people in France read and dial them."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

from smsbot.messages.gsm7 import septets, to_gsm7
from smsbot.phone_numbers import TEN_DIGIT_REGIONS

FRENCH_REGIONS = (*TEN_DIGIT_REGIONS, "PM", "PF", "NC", "WF")
"""Where a number without a country code may belong: first the mainland, then the overseas territories."""

MOST_SEPTETS = 20
"""No French number is longer ("01 23 45 67 89" has 14), and every SMS has room for so many."""

_FRENCH_CODES = frozenset(map(phonenumbers.country_code_for_region, FRENCH_REGIONS))
_SHORT_NUMBER = re.compile(r"(1\d\d|[13]\d ?\d\d)(?: ?\(.*)?")
"""112, 3949 and 39 49, also with a remark in brackets: "3949 (0,15 €/min)"."""

_MAINLAND = re.compile(r"\+33[1-9]\d{8}")
"""Every number of the mainland's plan, including ranges that are newer than the library or reserved for fiction (Arcep,
decision 2018-0881). Numbers of usagers have this form."""

_DIALLABLE = re.compile(r"\+?[\d .()/-]*\d[\d .()/-]*")


@lru_cache(maxsize=4096)
def telephone_display(number: str | None) -> str | None:
    """`number`, as an organisation wrote it, in the usual form; None if there is nothing to dial.

    French numbers, including overseas ones, are in national format ("01 23 45 67 89", "0262 90 20 00"), foreign ones in
    international format, short ones such as 3949 unchanged. Words around a number and a second number after it are
    removed. An unknown number is kept as written if it can be dialled and is short enough for any SMS.
    """
    written = " ".join(to_gsm7(number or "").split())
    if short := _SHORT_NUMBER.fullmatch(written):
        return short[1]
    if _MAINLAND.fullmatch(written):
        return _formatted(phonenumbers.parse(written))
    for region in FRENCH_REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(written, region):
            return _formatted(match.number)
    is_diallable = len(re.findall(r"\d", written)) >= 3 and _DIALLABLE.fullmatch(written)
    return written if is_diallable and septets(written) <= MOST_SEPTETS else None


def _formatted(number: phonenumbers.PhoneNumber) -> str:
    is_french = number.country_code in _FRENCH_CODES
    style = phonenumbers.PhoneNumberFormat.NATIONAL if is_french else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    number.extension = None
    told = phonenumbers.format_number(number, style)
    if septets(told) <= MOST_SEPTETS:
        return told
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)  # at most 16 characters
