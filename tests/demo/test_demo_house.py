"""The demo and the sandbox: the sandbox's API, the page's panels, the frames, and what can be done there."""

from __future__ import annotations

import os
import pty
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import structlog

from smsbot.demo.panels import STRANGER
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.town.townspeople import CAMILLE, JEAN, LEA, OSCAR, SOPHIE
from smsbot.demo.trail import Trail
from tests import forked
from tools.demo_house import NOW, open_house

SECONDS = 20.0
Json = dict[str, Any]
T = TypeVar("T")


def _once(look: Callable[[], T]) -> T:
    """Look again and again until something is found, and return it."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


class Visitor:
    """Somebody who uses the demo. Each call must succeed, unless the test says otherwise."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=SECONDS)

    def get(self, path: str, **asked: str) -> Any:
        answer = self.http.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **document: object) -> Json:
        answer = self.http.post(path, json=document)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    def writes(self, number: str | None, text: str) -> str:
        """Write an SMS, and return the answer once it is on the telephone."""
        assert number is not None
        before = len(self.received(number))
        assert self.post("/sandbox/sms", **{"from": number, "text": text}) == {"webhook_status": 200}
        return _once(lambda: self.received(number)[before:])[0]

    def received(self, number: str) -> list[str]:
        return [one["text"] for one in self.get("/sandbox/sms", number=number, direction="out")["messages"]]

    def panels(self, number: str | None = None) -> Json:
        return dict(self.get("/demo/panneaux", telephone=number or ""))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_house(tmp_path_factory.mktemp("house")) as url:
        yield url


@pytest.fixture(scope="module")
def guest(url: str) -> Iterator[Visitor]:
    """A visitor of the demo in the state in which it is."""
    guest = Visitor(url)
    yield guest
    guest.http.close()


@pytest.fixture
def visitor(guest: Visitor) -> Visitor:
    """A visitor of the demo, which starts again for this test."""
    guest.post("/demo/recommencer")
    return guest


def test_an_usager_cancels_and_all_of_it_is_seen(visitor: Visitor) -> None:
    asked = visitor.writes(SOPHIE.phone, "ANNULER")
    assert "3 premières lettres" in asked
    assert 'data-envoie="DUP"' in visitor.panels(SOPHIE.phone)["propositions"]
    assert "OUI ou NON" in visitor.writes(SOPHIE.phone, "DUP")
    assert 'data-envoie="OUI"' in visitor.panels(SOPHIE.phone)["propositions"]
    assert "C'est annulé" in visitor.writes(SOPHIE.phone, "oui svp")

    reminder, receipt = _once(lambda: _two(visitor.get("/sandbox/emails", to=SOPHIE.email or "")["emails"]))
    assert "Rappel" in reminder["subject"]
    assert "annulé" in receipt["subject"]
    assert "METHOD:CANCEL" in receipt["calendar"]
    shown = visitor.http.get(f"/demo/courrier/{receipt['id']}")
    assert "C’est annulé" in shown.text
    assert "sandbox" in shown.headers["Content-Security-Policy"]

    panels = _once(lambda: _if(visitor.panels(SOPHIE.phone), "e-mail au serveur", "dessous"))
    assert "0,07\N{NO-BREAK SPACE}€" in panels["fil"]
    for words in ("Un SMS arrive, signé", "on demande les trois lettres", "c’est un oui", "Un SMS lui est remis"):
        assert words in panels["dessous"]
    assert _once(lambda: _asked_again(visitor) == 204), "nothing is sent again where nothing has changed"


def _asked_again(visitor: Visitor) -> int:
    """The status of the answer to a browser that has the present state of the panels."""
    asked = {"telephone": SOPHIE.phone or "", "depuis": visitor.panels(SOPHIE.phone)["version"]}
    return visitor.http.get("/demo/panneaux", params=asked).status_code


def _if(panels: Json, words: str, name: str) -> Json:
    return panels if words in panels[name] else {}


def _two(emails: list[Json]) -> list[Json]:
    return emails if len(emails) == 2 else []


def test_the_history_is_on_telephones_and_in_the_mailbox(guest: Visitor) -> None:
    told = guest.get("/sandbox/sms", number=CAMILLE.phone or "")["messages"]
    assert [one["direction"] for one in told][:2] == ["in", "out"]
    assert any("parking" in one["text"] for one in told)
    assert guest.get("/sandbox/emails", to="karim.benali@example.org")["emails"]


def test_time_is_set_forward(visitor: Visitor) -> None:
    """After the four-hour rule it is too late, a reminder becomes due, and the agent stays signed in."""
    assert "règle" not in visitor.writes(SOPHIE.phone, "ANNULER")
    began = datetime.fromisoformat(visitor.get("/sandbox")["now"])
    assert timedelta(0) <= began - NOW < timedelta(minutes=10)
    moved = visitor.post("/sandbox/clock", forward_seconds=3600)
    assert datetime.fromisoformat(moved["now"]) - began >= timedelta(hours=1)
    assert re.search("trop tard|4 h", visitor.writes(SOPHIE.phone, "ANNULER"))
    assert visitor.received(OSCAR.phone or "") == []
    visitor.post("/sandbox/clock", forward_seconds=5 * 24 * 3600)
    [reminder] = _once(lambda: visitor.received(OSCAR.phone or ""))
    assert "Rappel" in reminder
    console = visitor.http.get("/demo/agents", params={"vers": "/agents/rdv"}, follow_redirects=True)
    assert "Rendez-vous à venir" in console.text


