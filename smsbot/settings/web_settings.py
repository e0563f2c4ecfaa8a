"""The settings of what is served over HTTP, and of the agents' sign-in with OpenID Connect."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS, is_told_whole
from smsbot.policy.values import BaseAddress
from smsbot.settings.environment import EnvironmentSettings, Secret, url_parts
from smsbot.signing import LINK_PATH, MOST_LINK_CHARACTERS

_MOST_PUBLIC_URL = MOST_ADDRESS_SEPTETS - len(LINK_PATH) - MOST_LINK_CHARACTERS


class WebSettings(EnvironmentSettings):
    """The address of the service, the key with which it signs, and the proxies that it trusts."""

    public_url: BaseAddress = Field(
        default="http://localhost:8000",
        description="the address at which the outside reaches the service, such as https://rdv.example.fr, without "
        f"query or fragment, of {_MOST_PUBLIC_URL} characters at most, all of which exist in SMS",
    )
    secret_key: SecretStr = Field(
        description="a random text of 32 bytes or more (python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="the addresses or networks of the proxies in front, with commas between them, "
        "such as 127.0.0.1,10.0.0.0/8",
    )
    webhooks_to_private_networks: bool = Field(
        default=False,
        description="true if events are sent to other systems in a private network, or by http on this machine; "
        "otherwise false",
    )
    api_requests_per_minute: int = Field(
        default=1200,
        ge=1,
        le=1_000_000,
        description="how many requests a minute each token of the API may make, from 1 to 1000000",
    )
    api_failures_per_minute: int = Field(
        default=60,
        ge=1,
        le=1_000_000,
        description="how many requests a minute without a valid token the API takes from one network address, "
        "from 1 to 1000000",
    )
    metrics_token: Secret | None = Field(default=None, description="the bearer token that /metrics asks for")

    @field_validator("public_url")
    @classmethod
    def _fits_an_sms(cls, value: str) -> str:
        """Limit the length of the public URL, because all links in SMS begin with it."""
        if not is_told_whole(f"{value}{LINK_PATH}{'z' * MOST_LINK_CHARACTERS}"):
            raise ValueError("too long for an SMS, or not in its letters")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        """Check the length of the key, without the spaces around it."""
        if len(value.get_secret_value().strip().encode()) < 32:
            raise ValueError("too short")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _list_of_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        networks = tuple(network.strip() for network in value.split(",") if network.strip())
        for network in networks:
            ip_network(network)
        return networks


class OpenIdSettings(EnvironmentSettings):
    """The provider through which agents sign in, in addition to passwords, if there is one."""

    oidc_issuer: str | None = Field(
        default=None,
        description="the address of the OpenID Connect provider, such as https://auth.agentconnect.gouv.fr/api/v2",
    )
    oidc_client_id: str | None = Field(
        default=None,
        description="the id under which SMSBOT_OIDC_ISSUER knows this service (needed with it; leave it out without)",
        pattern=r"\S",
    )
    oidc_client_secret: Secret | None = Field(
        default=None,
        description="the secret that SMSBOT_OIDC_ISSUER gave this service (needed with it; leave it out without)",
    )
    oidc_scopes: str = Field(
        default="openid email", description="scopes with spaces between them, including openid and email"
    )
    oidc_name: str | None = Field(default=None, description="what agents call the provider, such as ProConnect")
    oidc_emails_verified: bool = Field(
        default=False,
        description="true if the provider has checked every e-mail address but does not say so, like ProConnect; "
        "otherwise false",
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_address(cls, value: str | None) -> str | None:
        if value is not None and (url := url_parts(value, schemes=("http", "https"))) and (url.query or url.fragment):
            raise ValueError("more than an address")
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _beside_the_issuer(cls, value: object, info: ValidationInfo) -> object:
        if "oidc_issuer" not in info.data:
            return value  # the issuer is wrong already, and has its own sentence
        if (value is None) != (info.data["oidc_issuer"] is None):
            raise ValueError("needed, or belongs to nothing")
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _enough_to_know_who(cls, value: str) -> str:
        if not {"openid", "email"} <= set(value.split()):
            raise ValueError("not enough")
        return " ".join(value.split())
