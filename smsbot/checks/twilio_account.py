"""Asks Twilio about the account and the main sender. Nothing is sent or changed.

Sources: twilio.com/docs/iam/api/account (`status`, `type`), and for `sms_url`, `sms_method` and `sms_application_sid`
twilio.com/docs/phone-numbers/api/incomingphonenumber-resource and twilio.com/docs/messaging/api/short-code-resource.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from smsbot.checks.clock import look_at_clock
from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.senders import SenderKind, sender_kind

GATEWAY = "Twilio"
_SECONDS = 15.0


async def look_at_twilio(
    api_url: str, account_sid: str, auth_token: str, senders: frozenset[str], webhook_url: str
) -> AsyncIterator[CheckFinding]:
    """Findings about the account, this machine's clock, and each of our senders. `webhook_url` is where messages go."""
    base = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}"
    async with httpx.AsyncClient(auth=(account_sid, auth_token), timeout=_SECONDS) as client:
        try:
            answer = await client.get(f"{base}.json")
        except httpx.HTTPError as error:
            yield wrong(GATEWAY, f"{api_url} cannot be reached ({type(error).__name__}): check the network")
            return
        if answer.status_code in (401, 403, 404):
            yield wrong(
                GATEWAY,
                f"the credentials are refused (HTTP {answer.status_code}): check SMSBOT_TWILIO_ACCOUNT_SID and "
                "SMSBOT_TWILIO_AUTH_TOKEN",
            )
            return
        if not answer.is_success:
            yield warning(GATEWAY, f"it answered HTTP {answer.status_code}, so nothing is known: try again later")
            return
        yield _account(answer.json())
        if (clock := look_at_clock(answer.headers.get("date"), GATEWAY)) is not None:
            yield clock
        for sender in sorted(senders):
            try:
                yield await _sender(client, base, sender, webhook_url)
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                yield warning(GATEWAY, f"nothing could be learned about {sender}: try again later")


def _account(document: dict[str, Any]) -> CheckFinding:
    if document.get("status") != "active":
        return wrong(GATEWAY, f"the account is {document.get('status')}: nothing is sent until Twilio reopens it")
    if document.get("type") == "Trial":
        return warning(GATEWAY, "this is a trial account: only numbers that you verified at Twilio get messages")
    return well(GATEWAY, "the credentials are right, and the account is active")


async def _sender(client: httpx.AsyncClient, base: str, sender: str, webhook_url: str) -> CheckFinding:
    kind = sender_kind(sender)
    if kind is SenderKind.MESSAGING_SERVICE:
        return well("sender", f"{sender} is a Messaging Service: look at Twilio whether it posts to {webhook_url}")
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
        return warning("sender", f"{sender} belongs to a TwiML application: look that it posts to {webhook_url}")
    if posts_to != webhook_url:
        where = f"posts to {posts_to}" if posts_to else "posts nowhere"
        return wrong("sender", f"{sender} {where}: set its messaging webhook at Twilio to {webhook_url}")
    if number.get("sms_method") != "POST":
        return wrong("sender", f"{sender} calls its webhook by {number.get('sms_method')}: choose POST at Twilio")
    return well("sender", f"{sender} belongs to the account and posts here")
