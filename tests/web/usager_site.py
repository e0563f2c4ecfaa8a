"""A site with only the usager's pages, on a database that the test fills, and a simple browser to read them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx
from sqlalchemy import Connection, Table, insert, select, update
from starlette.applications import Starlette

from smsbot.appointments.cancellation import Door, Ended
from smsbot.appointments.terms import TermsBook
from smsbot.messages.templates import template_environment
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.signing import Links
from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, cancellation_requests, organisations, participations
from smsbot.web.usager import LegalPages, Pages, Proofs, UsagerPages
from tests.appointments.records import NothingHeldBack

NOW = datetime(2025, 5, 5, 9, 0, tzinfo=UTC)
STARTS_AT = datetime(2025, 5, 12, 12, 30, tzinfo=UTC)  # lundi 12 mai à 14h30 in Paris
SECRET_KEY = "a secret of the tests, of 32 bytes or more"
TELEPHONE = "01 23 45 67 89"


@dataclass
class Clock:
    """The time of the site, which the test may move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Recorder(NothingHeldBack):
    """An announcer that only remembers what it should announce."""

    ended_ones: list[Ended] = field(default_factory=list)

    def ended(self, connection: Connection, ended: Ended) -> None:
        self.ended_ones.append(ended)


@dataclass
class Site:
    """The pages on `database`, mounted as in the service."""

    database: Database
    policy: dict[str, Any] = field(default_factory=dict)
    public_url: str = "https://rdv.example.fr"
    clock: Clock = field(default_factory=Clock)
    announcer: Recorder = field(default_factory=Recorder)
    ids: Iterator[int] = field(default_factory=itertools.count)
    connected: frozenset[str] = frozenset()
    patience: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        policy = Policy(PolicyFile.model_validate(self.policy))
        environment = template_environment(now=self.clock)
        self.links = Links(SECRET_KEY, self.public_url)
        self.proofs = Proofs(SECRET_KEY)
        self.door = Door(TermsBook(policy, timedelta(hours=4)), self.announcer, self.connected)
        pages = Pages(environment, policy, self.links.base_path)
        patience = dict.fromkeys(self.connected, self.patience)
        usager = UsagerPages(self.database, self.door, self.links, self.proofs, pages, self.clock, patience)
        self.app = Starlette(routes=[*usager.routes(), *LegalPages(pages, policy, timedelta(days=90)).routes()])

    def visitor(self) -> Visitor:
        """A visitor with a browser of their own."""
        return Visitor(self)

    # What the database holds ------------------------------------------------------------------------------------------

    def appointment(self, *, organisation: dict[str, Any] | None = None, **values: Any) -> int:
        """Add an appointment with an organisation, both with the given columns. Returns its id."""
        number = str(next(self.ids))
        organisation_id = self._insert(
            organisations,
            {
                "source": "rdvsp",
                "external_id": number,
                "name": "CCAS de Lyon",
                "phone_number": TELEPHONE,
                "verticale": "rdv_solidarites",
            }
            | (organisation or {}),
        )
        columns = {
            "source": "rdvsp",
            "external_id": number,
            "organisation_id": organisation_id,
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
        return self._insert(appointments, columns | values)

    def participation(self, appointment_id: int | None = None, **values: Any) -> int:
        """Add Sophie Dupont's participation with the given columns. Returns its id."""
        columns = {
            "appointment_id": self.appointment() if appointment_id is None else appointment_id,
            "source": "rdvsp",
            "external_id": str(next(self.ids)),
            "status": "unknown",
            "first_name": "Sophie",
            "last_name": "Dupont",
            "surnames": ["Dupont"],
            "first_names": ["Sophie"],
            "phone": "+33612345678",
            "email": "sophie@example.fr",
            "notify_by_sms": True,
            "notify_by_email": True,
            "send_lifecycle_notifications": True,
            "send_reminder_notification": True,
        }
        return self._insert(participations, columns | values)

    def request(self, appointment_id: int, participation_id: int, state: str) -> None:
        """Add a request to the source to cancel, which the usager made by link, in this state."""
        columns = {
            "appointment_id": appointment_id,
            "participation_id": participation_id,
            "status": "excused",
            "by": "usager",
            "way": "link",
            "requested_at": NOW,
            "starts_at": STARTS_AT,
            "state": state,
            "due_at": NOW,
        }
        self._insert(cancellation_requests, columns)

    def set_participation(self, participation_id: int, **values: Any) -> None:
        self._update(participations, participation_id, values)

    def set_appointment(self, appointment_id: int, **values: Any) -> None:
        self._update(appointments, appointment_id, values)

    def row(self, participation_id: int) -> Any:
        """The row of the participation."""
        statement = select(participations).where(participations.c.id == participation_id)
        return self.database.read_now(lambda connection: connection.execute(statement).one())

    def audited(self) -> list[tuple[str, str, str, int]]:
        """(act, by, way, participation) of every audit row, in order."""
        statement = select(audit.c.act, audit.c.by, audit.c.way, audit.c.participation_id).order_by(audit.c.id)
        return self.database.read_now(lambda connection: [tuple(row) for row in connection.execute(statement)])

    def _insert(self, table: Table, values: dict[str, Any]) -> int:
        statement = insert(table).values(values).returning(table.c.id)
        return int(self.database.write_now(lambda connection: connection.execute(statement).scalar_one()))

    def _update(self, table: Table, row_id: int, values: dict[str, Any]) -> None:
        statement = update(table).where(table.c.id == row_id).values(values)
        self.database.write_now(lambda connection: connection.execute(statement))


class _Direct(httpx.BaseTransport):
    """Passes requests directly to the application, without a server."""

    def __init__(self, app: Starlette) -> None:
        self._asgi = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            response = await self._asgi.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

        return asyncio.run(answer())


class Visitor:
    """A browser without scripts. It opens pages, fills in and submits their forms, and keeps cookies."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = httpx.Client(transport=_Direct(site.app), base_url=site.public_url, follow_redirects=True)
        self.page: Seen

    def open(self, participation_id: int) -> Seen:
        return self.get(self.site.links.url_for(participation_id))

    def get(self, path: str) -> Seen:
        return self._see(self.client.get(path))

    def give(self, letters: str) -> Seen:
        """Answer the question for the letters on the page that is open."""
        return self.press("Continuer", lettres=letters)

    def press(self, button: str, **filled_in: str) -> Seen:
        """Submit the form of the page that has this button."""
        form = next(form for form in self.page.forms if button in form.buttons)
        data = form.fields | filled_in | form.buttons[button]
        return self._see(self.client.request(form.method, urljoin(str(self.page.url), form.action), data=data))

    def enter(self, participation_id: int, letters: str = "DUP") -> Seen:
        """Open the link and give the letters."""
        self.open(participation_id)
        return self.give(letters)

    def _see(self, response: httpx.Response) -> Seen:
        self.page = Seen(response)
        return self.page


@dataclass
class Form:
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)  # what each adds, by the words on it


class Seen(HTMLParser):
    """A parsed page: its title, heading, whole text in one line, links (address by text) and forms."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.response = response
        self.status = response.status_code
        self.url = response.url
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.title = self.heading = self.text = ""
        self._inside: tuple[str, dict[str, str]] | None = None  # the element whose words are being read
        self._words = ""
        self.feed(response.text)
        self.text = _one_line(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes["method"].upper(), attributes["action"]))
        elif tag == "input":
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        elif tag in ("title", "style", "h1", "a", "button"):
            self._inside, self._words = (tag, attributes), ""

    def handle_data(self, data: str) -> None:
        self._words += data
        if self._inside is None or self._inside[0] not in ("title", "style"):
            self.text += f" {data}"

    def handle_endtag(self, tag: str) -> None:
        if self._inside is None or tag != self._inside[0]:
            return
        words, attributes = _one_line(self._words), self._inside[1]
        self._inside = None
        match tag:
            case "title":
                self.title = words
            case "h1":
                self.heading = words
            case "a":
                self.links[words] = attributes["href"]
            case "button":
                name = attributes.get("name")
                self.forms[-1].buttons[words] = {name: attributes["value"]} if name else {}


def _one_line(text: str) -> str:
    return " ".join(text.split())
