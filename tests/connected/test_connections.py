"""Which sources are connected, as settings and smsbot.toml say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from smsbot.connected.connections import EmailAndPassword, OAuthApplication, SourceConnection, connections
from smsbot.policy import Policy
from smsbot.policy.loading import PolicyProblem
from smsbot.settings import Settings, SettingsProblem

MAIN = {"rdvsp_url": "https://rdv.example.fr/", "rdvsp_client_id": "id", "rdvsp_client_secret": "secret"}
LOIRE = """
[sources.loire]
secret_env = "SMSBOT_LOIRE"
url = "https://loire.example.fr/"
email = "smsbot@loire.fr"
password_env = "SMSBOT_LOIRE_PASSWORD"
patience_seconds = 2.5
sync_minutes = 0
notifies = false
"""


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "smsbot.toml"
    path.write_text(text)
    return Policy.load(path)


def test_without_an_address_nothing_is_connected(tmp_path: Path) -> None:
    alone = policy(tmp_path, '[sources.loire]\nsecret_env = "SMSBOT_LOIRE"')
    assert connections(Settings.exactly(), alone) == {}


def test_each_instance_has_its_own_sign_in_and_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_LOIRE_PASSWORD", "hunter2")
    found = connections(Settings.exactly(**MAIN), policy(tmp_path, LOIRE))
    hour, seconds = timedelta(hours=1), timedelta(seconds=8)
    assert found == {
        "rdvsp": SourceConnection(
            "rdvsp", "https://rdv.example.fr", OAuthApplication("id", "secret"), seconds, hour, notifies=True
        ),
        "loire": SourceConnection(
            "loire",
            "https://loire.example.fr",
            EmailAndPassword("smsbot@loire.fr", "hunter2"),
            timedelta(seconds=2.5),
            None,
            notifies=False,
        ),
    }
    assert "hunter2" not in repr(found["loire"])


def test_what_an_instance_leaves_out_is_as_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_LOIRE_PASSWORD", "hunter2")
    short = "\n".join(line for line in LOIRE.splitlines() if not line.startswith(("patience", "sync", "notifies")))
    settings = Settings.exactly(rdvsp_patience_seconds=3, rdvsp_sync_minutes=5, rdvsp_notifies=False)
    loire = connections(settings, policy(tmp_path, short))["loire"]
    assert (loire.patience, loire.sync_every, loire.notifies) == (timedelta(seconds=3), timedelta(minutes=5), False)


def test_a_secret_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMSBOT_LOIRE_PASSWORD", raising=False)
    with pytest.raises(SettingsProblem, match="SMSBOT_LOIRE_PASSWORD is missing"):
        connections(Settings.exactly(), policy(tmp_path, LOIRE))


@pytest.mark.parametrize(
    ("lines", "line", "sentence"),
    [
        ("url = 'loire.fr'\nclient_id = 'a'\nclient_secret_env = 'SMSBOT_A'", 3, "url should be the base address"),
        ("url = 'https://loire.fr'", 3, "url needs client_id and client_secret_env, or else email and password_env"),
        ("url = 'https://loire.fr'\nclient_id = 'a'", 3, "url needs both client_id and client_secret_env"),
        ("url = 'https://loire.fr'\nemail = 'a@b.fr'", 3, "url needs both email and password_env"),
        ("client_id = 'a'", 3, "client_id belongs to a connected instance"),
        ("notifies = false", 3, "notifies belongs to a connected instance"),
        ("patience_seconds = 0", 3, "patience_seconds should be a number of seconds from 0.1 to 300"),
        ("sync_minutes = 'often'", 3, "sync_minutes should be a number of minutes from 0 to 10080"),
    ],
)
def test_a_half_described_instance_is_told_with_its_line(tmp_path: Path, lines: str, line: int, sentence: str) -> None:
    with pytest.raises(PolicyProblem, match=rf"line {line}: \[sources.loire\] {sentence}"):
        policy(tmp_path, f"[sources.loire]\nsecret_env = 'SMSBOT_LOIRE'\n{lines}\n")
