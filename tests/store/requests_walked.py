"""Makes every request that the service answers, with all that it needs to succeed, for tests that look at all
of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, text
from starlette.routing import Match, Mount, Route
from twilio.request_validator import RequestValidator

from smsbot.demo.play import sample_webhooks
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.store.tables import outgoing_messages
from tests.web.console_site import ADA, ADAS, NOW, OUR_NUMBER, PASSWORD, PHONE
from tests.web.test_console_walls import Building

FAILING = (
    *("voir=annules", "voir=non-remis", "voir=stop", "voir=attendus", "voir=annonces", "voir=sans-reponse"),
    *("quand=passes", "jour=2025-05-12", "organisation=1&lieu=Mairie+du+3e&objet=RDV", "objet=RDV&quand=passes"),
)
SEARCHES = (
    *("q=dupont+sophie", "q=0612345678", "q=5678", "q=12+mai", "q=du&voir=stop&quand=passes"),
    *("q=B-3", "q=mairie+du+3e", "q=mairie&quand=passes"),
)
INBOXES = (
    "vue=traites",
    "vue=traites&apres=1746975600000000.1746975600000000.1",
    "vue=pour-moi",
    "vue=non-attribues&organisation=1",
    "sujet=other",
    "sujet=late&q=du",
    "q=0612345678",
    "q=5678",
    "apres=1.1.1",
)


@dataclass
class Walk:
    """Requests to the whole service, one after the other. `visited` are the routes that answered."""

    building: Building
    visited: set[tuple[str, str]] = field(default_factory=set)
    statuses: list[tuple[str, str, int]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def everything(self) -> None:
        for part in (self.sign_in, self.api, self.twilio, self.usager, self.source, self.the_rest, self.console):
            part()

    def console(self) -> None:
        building, office = self.building, self.building.office
        clo = {"collegue": str(office.agent("clo@mairie.fr").id)}
        destroying = ("effacement", "retrait", "deconnexion")
        routes = sorted(self._of("/agents"), key=lambda each: (each[0] == "POST", each[1].endswith(destroying)))
        for query in (*FAILING, *SEARCHES, "apres=1746975600000000.1"):
            self._signed_in("GET", f"/agents/rdv?{query}", {})
        for query in INBOXES:
            self._signed_in("GET", f"/agents/messages?{query}", {})
        for method, route in routes:
            if ("connexion" in route and "dec" not in route) or "mot-de-passe" in route or "{anything" in route:
                continue
            self._signed_in(method, building.path(route), building.fields() | clo)
        for method in ("GET", "POST"):
            self._signed_in(method, "/agents/nulle-part", {})

    def api(self) -> None:
        building = self.building
        whole = f"rdv-{building.appointment}"
        token = building.tokens[ADA]
        moment = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        filters = ("", f"phone={PHONE[1:]}", "external_id=0", f"from={moment}", f"to={moment}", "status=unknown")
        for query in (*filters, f"changed_since={moment}", "limit=1"):
            self._call("GET", f"/api/v1/appointments?{query}", token)
        for query in ("", f"since={moment}", "topic=late", "waiting=true", "waiting=false", "limit=1"):
            self._call("GET", f"/api/v1/messages?{query}", token)
            self._call("GET", f"/api/v1/appointments/{building.appointment}/messages?{query}", token)
        self._call("GET", f"/api/v1/messages?cursor={ListPosition(1, NOW).cursor()}", token)
        for query in ("", "after=1", f"since={moment}", "type=appointment.cancelled"):
            self._call("GET", f"/api/v1/events?{query}", token)
        self._call("POST", "/api/v1/webhooks", token, {"url": "https://agenda.example.fr/smsbot"})
        for path in ("", "/webhook-1"):
            self._call("GET", f"/api/v1/webhooks{path}", token)
        self._call("POST", "/api/v1/webhooks/webhook-1/rotate", token)
        self._call("POST", "/api/v1/webhooks/webhook-1/replay", token, {"since": moment})
        self._call("DELETE", "/api/v1/webhooks/webhook-1", token)
        self._call("GET", f"/api/v1/appointments/{building.appointment}", token)
        self._call("GET", f"/api/v1/appointments/{whole}", token)
        for external_id in ("neu", "neu", "0"):
            self._call("PUT", f"/api/v1/appointments/by-external-id/{external_id}?source=rdvsp", token)
        self._call("GET", "/api/v1/appointments/by-external-id/0", token)
        self._call("POST", f"/api/v1/appointments/{building.appointment}/cancel", token)
        self._call("POST", f"/api/v1/appointments/{building.appointment}/take-back", token)
        self._call("PUT", "/api/v1/appointments", token, {"appointments": [{}]})
        self._call("POST", "/api/v1/appointments/cancel", token, {"cancellations": [{"id": "neu"}]})
        self._call("DELETE", "/api/v1/appointments/by-external-id/neu", token)
        self._call("GET", f"/api/v1/messages/sms-{building.message}", token)
        for path in (f"appointments/{whole}/deliveries", "organisations", f"organisations/{ADAS}", "stop-list"):
            self._call("GET", f"/api/v1/{path}?limit=1" if "/" not in path else f"/api/v1/{path}", token)
        self._call("GET", f"/api/v1/stop-list?phone={PHONE[1:]}&since={moment}", token)
        self._call("GET", f"/api/v1/stop-list?cursor={ListPosition(1, NOW).cursor()}", token)
        for act in ("answer", "note", "put-off", "hand-over", "done"):
            self._call("POST", f"/api/v1/messages/sms-{building.message}/{act}", token)
        self._call("POST", f"/api/v1/organisations/{ADAS}/batches", token)
        for act in ("", "/stop"):
            self._call("POST" if act else "GET", f"/api/v1/batches/batch-1{act}", token)
        self._call("GET", "/api/openapi.json", token)

    def twilio(self) -> None:
        office = self.building.office
        office.participation(office.appointment(ADAS, starts_at=NOW + timedelta(days=2)))
        office.participation(office.appointment(ADAS, starts_at=NOW + timedelta(days=3)), last_name="Martin")
        for words in (
            "bonjour",
            "ANNULER",
            "XYZ",
            "DUP",
            "OUI",
            "erreur",
            "OUI",
            "merci",
            "ANNULER MAR",
            "SUITE",
            "je viens",
            "STOP",
            "START",
        ):
            self._sms(PHONE, words)
        self._sms("+33611223344", "ANNULER")
        self._sms("+33611223344", "STOP")
        form = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC1"}
        for path in ("/webhooks/twilio/status", f"/webhooks/twilio/status?message={self.building.failed}"):
            self._signed(path, form)

    def usager(self) -> None:
        office = self.building.office
        this = office.participation(office.appointment(ADAS, starts_at=NOW + timedelta(days=4)), phone="+33655667788")
        path = office.links.path_for(this)

        async def visit() -> None:
            async with self._client() as client:
                for page in ("", "/rdv", "/confirmation", "/annule", "/maintenu", "."):
                    self._note(await client.get(path + page))
                for letters in ("bonjour", "XYZ", "DUP"):
                    self._note(await client.post(path, data={"lettres": letters, "letters": letters}))
                self._note(await client.get(f"{path}/rdv"))
                self._note(await client.post(f"{path}/rdv", data={}))
                self._note(await client.get(f"{path}/confirmation"))
                asked = await client.get(f"{path}/confirmation")
                shown = re.findall(r'name="(\w+)" value="([^"]*)"', asked.text)
                self._note(await client.post(f"{path}/confirmation", data={**dict(shown), "reponse": "oui"}))
                self._note(await client.post(f"{path}.", data={}))
                self._note(await client.get(f"{path}/annule"))

        asyncio.run(visit())

    def source(self) -> None:
        first = sample_webhooks(NOW)[0]
        later = (NOW + timedelta(minutes=1)).isoformat()
        self._post_source(first)
        first["data"]["starts_at"] = (NOW + timedelta(days=8)).isoformat()
        self._post_source(first | {"meta": first["meta"] | {"event": "updated", "timestamp": later}})
        user = first["data"]["participations"][0]["user"] | {"last_name": "Durand"}
        for event in ("updated", "destroyed"):
            meta = {"model": "User", "event": event, "webhook_reason": "rgpd", "timestamp": later}
            self._post_source({"data": user, "meta": meta})
        self._post_source(first | {"meta": first["meta"] | {"event": "destroyed", "timestamp": later}})
        self._post_source(first, "/webhooks/rdvsp/mairie")

    def the_rest(self) -> None:
        for path in ("/metrics", "/health/live", "/health/ready"):
            self._call("GET", path, "secret")
        for method in ("GET", "POST"):
            self._call(method, "/r/nulle/part/du/tout", None)
        for path in ("/", "/accessibilite", "/mentions-legales", "/donnees-personnelles"):
            self._call("GET", path, None)

    def sign_in(self) -> None:
        office = self.building.office
        office.give_password("clo@mairie.fr")
        visitor = office.visitor()
        visitor.get("/connexion")
        self._note(visitor.page.response)
        for password in ("faux", PASSWORD):
            visitor.sign_in("clo@mairie.fr", password)
            self._note(visitor.page.response)
        visitor = office.visitor()
        visitor.get("/mot-de-passe")
        self._note(visitor.page.response)
        visitor.press(next(iter(visitor.page.forms[0].buttons)), email="clo@mairie.fr")
        self._note(visitor.page.response)
        kept = select(outgoing_messages.c.body).where(text("kind = 'agents' AND body <> ''"))
        link: str = office.database.read_now(lambda connection: connection.execute(kept).scalar_one())
        token = link.split("/mot-de-passe/")[1].split()[0]
        visitor.get(f"/mot-de-passe/{token}")
        self._note(visitor.page.response)
        form = visitor.page.forms[0]
        visitor.press(next(iter(form.buttons)), **dict.fromkeys(form.fields.keys() - {"jeton"}, PASSWORD + " neu"))
        self._note(visitor.page.response)
        for path in ("/connexion/openid", "/connexion/retour?state=x&code=y", "/console.js"):
            self._note(visitor.client.get(f"/agents{path}", follow_redirects=False))

    # How they are sent ------------------------------------------------------------------------------------------------

    def _signed_in(self, method: str, path: str, fields: dict[str, str]) -> None:
        browser = self.building.office.at_desk(ADA)
        browser.client.follow_redirects = False
        if method == "GET":
            self._note(browser.client.get(path))
            return
        # It is searched in the text, because parsing pages would take longer than the rest of this walk.
        [token, *_] = re.findall(r'name="jeton" value="([^"]+)"', browser.client.get("/agents/chiffres").text)
        self._note(browser.client.post(path, data=fields | {"jeton": token}))

    def _call(self, method: str, path: str, token: str | None, body: object = None) -> None:
        self._note(self.building.call(method, path, token, body))

    def _sms(self, phone: str, text: str) -> None:
        form = {
            "MessageSid": f"SM{next(self.ids):032x}",
            "AccountSid": "AC1",
            "From": phone,
            "To": OUR_NUMBER,
            "Body": text,
            "NumSegments": "1",
        }
        self._signed("/webhooks/twilio/sms", form)

    def _signed(self, path: str, form: dict[str, str]) -> None:
        url = f"{self.building.office.public_url}{path}"
        signature = RequestValidator("secret").compute_signature(url, form)
        self._send("POST", path, data=form, headers={"X-Twilio-Signature": signature})

    def _post_source(self, payload: dict[str, Any], path: str = "/webhooks/rdvsp") -> None:
        body = json.dumps(payload).encode()
        signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        self._send("POST", path, content=body, headers={"X-Lapin-Signature": signature})

    def _send(self, method: str, path: str, **request: Any) -> None:
        async def send() -> httpx.Response:
            async with self._client() as client:
                return await client.request(method, path, **request)

        self._note(asyncio.run(send()))

    def _client(self) -> httpx.AsyncClient:
        office = self.building.office
        return httpx.AsyncClient(transport=httpx.ASGITransport(office.app), base_url=office.public_url)

    def _of(self, prefix: str) -> list[tuple[str, str]]:
        return [each for each in self.routes() if each[1].startswith(prefix)]

    def routes(self) -> list[tuple[str, str]]:
        from tests.web.test_console_walls import _routes

        return _routes(self.building)

    def _note(self, response: httpx.Response) -> None:
        for each in (*response.history, response):
            method, path = each.request.method, each.request.url.path
            self.statuses.append((method, each.request.url.raw_path.decode(), each.status_code))
            self.visited.add((method, self._route(method, path)))

    def _route(self, method: str, path: str) -> str:
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        for route in self.building.office.app.routes:
            inner = route.routes if isinstance(route, Mount) else [route]
            prefix = route.path if isinstance(route, Mount) else ""
            for each in inner:
                within = scope | {"path": path.removeprefix(prefix)} if path.startswith(prefix) else scope
                if isinstance(each, Route) and each.matches(within)[0] is Match.FULL:
                    return f"{prefix}{each.path}"
        return path
