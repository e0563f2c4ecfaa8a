"""The connected sources: the address of each, how to sign in, and how long to wait for it.

Also the secrets of the webhooks of all sources, connected or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from smsbot.model import DEFAULT_SOURCE
from smsbot.policy import Policy
from smsbot.policy.rules import Source
from smsbot.settings import RdvspSettings, RdvspWebhookSettings, secret_from


@dataclass(frozen=True, slots=True)
class OAuthApplication:
    """The OAuth application that RDV Service Public's team made for this deployment."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EmailAndPassword:
    """An agent's sign-in, at instances that still allow it for programs."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceConnection:
    """One connected source. `url` has no slash at its end.

    `patience` is how long a yes waits for the source's answer before the usager hears that the request is registered.
    `sync_every` is how often the coming appointments are read; None for never. `notifies` says that the source writes
    to usagers itself, so that only answers leave from here.
    """

    source: str
    url: str
    sign_in: OAuthApplication | EmailAndPassword
    patience: timedelta
    sync_every: timedelta | None
    notifies: bool


def connected_sources(settings: RdvspSettings, policy: Policy) -> frozenset[str]:
    """The names of the connected sources. This needs no secret."""
    main = {DEFAULT_SOURCE} if settings.rdvsp_url is not None else set()
    return frozenset(main | {source.name for source in policy.sources if source.url is not None})


def connections(settings: RdvspSettings, policy: Policy) -> dict[str, SourceConnection]:
    """The connected sources by name; none where smsbot runs on its own.

    Raises `SettingsProblem` where a secret that `smsbot.toml` names is missing.
    """
    found = {}
    if settings.rdvsp_url is not None:
        main = _connection(DEFAULT_SOURCE, settings.rdvsp_url, _main_sign_in(settings), settings)
        found[DEFAULT_SOURCE] = main
    for source in policy.sources:
        if source.url is not None:
            found[source.name] = _connection(source.name, source.url, _sign_in(source), settings, source)
    return found


def webhook_secrets(settings: RdvspWebhookSettings, policy: Policy) -> dict[str, str]:
    """The secret of each source's webhook, by source.

    Raises `SettingsProblem` where one that `smsbot.toml` names is missing.
    """
    secrets = {}
    if settings.rdvsp_webhook_secret is not None:
        secrets[DEFAULT_SOURCE] = settings.rdvsp_webhook_secret.get_secret_value()
    for source in policy.sources:
        secrets[source.name] = secret_from(source.secret_env).get_secret_value()
    return secrets


def _connection(
    name: str,
    url: str,
    sign_in: OAuthApplication | EmailAndPassword,
    settings: RdvspSettings,
    said: Source | None = None,
) -> SourceConnection:
    patience = said.patience_seconds if said is not None else None
    minutes = said.sync_minutes if said is not None else None
    notifies = said.notifies if said is not None else None
    patience = settings.rdvsp_patience_seconds if patience is None else patience
    minutes = settings.rdvsp_sync_minutes if minutes is None else minutes
    return SourceConnection(
        source=name,
        url=url,
        sign_in=sign_in,
        patience=timedelta(seconds=patience),
        sync_every=timedelta(minutes=minutes) if minutes else None,
        notifies=settings.rdvsp_notifies if notifies is None else notifies,
    )


def _main_sign_in(settings: RdvspSettings) -> OAuthApplication | EmailAndPassword:
    if settings.rdvsp_client_id is not None:
        assert settings.rdvsp_client_secret is not None
        return OAuthApplication(settings.rdvsp_client_id, settings.rdvsp_client_secret.get_secret_value())
    assert settings.rdvsp_email is not None
    assert settings.rdvsp_password is not None
    return EmailAndPassword(settings.rdvsp_email, settings.rdvsp_password.get_secret_value())


def _sign_in(source: Source) -> OAuthApplication | EmailAndPassword:
    if source.client_id is not None:
        assert source.client_secret_env is not None
        return OAuthApplication(source.client_id, secret_from(source.client_secret_env).get_secret_value())
    assert source.email is not None
    assert source.password_env is not None
    return EmailAndPassword(source.email, secret_from(source.password_env).get_secret_value())
