"""Asks the peers of the service over the network: our public address, the gateways, the mail server, the sources.

No usager gets a message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from email.message import EmailMessage

import httpx

from smsbot.app import Service
from smsbot.checks.findings import CheckFinding, Level, warning, well, wrong
from smsbot.checks.gateway_accounts import look_at_clock, look_at_twilio, look_at_vonage
from smsbot.checks.webhook_trial import (
    WebhookTrial,
    described_trial,
    look_at_webhook,
    twilio_trial,
    vonage_trial,
)
from smsbot.connected.source_state import source_states
from smsbot.gateways.base import SendError, SendRefused
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.outbox.smtp import Mailer, smtp_server
from smsbot.policy.gateways import GatewayTable
from smsbot.policy.values import TWILIO, VONAGE

_SECONDS = 15.0
_TWILIO_WEBHOOK = "/webhooks/twilio/sms"


async def look_at_peers(service: Service, *, mail_to: str | None = None) -> AsyncIterator[CheckFinding]:
    """Findings about everything that the service talks to. `mail_to`, if given, gets a test message."""
    async with httpx.AsyncClient(timeout=_SECONDS) as client:
        address = await _look_at_address(client, service)
        yield address
        for trial in _trials(service) if address.level is Level.WELL else ():
            yield await look_at_webhook(client, trial)
    async for finding in _look_at_gateways(service):
        yield finding
    yield await _look_at_mail(service, mail_to)


async def _look_at_gateways(service: Service) -> AsyncIterator[CheckFinding]:
    settings = service.settings
    for gateway in sorted(service.policy.gateways_in_use):
        if gateway == TWILIO and settings.has_twilio:
            assert settings.twilio_account_sid is not None
            assert settings.twilio_auth_token is not None
            async for finding in look_at_twilio(
                settings.twilio_api_url,
                settings.twilio_account_sid,
                settings.twilio_auth_token.get_secret_value(),
                _senders_through(service, TWILIO),
                f"{settings.public_url}{_TWILIO_WEBHOOK}",
            ):
                yield finding
        elif gateway == VONAGE and settings.vonage_api_key is not None and settings.vonage_api_secret is not None:
            secret = settings.vonage_api_secret.get_secret_value()
            async for finding in look_at_vonage(settings.vonage_api_url, settings.vonage_api_key, secret):
                yield finding
        elif gateway == VONAGE:
            yield well(
                "Vonage",
                "an application's key has no request that changes nothing (SMSBOT_VONAGE_API_KEY with its secret has "
                "one): smsbot gateway try vonage sends one SMS",
            )
        else:
            async with open_gateways(settings, service.policy) as gateways:
                described = gateways.all[gateway]
                assert isinstance(described, DescribedGateway)
                for each in await look_at_described(gateway, service.policy.gateways[gateway], described):
                    yield each


async def look_at_described(name: str, table: GatewayTable, gateway: DescribedGateway) -> list[CheckFinding]:
    """Whether a described gateway (`table`) accepts our credentials, and whether its clock agrees with ours."""
    if not gateway.can_be_asked:
        unknown = (
            f"it has no known request that changes nothing (describe one in [gateways.{name}.check] of smsbot.toml)"
        )
        return [well(name, f"{unknown}: smsbot gateway try {name} sends one SMS")]
    try:
        account = await gateway.ask_for_account()
    except SendRefused as refusal:
        asked = {*(table.check.used if table.check else ()), *(table.token.used if table.token else ())}
        variables = [variable for secret, variable in table.secrets.items() if secret in asked]
        return [wrong(name, f"{_lower(refusal.sentence)}: check {' and '.join(variables)}")]
    except SendError as problem:
        told = f"{_lower(problem.sentence)} ({problem.code})"
        return [warning(name, f"{told}: look at its address, or try again later")]
    credit = "" if account.credit is None else f", and its credit is {account.credit}"
    clock = look_at_clock(account.date, name)
    return [well(name, f"the credentials are right{credit}"), *([clock] if clock is not None else [])]


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _senders_through(service: Service, gateway: str) -> frozenset[str]:
    policy = service.policy
    routes = (route for sender in policy.senders for route in policy.routes(sender))
    return frozenset(route.sender for route in routes if route.gateway == gateway)


async def _look_at_address(client: httpx.AsyncClient, service: Service) -> CheckFinding:
    url = service.settings.public_url
    try:
        answer = await client.get(f"{url}/health/live")
    except httpx.HTTPError as error:
        return warning(
            "public address",
            f"{url} does not answer from here ({type(error).__name__}): is smsbot serve running, and the proxy?",
        )
    if answer.status_code == 200 and answer.headers.get("content-type", "").startswith("application/json"):
        return well("public address", f"{url} answers from here, and it is smsbot")
    return wrong(
        "public address",
        f"{url}/health/live answers HTTP {answer.status_code} and is not smsbot: look at the proxy's configuration",
    )


def _trials(service: Service) -> Iterator[WebhookTrial]:
    """A request for the webhook of each gateway in use."""
    settings, policy = service.settings, service.policy
    for gateway in sorted(policy.gateways_in_use):
        if gateway == TWILIO and settings.twilio_auth_token is not None:
            yield twilio_trial(settings.public_url, settings.twilio_auth_token.get_secret_value())
        elif gateway == VONAGE and settings.vonage_signature_secret is not None:
            yield vonage_trial(settings.public_url, settings.vonage_signature_secret.get_secret_value())
        elif gateway in policy.gateways:
            trial = described_trial(settings.public_url, gateway, policy.gateways[gateway])
            if trial is not None:
                yield trial


async def _look_at_mail(service: Service, mail_to: str | None) -> CheckFinding:
    settings = service.settings
    server = smtp_server(settings.smtp_url)
    where = f"{server.host} port {server.port}"
    mailer = Mailer(server)
    try:
        if mail_to is None:
            await mailer.connect()
            signed_in = " and the sign-in is right" if server.user else ""
            return well("mail", f"{where} answers{signed_in}; --mail-to ADDRESS sends a test message")
        message = EmailMessage()
        message["From"], message["To"] = settings.mail_from, mail_to
        message["Subject"] = "smsbot check"
        message.set_content("This is the test message of smsbot check. Sending e-mails works.\n")
        await mailer.send(message, mail_to)
        return well("mail", f"{where} has taken the test message: check that it arrived, and not among the spam")
    except SendError as error:
        return wrong("mail", f"{where}: {error.sentence.rstrip('.')} ({error.code}): check SMSBOT_SMTP_URL")
    finally:
        await mailer.close()


def look_at_sources(service: Service) -> list[CheckFinding]:
    """The state of the connected sources in this database; see `smsbot rdvsp status`."""
    now: datetime = service.clock()
    findings: list[CheckFinding] = []
    names = list(service.connections)
    states = service.database.read_now(lambda connection: source_states(connection, names, now))
    for name, state in states.items():
        if name not in service.webhook_secrets:
            findings.append(warning("source", f"{name} has no webhook secret, so changes come only with each sync"))
        if not state.is_signed_in:
            findings.append(wrong("source", f"nobody is signed in to {name}: run smsbot rdvsp login --source {name}"))
        elif state.problem is not None:
            findings.append(wrong("source", f"{name} has refused the last call: {state.problem}"))
        else:
            findings.append(well("source", f"{name} is signed in; smsbot rdvsp status shows more"))
    return findings
