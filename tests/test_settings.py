"""The settings: where they are read, what is refused, and with which sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from smsbot.cli.common import one_clear_line
from smsbot.policy import UsualSender
from smsbot.rules.quiet_hours import QuietHours
from smsbot.senders import SenderKind, sender_kind
from smsbot.settings import FRANCE_AND_OVERSEAS, PREFIX, ServiceSettings, Settings, SettingsProblem, secret_from
from tests.lines import every_line

COMPLETE = {
    "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
    "SMSBOT_SENDER": "+33937000000",
    "SMSBOT_MAIL_FROM": "rdv@example.fr",
}
TWILIO = {"SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "SMSBOT_TWILIO_AUTH_TOKEN": "token"}

Load = Callable[..., ServiceSettings]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variables and no `.env` except those of the test."""
    monkeypatch.chdir(tmp_path)
    for variable in [f"{PREFIX}{field.upper()}" for field in ServiceSettings.model_fields]:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load complete settings, with Twilio's, but with these variables changed; None leaves one out."""

    def load(**variables: str | None) -> ServiceSettings:
        with monkeypatch.context() as set_for_this:
            for variable, value in {**COMPLETE, **TWILIO, **variables}.items():
                if value is None:
                    set_for_this.delenv(variable, raising=False)
                else:
                    set_for_this.setenv(variable, value)
            return ServiceSettings.load()

    return load


def test_defaults_are_the_contracts(load: Load) -> None:
    settings = load()
    assert settings.database_url == "sqlite:///smsbot.db"
    assert settings.public_url == "http://localhost:8000"
    assert settings.twilio_api_url == "https://api.twilio.com"
    assert settings.smtp_url == "smtp://localhost:1025"
    assert settings.rdvsp_webhook_secret is None
    assert settings.cancellation_notice == timedelta(hours=4)
    assert settings.retention == timedelta(days=90)
    assert settings.conversation_expiry == timedelta(hours=1)
    assert settings.reminder_lead == timedelta(hours=48)
    assert settings.reminders_wait == QuietHours(time(21), time(8))
    assert settings.rate_per_second is None
    assert settings.answered_prefixes == FRANCE_AND_OVERSEAS
    assert settings.neutral_texts_per_day == 1000
    assert (settings.log_level, settings.log_format, settings.config) == ("info", "json", None)


def test_a_command_on_the_database_needs_nothing() -> None:
    assert Settings.load().database_url == "sqlite:///smsbot.db"


def test_the_environment_wins_over_the_file_and_emptiness_is_absence(load: Load) -> None:
    Path(".env").write_text(
        "\ufeffSMSBOT_PUBLIC_URL=https://file.example.fr\nSMSBOT_RETENTION_DAYS=30\nSMSBOT_SMTP_URL=\nOTHER=1\n",
        encoding="utf-8",
    )
    settings = load(SMSBOT_PUBLIC_URL="https://environment.example.fr", SMSBOT_REMINDER_HOURS="")
    assert settings.public_url == "https://environment.example.fr"
    assert settings.retention_days == 30
    assert settings.smtp_url == "smtp://localhost:1025"
    assert settings.reminder_hours == 48


def test_exactly_reads_neither_environment_nor_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_RETENTION_DAYS", "nonsense")
    Path(".env").write_text("SMSBOT_LOG_LEVEL=nonsense", encoding="utf-8")
    settings = Settings.exactly(database_url="sqlite:///other.db")
    assert (settings.database_url, settings.log_level) == ("sqlite:///other.db", "info")
    with pytest.raises(SettingsProblem, match=r"^SMSBOT_SECRET_KEY is missing"):
        ServiceSettings.exactly()


@every_line("variable", COMPLETE)
def test_what_the_service_needs_is_named_when_missing(load: Load, variable: str) -> None:
    with pytest.raises(SettingsProblem) as problem:
        load(**{variable: None})
    line = str(problem.value)
    assert re.fullmatch(rf"{variable} is missing: it should be .+; set it in the environment or in \.env", line)


