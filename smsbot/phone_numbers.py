"""Telephone numbers: reads them as people write them, returns them in E.164, and says what they can be used for."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

TEN_DIGIT_REGIONS = ("FR", "GP", "GF", "MQ", "RE", "YT")
"""The numbering plans of France with national numbers of ten digits, in RDV Service Public's order.

06 12… is +33, 0690… is +590, 0692… is +262, 0694… is +594, 0696… is +596. No number is valid in two plans, except in RE
and YT, which share +262.
"""

_MAINLAND_MOBILE = re.compile(r"\+33[67][0-9]{8}")
_LONGEST = 40
"""The most characters that are read; a number with all its punctuation needs far fewer."""


def normalise(text: str | None) -> str | None:
    """The E.164 form of `text`, such as "+33612345678"; None if it is not a number.

    Accepts national numbers, the prefixes "+" and "00", and any punctuation between the digits. Landlines are numbers
    too. Four-digit numbers (39xx) and short codes are not, because they reach nobody by SMS. A number with the form of
    a French mobile in a range that no operator has counts as one of mainland France: 06 39 98, for example, which ARCEP
    reserves for fiction.
    """
    if not text or len(text) > _LONGEST:
        return None
    forms = []
    for region in TEN_DIGIT_REGIONS:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            return None
        forms.append(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        if phonenumbers.is_valid_number(number):
            return forms[-1]
    return forms[0] if _MAINLAND_MOBILE.fullmatch(forms[0]) else None


def is_premium(number: str) -> bool:
    """Whether calls and messages to this number (E.164) cost more than usual."""
    return _kind(number) in (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)


def takes_sms(number: str | None) -> bool:
    """Whether a person can get SMS at this number (E.164): it is neither a landline nor a number only for calls.

    It is also True if the numbering plan does not distinguish mobiles (North America), or if the range is newer than
    the library. In these cases the gateway finds out. It is False for None.
    """
    return number is not None and _kind(number) not in _FOR_CALLS_ALONE


_FOR_CALLS_ALONE = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.VOIP,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
        phonenumbers.PhoneNumberType.PAGER,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.VOICEMAIL,
    }
)


@lru_cache(maxsize=10_000)
def _kind(number: str) -> int:
    """The kind of the number in its country's numbering plan (`phonenumbers.PhoneNumberType`)."""
    if _MAINLAND_MOBILE.fullmatch(number):
        return phonenumbers.PhoneNumberType.MOBILE
    try:
        return int(phonenumbers.number_type(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return phonenumbers.PhoneNumberType.UNKNOWN
