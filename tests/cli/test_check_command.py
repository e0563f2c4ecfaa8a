"""`smsbot check` on a complete installation, with stand-ins for the systems around it."""

from __future__ import annotations

from collections.abc import Callable

from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from tests.walks.conftest import make_service as make_service
from tests.walks.conftest import smtp as smtp
from tests.walks.conftest import twilio as twilio
from tests.walks.running import OUR_NUMBER, Service

MakeService = Callable[..., Service]


def told(service: Service, *options: str, **settings: str) -> tuple[int, dict[str, str]]:
    """The exit status, and the last finding of each subject with its level."""
    done = service.run("check", *options, **settings)
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return done.returncode, {rest.partition(": ")[0]: f"{level} {rest.partition(': ')[2]}" for level, rest in lines}


def test_a_running_installation_is_well_and_each_fault_is_named(
    make_service: MakeService, twilio: TwilioStandIn, smtp: SmtpStandIn
) -> None:
    service = make_service().start()
    webhook = f"{service.url}/webhooks/twilio/sms"
    twilio.numbers[OUR_NUMBER] = {"sms_url": f"{webhook}#rc=2"}

    status, found = told(service, "--mail-to", "ops@example.fr")
    assert (status, [each for each in found.values() if each.startswith("wrong")]) == (0, [])
    assert found["webhook"] == f"ok {webhook} accepts the signature of Twilio"
    assert found["Twilio"] == "ok the credentials are right, and the account is active"
    assert found["sender"] == f"ok {OUR_NUMBER} belongs to the account and posts here"
    assert found["database"].endswith("with the schema of this version")
    [mail] = smtp.messages
    assert mail.recipients == ("ops@example.fr",)
    assert twilio.messages == []

    status, found = told(service, SMSBOT_TWILIO_AUTH_TOKEN="another")
    assert status == 1
    assert found["webhook"].startswith(f"wrong {webhook} refuses a right signature")
    assert found["Twilio"].startswith("wrong the credentials are refused (HTTP 401)")

    twilio.numbers[OUR_NUMBER] = {"sms_url": "https://old.example.fr/sms"}
    status, found = told(service, SMSBOT_SMTP_URL="smtp://127.0.0.1:9")
    assert status == 1
    assert found["sender"] == (
        f"wrong {OUR_NUMBER} posts to https://old.example.fr/sms: set its messaging webhook at Twilio to {webhook}"
    )
    assert found["mail"].startswith("wrong 127.0.0.1 port 9: The mail server cannot be reached")

    del twilio.numbers[OUR_NUMBER]
    status, found = told(service, SMSBOT_PUBLIC_URL=f"{service.url}/elsewhere")
    assert status == 1
    assert found["sender"].startswith(f"wrong {OUR_NUMBER} does not belong to this account")
    assert "answers HTTP 404 and is not smsbot" in found["public address"]


def test_before_the_first_start_it_makes_nothing(make_service: MakeService) -> None:
    service = make_service(database_url="sqlite:///smsbot.db")
    status, found = told(service, "--offline")
    assert status == 0
    assert found["database"] == f"ok there is none yet at {service.folder / 'smsbot.db'}: smsbot serve creates it"
    assert list(service.folder.glob("smsbot.db*")) == []


def test_wrong_settings_are_named_one_by_one(make_service: MakeService) -> None:
    service = make_service(database_url="sqlite:///smsbot.db")
    done = service.run("check", SMSBOT_SENDER="?", SMSBOT_RETENTION_DAYS="x", SMSBOT_SENDR="y")
    assert done.returncode == 1
    levels = [line.split()[0] for line in done.stdout.splitlines()]
    assert (levels.count("wrong"), levels.count("warning")) == (2, 1)
    assert done.stderr.startswith("2 would fail: ")
    (service.folder / "smsbot.toml").write_text('[organisations.12]\nlabbel = "x"\n', encoding="utf-8")
    done = service.run("check", "--offline")
    assert done.returncode == 1
    assert 'smsbot.toml: smsbot.toml, line 2: [organisations.12] labbel is not known here; did you mean "label"?' in (
        done.stdout
    )
