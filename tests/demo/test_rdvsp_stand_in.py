"""The stand-in for RDV Service Public, as clients and receivers of webhooks see it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn

BACK = "https://smsbot.example.fr/rdvsp/callback"
SECRET = "shared"


class Receiver:
    """Takes webhooks and keeps them. It answers the given statuses in turn, and then 200."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                assert self.headers["X-Lapin-Signature"] == signature
                receiver.taken.append((self.path, json.loads(body)))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/rdvsp"

    def statuses(self) -> list[tuple[str, list[str]]]:
        """The statuses in each webhook: of the appointment, and of its participations."""
        data = [payload["data"] for _, payload in self.taken]
        return [(rdv["status"], [part["status"] for part in rdv["participations"]]) for rdv in data]


@pytest.fixture
def source() -> Iterator[RdvspStandIn]:
    with RdvspStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def consent(source: RdvspStandIn, **other: str) -> dict[str, str]:
    """Consent as an agent, and return the parameters with which the browser comes back."""
    wanted = {"client_id": source.tokens.client_id, "redirect_uri": BACK, "response_type": "code", "scope": "write"}
    answer = httpx.get(f"{source.url}/oauth/authorize", params={**wanted, "state": "xyz", **other})
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert location.startswith(BACK)
    return dict(parse_qsl(urlsplit(location).query))


def tokens(source: RdvspStandIn, **form: str) -> httpx.Response:
    client = {"client_id": source.tokens.client_id, "client_secret": source.tokens.client_secret}
    return httpx.post(f"{source.url}/oauth/token", data={**client, **form})


