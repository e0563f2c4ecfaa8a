"""Telephone numbers as people write them, in the one form that Twilio uses: E.164."""

from __future__ import annotations

import phonenumbers

FRENCH_REGIONS = ("FR", "GP", "GF", "MQ", "RE", "YT")
"""The numbering plans that a ten-digit national number is tried in, in RDV Service Public's own order: 06 12… is +33,
0690… is +590, 0692… is +262, 0694… is +594, 0696… is +596. None is valid in two, save RE and YT, which share +262."""

_LONGEST = 40
"""Characters; far more than a number with all its punctuation needs."""


def normalise(text: str | None) -> str | None:
    """The E.164 form of `text`, such as "+33612345678"; None for what is no valid number.

    Takes national numbers, "+" and "00" prefixes, and any punctuation between the digits. Landlines are numbers too.
    Four-digit numbers (39xx) and short codes are not: nobody is reached there by SMS.
    """
    if not text or len(text) > _LONGEST:
        return None
    for region in FRENCH_REGIONS:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            return None
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
