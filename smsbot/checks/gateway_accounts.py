"""Asks gateways about our account with them, and compares our clock with theirs. Nothing is sent or changed.

Sources: twilio.com/docs/iam/api/account (`status`, `type`), and for `sms_url`, `sms_method` and `sms_application_sid`
twilio.com/docs/phone-numbers/api/incomingphonenumber-resource and twilio.com/docs/messaging/api/short-code-resource;
developer.vonage.com/en/api/account ("Get Account Balance"). Vonage has this request on a host of its own. It answers to
the account's key and secret, but not to an application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.gateways.vonage import API_URL
from smsbot.http_headers import http_date
from smsbot.senders import SenderKind, sender_kind

CLOCKS_MAY_DIFFER = timedelta(seconds=30)
BALANCE_HOST = "https://rest.nexmo.com"
_TWILIO, _VONAGE = "Twilio", "Vonage"
_SECONDS = 15.0


def look_at_clock(date: str | None, whose: str) -> CheckFinding | None:
    """A finding about this machine's clock. `date` is the header `Date` of an answer (RFC 9110, 6.6.1).

    None if the answer has no time.
    """
    try:
        theirs = http_date(date or "")
    except ValueError:
        return None
    apart = abs(datetime.now(UTC) - theirs)
    if apart > CLOCKS_MAY_DIFFER:
        return wrong(
            "clock",
            f"this machine's clock is {apart.total_seconds():.0f} seconds off {whose}'s: let NTP set it (timedatectl)",
        )
    return well("clock", f"the same as {whose}'s")


async def look_at_twilio(
    api_url: str, account_sid: str, auth_token: str, senders: frozenset[str], webhook_url: str
) -> AsyncIterator[CheckFinding]:
    """Findings about the account, this machine's clock, and each of our senders. Messages must go to `webhook_url`."""
    base = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}"
    async with httpx.AsyncClient(auth=(account_sid, auth_token), timeout=_SECONDS) as client:
        try:
            answer = await client.get(f"{base}.json")
        except httpx.HTTPError as error:
            yield wrong(_TWILIO, f"{api_url} cannot be reached ({type(error).__name__}): check the network")
            return
        if answer.status_code in (401, 403, 404):
            yield wrong(
                _TWILIO,
                f"the credentials are refused (HTTP {answer.status_code}): check SMSBOT_TWILIO_ACCOUNT_SID and "
                "SMSBOT_TWILIO_AUTH_TOKEN",
            )
            return
        if not answer.is_success:
            yield warning(_TWILIO, f"it answered HTTP {answer.status_code}, so nothing is known: try again later")
            return
        document = _object_in(answer)
        if document is None:
            yield wrong(_TWILIO, f"{api_url} is not Twilio: look at SMSBOT_TWILIO_API_URL")
            return
        yield _twilio_account(document)
        if (clock := look_at_clock(answer.headers.get("date"), _TWILIO)) is not None:
            yield clock
        for sender in sorted(senders):
            try:
                yield await _twilio_sender(client, base, sender, webhook_url)
            except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
                yield warning(_TWILIO, f"nothing is known about {sender}: try again later")


def _object_in(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object in an answer; None if there is none, for example in the page of a proxy."""
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _twilio_account(document: dict[str, Any]) -> CheckFinding:
    if document.get("status") != "active":
        return wrong(_TWILIO, f"the account is {document.get('status')}: nothing is sent until Twilio reopens it")
    if document.get("type") == "Trial":
        return warning(_TWILIO, "this is a trial account: only numbers that you verified at Twilio get messages")
    return well(_TWILIO, "the credentials are right, and the account is active")


async def _twilio_sender(client: httpx.AsyncClient, base: str, sender: str, webhook_url: str) -> CheckFinding:
    kind = sender_kind(sender)
    if kind is SenderKind.MESSAGING_SERVICE:
        return well("sender", f"{sender} is a Messaging Service: check at Twilio that it posts to {webhook_url}")
    if kind is SenderKind.ALPHANUMERIC:
        return well("sender", f"{sender} needs no number at Twilio")
    is_short = not sender.startswith("+")
    listed = f"{base}/SMS/ShortCodes.json" if is_short else f"{base}/IncomingPhoneNumbers.json"
    answer = await client.get(listed, params={"ShortCode" if is_short else "PhoneNumber": sender})
    answer.raise_for_status()
    found = answer.json()["short_codes" if is_short else "incoming_phone_numbers"]
    if not found:
        return wrong("sender", f"{sender} does not belong to this account: buy it there, or set SMSBOT_SENDER")
    [number, *_] = found
    posts_to = (number.get("sms_url") or "").partition("#")[0]
    if number.get("sms_application_sid"):
        return warning("sender", f"{sender} belongs to a TwiML application: check that it posts to {webhook_url}")
    if posts_to != webhook_url:
        where = f"posts to {posts_to}" if posts_to else "posts nowhere"
        return wrong("sender", f"{sender} {where}: set its messaging webhook at Twilio to {webhook_url}")
    if number.get("sms_method") != "POST":
        return wrong("sender", f"{sender} calls its webhook by {number.get('sms_method')}: choose POST at Twilio")
    return well("sender", f"{sender} belongs to the account and posts here")


async def look_at_vonage(api_url: str, api_key: str, api_secret: str) -> AsyncIterator[CheckFinding]:
    """Findings about the account and this machine's clock.

    If `api_url` is not Vonage's own, it replaces both of Vonage's hosts.
    """
    base = BALANCE_HOST if api_url == API_URL else api_url.rstrip("/")
    async with httpx.AsyncClient(auth=(api_key, api_secret), timeout=_SECONDS) as client:
        try:
            answer = await client.get(f"{base}/account/get-balance")
        except httpx.HTTPError as error:
            yield wrong(_VONAGE, f"{base} cannot be reached ({type(error).__name__}): check the network")
            return
    yield _vonage_account(answer)
    if (clock := look_at_clock(answer.headers.get("date"), _VONAGE)) is not None:
        yield clock


def _vonage_account(answer: httpx.Response) -> CheckFinding:
    if answer.status_code in (401, 403):
        return wrong(
            _VONAGE,
            f"the credentials are refused (HTTP {answer.status_code}): check SMSBOT_VONAGE_API_KEY and "
            "SMSBOT_VONAGE_API_SECRET",
        )
    told = (_object_in(answer) or {}).get("value") if answer.is_success else None
    try:
        balance = Decimal(str(told))
    except InvalidOperation:
        balance = Decimal("NaN")
    if not balance.is_finite():
        return warning(_VONAGE, f"it answered HTTP {answer.status_code} without a balance: try again later")
    if balance <= 0:
        return wrong(_VONAGE, f"the account's balance is {balance:.2f} €: nothing is sent until it is topped up")
    return well(_VONAGE, f"the credentials are right, and the account's balance is {balance:.2f} €")