def signed_in(source: RdvspStandIn) -> dict[str, Any]:
    code = consent(source)["code"]
    answer = tokens(source, grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def client(source: RdvspStandIn) -> httpx.Client:
    bearer = {"Authorization": f"Bearer {signed_in(source)['access_token']}"}
    return httpx.Client(base_url=f"{source.url}/api/v1", headers=bearer)


def me(source: RdvspStandIn, access_token: str) -> int:
    return httpx.get(f"{source.url}/api/v1/agents/me", headers={"Authorization": f"Bearer {access_token}"}).status_code


def test_a_code_is_good_once(source: RdvspStandIn) -> None:
    code = consent(source)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    first = tokens(source, **form).json()
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] == 7200
    again = tokens(source, **form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_refused_consent_comes_back_as_an_error(source: RdvspStandIn) -> None:
    source.consents = False
    assert consent(source)["error"] == "access_denied"


def test_an_unknown_client_gets_a_page_and_no_redirection(source: RdvspStandIn) -> None:
    answer = httpx.get(f"{source.url}/oauth/authorize", params={"client_id": "other", "redirect_uri": BACK})
    assert answer.status_code == 401


def test_a_wrong_secret_is_refused_by_basic_and_by_parameters(source: RdvspStandIn) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": signed_in(source)["refresh_token"]}
    basic = httpx.post(f"{source.url}/oauth/token", data=form, auth=(source.tokens.client_id, "wrong"))
    assert (basic.status_code, basic.json()["error"]) == (401, "invalid_client")
    assert tokens(source, **form, client_secret="wrong").status_code == 401
    right = httpx.post(f"{source.url}/oauth/token", data=form, auth=(source.tokens.client_id, "stand-in"))
    assert right.status_code == 200


def test_the_former_refresh_token_is_good_until_the_new_access_token_is_used(source: RdvspStandIn) -> None:
    first = signed_in(source)
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = tokens(source, **renewal).json()
    assert me(source, first["access_token"]) == 200
    third = tokens(source, **renewal).json()  # the answer with the second tokens was lost
    assert me(source, third["access_token"]) == 200
    assert me(source, first["access_token"]) == 401
    assert tokens(source, **renewal).status_code == 400
    assert tokens(source, grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 200


def test_access_tokens_end(source: RdvspStandIn) -> None:
    source.tokens.token_seconds = 0
    assert me(source, signed_in(source)["access_token"]) == 401


def test_a_password_signs_in_where_it_is_allowed_and_ends_the_former_sign_in() -> None:
    with RdvspStandIn(password="hunter2") as source:
        url = f"{source.url}/api/v1"
        form = {"email": "sms@example.fr", "password": "hunter2"}
        first, second = (httpx.post(f"{url}/auth/sign_in", json=form) for _ in range(2))
        names = ("access-token", "client", "uid")
        calls = [
            httpx.get(f"{url}/agents/me", headers={name: each.headers[name] for name in names}).status_code
            for each in (first, second)
        ]
        assert calls == [401, 200]
        assert httpx.post(f"{url}/auth/sign_in", json=form | {"password": "wrong"}).status_code == 401


def test_a_list_is_unordered_and_shows_an_appointment_once_for_each_agent(source: RdvspStandIn) -> None:
    agenda = source.agenda
    ids = [agenda.add(quietly=True, agents=(1, 2) if n % 3 == 0 else (1,)) for n in range(90)]
    with client(source) as api:
        first = api.get("/rdvs").json()
        second = api.get("/rdvs", params={"page": 2}).json()
    assert first["meta"] == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "total_pages": 2,
        "total_count": 120,
    }
    shown = [rdv["id"] for page in (first, second) for rdv in page["rdvs"]]
    assert len(shown) == 120
    assert set(shown) == set(ids)
    assert shown != sorted(shown)


def test_a_list_filters_by_start_organisation_and_id(source: RdvspStandIn) -> None:
    agenda = source.agenda
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    agenda.add_organisation(13)
    early, late = (
        agenda.add(starts_at=noon, quietly=True),
        agenda.add(starts_at=noon + timedelta(hours=2), quietly=True),
    )
    other = agenda.add(starts_at=noon, organisation_id=13, quietly=True)
    with client(source) as api:

        def ids(path: str = "/rdvs", **params: Any) -> set[int]:
            return {rdv["id"] for rdv in api.get(path, params=params).json()["rdvs"]}

        assert ids(starts_after=noon.isoformat(), starts_before=noon.isoformat()) == {early, other}
        assert ids(organisation_id=12) == ids("/organisations/12/rdvs") == {early, late}
        assert ids(id=f"{late},{other},4711") == {late, other}
        agenda.set_all(late, "revoked")
        assert ids(status="revoked") == {late}
        source.sees = {13}
        assert ids() == {other}
        source.sees, source.services = None, {5}
        assert ids() == set()


def test_between_two_patches_an_individual_appointment_is_mixed(source: RdvspStandIn, receiver: Receiver) -> None:
    source.subscribe(receiver.url, SECRET)
    agenda = source.agenda
    rdv_id = agenda.add(agenda.add_user(), agenda.add_user(), quietly=True)
    first, second = agenda.rdv(rdv_id).statuses
    with client(source) as api:
        for each in (first, second):
            answer = api.patch(f"/participations/{each}", json={"participation": {"status": "excused"}})
            assert (answer.status_code, answer.json()["rdv"]["id"]) == (200, rdv_id)
            source.settle()
        again = api.patch(f"/participations/{second}", json={"participation": {"status": "excused"}})
        assert again.status_code == 200
        source.settle()
    mixed, ended = ("unknown", ["excused", "unknown"]), ("excused", ["excused", "excused"])
    assert receiver.statuses() == [mixed, mixed, ended, ended]
    assert [(each.kind, each.about) for each in agenda.sent] == [("email", "cancelled"), ("sms", "cancelled")] * 2


def test_webhooks_can_come_before_the_answer(source: RdvspStandIn, receiver: Receiver) -> None:
    source.subscribe(receiver.url, SECRET)
    source.echoes = "before"
    (part,) = source.agenda.rdv(source.agenda.add(quietly=True)).statuses
    with client(source) as api:
        api.patch(f"/participations/{part}", json={"participation": {"status": "revoked"}})
        assert len(receiver.taken) == 2


def test_what_is_not_seen_is_not_found_and_a_wrong_status_is_refused(source: RdvspStandIn) -> None:
    (part,) = source.agenda.rdv(source.agenda.add(quietly=True)).statuses
    with client(source) as api:
        wrong = api.patch(f"/participations/{part}", json={"participation": {"status": "gone"}})
        source.sees = set()
        hidden = api.patch(f"/participations/{part}", json={"participation": {"status": "excused"}})
    assert (wrong.status_code, hidden.status_code) == (422, 404)
    assert "error_messages" in wrong.json()


def test_a_webhook_is_repeated_with_the_data_of_the_day(source: RdvspStandIn, receiver: Receiver) -> None:
    source.subscribe(receiver.url, SECRET)
    source.hold_webhooks()
    rdv_id = source.agenda.add()
    source.agenda.set_all(rdv_id, "revoked")
    receiver.answers = [500]
    source.release_webhooks(lambda held: held[:1])
    assert [status for status, _ in receiver.statuses()] == ["revoked", "revoked"]
    meta = receiver.taken[-1][1]["meta"]
    assert meta["event"] == "created"
    assert meta["payload_computed_at"] > meta["event_occurred_at"]


def test_registering_a_webhook_replays_everything(source: RdvspStandIn, receiver: Receiver) -> None:
    for _ in range(3):
        source.agenda.add(quietly=True)
    path = "/organisations/12/webhook_endpoints"
    wanted = {"target_url": receiver.url, "secret": SECRET, "subscriptions": ["rdv"]}
    with client(source) as api:
        made = api.post(path, json=wanted)
        assert made.status_code == 200
        source.settle()
        assert [payload["meta"]["event"] for _, payload in receiver.taken] == ["created"] * 3
        assert api.post(path, json=wanted).status_code == 422
        (listed,) = api.get(path, params={"target_url": receiver.url}).json()["webhook_endpoints"]
        assert "secret" not in listed
        source.is_territorial_admin = False
        assert api.get(path).json()["webhook_endpoints"] == []
        assert api.post(path, json=wanted | {"target_url": f"{receiver.url}/2"}).status_code == 403
        source.is_territorial_admin, source.allowed_domains = True, {"smsbot.example.fr"}
        assert api.post(path, json=wanted | {"target_url": f"{receiver.url}/2"}).status_code == 422


def test_a_call_can_be_cut_before_and_after_it_acted(source: RdvspStandIn) -> None:
    (part,) = source.agenda.rdv(source.agenda.add(quietly=True)).statuses
    body = {"participation": {"status": "excused"}}
    with client(source) as api:
        seen = []
        for acts in (False, True):
            source.fail(StandInFault(cuts=True, acts=acts), on="participations")
            # Where the stand-in has not read the body by then, the system says that the connection was reset.
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                api.patch(f"/participations/{part}", json=body)
            seen.append(api.get("/rdvs").json()["rdvs"][0]["status"])
        assert seen == ["unknown", "excused"]
    assert [call.status for call in source.calls_of("participations")] == [0, 0]


def test_faults_answer_in_place_of_the_usual(source: RdvspStandIn) -> None:
    with client(source) as api:
        source.fail(StandInFault(429, retry_after=7), on="rdvs")
        source.fail(StandInFault(503), on="rdvs")
        source.fail(StandInFault(hangs_seconds=0.05), on="rdvs")
        answers = [api.get("/rdvs") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 503, 200, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert source.calls_of("rdvs")[2].seconds >= 0.05


def test_agents_there_move_remove_and_destroy(source: RdvspStandIn, receiver: Receiver) -> None:
    source.subscribe(receiver.url, SECRET)
    agenda = source.agenda
    rdv_id = agenda.add(quietly=True)
    (part,) = agenda.rdv(rdv_id).statuses
    agenda.move(rdv_id, datetime.now(UTC) + timedelta(days=9))
    source.settle()
    other = agenda.add_participant(rdv_id, agenda.add_user(last_name="Martin"))
    agenda.remove_participant(part)
    agenda.change_user(agenda.rdv(rdv_id).participations[0].user_id, last_name="Durand")
    agenda.destroy(rdv_id, "rgpd")
    source.settle()
    destroyed = next(payload for _, payload in receiver.taken if payload["meta"]["event"] == "destroyed")
    assert destroyed["meta"]["webhook_reason"] == "rgpd"
    assert [each["id"] for each in destroyed["data"]["participations"]] == [other]


def test_its_answers_are_dated_by_its_own_clock() -> None:
    past = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with RdvspStandIn(clock=lambda: past) as source:
        assert httpx.get(f"{source.url}/api/v1/agents/me").headers.get_list("date") == ["Fri, 02 Jan 2026 03:04:05 GMT"]
        assert source.calls[0].endpoint == "me"
        source.wait_for("me", 1)
        with pytest.raises(TimeoutError):
            source.wait_for("me", 2, seconds=0.01)
