"""Asks Vonage for the balance of the account. Nothing is sent or changed.

Source: developer.vonage.com/en/api/account ("Get Account Balance"). Vonage has it on a host of its own, and gives it to
the account's key and secret alone, not to an application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal, InvalidOperation

import httpx

from smsbot.checks.clock import look_at_clock
from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.gateways.vonage import API_URL

NAME = "Vonage"
BALANCE_HOST = "https://rest.nexmo.com"
_SECONDS = 15.0


async def look_at_vonage(api_url: str, api_key: str, api_secret: str) -> AsyncIterator[CheckFinding]:
    """Findings about the account and this machine's clock.

    Another `api_url` than Vonage's own stands for both of its hosts.
    """
    base = BALANCE_HOST if api_url == API_URL else api_url.rstrip("/")
    async with httpx.AsyncClient(auth=(api_key, api_secret), timeout=_SECONDS) as client:
        try:
            answer = await client.get(f"{base}/account/get-balance")
        except httpx.HTTPError as error:
            yield wrong(NAME, f"{base} cannot be reached ({type(error).__name__}): check the network")
            return
    yield _account(answer)
    if (clock := look_at_clock(answer.headers.get("date"), NAME)) is not None:
        yield clock


def _account(answer: httpx.Response) -> CheckFinding:
    if answer.status_code in (401, 403):
        return wrong(
            NAME,
            f"the credentials are refused (HTTP {answer.status_code}): check SMSBOT_VONAGE_API_KEY and "
            "SMSBOT_VONAGE_API_SECRET",
        )
    try:
        balance = Decimal(str(answer.raise_for_status().json()["value"]))
    except (httpx.HTTPError, ValueError, KeyError, TypeError, InvalidOperation):
        return warning(NAME, f"it answered HTTP {answer.status_code} without a balance: try again later")
    if balance <= 0:
        return wrong(NAME, f"the account's balance is {balance:.2f} €: nothing is sent until it is topped up")
    return well(NAME, f"the credentials are right, and the account's balance is {balance:.2f} €")