def test_the_pages_of_the_service_may_be_framed_by_this_page_alone(guest: Visitor) -> None:
    [path] = re.findall(r'href="(/r/[^"]+)"', guest.panels(SOPHIE.phone)["lien"])
    for address in (path, "/agents/connexion"):
        page = guest.http.get(address)  # by this clock, the appointment may be over
        assert "<h1>" in page.text
        assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    policy = guest.http.get("/demo").headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_gateway_fails_as_it_is_told(visitor: Visitor) -> None:
    visitor.post("/sandbox/troubles", gateway="refuses")
    visitor.post("/sandbox/sms", **{"from": LEA.phone, "text": "Bonjour, où est-ce ?"})
    _once(lambda: _if(visitor.panels(LEA.phone), "Refusé pour de bon (21211)", "dessous"))
    assert visitor.post("/sandbox/troubles", gateway="doubt")["gateway"] == "doubt"
    before = len(visitor.received(SOPHIE.phone or ""))
    visitor.post("/sandbox/sms", **{"from": SOPHIE.phone, "text": "ANNULER"})
    _once(lambda: _if(visitor.panels(SOPHIE.phone), "Dans le doute", "dessous"))
    assert len(visitor.received(SOPHIE.phone or "")) == before + 1  # the gateway took it, although it gave no answer
    assert visitor.post("/sandbox/troubles", gateway="none")["gateway"] == "none"


def test_an_appointment_comes_from_rdv_service_public(guest: Visitor) -> None:
    made = {"first_name": "Awa", "last_name": "Diallo", "phone": "+33639981277"}
    now = datetime.fromisoformat(guest.get("/sandbox")["now"])
    guest.post("/sandbox/appointments", **made, starts_at=(now + timedelta(days=3)).isoformat())
    assert "Awa Diallo" in guest.panels()["choix"]
    _once(lambda: guest.received(made["phone"]))  # first she is told of the new appointment
    assert "3 premières lettres" in guest.writes(made["phone"], "ANNULER")


def test_somebody_whom_nobody_knows_hears_so_once(guest: Visitor) -> None:
    panels = guest.panels(STRANGER)
    assert "Un numéro inconnu" in panels["choix"]
    assert "pas de rendez-vous" in panels["lien"]
    assert "lannuaire.service-public.fr" in guest.writes(STRANGER, "ANNULER")


def test_what_is_not_understood_is_refused_in_one_sentence(guest: Visitor) -> None:
    for path, document in (
        ("/sandbox/sms", {"from": "06", "text": "ANNULER"}),
        ("/sandbox/sms", {"from": JEAN.phone}),
        ("/sandbox/clock", {"forward_seconds": -1}),
        ("/sandbox/troubles", {"gateway": "sleeps"}),
        ("/sandbox/troubles", {"post": "none"}),
    ):
        assert guest.http.post(path, json=document).status_code == 422
    # A page of another site can only post content types that need no preflight (Fetch, CORS-safelisted request-header).
    assert guest.http.post("/sandbox/clock", data={"forward_seconds": "60"}).status_code == 415
    assert guest.http.get("/demo/courrier/999").status_code == 404


def test_a_clock_stands_still_until_it_runs() -> None:
    clock = SettableClock(NOW)
    assert clock() == clock() == NOW
    clock.now += timedelta(hours=1)
    assert clock() == NOW + timedelta(hours=1)
    clock.run()
    first = clock()
    clock.now += timedelta(days=1)
    assert clock() >= first + timedelta(days=1)
    assert clock().utcoffset() == timedelta(0)


def test_following_the_log_leaves_it_as_it_was() -> None:
    written: list[dict[str, object]] = []

    def keep(_logger: object, _method: str, event: Any) -> Any:
        written.append(dict(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        trail, logger = Trail(SettableClock(NOW)), structlog.get_logger()
        with trail.following_the_log("warning"):
            logger.debug("sent", gateway="twilio")
            logger.info("what nobody is told")
            logger.warning("refused for good", code="21211")
        logger.info("afterwards")
        assert [line.what for line in trail.lines] == ["refused for good", "sent"]
        assert [event["event"] for event in written] == ["refused for good", "afterwards"]
    finally:
        structlog.configure(**before)


def test_in_a_terminal_it_says_where_its_page_is_and_plays_on(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    output = tmp_path / "output"
    process = forked.start(["demo"], os.environ, tmp_path, output, terminal=Path(os.ttyname(theirs)))
    try:
        [url] = _once(lambda: re.findall(r"http://127\.0\.0\.1:\d+/demo\n", _said(output)))
        assert "la démonstration" in httpx.get(url.strip(), timeout=SECONDS).text
        for text, answer in (("ANNULER", "3 premières lettres"), ("DUP", "OUI ou NON"), ("OUI", "E-mail à sophie")):
            os.write(ours, f"{text}\n".encode())
            _once(partial(_is_said, output, answer))
        os.write(ours, b"/quitter\n")
        process.join(SECONDS)
        assert process.exitcode == 0
    finally:
        process.kill()
        os.close(theirs)
        os.close(ours)


def _said(output: Path) -> str:
    return output.read_text(encoding="utf-8") if output.exists() else ""


def _is_said(output: Path, words: str) -> bool:
    return words in _said(output)
