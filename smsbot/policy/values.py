"""The values of `smsbot.toml`, each with its check.

An error sentence continues after the name of the key: "[motifs.77] time_zone should be …".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from string import Formatter
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from smsbot.messages.email_addresses import parse_address
from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS, is_told_whole
from smsbot.messages.gsm7 import septets, to_gsm7
from smsbot.messages.telephone import telephone_display
from smsbot.model import DEFAULT_SOURCE
from smsbot.senders import sender_kind

MOST_LABEL_SEPTETS = 30
MOST_WARNING_SEPTETS = 70
"""The most septets of a warning.

It is part of a question that must fit one SMS, with label, date, place and OUI ou NON.
"""

MOST_NOTICE_HOURS = 24 * 365
LEAST_MESSAGES_PER_SECOND, MOST_MESSAGES_PER_SECOND = 0.001, 1000
"""The least is one message in 17 minutes. A far smaller rate would need pauses that a `timedelta` cannot hold."""
SOLIDARITES, INSERTION = "rdv_solidarites", "rdv_insertion"
VERTICALES = (SOLIDARITES, INSERTION, "rdv_aide_numerique", "rdv_mairie")
"""The brands, as RDV Service Public calls them in an organisation's `verticale`."""

TWILIO, VONAGE = "twilio", "vonage"
BUILT_IN_GATEWAYS = (TWILIO, VONAGE)
"""The gateways that need no description: their credentials are in the environment."""

REBOOK_PLACEHOLDERS = frozenset({"organisation_id", "motif_id"})
ID_LENGTH = 20
"""How many characters are allowed for an id in `rebook_url`. If a longer id does not fit, the address is omitted."""

