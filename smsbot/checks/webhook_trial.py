"""Calls the webhooks of a gateway as the gateway would: with a right proof, but without a message.

The request goes to our public address. So it finds a proxy that changes requests, and a service that runs with other
settings. A right proof is answered with 400 for the missing fields, or with 200; a wrong one with 403. Nobody gets a
message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from twilio.request_validator import RequestValidator

from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.policy.gateway_values import placeholders
from smsbot.policy.gateways import GatewayTable
from smsbot.policy.values import TWILIO, VONAGE
from smsbot.settings import secret_from

_CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "xml": "application/xml"}
_BODIES = {"json": b"{}", "form": b"", "xml": b"<nothing/>", "query": b""}


@dataclass(frozen=True, slots=True)
class WebhookTrial:
    """One request. `url` is shown, so it contains no secret; the proof is made from the variables in `settings`."""

    gateway: str
    url: str
    settings: tuple[str, ...]
    method: str = "POST"
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""


async def look_at_webhook(client: httpx.AsyncClient, trial: WebhookTrial) -> CheckFinding:
    """Send the request. 403 means that the service, or a proxy before it, does not fit the settings here."""
    url = f"{trial.url}?{trial.query}" if trial.query else trial.url
    try:
        answer = await client.request(trial.method, url, headers=trial.headers, content=trial.body)
    except httpx.HTTPError as error:
        return warning("webhook", f"{trial.url} does not answer from here ({type(error).__name__}): look at the proxy")
    if answer.status_code in (200, 400):
        return well("webhook", f"{trial.url} accepts the signature of {trial.gateway}")
    if answer.status_code == 403:
        return wrong(
            "webhook",
            f"{trial.url} refuses a right signature: smsbot serve runs with another {' or '.join(trial.settings)}, or "
            "the proxy changes the path, or removes a parameter or a header",
        )
    return wrong(
        "webhook", f"{trial.url} answers HTTP {answer.status_code}: let the proxy pass /webhooks/ on to smsbot"
    )


def twilio_trial(public_url: str, auth_token: str) -> WebhookTrial:
    url, form = f"{public_url}/webhooks/{TWILIO}/sms", {"NumMedia": "0"}
    headers = {
        "X-Twilio-Signature": RequestValidator(auth_token).compute_signature(url, form),
        "Content-Type": _CONTENT_TYPES["form"],
    }
    settings = ("SMSBOT_PUBLIC_URL", "SMSBOT_TWILIO_AUTH_TOKEN")
    return WebhookTrial("Twilio", url, settings, headers=headers, body=urlencode(form).encode())


def vonage_trial(public_url: str, signature_secret: str) -> WebhookTrial:
    body = _BODIES["json"]
    claims = {"iat": int(time.time()), "jti": str(uuid.uuid4()), "payload_hash": hashlib.sha256(body).hexdigest()}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(signature_secret))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": _CONTENT_TYPES["json"]}
    url = f"{public_url}/webhooks/{VONAGE}/sms"
    return WebhookTrial("Vonage", url, ("SMSBOT_VONAGE_SIGNATURE_SECRET",), headers=headers, body=body)


def described_trial(public_url: str, name: str, table: GatewayTable) -> WebhookTrial | None:
    """The trial of a gateway that `table` describes; None if it has no webhooks. Raises `SettingsProblem`."""
    if table.webhooks is None:
        return None
    kind, format_ = ("sms", table.incoming_format) if table.incoming is not None else ("status", table.status_format)
    how, body = table.webhooks.authentication, _BODIES[format_]
    used = {secret: table.secrets[secret] for secret in sorted(placeholders(how.secret))}
    values = {secret: secret_from(variable).get_secret_value() for secret, variable in used.items()}
    secret, field_name = how.secret.format_map(values), how.name or ""
    headers = {"Content-Type": _CONTENT_TYPES[format_]} if body or format_ == "form" else {}
    query = ""
    match how.kind:
        case "query":
            query = urlencode({field_name: secret})
        case "header":
            headers[field_name] = secret
        case "basic":
            headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
        case "hmac":
            digest = hmac.digest(secret.encode(), body, how.algorithm)
            signature = digest.hex() if how.encoding == "hex" else base64.b64encode(digest).decode()
            headers[field_name] = f"{how.prefix}{signature}"
    return WebhookTrial(
        name,
        f"{public_url}/webhooks/{name}/{kind}",
        tuple(used.values()),
        "GET" if format_ == "query" else "POST",
        query,
        headers,
        body,
    )
