"""Sets a source up: checks what its account may see, and registers the webhook of each organisation.

When a webhook is created or changed there, all records are posted again, also past ones. So existing webhooks are
looked up first, and are never changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from smsbot.connected.client import RdvspApi, SeenOrganisation
from smsbot.connected.source_api import CallRefused

SUBSCRIPTIONS = ("rdv", "user", "user_profile")
"""The records that we need: appointments, changes of people, and erasures of people."""


class WebhookFound(StrEnum):
    """The state of an organisation's webhook."""

    REGISTERED = "registered"  # just now
    THERE = "there"
    INCOMPLETE = "incomplete"  # it is there, but lacks some of `SUBSCRIPTIONS`
    NOT_ALLOWED = "not allowed"  # the account is no territorial administrator
    REFUSED = "refused"  # most likely the domain is not on the source's list


@dataclass(frozen=True, slots=True)
class OrganisationSetUp:
    """The result for one organisation, and a sentence for the operator."""

    organisation: SeenOrganisation
    found: WebhookFound
    sentence: str

    @property
    def is_well(self) -> bool:
        return self.found in (WebhookFound.REGISTERED, WebhookFound.THERE)


async def set_webhooks_up(api: RdvspApi, target_url: str, secret: str) -> AsyncIterator[OrganisationSetUp]:
    """Register the webhook at `target_url` for each organisation that does not have it. Raises `SourceCallFailed`."""
    for organisation in await api.organisations():
        yield await _set_up(api, organisation, target_url, secret)


async def _set_up(api: RdvspApi, organisation: SeenOrganisation, target_url: str, secret: str) -> OrganisationSetUp:
    name = f"{organisation.name} ({organisation.external_id})"
    for webhook in await api.webhooks(organisation.external_id, target_url):
        missing = set(SUBSCRIPTIONS) - webhook.subscriptions
        if missing:
            told = ", ".join(sorted(missing))
            sentence = (
                f"{name}: its webhook is there but does not tell of {told}. Add that in RDV Service Public's settings "
                "of the territory; it then posts all records once more."
            )
            return OrganisationSetUp(organisation, WebhookFound.INCOMPLETE, sentence)
        return OrganisationSetUp(organisation, WebhookFound.THERE, f"{name}: its webhook is there, nothing is changed.")
    try:
        await api.register_webhook(organisation.external_id, target_url, secret, SUBSCRIPTIONS)
    except CallRefused as refused:
        if "taken" in refused.reasons:
            sentence = f"{name}: its webhook is there, though our account may not see it; nothing is changed."
            return OrganisationSetUp(organisation, WebhookFound.THERE, sentence)
        if refused.status_code == 422:
            sentence = (
                f"{name}: the webhook's address is refused. Most likely its domain is not allowed there: write to the "
                f"team of RDV Service Public, ask them to allow {urlsplit(target_url).hostname} as a target of "
                f"webhooks, and run this again. The address is {target_url}."
            )
            return OrganisationSetUp(organisation, WebhookFound.REFUSED, sentence)
        sentence = (
            f"{name}: our account may not register webhooks, because it is no territorial administrator. Ask one of "
            f"the territory to make it one, or to register the webhook {target_url} for {', '.join(SUBSCRIPTIONS)} "
            "with the secret of SMSBOT_RDVSP_WEBHOOK_SECRET (or of secret_env in smsbot.toml)."
        )
        return OrganisationSetUp(organisation, WebhookFound.NOT_ALLOWED, sentence)
    sentence = f"{name}: its webhook is registered; RDV Service Public now posts all its records once."
    return OrganisationSetUp(organisation, WebhookFound.REGISTERED, sentence)