MOST_BRAND_CHARACTERS = 60
MOST_CONTACT_CHARACTERS = 120


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: it suggests the nearest known word, or is empty."""
    close = get_close_matches(word, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def wrong_value(sentence: str) -> PydanticCustomError:
    """The error that a check raises. `sentence` continues after the name of the key."""
    return PydanticCustomError("wrong", "{sentence}", {"sentence": sentence})


def _line_of_sms(most: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        length = septets(to_gsm7(text))
        if not text.strip() or "\n" in text:
            raise wrong_value("should be a text on one line")
        if length > most:
            raise wrong_value(f"takes {length} characters of an SMS (€ and brackets take two): shorten it to {most}")
        return text

    return check


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        guess = did_you_mean(name, available_timezones())
        raise wrong_value(f"should be an IANA time zone such as Indian/Reunion{guess}") from None
    return name


def _rebook_url(url: str) -> str:
    try:
        fields = [part for part in Formatter().parse(url) if part[1] is not None]
        address = urlsplit(url)
    except ValueError:
        raise wrong_value("should be an address, with braces only in {organisation_id} and {motif_id}") from None
    if address.scheme not in ("http", "https") or not address.hostname or " " in url or not url.isprintable():
        raise wrong_value("should be an address that begins with https://")
    if unknown := {str(name) for _, name, _, _ in fields} - REBOOK_PLACEHOLDERS:
        raise wrong_value(f"contains {{{min(unknown)}}}, but only {{organisation_id}} and {{motif_id}} are filled in")
    if any(specification or conversion for _, _, specification, conversion in fields):
        raise wrong_value("should have nothing but {organisation_id} and {motif_id} in braces")
    filled_in = url.format_map(dict.fromkeys(REBOOK_PLACEHOLDERS, "1" * ID_LENGTH))
    if to_gsm7(filled_in) != filled_in:
        raise wrong_value(
            "has characters that an SMS cannot contain: copy it from a browser, which writes %C3%A7 for ç"
        )
    if not is_told_whole(filled_in):
        raise wrong_value(
            f"takes {septets(filled_in)} characters of an SMS (ids counted as {ID_LENGTH}, ~ and brackets as two): "
            f"shorten it to {MOST_ADDRESS_SEPTETS}"
        )
    return url


def _brand_name(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > MOST_BRAND_CHARACTERS:
        raise wrong_value(f"should be a name on one line, of {MOST_BRAND_CHARACTERS} characters at most")
    return name


def _contact_line(line: str) -> str:
    if not line.strip() or not line.isprintable() or len(line) > MOST_CONTACT_CHARACTERS:
        raise wrong_value(f"should be one line of {MOST_CONTACT_CHARACTERS} characters at most")
    return line


def _website(address: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w/-]*)?", address):
        raise wrong_value("should be an address as people type it, without https://, such as rdv.example.fr")
    return address


def _mail_address(address: str) -> str:
    try:
        parse_address(address)
    except ValueError:
        raise wrong_value(
            "should be an e-mail address, such as accueil@example.fr or Accueil <accueil@example.fr>"
        ) from None
    return address


def _telephone(number: str) -> str:
    if telephone_display(number) is None:
        raise wrong_value("should be a telephone number, as people dial it")
    return number


def _sender(sender: str) -> str:
    try:
        sender_kind(sender)
    except ValueError:
        raise wrong_value(
            "should be a number such as +33937000000, a short code, a name of up to 11 letters and digits, "
            "or the SID of a Messaging Service (MG…)"
        ) from None
    return sender


def _verticale(name: str) -> str:
    if name not in VERTICALES:
        guess = did_you_mean(name, VERTICALES) or f"; known are {', '.join(VERTICALES)}"
        raise wrong_value(f"is not a brand{guess}")
    return name


def _gateway_name(name: str) -> str:
    if name in (TWILIO, VONAGE, DEFAULT_SOURCE):
        raise wrong_value("has its own webhooks: give a described gateway another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise wrong_value("should have only small letters, digits, - and _: it is part of the webhooks' addresses")
    return name


def _source_name(name: str) -> str:
    if name == DEFAULT_SOURCE:
        raise wrong_value("is the main source, whose tables are at the top level: give a further one another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise wrong_value("should have only small letters, digits, - and _: it is part of the webhook's address")
    return name


def _rate(number: object) -> object:
    least, most = LEAST_MESSAGES_PER_SECOND, MOST_MESSAGES_PER_SECOND
    if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
        raise wrong_value(f"should be a number from {least} to {most}, without quotes")
    return number


def _amount(most: float, least: float, unit: str) -> Callable[[object], object]:
    def check(number: object) -> object:
        if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
            raise wrong_value(f"should be a number of {unit} from {least:g} to {most:g}, without quotes")
        return number

    return check


def _base_address(url: str) -> str:
    try:
        address = urlsplit(url)
        _ = address.port  # raises ValueError if the port is not a number
    except ValueError:
        address = urlsplit("")
    has_more = address.query or address.fragment or address.username is not None
    if (
        address.scheme not in ("http", "https")
        or not address.hostname
        or has_more
        or not url.isprintable()
        or " " in url
    ):
        raise wrong_value("should be the base address of an instance, such as https://rdv.anct.gouv.fr")
    return url.rstrip("/")


def _variable(name: str) -> str:
    if not re.fullmatch(r"SMSBOT_[A-Z0-9_]+", name):
        raise wrong_value(
            "should be the name of an environment variable that begins with SMSBOT_, not the secret itself"
        )
    return name


FilledText = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1)]
LabelText = Annotated[str, AfterValidator(_line_of_sms(MOST_LABEL_SEPTETS))]
WarningText = Annotated[str, AfterValidator(_line_of_sms(MOST_WARNING_SEPTETS))]
MessagesPerSecond = Annotated[float, BeforeValidator(_rate)]
NoticeHours = Annotated[float, Field(ge=0, le=MOST_NOTICE_HOURS)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
ContactLine = Annotated[str, AfterValidator(_contact_line)]
Website = Annotated[str, AfterValidator(_website)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
BrandName = Annotated[str, Field(min_length=1), AfterValidator(_brand_name)]
RebookUrl = Annotated[str, AfterValidator(_rebook_url)]
Telephone = Annotated[str, AfterValidator(_telephone)]
Sender = Annotated[str, AfterValidator(_sender)]
GatewayName = Annotated[str, AfterValidator(_gateway_name)]
SourceName = Annotated[str, AfterValidator(_source_name)]
Verticale = Annotated[str, AfterValidator(_verticale)]
Variable = Annotated[str, AfterValidator(_variable)]
BaseAddress = Annotated[str, AfterValidator(_base_address)]
PatienceSeconds = Annotated[float, BeforeValidator(_amount(300, 0.1, "seconds"))]
SyncMinutes = Annotated[float, BeforeValidator(_amount(7 * 24 * 60, 0, "minutes"))]
