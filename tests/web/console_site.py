"""The console on a database that the test fills, mounted as in the service, and a simple browser for agents."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx
from argon2 import PasswordHasher
from sqlalchemy import Connection, Table, insert, select, update
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp

from smsbot.agents.account_changes import add_agent, revoke_agent
from smsbot.agents.accounts import Agent, find_agent
from smsbot.agents.signing_in.openid_provider import Registration
from smsbot.agents.signing_in.passwords import Hashing, set_password
from smsbot.agents.tokens import open_session
from smsbot.appointments.cancellation import Door
from smsbot.appointments.terms import TermsBook
from smsbot.messages.email import EmailTexts
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment
from smsbot.notifications.herald import Herald
from smsbot.notifications.news_writer import NewsWriter, Senders
from smsbot.organisations.own_rules import ServiceDefaults
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.rules.letters import fold_all
from smsbot.rules.quiet_hours import QuietHours
from smsbot.signing import Links
from smsbot.store.database import Database
from smsbot.store.tables import (
    appointments,
    audit,
    cancellation_requests,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)
from smsbot.web.console import Console
from smsbot.web.console.guard import COOKIE, Cookies

NOW = datetime(2025, 5, 5, 9, 0, tzinfo=UTC)  # lundi 5 mai à 11h00 in Paris
STARTS_AT = datetime(2025, 5, 12, 12, 30, tzinfo=UTC)  # lundi 12 mai à 14h30 in Paris
SECRET_KEY = "a secret of the tests, of 32 bytes or more"
PHONE = "+33612345678"
OUR_NUMBER = "+33937000000"
ADA, BOB, CLO = "ada@mairie.fr", "bob@ailleurs.fr", "clo@mairie.fr"
PASSWORD = "quatre mots sans rapport"
ADAS, BOBS = "1", "2"  # ids of organisations at the source; Ada and Clo are in the first, Bob in the second


QUICK = Hashing(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""The same algorithm with parameters that make it fast."""


