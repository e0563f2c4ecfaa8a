"""The settings of Vonage: which belong together, and from where the private key is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smsbot.settings import ServiceSettings, SettingsProblem
from tests.lines import every_line

BASICS = {
    "secret_key": "0123456789abcdef" * 2,
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "token",
    "sender": "+33937000000",
    "mail_from": "rdv@example.fr",
}
APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
ACCOUNT = {"vonage_api_key": "abcd1234", "vonage_api_secret": "secret"}
SIGNATURE = {"vonage_signature_secret": "hunter2"}

Load = Callable[..., ServiceSettings]


@pytest.fixture
def load() -> Load:
    def load(**values: str) -> ServiceSettings:
        return ServiceSettings.exactly(**BASICS | values)

    return load


def test_none_are_needed(load: Load) -> None:
    settings = load()
    assert (settings.vonage_api_key, settings.vonage_application_id, settings.vonage_signature_secret) == (None,) * 3
    assert settings.vonage_api_url == "https://api.nexmo.com"


def test_a_key_with_its_secret(load: Load) -> None:
    settings = load(**ACCOUNT, **SIGNATURE, vonage_api_url="http://127.0.0.1:9000/")
    assert settings.vonage_api_key == "abcd1234"
    assert settings.vonage_api_url == "http://127.0.0.1:9000"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("written", [PEM, PEM.replace("\n", "\\n"), "file"])
def test_an_application_with_its_key(load: Load, tmp_path: Path, written: str) -> None:
    if written == "file":
        path = tmp_path / "private.key"
        path.write_text(PEM, encoding="ascii")
        written = str(path)
    settings = load(vonage_application_id=APPLICATION, vonage_private_key=written, **SIGNATURE)
    assert settings.vonage_private_key is not None
    assert settings.vonage_private_key.get_secret_value() == PEM
    assert "AAAA" not in repr(settings)


@every_line(
    ("values", "problem"),
    [
        (ACCOUNT, "SMSBOT_VONAGE_SIGNATURE_SECRET is missing: it should be the account's signature secret, beside"),
        (
            {"vonage_api_key": "abcd1234", **SIGNATURE},
            "SMSBOT_VONAGE_API_SECRET is missing: it should be the account's",
        ),
        (
            {"vonage_api_secret": "hunter2"},
            "SMSBOT_VONAGE_API_SECRET is wrong: it should be the account's API secret, with",
        ),
        (SIGNATURE, "SMSBOT_VONAGE_SIGNATURE_SECRET is wrong: it should be the account's signature secret, beside"),
        (
            {"vonage_application_id": APPLICATION, **SIGNATURE},
            "SMSBOT_VONAGE_PRIVATE_KEY is missing: it should be the path",
        ),
        ({"vonage_private_key": PEM}, "SMSBOT_VONAGE_PRIVATE_KEY is wrong: it should be the path of the application's"),
        (
            {"vonage_application_id": APPLICATION, "vonage_private_key": "/nowhere/hunter2.key", **SIGNATURE},
            "SMSBOT_VONAGE_PRIVATE_KEY is wrong: it should be the path of the application's private key in PEM, or the",
        ),
        (
            {"vonage_application_id": "hunter2"},
            "SMSBOT_VONAGE_APPLICATION_ID is wrong: it should be the id of the Vonage",
        ),
        ({"vonage_api_key": "hunter 2"}, "SMSBOT_VONAGE_API_KEY is wrong: it should be the account's API key"),
        (
            {"vonage_api_url": "api.nexmo.com"},
            "SMSBOT_VONAGE_API_URL is wrong: it should be the base address of Vonage's",
        ),
    ],
)
def test_what_belongs_together_is_told_in_one_line(load: Load, values: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsProblem) as raised:
        load(**values)
    line = str(raised.value)
    assert line.startswith(problem)
    assert line.endswith("; set it in the environment or in .env")
    assert "hunter" not in line
