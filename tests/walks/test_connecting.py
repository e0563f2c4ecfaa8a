"""An operator connects RDV Service Public: the real processes and commands, beside its stand-in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import httpx
import pytest

from smsbot.connected import rereading
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.web import health
from tests import forked
from tests.walks.running import WEBHOOK_SECRET, Service


@pytest.fixture
def rdvsp() -> Iterator[RdvspStandIn]:
    with RdvspStandIn() as source:
        yield source


@pytest.fixture
def connected(make_service: Callable[..., Service], rdvsp: RdvspStandIn) -> Service:
    """A connected service that is not started yet."""
    settings = {
        "SMSBOT_RDVSP_URL": rdvsp.url,
        "SMSBOT_RDVSP_CLIENT_ID": rdvsp.tokens.client_id,
        "SMSBOT_RDVSP_CLIENT_SECRET": rdvsp.tokens.client_secret,
        "SMSBOT_METRICS_TOKEN": "metrics",
    }
    service = make_service(settings=settings)
    rdvsp.tokens.redirect_uri = f"{service.url}/rdvsp/callback"
    return service


def watchful() -> None:
    """Let the service look often for what other processes have written, and again for each answer of /health/ready."""
    patch.object(rereading, "EVERY", timedelta(seconds=0.1)).start()
    patch.object(health, "GOOD_FOR_SECONDS", 0.0).start()


def ready(service: Service) -> dict[str, str]:
    """What /health/ready says of the sources."""
    answer = httpx.get(f"{service.url}/health/ready")
    assert answer.status_code == 200
    sources: dict[str, str] = answer.json()["sources"]
    return sources


def read_again(rdvsp: RdvspStandIn) -> set[str]:
    """The appointments that the service has read by their ids."""
    return {each for call in rdvsp.calls_of("rdvs") for each in call.query.get("id", "").split(",")}


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


_LOGINS = itertools.count()


class Login:
    """A running `smsbot rdvsp login`, which waits for the agent."""

    def __init__(self, service: Service, *options: str) -> None:
        number = next(_LOGINS)
        self._output = service.folder / f"login-{number}.output"
        self._errors = service.folder / f"login-{number}.errors"
        arguments = ("rdvsp", "login", *options)
        self._process = forked.start(arguments, service.environment, service.folder, self._output, self._errors)

    @property
    def lines(self) -> list[str]:
        return self._output.read_text(encoding="utf-8").splitlines() if self._output.exists() else []

    def address(self) -> str:
        wait_until(lambda: bool(self.lines))
        return self.lines[0]

    def ends(self) -> tuple[int | None, list[str], str]:
        self._process.join(30)
        return self._process.exitcode, self.lines[1:], self._errors.read_text(encoding="utf-8")


def consent(login: Login) -> httpx.Response:
    """The agent opens the address and decides. Returns the page to which the browser then comes at the service."""
    return httpx.get(login.address(), follow_redirects=True)


def signed_in(service: Service) -> None:
    login = Login(service)
    assert consent(login).status_code == 200
    assert login.ends()[0] == 0


def test_from_nothing_to_connected(connected: Service, rdvsp: RdvspStandIn) -> None:
    service, agenda = connected, rdvsp.agenda
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for n in range(150):
        agenda.add(starts_at=tomorrow + timedelta(minutes=10 * n), agents=(1, 2) if n % 5 == 0 else (1,), quietly=True)
    service.start()
    assert ready(service) == {"rdvsp": "not signed in"}
    assert '"connected: RDV Service Public is the source of truth' in service.log

    before = service.run("rdvsp", "status")
    assert before.returncode == 1
    assert "not signed in" in before.stdout
    assert before.stderr == "Nobody is signed in to rdvsp: run smsbot rdvsp login --source rdvsp.\n"

    login = Login(service)
    page = consent(login)
    assert page.status_code == 200
    assert "Connexion à RDV Service Public réussie" in page.text
    assert login.ends() == (0, [f"Signed in to {rdvsp.url} as SMS de l'usager <sms@example.fr>."], "")

    rdvsp.hold_webhooks()
    setup = service.run("rdvsp", "setup")
    assert setup.returncode == 0, setup.stderr
    told = setup.stdout.splitlines()
    assert told[0] == f"Signed in to {rdvsp.url} as SMS de l'usager <sms@example.fr>."
    assert told[1].startswith("CCAS de Lyon (12): its webhook is registered")
    assert told[2].startswith("150 coming appointments read from rdvsp: ")
    assert "100%" in setup.stderr
    (endpoint,) = rdvsp.webhooks.endpoints
    assert (endpoint.target_url, endpoint.secret) == (f"{service.url}/webhooks/rdvsp", WEBHOOK_SECRET)
    rdvsp.release_webhooks()  # they have all records once more, as `created`
    assert {posted.status for posted in rdvsp.posted()} == {200}

    again = service.run("rdvsp", "setup")
    assert "its webhook is there, nothing is changed" in again.stdout
    assert len(rdvsp.webhooks.endpoints) == 1

    service.stop()  # so that appointments missing from the lists are not read again before the sync ends
    gone, moved, gone_later = 2, 4, 6
    agenda.destroy(gone, quietly=True)
    rdvsp.webhooks.endpoints.clear()
    agenda.move(moved, tomorrow + timedelta(days=30))
    sync = service.run("rdvsp", "sync")
    assert sync.returncode == 0, sync.stderr
    assert "149 coming appointments read from rdvsp: 0 new, 1 changed, 148 unchanged" in sync.stdout
    service.start(before=watchful)
    wait_until(lambda: str(gone) in read_again(rdvsp))
    agenda.destroy(gone_later, quietly=True)
    sync = service.run("rdvsp", "sync")
    assert sync.returncode == 0, sync.stderr
    # With SQLite the service does not hear of another process's commits, and looks from time to time.
    wait_until(lambda: str(gone_later) in read_again(rdvsp))

    status = service.run("rdvsp", "status")
    assert status.returncode == 0, status.stderr
    assert "signed in by OAuth as SMS de l'usager <sms@example.fr>" in status.stdout
    assert "never" not in status.stdout
    metrics = httpx.get(f"{service.url}/metrics", headers={"Authorization": "Bearer metrics"}).text
    assert 'smsbot_source_signed_in{source="rdvsp"} 1.0' in metrics
    assert 'smsbot_source_refused{source="rdvsp"} 0.0' in metrics
    assert service.twilio.messages == []


def test_an_usager_cancels_there_before_they_hear_that_it_is_so(connected: Service, rdvsp: RdvspStandIn) -> None:
    service, agenda = connected, rdvsp.agenda
    service.start()
    signed_in(service)
    assert service.run("rdvsp", "setup").returncode == 0
    rdv_id = agenda.add(
        starts_at=datetime.now(UTC) + timedelta(days=2), created_at=datetime.now(UTC) - timedelta(days=9)
    )
    rdvsp.settle()
    told = service.talk("ANNULER", "DUP", "OUI")
    assert "annulé" in told[-1]
    assert agenda.rdv(rdv_id).status == "excused"
    assert [call.status for call in rdvsp.calls_of("participations")] == [200]
    rdvsp.settle()
    assert len(service.twilio.messages) == 3  # the webhook about our own change notifies nobody
    assert [each.about for each in agenda.sent if each.about == "cancelled"] == ["cancelled"] * 2


def test_what_goes_wrong_is_one_line(connected: Service, rdvsp: RdvspStandIn) -> None:
    service = connected
    service.start(before=watchful)
    rdvsp.consents = False
    login = Login(service)
    assert consent(login).status_code == 400
    status, lines, errors = login.ends()
    assert (status, lines) == (1, [])
    assert len(errors.splitlines()) == 1
    assert "consent was refused" in errors

    for command in ("setup", "sync"):
        failed = service.run("rdvsp", command)
        assert failed.returncode == 1
        assert len(failed.stderr.splitlines()) == 1
        assert "smsbot rdvsp login" in failed.stderr
    elsewhere = service.run("rdvsp", "status", "--source", "loire")
    assert (elsewhere.returncode, elsewhere.stderr) == (
        1,
        "The source loire is not connected: --source is one of rdvsp.\n",
    )

    rdvsp.consents = True
    signed_in(service)
    rdvsp.is_territorial_admin = False
    setup = service.run("rdvsp", "setup")
    assert setup.returncode == 1
    assert "territorial administrator" in setup.stdout
    assert len(setup.stderr.splitlines()[-1:]) == 1

    rdvsp.fail(StandInFault(403, {"errors": [{"base": "forbidden"}]}), times=20, on="rdvs")
    assert service.run("rdvsp", "sync").returncode == 1
    refused = service.run("rdvsp", "status")
    assert refused.returncode == 1
    assert "refused with 403" in refused.stderr
    wait_until(lambda: ready(service) == {"rdvsp": "refused"})


def test_a_password_needs_no_browser(make_service: Callable[..., Service]) -> None:
    with RdvspStandIn(password="hunter2") as rdvsp:
        settings = {
            "SMSBOT_RDVSP_URL": rdvsp.url,
            "SMSBOT_RDVSP_EMAIL": "sms@example.fr",
            "SMSBOT_RDVSP_PASSWORD": "hunter2",
        }
        service = make_service(settings=settings).start()
        login = service.run("rdvsp", "login")
        assert login.stdout == (
            f"Signed in to {rdvsp.url} as SMS de l'usager <sms@example.fr>, with the e-mail address and password.\n"
        )
        assert service.run("rdvsp", "status").returncode == 0
        assert len(rdvsp.calls_of("sign_in")) == 1  # the command and the service share the tokens
        assert "hunter2" not in service.log


LOIRE = """
[sources.loire]
secret_env = "SMSBOT_LOIRE_WEBHOOK"
url = "{url}"
client_id = "smsbot-stand-in"
client_secret_env = "SMSBOT_LOIRE_SECRET"
"""


def test_two_instances_and_a_host_that_changes(make_service: Callable[..., Service], rdvsp: RdvspStandIn) -> None:
    with RdvspStandIn() as loire:
        service = make_service(
            settings={
                "SMSBOT_RDVSP_URL": rdvsp.url,
                "SMSBOT_RDVSP_CLIENT_ID": rdvsp.tokens.client_id,
                "SMSBOT_RDVSP_CLIENT_SECRET": rdvsp.tokens.client_secret,
                "SMSBOT_LOIRE_WEBHOOK": "of-the-loire",
                "SMSBOT_LOIRE_SECRET": loire.tokens.client_secret,
            },
            toml=LOIRE.format(url=loire.url),
        )
        service.start()
        for name in ("rdvsp", "loire"):
            login = Login(service, "--source", name)
            assert consent(login).status_code == 200
            assert login.ends()[0] == 0
        for source in (rdvsp, loire):
            source.agenda.add(starts_at=datetime.now(UTC) + timedelta(days=2), quietly=True)  # both have the number 2
        setup = service.run("rdvsp", "setup")
        assert setup.returncode == 0, setup.stderr
        assert [each.target_url for each in rdvsp.webhooks.endpoints] == [f"{service.url}/webhooks/rdvsp"]
        assert [(each.target_url, each.secret) for each in loire.webhooks.endpoints] == [
            (f"{service.url}/webhooks/rdvsp/loire", "of-the-loire")
        ]
        loire.settle()
        assert {posted.status for posted in loire.posted()} == {200}
        service.stop()

        with RdvspStandIn() as elsewhere:  # the same instance under another address
            elsewhere.tokens, elsewhere.agenda = loire.tokens, loire.agenda
            (service.folder / "smsbot.toml").write_text(LOIRE.format(url=elsewhere.url), encoding="utf-8")
            sync = service.run("rdvsp", "sync", "--source", "loire")
            assert "1 coming appointments read from loire: 0 new, 0 changed, 1 unchanged" in sync.stdout, sync.stderr
            service.toml = LOIRE.format(url=elsewhere.url)
            service.start()
            assert ready(service) == {"rdvsp": "well", "loire": "well"}

        wrong = LOIRE.format(url=loire.url).replace("SMSBOT_LOIRE_SECRET", "SMSBOT_NOT_SET")
        (service.folder / "smsbot.toml").write_text(wrong, encoding="utf-8")
        failed = service.run("rdvsp", "status")
        assert (failed.returncode, len(failed.stderr.splitlines())) == (1, 1)
        assert "SMSBOT_NOT_SET is missing" in failed.stderr