@dataclass
class Clock:
    """The time of the site, which the test may move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Office:
    """The console on `database`, with the agents Ada and Clo of one organisation and Bob of another."""

    database: Database
    policy: dict[str, Any] = field(default_factory=dict)
    public_url: str = "https://rdv.example.fr"
    openid: Registration | None = None
    segment_price: Decimal | None = None
    clock: Clock = field(default_factory=Clock)
    ids: Iterator[int] = field(default_factory=itertools.count)
    source_writes: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policy = Policy(PolicyFile.model_validate(self.policy))
        environment = template_environment(now=self.clock)
        terms = TermsBook(policy, timedelta(hours=4))
        self.links = Links(SECRET_KEY, self.public_url)
        senders = Senders(OUR_NUMBER, two_way=True, mail="rdv@example.fr")
        writer = NewsWriter(SmsTexts(environment), EmailTexts(environment), terms, policy, self.links, senders)
        self.herald = Herald(writer, self.source_writes)
        self.door = Door(terms, self.herald, frozenset(self.source_writes))
        self.console = Console(
            database=self.database,
            door=self.door,
            herald=self.herald,
            environment=environment,
            links=self.links,
            mail_from="rdv@example.fr",
            clock=self.clock,
            secret_key=SECRET_KEY,
            defaults=ServiceDefaults(
                OUR_NUMBER, timedelta(hours=4), timedelta(hours=48), QuietHours(time(21), time(8))
            ),
            openid=self.openid,
            segment_price=self.segment_price,
            hashing=QUICK,
        )
        self.app = Starlette(routes=self.console.routes())
        self.organisation_ids = self.database.write_now(self._founded)

    # Agents -----------------------------------------------------------------------------------------------------------

    def employ(self, email: str, *organisation_external_ids: str) -> None:
        self.database.write_now(lambda c: add_agent(c, email, "rdvsp", organisation_external_ids, self.clock()))

    def revoke(self, email: str) -> None:
        self.database.write_now(lambda c: revoke_agent(c, email, self.clock()))

    def agent(self, email: str) -> Agent:
        agent = self.database.read_now(lambda c: find_agent(c, email))
        assert agent is not None
        return agent

    def give_password(self, email: str, password: str = PASSWORD) -> None:
        agent, kept = self.agent(email), QUICK.hash(password)
        self.database.write_now(lambda c: set_password(c, agent, kept, self.clock()))

    def visitor(self) -> Browser:
        """The browser of somebody who is not signed in."""
        return Browser(self)

    def at_desk(self, email: str = ADA) -> Browser:
        """The browser of an agent who has just signed in. The session is made directly, because signing in is slow."""
        browser, agent = Browser(self), self.agent(email)
        token = self.database.write_now(lambda c: open_session(c, agent, self.clock()))
        browser.session = token
        return browser

    # What the database holds ------------------------------------------------------------------------------------------

    def appointment(self, organisation: str = ADAS, **values: Any) -> int:
        number = str(next(self.ids))
        columns = {
            "source": "rdvsp",
            "external_id": number,
            "organisation_id": self.organisation_ids[organisation],
            "uuid": number,
            "starts_at": STARTS_AT,
            "ends_at": values.get("starts_at", STARTS_AT) + timedelta(minutes=30),
            "status": "unknown",
            "collective": False,
            "place_name": "Mairie du 3e",
            "place_address": "18 rue François Garcin, Lyon, 69003",
            "motif_external_id": "77",
            "location_type": "public_office",
            "bookable_by_everyone": False,
            "changed_at": NOW,
        }
        return self.add(appointments, columns | values)

    def participation(self, appointment_id: int | None = None, **values: Any) -> int:
        """Add Sophie Dupont's participation with the given columns. Returns its id."""
        columns: dict[str, Any] = {
            "appointment_id": self.appointment() if appointment_id is None else appointment_id,
            "source": "rdvsp",
            "external_id": str(next(self.ids)),
            "status": "unknown",
            "first_name": "Sophie",
            "last_name": "Dupont",
            "surnames": [values.get("last_name", "Dupont")],
            "first_names": [values.get("first_name", "Sophie")],
            "phone": PHONE,
            "email": "sophie@example.fr",
            "notify_by_sms": True,
            "notify_by_email": True,
            "send_lifecycle_notifications": True,
            "send_reminder_notification": True,
        }
        columns |= values
        for names in ("surnames", "first_names"):  # a person who was erased has none
            columns[names] = [name for name in columns[names] if name is not None]
        columns["folded_names"] = fold_all(columns["surnames"] + columns["first_names"])
        return self.add(participations, columns)

    def incoming(self, body: str, **values: Any) -> int:
        """Add a message to the inbox, of the first organisation unless `organisation` is given. Returns its id."""
        [message] = self.many_incoming([{"body": body, **values}])
        return message

    def many_incoming(self, messages: Iterable[dict[str, Any]]) -> list[int]:
        """Add many messages to the inbox at once. Returns their ids."""
        rows = [
            {
                "gateway": "twilio",
                "gateway_message_id": f"SM{next(self.ids)}",
                "received_at": self.clock(),
                "from_number": PHONE,
                "to_number": OUR_NUMBER,
                "outcome": "outside_flow",
                "for_agents": True,
                "organisation_id": self.organisation_ids[values.pop("organisation", ADAS)],
                **values,
            }
            for values in messages
        ]
        statement = insert(incoming_messages).returning(incoming_messages.c.id, sort_by_parameter_order=True)
        return self.database.write_now(lambda c: list(c.execute(statement, rows).scalars()))

    def request(self, appointment_id: int, participation_id: int | None, **values: Any) -> int:
        """Add a request to the source to cancel, which the usager made by SMS."""
        columns = {
            "appointment_id": appointment_id,
            "participation_id": participation_id,
            "status": "excused",
            "by": "usager",
            "way": "sms",
            "requested_at": self.clock(),
            "starts_at": STARTS_AT,
            "state": "waiting",
            "due_at": self.clock(),
        }
        return self.add(cancellation_requests, columns | values)

    def outgoing(self, body: str, **values: Any) -> int:
        """Add an SMS that was delivered."""
        columns = {
            "channel": "sms",
            "kind": "notification",
            "recipient": PHONE,
            "sender": OUR_NUMBER,
            "body": body,
            "segments": 1,
            "created_at": self.clock(),
            "state": "sent",
            "delivery_status": "delivered",
            "due_at": self.clock(),
        }
        return self.add(outgoing_messages, columns | values)

    def stop(self, number: str = PHONE) -> None:
        row = {"number": number, "opted_out_at": self.clock()}
        self.database.write_now(lambda c: c.execute(insert(opt_outs).values(row)))

    def add(self, table: Table, values: dict[str, Any]) -> int:
        statement = insert(table).values(values).returning(table.c.id)
        return int(self.database.write_now(lambda c: c.execute(statement).scalar_one()))

    def set(self, table: Table, row_id: int, **values: Any) -> None:
        statement = update(table).where(table.c.id == row_id).values(values)
        self.database.write_now(lambda c: c.execute(statement))

    def row(self, table: Table, row_id: int) -> Any:
        return self.database.read_now(lambda c: c.execute(select(table).where(table.c.id == row_id)).one())

    def sent(self) -> list[Any]:
        """The messages of the outbox, in the order in which they were written."""
        statement = select(outgoing_messages).order_by(outgoing_messages.c.id)
        return list(self.database.read_now(lambda c: c.execute(statement).all()))

    def audited(self) -> list[tuple[str, str, str, str | None]]:
        """The audit since the accounts were made: (act, by, way, agent) of each row."""
        statement = (
            select(audit.c.act, audit.c.by, audit.c.way, audit.c.agent)
            .where(audit.c.act.not_in(("agent_added", "agent_revoked")))
            .order_by(audit.c.id)
        )
        return self.database.read_now(lambda c: [tuple(row) for row in c.execute(statement)])

    def _founded(self, connection: Connection) -> dict[str, int]:
        """Make both organisations and the three agents. Returns the organisations' ids."""
        statement = insert(organisations).returning(organisations.c.external_id, organisations.c.id)
        rows = [
            {
                "source": "rdvsp",
                "external_id": external_id,
                "name": f"CCAS n° {external_id}",
                "phone_number": "01 23 45 67 89",
                "email": f"accueil{external_id}@mairie.fr",
                "verticale": "rdv_solidarites",
            }
            for external_id in (ADAS, BOBS)
        ]
        ids = {row.external_id: row.id for row in connection.execute(statement, rows)}
        for email, organisation in ((ADA, ADAS), (BOB, BOBS), (CLO, ADAS)):
            add_agent(connection, email, "rdvsp", [organisation], self.clock())
        return ids