WRONG = {
    "SMSBOT_DATABASE_URL": [
        "mysql://h/db",
        "smsbot.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:smsbot.db?uri=true",
        "sqlite:///smsbot.db?timeout=5",
        "sqlite://server/smsbot.db",
        "postgresql://h:port/db",
        "//",
    ],
    "SMSBOT_PUBLIC_URL": [
        "rdv.example.fr",
        "ftp://rdv.example.fr",
        "https://",
        "https://a.fr?x=1",
        "https://a.fr/#x",
        "https://user@a.fr",
        "https://a.fr:x",
        "https://a .fr",
        f"https://a.fr/{'a' * 108}",
        f"https://a.fr/{'~' * 54}",
        "https://façade.fr",
        "https://a.fr/`",
    ],
    "SMSBOT_SECRET_KEY": [
        "hunter2",
        "a secret of the tests, 31 bytes",
        " " * 40,
        f"{'x' * 8}{' ' * 40}",
    ],
    "SMSBOT_TWILIO_AUTH_TOKEN": [" "],
    "SMSBOT_RDVSP_WEBHOOK_SECRET": [" ", "\t "],
    "SMSBOT_METRICS_TOKEN": [" "],
    "SMSBOT_TWILIO_ACCOUNT_SID": ["SK00", "AC", "AC/../x"],
    "SMSBOT_SENDER": ["33937000000123", "+33 937 00", "36", "AlphanumericTooLong", "é", "-"],
    "SMSBOT_SENDER_TWO_WAY": ["maybe", "false"],
    "SMSBOT_TWILIO_API_URL": ["api.twilio.com", "https://api.twilio.com?x"],
    "SMSBOT_SMTP_URL": ["localhost:1025", "http://localhost", "smtp://", "smtp://localhost:mail", "smtp://h/path"],
    "SMSBOT_MAIL_FROM": [
        "rdv",
        "rdv@",
        "@example.fr",
        "RDV <>",
        "Mairie, accueil <rdv@example.fr>",
        "a@b.fr\nBcc: c@d.fr",
        "a@b.fr, c@d.fr",
        "RDV <a@b.fr>, Mairie <c@d.fr>",
        "a@b@c.fr",
        f"{'R' * 320} <rdv@example.fr>",
        "rdv@é..fr",
        "rdv@=?utf-8?q?evil.fr?=",
        "=?utf-8?q?rdv?=@example.fr",
        "rdv@-example.fr",
        "rdv@ex_ample.fr",
        '"a b"@c.fr',  # which no e-mail could leave from (messages.email_addresses)
    ],
    "SMSBOT_OIDC_CLIENT_ID": ["smsbot"],  # without SMSBOT_OIDC_ISSUER
    "SMSBOT_OIDC_CLIENT_SECRET": ["secret"],
    "SMSBOT_CANCELLATION_NOTICE_HOURS": ["-1", "four", "nan", "inf"],
    "SMSBOT_REMINDER_HOURS": ["0", "-2"],
    "SMSBOT_QUIET_HOURS": ["night", "8-8", "25-8"],
    "SMSBOT_RATE_PER_SECOND": ["0", "-1", "many", "inf", "1001", "1e-300", "0.0009"],
    "SMSBOT_CONVERSATION_EXPIRY_MINUTES": ["0", "1441"],
    "SMSBOT_RETENTION_DAYS": ["0", "1.5", "9999999999"],
    "SMSBOT_ANSWERED_PREFIXES": ["33", "+33;+590", "France"],
    "SMSBOT_NEUTRAL_TEXTS_PER_DAY": ["-1", "many"],
    "SMSBOT_CONFIG": ["missing.toml", "."],
    "SMSBOT_LOG_LEVEL": ["loud"],
    "SMSBOT_LOG_FORMAT": ["xml"],
}


