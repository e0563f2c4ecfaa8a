"""How French messages and pages write dates, times, telephone numbers and first names.

Dates and times are as in SMS and e-mails: "lundi 12 mai à 14h30". Their functions take an aware datetime and tell it in
the IANA `time_zone` of the appointment. Telephone numbers are written as people in France read and dial them. People
type their own first name when they book, so it can be anything, even a web address.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale

from smsbot.messages.fitting import one_line
from smsbot.messages.gsm7 import septets, to_gsm7

YEAR_TOLD_FROM = timedelta(days=300)
"""From about ten months away the year is added, since "lundi 12 mai" could be taken for this year's."""

_FRENCH = Locale("fr")
_WEEKDAYS = tuple(_FRENCH.days["format"]["wide"][day] for day in range(7))
_SHORT_WEEKDAYS = tuple(_FRENCH.days["format"]["abbreviated"][day].rstrip(".") for day in range(7))
_MONTHS = ("", *(_FRENCH.months["format"]["wide"][month] for month in range(1, 13)))

_zone = lru_cache(maxsize=64)(ZoneInfo)

FRENCH_REGIONS = ("FR", "GP", "GF", "MQ", "RE", "YT", "PM", "PF", "NC", "WF")
"""Where a number without a country code may belong: the mainland first, then the overseas territories."""

MOST_SEPTETS = 20
"""No French number is longer ("01 23 45 67 89" is 14), and every SMS leaves room for as many."""

_FRENCH_CODES = frozenset(map(phonenumbers.country_code_for_region, FRENCH_REGIONS))
_SHORT_NUMBER = re.compile(r"(1\d\d|[13]\d ?\d\d)(?: ?\(.*)?")
"""112, 3949 and 39 49, also with a remark in brackets: "3949 (0,15 €/min)"."""

_MAINLAND = re.compile(r"\+33[1-9]\d{8}")
"""Every number of the mainland's plan, also of a range that is newer than the library, or kept for fiction (Arcep,
decision 2018-0881): the numbers of usagers are in this form."""

_DIALLABLE = re.compile(r"\+?[\d .()/-]*\d[\d .()/-]*")

_WEB_ADDRESS = re.compile(r"[/\\@]|\bwww\b|\bhttps?\b|[.。]\w{2}|\d\.\d", re.IGNORECASE)
"""What mail programs and telephones turn into a link: "www.evil.fr", "http://…", "evil.com"; but not "J.-P."."""


def local(moment: datetime, time_zone: str) -> datetime:
    """`moment` in local time. Raises `zoneinfo.ZoneInfoNotFoundError` for a zone that does not exist."""
    return moment.astimezone(_zone(time_zone))


def long_date(moment: datetime, time_zone: str, *, now: datetime, approximate: bool = False) -> str:
    """ "lundi 12 mai à 14h30"; "mardi 1er juin 2027 à 9h00" when far from `now`; "vers 14h30" when `approximate`."""
    there = local(moment, time_zone)
    day = "1er" if there.day == 1 else str(there.day)
    year = f" {there.year}" if _is_far(moment, now) else ""
    preposition = "vers" if approximate else "à"
    return (
        f"{_WEEKDAYS[there.weekday()]} {day} {_MONTHS[there.month]}{year} {preposition} {there.hour}h{there.minute:02}"
    )


def short_date(moment: datetime, time_zone: str, *, now: datetime, approximate: bool = False) -> str:
    """ "lun 12/05 14h30"; "01/06/27 9h00" when far from `now`; "lun 12/05 vers 14h30" when `approximate`.

    The year takes the weekday's place: it is no longer than 20 characters, and a list of four has to fit one SMS.
    """
    there = local(moment, time_zone)
    day = f"{there.day:02}/{there.month:02}"
    day = f"{day}/{there.year % 100:02}" if _is_far(moment, now) else f"{_SHORT_WEEKDAYS[there.weekday()]} {day}"
    preposition = "vers " if approximate else ""
    return f"{day} {preposition}{there.hour}h{there.minute:02}"


def _is_far(moment: datetime, now: datetime) -> bool:
    return abs(moment - now) > YEAR_TOLD_FROM


@lru_cache(maxsize=4096)
def telephone_display(number: str | None) -> str | None:
    """`number`, as an organisation wrote it, in the usual form; None where there is nothing to dial.

    French numbers, the overseas ones too, are in national format ("01 23 45 67 89", "0262 90 20 00"), foreign ones in
    international format, 39xx and the like as they are. Words around a number and a second one after it are left out.
    What is no known number is kept as written if it can be dialled and is short enough for any SMS, else dropped.
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
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)  # 16 at most


def told_first_name(name: str | None) -> str | None:
    """`name` on one line. None where it is empty, or contains a web or e-mail address."""
    told = one_line(name or "")
    if not told or _WEB_ADDRESS.search(unicodedata.normalize("NFKC", told)):
        return None
    return told