class Direct(httpx.BaseTransport):
    """Passes requests directly to the application, without a server, from the network address of the browser."""

    def __init__(self, app: ASGIApp, address: str) -> None:
        self._asgi = httpx.ASGITransport(app, client=(address, 1234))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            response = await self._asgi.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

        return asyncio.run(answer())


class Browser:
    """A browser without scripts. It opens pages, fills in and submits their forms, and keeps cookies."""

    def __init__(self, office: Office, address: str = "192.0.2.1") -> None:
        self.office = office
        self.host = httpx.URL(office.public_url).host
        self.client = httpx.Client(
            transport=Direct(office.app, address), base_url=office.public_url, follow_redirects=True
        )
        self.page: Seen
        self._session_cookie = Cookies(office.links, f"{office.links.base_path}/agents")

    @property
    def session(self) -> str | None:
        """The session's token, from the cookie for the public address."""
        return self.client.cookies.get(self._session_cookie.name(COOKIE))

    @session.setter
    def session(self, token: str) -> None:
        response = Response()
        self._session_cookie.set(response, COOKIE, token)
        self.client.cookies.extract_cookies(
            httpx.Response(200, headers=response.raw_headers, request=httpx.Request("GET", self.office.public_url))
        )

    def get(self, path: str) -> Seen:
        """Open the page at `path`, below `/agents`."""
        return self._see(self.client.get(f"/agents{path}"))

    def follow(self, link: str) -> Seen:
        return self._see(self.client.get(urljoin(str(self.page.url), self.page.links[link])))

    def press(self, button: str, **filled_in: str) -> Seen:
        """Submit the first form on the page that has this button."""
        form = next(form for form in self.page.forms if button in form.buttons)
        data = form.fields | filled_in | form.buttons[button]
        action = urljoin(str(self.page.url), form.actions.get(button, form.action))
        if form.method == "GET":
            return self._see(self.client.get(action, params=data))
        return self._see(self.client.post(action, data=data))

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Post fields that no form on the page has, with the token of the open page. A redirect is not followed."""
        token = self.page.forms[0].fields["jeton"]
        return self.client.post(f"/agents{path}", data={"jeton": token} | fields, follow_redirects=False)

    def sign_in(self, email: str = ADA, password: str = PASSWORD) -> Seen:
        self.get("/connexion")
        return self.press("Se connecter", email=email, motdepasse=password)

    def _see(self, response: httpx.Response) -> Seen:
        self.page = Seen(response)
        return self.page


@dataclass
class Form:
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)  # what each adds, by the words on it
    actions: dict[str, str] = field(default_factory=dict)  # addresses of buttons that send the form elsewhere
    name: str = ""


_VOID = {"meta", "link", "input", "br", "hr", "img"}
_UNSEEN = {"style", "script", "title"}


class Seen:
    """A page: its heading, its text in one line, its links and forms. It is parsed when a test first asks for them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.url = response.url
        self.path = self.url.path.removeprefix("/agents")

    @cached_property
    def _read(self) -> _Reader:
        return _Reader(self.response.text)

    @property
    def forms(self) -> list[Form]:
        return self._read.forms

    @property
    def links(self) -> dict[str, str]:
        """Their addresses, by their text."""
        return self._read.links

    @cached_property
    def title(self) -> str:
        return _line(self._read.title)

    @cached_property
    def heading(self) -> str:
        return _line(self._read.heading)

    @cached_property
    def text(self) -> str:
        return _line(self._read.text)


