"""What `smsbot check` finds without the network, and its sentences."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Iterable
from pathlib import Path

import pytest

from smsbot.checks import CheckFinding, Level, installation
from smsbot.checks.installation import look_at_address, look_at_files, look_at_installation, look_at_space
from smsbot.policy import Policy
from smsbot.settings import ServiceSettings
from tests.lines import every_line

SETTINGS = {
    "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
    "SMSBOT_SENDER": "+33937000000",
    "SMSBOT_MAIL_FROM": "rdv@example.fr",
    "SMSBOT_PUBLIC_URL": "https://rdv.example.fr",
    "SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "SMSBOT_TWILIO_AUTH_TOKEN": "token",
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in a folder of its own, without variables of this machine."""
    for name in [name for name in os.environ if name.startswith("SMSBOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def bad(findings: Iterable[CheckFinding]) -> list[str]:
    return [f"{each.level} {each.subject}: {each.sentence}" for each in findings if each.level is not Level.WELL]


def found(monkeypatch: pytest.MonkeyPatch, toml: str = "", **variables: str) -> list[str]:
    for name, value in (SETTINGS | variables).items():
        monkeypatch.setenv(name, value)
    Path("smsbot.toml").write_text(toml, encoding="utf-8")
    settings = ServiceSettings.load()
    return bad(look_at_installation(settings, Policy.load(settings.config, settings.usual_sender), None))


def test_a_right_installation_has_nothing_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    toml = """
        [channels."RdvSoli"]
        messages_per_second = 5
        [channels."36123"]
        stop_handled_by = "gateway"
        [organisations.12]
        sender = "RdvSoli"
        [sources.lyon]
        secret_env = "SMSBOT_LYON_SECRET"
    """
    assert found(monkeypatch, toml, SMSBOT_LYON_SECRET="s", SMSBOT_RDVSP_WEBHOOK_SECRET="s") == []


def test_an_unknown_name_is_told_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("smsbot_retention_day=30\nOTHER=1\n", encoding="utf-8")
    Path(".env").chmod(0o600)
    [line] = found(monkeypatch)
    assert line == (
        'warning settings: SMSBOT_RETENTION_DAY is not known and changes nothing; did you mean "SMSBOT_RETENTION_DAYS"?'
    )


@pytest.mark.parametrize("sender", ["+33612345678", "+33712345678"])
def test_a_personal_mobile_number_is_no_sender(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    [line] = found(monkeypatch, SMSBOT_SENDER=sender)
    assert line.startswith(f"warning sender: {sender} is a personal mobile number")
    [line] = found(monkeypatch, f'[organisations.12]\nsender = "{sender}"\n')
    assert sender in line


def test_a_channel_that_nothing_uses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = found(monkeypatch, '[channels."RdvSoli"]\nmessages_per_second = 5\n')
    assert line.startswith('warning smsbot.toml: nothing leaves from RdvSoli, though [channels."RdvSoli"]')


def test_an_id_that_rdv_service_public_cannot_have_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    toml = '[organisations."mairie-12"]\nlabel = "RDV"\n'
    assert found(monkeypatch, toml) == []  # when smsbot runs on its own, ids may be any text
    [line] = found(monkeypatch, toml, SMSBOT_RDVSP_WEBHOOK_SECRET="s")
    assert line == (
        "warning smsbot.toml: organisations 'mairie-12' of rdvsp does not exist: write the whole number that RDV "
        "Service Public uses for it"
    )


@every_line(
    ("url", "told"),
    [
        ("https://rdv.example.fr", None),
        ("https://sub.mairie.gouv.fr/sms", None),
        ("http://localhost:8000", "no telephone reaches"),
        ("https://localhost", "no telephone reaches"),
        ("http://127.0.0.1:8000", "no telephone reaches"),
        ("https://192.168.1.12", "no telephone reaches"),
        ("http://smsbot:8000", "no telephone reaches"),
        ("https://rdv.internal", "no telephone reaches"),
        ("http://rdv.example.fr", "is not encrypted"),
    ],
)
def test_the_public_address(url: str, told: str | None) -> None:
    lines = bad(look_at_address(url))
    assert (told is None and lines == []) or (told is not None and told in lines[0] and "SMSBOT_PUBLIC_URL" in lines[0])


def test_a_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    mine, open_to_all = tmp_path / "mine", tmp_path / "open"
    for file, mode in ((mine, 0o600), (open_to_all, 0o644)):
        file.touch()
        file.chmod(mode)
    assert bad(look_at_files([mine, open_to_all, tmp_path / "none"])) == [
        f"warning files: other accounts of this machine can read {open_to_all}: run chmod 600 {open_to_all}"
    ]


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ("total", "used", "free"))
    for megabytes, level in ((50, Level.WRONG), (500, Level.WARNING), (5000, Level.WELL)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=megabytes: usage(0, 0, free * 1_000_000))
        assert [each.level for each in look_at_space(tmp_path / "smsbot.db")] == [level]
    [finding] = look_at_space(tmp_path / "none" / "smsbot.db")
    assert finding.level is Level.WRONG


def test_time_zones_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "ZONES", ("Europe/Paris", "Europe/Atlantis"))
    assert bad(installation.look_at_zones()) == [
        "wrong time zones: the machine does not know Europe/Atlantis: install the package tzdata"
    ]
