"""Makes the gateways that the settings and `smsbot.toml` name. Each has its own connection pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from smsbot.gateways.authentication import status_key
from smsbot.gateways.base import Gateway
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.failover import Failover
from smsbot.gateways.gateway_records import KeepsRecords, Records, Replies
from smsbot.gateways.http import Http, open_http
from smsbot.gateways.twilio import TwilioGateway
from smsbot.gateways.vonage import ApiKey, Application, Authorization, VonageGateway
from smsbot.policy import Policy
from smsbot.policy.values import TWILIO, VONAGE
from smsbot.settings import ServiceSettings, SettingsProblem, VonageSettings, secret_from

_FIRST_SETTING = {
    TWILIO: "SMSBOT_TWILIO_ACCOUNT_SID",
    VONAGE: "SMSBOT_VONAGE_APPLICATION_ID (or SMSBOT_VONAGE_API_KEY)",
}


@dataclass(frozen=True, slots=True)
class Gateways:
    """All gateways of the service.

    `all` has each gateway by its name, and `receiving` the gateways whose webhooks are served. `failover` sends through
    all of them. `records` and `replies` have the records and the lists of the gateways that have them, by name.
    """

    all: Mapping[str, Gateway]
    receiving: tuple[Gateway, ...]
    failover: Failover
    records: Mapping[str, Records]
    replies: Mapping[str, Replies]


@asynccontextmanager
async def open_gateways(
    settings: ServiceSettings,
    policy: Policy,
    connect: Callable[[], AbstractAsyncContextManager[Http]] = open_http,
) -> AsyncIterator[Gateways]:
    """The gateways, open until the block ends. `connect` opens the HTTP client of one gateway.

    Raises `SettingsProblem` if a setting is missing or wrong.
    """
    async with AsyncExitStack() as stack:

        async def http() -> Http:
            return await stack.enter_async_context(connect())

        built: dict[str, Gateway] = {}
        if settings.twilio_account_sid is not None and settings.twilio_auth_token is not None:
            token = settings.twilio_auth_token.get_secret_value()
            built[TWILIO] = _twilio(settings, settings.twilio_account_sid, token, await http())
        if (authorization := _authorization(settings)) is not None:
            built[VONAGE] = _vonage(settings, authorization, await http())
        for name in policy.gateways:
            built[name] = _described(name, policy, settings, await http())
        _check_that_none_is_missing(policy, built)
        records = {name: one.records for name, one in built.items() if isinstance(one, KeepsRecords)}
        polled = ((name, one.replies) for name, one in built.items() if isinstance(one, DescribedGateway))
        replies = {name: found for name, found in polled if found is not None}
        receiving = tuple(gateway for gateway in built.values() if gateway.habits.methods)
        yield Gateways(built, receiving, Failover(built, policy.routes), records, replies)


def _check_that_none_is_missing(policy: Policy, built: Mapping[str, Gateway]) -> None:
    if not built:
        raise SettingsProblem(
            "there is no gateway for SMS: set SMSBOT_TWILIO_ACCOUNT_SID and SMSBOT_TWILIO_AUTH_TOKEN, or the settings "
            "that begin with SMSBOT_VONAGE_, in the environment or in .env, or describe another gateway in smsbot.toml"
        )
    for name, sender in policy.gateways_in_use.items():
        if name not in built:
            raise SettingsProblem(
                f"{_FIRST_SETTING[name]} is missing, though messages from {sender} leave through {name}: "
                "set it in the environment or in .env"
            )


def _twilio(settings: ServiceSettings, account_sid: str, auth_token: str, http: Http) -> TwilioGateway:
    return TwilioGateway(
        account_sid, auth_token, public_url=settings.public_url, http=http, api_url=settings.twilio_api_url
    )


def _authorization(settings: VonageSettings) -> Authorization | None:
    """How we sign in to Vonage; None if Vonage is not used. An application is preferred to the account's key."""
    if settings.vonage_application_id is not None and settings.vonage_private_key is not None:
        try:
            return Application(settings.vonage_application_id, settings.vonage_private_key.get_secret_value())
        except ValueError:
            raise SettingsProblem(
                "SMSBOT_VONAGE_PRIVATE_KEY is wrong: it should be the RSA key in PEM, without a password, that Vonage "
                "made for the application; set it in the environment or in .env"
            ) from None
    if settings.vonage_api_key is not None and settings.vonage_api_secret is not None:
        return ApiKey(settings.vonage_api_key, settings.vonage_api_secret.get_secret_value())
    return None


def _vonage(settings: ServiceSettings, authorization: Authorization, http: Http) -> VonageGateway:
    assert settings.vonage_signature_secret is not None  # the settings check that these are set together
    return VonageGateway(
        authorization,
        settings.vonage_signature_secret.get_secret_value(),
        public_url=settings.public_url,
        status_key=status_key(settings.secret_key.get_secret_value(), VONAGE),
        http=http,
        api_url=settings.vonage_api_url,
    )


def _described(name: str, policy: Policy, settings: ServiceSettings, http: Http) -> DescribedGateway:
    description = policy.gateways[name]
    secrets: Mapping[str, str] = {
        secret: secret_from(variable).get_secret_value() for secret, variable in description.secrets.items()
    }
    try:
        key = status_key(settings.secret_key.get_secret_value(), name)
        return DescribedGateway(name, description, secrets, public_url=settings.public_url, status_key=key, http=http)
    except ValueError:
        variables = ", ".join(description.secrets.values())
        raise SettingsProblem(
            f"the gateway {name} of smsbot.toml cannot make a request with the value of {variables}: "
            "set it in the environment or in .env"
        ) from None