class _Reader(HTMLParser):
    """Reads a page from its beginning to its end."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.title = self.heading = self.text = ""
        self._link = self._button = ""
        self._is_first_option = False
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        checked = {"checked", "selected"} & attributes.keys()
        match tag:
            case "form":
                form = Form(attributes.get("method", "get").upper(), attributes.get("action", ""))
                form.name = attributes.get("id", "")
                self.forms.append(form)
            case "input" if attributes.get("type") not in ("radio", "checkbox") or checked:
                self._form_of(attributes).fields[attributes["name"]] = attributes.get("value", "")
            case "textarea" | "select":
                self._form_of(attributes).fields[attributes["name"]] = ""
                self._is_first_option = True
            case "option":
                if checked or self._is_first_option:
                    self.forms[-1].fields[self._inside("select")["name"]] = attributes.get("value", "")
                self._is_first_option = False
        if tag not in _VOID:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self.text += " "
        if tag == "textarea":  # browsers drop a line break right after the opening tag
            area = self._inside("textarea")
            fields = self._form_of(area).fields
            fields[area["name"]] = fields[area["name"]].removeprefix("\n")
        if tag == "a":
            self.links[_line(self._link)] = self._inside("a").get("href", "")
            self._link = ""
        if tag == "button":
            button = self._inside("button")
            form, words = self._form_of(button), _line(self._button)
            form.buttons[words] = {button["name"]: button["value"]} if "name" in button else {}
            if "formaction" in button:
                form.actions[words] = button["formaction"]
            self._button = ""
        while self._open and self._open.pop()[0] != tag:
            pass
        self.text += " "

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "title" in tags and "svg" not in tags:
            self.title += data
        if _UNSEEN & set(tags):
            return
        self.text += data
        if "textarea" in tags:
            area = self._inside("textarea")
            self._form_of(area).fields[area["name"]] += data
        if "h1" in tags:
            self.heading += data
        if "a" in tags:
            self._link += data
        if "button" in tags:
            self._button += data

    def _form_of(self, attributes: dict[str, str]) -> Form:
        """The form to which a field or button belongs: the one that it names, or else the one around it."""
        return next((form for form in self.forms if form.name and form.name == attributes.get("form")), self.forms[-1])

    def _inside(self, wanted: str) -> dict[str, str]:
        return next(attributes for tag, attributes in reversed(self._open) if tag == wanted)


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