@every_line(("variable", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_is_wrong_is_told_in_one_line_that_does_not_repeat_it(load: Load, variable: str, value: str) -> None:
    with pytest.raises(SettingsProblem) as problem:
        load(**{variable: value})
    line = str(problem.value)
    assert re.fullmatch(rf"{variable} is wrong: it should be .+; set it in the environment or in \.env", line)
    assert problem.value.__cause__ is None


@every_line("secret", ["SMSBOT_SECRET_KEY", "SMSBOT_DATABASE_URL", "SMSBOT_SMTP_URL"])
def test_a_wrong_secret_is_not_repeated(load: Load, secret: str) -> None:
    with pytest.raises(SettingsProblem) as problem:
        load(**{secret: "hunter2"})
    assert "hunter2" not in str(problem.value)


RIGHT: dict[str, list[str] | list[float]] = {
    "SMSBOT_DATABASE_URL": [
        "sqlite:////var/lib/smsbot.db",
        "postgresql://user:password@host/db",
        "postgresql://user@/db?host=/run/postgresql",
    ],
    "SMSBOT_PUBLIC_URL": [
        "https://rdv.example.fr",
        "http://127.0.0.1:8000",
        "https://example.fr/rdv",
        "http://[::1]:80",
        f"https://a.fr/{'a' * 107}",
    ],
    "SMSBOT_TWILIO_ACCOUNT_SID": ["ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    "SMSBOT_SMTP_URL": ["smtps://user:p%40ss@mail.example.fr", "smtp+starttls://mail.example.fr:587"],
    "SMSBOT_MAIL_FROM": ["rdv@localhost", "Rendez-vous <rdv@example.fr>", '"Mairie, accueil" <rdv@example.fr>'],
    "SMSBOT_CANCELLATION_NOTICE_HOURS": [0.0, 1.5, 24.0],
    "SMSBOT_QUIET_HOURS": ["21-8", "21:30-7:45", "off"],
    "SMSBOT_RATE_PER_SECOND": [0.001, 0.5, 100.0],
    "SMSBOT_SENDER": ["+33937000000", "36105", "RdvSoli", "RDV S.P.", "MGEN"],
}


@every_line(("variable", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_what_is_right_is_taken_as_it_is(load: Load, variable: str, value: str | float) -> None:
    settings = load(**{variable: str(value)})
    assert getattr(settings, variable.removeprefix(PREFIX).lower()) == value


def test_a_trailing_slash_is_taken_off(load: Load) -> None:
    settings = load(SMSBOT_PUBLIC_URL="https://a.fr/rdv/", SMSBOT_TWILIO_API_URL="http://127.0.0.1:9000/")
    assert (settings.public_url, settings.twilio_api_url) == ("https://a.fr/rdv", "http://127.0.0.1:9000")


SERVICE = "MG" + "0" * 32


@every_line(
    ("sender", "two_way", "can_be_answered"),
    [
        ("+33937000000", None, True),
        ("+33937000000", "true", True),
        ("36105", None, True),
        ("RdvSoli", None, False),
        ("RdvSoli", "false", False),
        (SERVICE, "true", True),
        (SERVICE, "false", False),
    ],
)
def test_whether_the_sender_can_be_answered(
    load: Load, sender: str, two_way: str | None, can_be_answered: bool
) -> None:
    settings = load(SMSBOT_SENDER=sender, SMSBOT_SENDER_TWO_WAY=two_way)
    assert settings.sender_can_be_answered is can_be_answered


@every_line(("sender", "two_way"), [(SERVICE, None), ("RdvSoli", "true"), ("36105", "false")])
def test_two_way_has_to_fit_the_sender(load: Load, sender: str, two_way: str | None) -> None:
    with pytest.raises(SettingsProblem, match=r"^SMSBOT_SENDER_TWO_WAY is wrong: it should be true or false if"):
        load(SMSBOT_SENDER=sender, SMSBOT_SENDER_TWO_WAY=two_way)


@every_line(("one", "other"), [tuple(TWILIO), tuple(reversed(TWILIO))])
def test_twilios_credentials_are_left_out_together(load: Load, one: str, other: str) -> None:
    assert load(**dict.fromkeys(TWILIO)).usual_sender == UsualSender("+33937000000", two_way=True, gateways=())
    assert load().usual_sender.gateways == ("twilio",)
    with pytest.raises(
        SettingsProblem, match=r"^SMSBOT_TWILIO_AUTH_TOKEN is (missing|wrong): it should be the account"
    ):
        load(**{one: None})


VONAGE_KEY = {
    "SMSBOT_VONAGE_API_KEY": "abcd1234",
    "SMSBOT_VONAGE_API_SECRET": "secret",
    "SMSBOT_VONAGE_SIGNATURE_SECRET": "secret",
}


def test_each_gateway_with_credentials_is_told_the_usual_one_first(load: Load) -> None:
    assert load(**VONAGE_KEY).usual_sender.gateways == ("twilio", "vonage")
    assert load(**dict.fromkeys(TWILIO), **VONAGE_KEY).usual_sender.gateways == ("vonage",)


RENAMED = {"SMSBOT_TWILIO_SENDER": "SMSBOT_SENDER", "SMSBOT_TWILIO_TWO_WAY": "SMSBOT_SENDER_TWO_WAY"}


@every_line(
    ("old", "variables"),
    [
        ("SMSBOT_TWILIO_SENDER", {"SMSBOT_SENDER": None, "SMSBOT_TWILIO_SENDER": "36105"}),
        ("SMSBOT_TWILIO_SENDER", {"SMSBOT_SENDER": "36105", "SMSBOT_TWILIO_SENDER": "36105"}),
        ("SMSBOT_TWILIO_TWO_WAY", {"SMSBOT_SENDER": "MG" + "0" * 32, "SMSBOT_TWILIO_TWO_WAY": "true"}),
        ("SMSBOT_TWILIO_TWO_WAY", {"SMSBOT_TWILIO_TWO_WAY": "false"}),
    ],
)
def test_who_still_uses_an_old_name_is_told_the_new_one(load: Load, old: str, variables: dict[str, str | None]) -> None:
    with pytest.raises(SettingsProblem) as problem:
        load(**variables)
    assert str(problem.value) == f"{old} is called {RENAMED[old]} now: rename it in the environment or in .env"


def test_the_issuer_alone_is_the_problem_where_it_is_wrong(load: Load) -> None:
    with pytest.raises(SettingsProblem) as problem:
        load(SMSBOT_OIDC_ISSUER="auth.example.fr", SMSBOT_OIDC_CLIENT_ID="smsbot", SMSBOT_OIDC_CLIENT_SECRET="secret")
    assert re.findall(r"SMSBOT_\w+(?= is )", str(problem.value)) == ["SMSBOT_OIDC_ISSUER"]


def test_each_problem_is_told_in_a_line_of_its_own(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), one_clear_line():
        load(SMSBOT_SECRET_KEY=None, SMSBOT_SENDER="?", SMSBOT_RETENTION_DAYS="x")
    said = [re.findall(r"SMSBOT_\w+(?= is )", line) for line in capsys.readouterr().err.splitlines()]
    assert sorted(said) == [["SMSBOT_RETENTION_DAYS"], ["SMSBOT_SECRET_KEY"], ["SMSBOT_SENDER"]]


APPLICATION = {"SMSBOT_RDVSP_CLIENT_ID": "id", "SMSBOT_RDVSP_CLIENT_SECRET": "hunter2"}
ACCOUNT = {"SMSBOT_RDVSP_EMAIL": "agent@example.fr", "SMSBOT_RDVSP_PASSWORD": "hunter2"}
INSTANCE = {"SMSBOT_RDVSP_URL": "https://rdv.example.fr"}


@every_line("values", [{}, INSTANCE | APPLICATION, INSTANCE | ACCOUNT])
def test_a_service_is_on_its_own_or_connected_with_one_way_to_sign_in(load: Load, values: dict[str, str]) -> None:
    settings = load(**values)
    assert settings.rdvsp_url == values.get("SMSBOT_RDVSP_URL")
    assert settings.rdvsp_notifies


@every_line(
    ("values", "named"),
    [
        (INSTANCE, "SMSBOT_RDVSP_CLIENT_ID"),
        (INSTANCE | {"SMSBOT_RDVSP_CLIENT_ID": "id"}, "SMSBOT_RDVSP_CLIENT_SECRET"),
        (INSTANCE | {"SMSBOT_RDVSP_CLIENT_SECRET": "hunter2"} | ACCOUNT, "SMSBOT_RDVSP_CLIENT_SECRET"),
        (INSTANCE | {"SMSBOT_RDVSP_EMAIL": "agent@example.fr"}, "SMSBOT_RDVSP_PASSWORD"),
        (INSTANCE | APPLICATION | ACCOUNT, "SMSBOT_RDVSP_CLIENT_ID"),
        (APPLICATION, "SMSBOT_RDVSP_CLIENT_ID"),
        (ACCOUNT, "SMSBOT_RDVSP_EMAIL"),
        ({"SMSBOT_RDVSP_URL": "rdv.example.fr"} | APPLICATION, "SMSBOT_RDVSP_URL"),
        ({"SMSBOT_RDVSP_URL": "https://a:b@rdv.example.fr"} | APPLICATION, "SMSBOT_RDVSP_URL"),
        ({"SMSBOT_RDVSP_PATIENCE_SECONDS": "0"}, "SMSBOT_RDVSP_PATIENCE_SECONDS"),
        ({"SMSBOT_RDVSP_SYNC_MINUTES": "-1"}, "SMSBOT_RDVSP_SYNC_MINUTES"),
        ({"SMSBOT_RDVSP_NOTIFIES": "perhaps"}, "SMSBOT_RDVSP_NOTIFIES"),
    ],
)
def test_a_half_connected_service_is_refused(load: Load, values: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsProblem, match=rf"^{named} is wrong: it should be ") as problem:
        load(**values)
    assert "hunter2" not in str(problem.value)


def test_proxies_are_addresses_and_networks_with_commas(load: Load) -> None:
    assert load().trusted_proxies == ()
    settings = load(SMSBOT_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8,::1")
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")


@every_line("value", ["*", "proxy.example.fr", "10.0.0.1/8", "127.0.0.1;::1"])
def test_a_proxy_that_has_no_address_is_named(load: Load, value: str) -> None:
    with pytest.raises(SettingsProblem, match="SMSBOT_TRUSTED_PROXIES is wrong: it should be the addresses"):
        load(SMSBOT_TRUSTED_PROXIES=value)


def test_prefixes_are_a_list_with_commas(load: Load) -> None:
    assert load(SMSBOT_ANSWERED_PREFIXES="+33, +590,").answered_prefixes == ("+33", "+590")


def test_the_configuration_here_is_found_without_being_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "smsbot.toml").touch()
    (tmp_path / "other.toml").touch()
    assert load().config == Path("smsbot.toml")
    assert load(SMSBOT_CONFIG="other.toml").config == Path("other.toml")


def test_settings_do_not_show_secrets(load: Load) -> None:
    settings = load(
        SMSBOT_DATABASE_URL="postgresql://user:hunter2@host/db",
        SMSBOT_SMTP_URL="smtp://user:hunter2@host",
        SMSBOT_TWILIO_AUTH_TOKEN="hunter2",
        SMSBOT_RDVSP_WEBHOOK_SECRET="hunter2",
        SMSBOT_METRICS_TOKEN="hunter2",
    )
    assert "hunter2" not in repr(settings) + str(settings)
    assert settings.twilio_auth_token == SecretStr("hunter2")


def test_a_file_in_another_encoding_is_named() -> None:
    Path(".env").write_bytes("SMSBOT_MAIL_FROM=Accueil général <a@b.fr>".encode("latin-1"))
    with pytest.raises(SettingsProblem, match=r"^\.env is not UTF-8 text"):
        Settings.load()


def test_a_secret_named_elsewhere_is_found_in_environment_or_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SMSBOT_ONE=from file\nSMSBOT_TWO=from file\n", encoding="utf-8")
    monkeypatch.setenv("SMSBOT_TWO", "from environment")
    assert secret_from("SMSBOT_ONE") == SecretStr("from file")
    assert secret_from("SMSBOT_TWO") == SecretStr("from environment")
    monkeypatch.setenv("SMSBOT_BLANK", " ")
    for absent in ("SMSBOT_THREE", "SMSBOT_BLANK"):
        with pytest.raises(SettingsProblem, match=rf"^{absent} is missing, though smsbot\.toml names it"):
            secret_from(absent)


def test_the_example_names_every_setting() -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?(SMSBOT_\w+)=", example, re.MULTILINE))
    assert named == {f"{PREFIX}{field.upper()}" for field in ServiceSettings.model_fields} - set(RENAMED)


@every_line(
    ("sender", "kind"),
    [
        ("+33937000000", SenderKind.NUMBER),
        ("38000", SenderKind.SHORT_CODE),
        ("RdvAideNum", SenderKind.ALPHANUMERIC),
        ("3 Suisses", SenderKind.ALPHANUMERIC),
        (SERVICE, SenderKind.MESSAGING_SERVICE),
    ],
)
def test_kinds_of_senders(sender: str, kind: SenderKind) -> None:
    assert sender_kind(sender) is kind
