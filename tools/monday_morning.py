"""A Monday morning at a town hall: one agent works through all waiting messages in a real Chromium, and the effort is
counted.

    ./dev run python -m tools.monday_morning                          # 400 appointments, 237 messages: some minutes
    ./dev run python -m tools.monday_morning --messages 24 --appointments 40

The agent works through the morning twice, each time from the start. ONE_BY_ONE is how it was before: from the list to a
message, "Je m'en occupe", an answer typed in full, and back to the list. TOGETHER is how it can be done now: topic by
topic, with ready answers, the next message after each answer, and several messages marked at once.

Page loads, clicks and keys are counted, and the seconds for which the browser waited for the server: from the end of
each request to the first byte of its answer, scripts included. Before, an answer led back to the list; now it leads to
the next message. So ONE_BY_ONE counts the page after an answer as the list.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from playwright.sync_api import Browser, Locator, Page, Request, expect
from sqlalchemy import Connection, func, insert, select

from smsbot.agents.account_changes import add_agent
from smsbot.agents.tokens import open_session
from smsbot.app import Service
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, loopback_socket
from smsbot.inbox.ready_answers import add_answer
from smsbot.messages.templates import template_environment
from smsbot.model import DEFAULT_SOURCE, DEFAULT_TIME_ZONE, LocationType, Status
from smsbot.policy.values import TWILIO
from smsbot.rules.letters import fold_all
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready
from smsbot.store.tables import appointments, incoming_messages, organisations, outgoing_messages, participations
from smsbot.understanding.topics import Topic
from smsbot.web.console.guard import COOKIE, Cookies
from tools.agents_guide.opening import served
from tools.chromium import NoBrowser, follow, open_chromium

NOW = datetime(2026, 11, 30, 8, 30, tzinfo=ZoneInfo(DEFAULT_TIME_ZONE))  # a Monday
APPOINTMENTS, MESSAGES = 400, 237
ADA, CLO = "ada@example.org", "clo@example.org"
OUR_NUMBER = "+33639981200"


class Doing(StrEnum):
    """What the agent does about a message."""

    ANSWER = "answer"
    CLOSE = "close"
    HAND_OVER = "hand over"


@dataclass(frozen=True, slots=True)
class Kind:
    """Messages about one thing: what people write, and what the agent does about it.

    `title` and `answer` are those of the ready answer. The agent types the answer in full if there is no ready one.
    """

    topic: Topic
    doing: Doing
    texts: tuple[str, ...]
    title: str = ""
    answer: str = ""


KINDS = (
    Kind(
        Topic.LATE,
        Doing.ANSWER,
        (
            "Bonjour je serai en retard de 10 min, désolée",
            "Le bus n'est pas passé, j'arrive vers 9h20",
            "bloqué dans les bouchons j arrive dans 15 minutes",
        ),
        "Retard",
        "Bonjour, merci de nous prévenir, nous vous attendons. La mairie",
    ),
    Kind(
        Topic.QUESTION,
        Doing.ANSWER,
        (
            "Bonjour, faut-il apporter un justificatif de domicile ?",
            "Est ce que je peux venir avec ma fille de 3 ans ?",
            "C'est à quel étage svp ?",
        ),
        "Papiers",
        "Bonjour, venez avec une pièce d'identité et un justificatif de domicile. La mairie",
    ),
    Kind(
        Topic.OTHER_DATE,
        Doing.ANSWER,
        (
            "Peut on décaler à jeudi après midi ?",
            "je travaille ce jour la, vous avez une autre date ?",
            "Serait-il possible de venir plutôt à 17h",
        ),
        "Autre date",
        "Bonjour, pour une autre date appelez le 04 65 71 00 12, de 9h à 12h. La mairie",
    ),
    Kind(Topic.THANKS, Doing.CLOSE, ("merci beaucoup", "Merci, bonne journée à vous", "ok merci c'est noté")),
    Kind(Topic.COMING, Doing.CLOSE, ("oui je serai là", "Je viens avec mon mari", "on sera bien présents")),
    Kind(
        Topic.MACHINE,
        Doing.CLOSE,
        ("Je conduis, je vous réponds plus tard.", "Absent jusqu'au 7 décembre, réponse automatique"),
    ),
    Kind(Topic.WRONG_NUMBER, Doing.CLOSE, ("Vous vous trompez de numéro", "Je ne suis pas cette personne")),
    Kind(
        Topic.OTHER,
        Doing.HAND_OVER,
        (
            "J'ai reçu un courrier de la préfecture que je ne comprends pas",
            "Ma situation a changé depuis la dernière fois, il faut que je vous explique",
        ),
    ),
)
_IN_TWENTY = (0, 7, 3, 1, 2, 4, 0, 5, 1, 6, 0, 2, 1, 0, 2, 1, 3, 0, 7, 0)
"""The kinds of twenty waiting messages."""

_FIRST_NAMES = ("Sophie", "Karim", "Léa", "Jean", "Fatou", "Inès", "Paul", "Mei", "Nora", "Oscar", "Zoé")
_LAST_NAMES = ("Dupont", "Benali", "Martin", "De La Fontaine", "Diallo", "Moreau", "Robert", "Chen", "Leroy", "Blanc")
_PLACES = ("Mairie", "Mairie", "Mairie annexe", "Maison des solidarités")


@dataclass
class Morning:
    """The town hall when it opens. Its console is at `url`."""

    service: Service
    clock: SettableClock
    url: str
    messages: int
    appointments: int
    organisation: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)  # by the telephone that wrote

    def __post_init__(self) -> None:
        self.database.write_now(self._seed)

    @property
    def database(self) -> Database:
        return self.service.database

    def session(self) -> dict[str, Any]:
        """The session cookie of Ada, who has just signed in."""
        token = self.database.write_now(lambda c: open_session(c, self._ada, self.clock()))
        return {"name": Cookies(self.service.links, "/agents").name(COOKIE), "value": token, "url": self.url}

    def left(self) -> list[str]:
        """What is wrong at the end: a message that still waits, or a person who was told twice or not at all."""
        waiting, told = self.database.read_now(self._outcome)
        problems = []
        for phone, kind in self.kinds.items():
            is_left = waiting.get(phone, "handled")
            expected = "handed over" if kind.doing is Doing.HAND_OVER else "handled"
            if is_left != expected:
                problems.append(f"{phone}: {is_left}, and should be {expected}")
            if told.get(phone, 0) != (kind.doing is Doing.ANSWER):
                problems.append(f"{phone}: told {told.get(phone, 0)} times")
        return problems

    def _outcome(self, connection: Connection) -> tuple[dict[str, str], dict[str, int]]:
        written = incoming_messages.c
        rows = connection.execute(select(written.from_number, written.assigned_to).where(written.handled_at.is_(None)))
        waiting = {row.from_number: "handed over" if row.assigned_to else "waiting" for row in rows}
        sent = outgoing_messages.c
        counted = select(sent.recipient, func.count().label("told")).where(sent.agent_id.is_not(None))
        told = {row.recipient: row.told for row in connection.execute(counted.group_by(sent.recipient))}
        return waiting, told

    # Underneath -------------------------------------------------------------------------------------------------------

    def _seed(self, connection: Connection) -> None:
        named = {"source": DEFAULT_SOURCE, "external_id": "12", "name": "Mairie d’Exempleville"}
        inserted = insert(organisations).values(**named, phone_number="04 65 71 00 12").returning(organisations.c.id)
        self.organisation = connection.execute(inserted).scalar_one()
        self._ada = add_agent(connection, ADA, DEFAULT_SOURCE, ["12"], NOW)
        add_agent(connection, CLO, DEFAULT_SOURCE, ["12"], NOW)
        for kind in KINDS:
            if kind.answer:
                add_answer(connection, self._ada, self.organisation, kind.title, kind.answer)
        connection.execute(insert(appointments), [self._appointment(number) for number in range(self.appointments)])
        ids = connection.execute(select(appointments.c.id).order_by(appointments.c.id)).scalars().all()
        people = [_person(number, appointment) for number, appointment in enumerate(ids)]
        connection.execute(insert(participations), people)
        connection.execute(insert(incoming_messages), list(self._written()))

    def _appointment(self, number: int) -> dict[str, Any]:
        starts_at = NOW.replace(hour=9, minute=0) + timedelta(minutes=5 * (number % 96))
        return {
            "source": DEFAULT_SOURCE,
            "external_id": str(number),
            "organisation_id": self.organisation,
            "uuid": str(number),
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=20),
            "status": Status.UNKNOWN.value,
            "collective": False,
            "place_name": _PLACES[number % len(_PLACES)],
            "location_type": LocationType.PUBLIC_OFFICE.value,
            "bookable_by_everyone": False,
            "changed_at": NOW,
        }

    def _written(self) -> Iterator[dict[str, Any]]:
        """The messages that have come since Friday, each from another person with an appointment today."""
        for number, index in enumerate(islice(cycle(_IN_TWENTY), self.messages)):
            kind, phone = KINDS[index], _phone(number)
            self.kinds[phone] = kind
            yield {
                "gateway": TWILIO,
                "gateway_message_id": f"SM{number}",
                "received_at": NOW - timedelta(minutes=10 * (self.messages - number)),
                "from_number": phone,
                "to_number": OUR_NUMBER,
                "body": kind.texts[number % len(kind.texts)],
                "outcome": "outside_flow",
                "topic": kind.topic.value,
                "for_agents": True,
                "organisation_id": self.organisation,
            }


def _phone(number: int) -> str:
    return f"+3363998{2000 + number:04}"


def _person(number: int, appointment_id: int) -> dict[str, Any]:
    first, last = _FIRST_NAMES[number % len(_FIRST_NAMES)], _LAST_NAMES[number % len(_LAST_NAMES)]
    return {
        "appointment_id": appointment_id,
        "source": DEFAULT_SOURCE,
        "external_id": str(number),
        "status": Status.UNKNOWN.value,
        "first_name": first,
        "last_name": f"{last} {number}",
        "surnames": [f"{last} {number}"],
        "first_names": [first],
        "folded_names": fold_all([f"{last} {number}", first]),
        "phone": _phone(number),
        "notify_by_sms": True,
        "notify_by_email": True,
        "send_lifecycle_notifications": True,
        "send_reminder_notification": True,
    }


@contextmanager
def open_morning(folder: Path, messages: int, appointments_today: int) -> Iterator[Morning]:
    """Open the town hall as it is before the agent begins, until the block ends. Its files are in `folder`."""
    clock, listening = SettableClock(NOW), loopback_socket()
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    settings = ServiceSettings.exactly(
        database_url=f"sqlite:///{folder / 'smsbot.db'}",
        public_url=url,
        secret_key="nothing secret is in this town hall",
        twilio_account_sid="AC0",
        twilio_auth_token="nothing leaves from here",
        sender=OUR_NUMBER,
        mail_from="RDV <rdv@example.org>",
        segment_price="0.07",
    )
    with closing(open_ready(settings.database_url)) as database:
        service = Service(settings, database, clock=clock)
        service.environment = template_environment(now=clock)
        morning = Morning(service, clock, url, messages, appointments_today)
        with served(service, listening):
            yield morning


# The agent ------------------------------------------------------------------------------------------------------------


@dataclass
class Effort:
    """The effort of working through the morning. In `server_seconds` the browser waited for answers."""

    page_loads: int = 0
    clicks: int = 0
    keys: int = 0
    server_seconds: float = 0.0
    seconds: float = 0.0


@dataclass
class Hands:
    """An agent at the browser. Each act is counted."""

    page: Page
    url: str
    effort: Effort = field(default_factory=Effort)
    _counts: bool = True

    def __post_init__(self) -> None:
        self.page.on("requestfinished", self._finished)
        self.page.on("domcontentloaded", self._loaded)

    def opens(self, path: str) -> None:
        """Open a page by its address. That is not a click."""
        self.page.goto(f"{self.url}/agents{path}")

    def finds_itself_at(self, path: str) -> None:
        """Go to a page without counting it, because the page that came in its place was counted."""
        self._counts = False
        self.opens(path)
        self._counts = True

    def follows(self, thing: Locator) -> None:
        self.effort.clicks += 1
        follow(thing)

    def presses(self, button: str) -> None:
        self.follows(self.page.get_by_role("button", name=button, exact=True))

    def clicks(self, thing: Locator) -> None:
        self.effort.clicks += 1
        thing.click()

    def chooses(self, label: str, option: str) -> None:
        """Choose in a list. That is two clicks: one opens the list, one chooses."""
        self.effort.clicks += 2
        self.page.get_by_label(label).select_option(label=option)

    def types(self, label: str, text: str) -> None:
        self.effort.keys += len(text)
        self.page.get_by_label(label).fill(text)

    def _finished(self, request: Request) -> None:
        waited = request.timing["responseStart"] - request.timing["requestStart"]
        if self._counts:
            self.effort.server_seconds += max(waited, 0) / 1000

    def _loaded(self, _page: Page) -> None:
        self.effort.page_loads += self._counts


def one_by_one(hands: Hands, morning: Morning) -> None:
    """Go from the list to each message and back, and type every answer in full."""
    first = hands.page.locator(".liste h2 a")
    hands.opens(_UNASSIGNED)
    for _ in range(morning.messages):
        phone = _phone_of(hands, morning, first.first)
        kind = morning.kinds[phone]
        hands.follows(first.first)
        match kind.doing:
            case Doing.ANSWER:
                hands.presses("Je m’en occupe")
                hands.types("Votre réponse", kind.answer)
                hands.presses("Envoyer")
            case Doing.CLOSE:
                hands.presses("Classer sans répondre")
            case Doing.HAND_OVER:
                hands.chooses("Confier à un collègue", CLO)
                hands.presses("Confier")
        hands.finds_itself_at(_UNASSIGNED)


_UNASSIGNED = "/messages?vue=non-attribues"


def _phone_of(hands: Hands, morning: Morning, link: Locator) -> str:
    """The telephone that wrote this message. The agent would read the message; this program looks it up."""
    message_id = int((link.get_attribute("id") or "").removeprefix("fil-"))
    number = select(incoming_messages.c.from_number).where(incoming_messages.c.id == message_id)
    return str(morning.database.read_now(lambda c: c.execute(number).scalar_one()))


def together(hands: Hands, morning: Morning) -> None:
    """Go topic by topic: send ready answers one after the other, and mark all at once what needs no answer."""
    hands.opens("/messages")
    for kind in KINDS:
        if not any(each is kind for each in morning.kinds.values()):
            continue
        if not hands.page.get_by_label("De quoi il s’agit").is_visible():
            hands.clicks(hands.page.locator("summary", has_text="Chercher et filtrer"))
        topic = _TOPIC_WORDS[kind.topic]
        hands.chooses("De quoi il s’agit", topic)
        hands.presses("Chercher")
        if kind.doing is Doing.ANSWER:
            _answer_one_after_the_other(hands, kind)
        else:
            _do_what_is_marked(hands, kind)


def _answer_one_after_the_other(hands: Hands, kind: Kind) -> None:
    hands.follows(hands.page.locator(".liste h2 a").first)
    answer = hands.page.get_by_label("Votre réponse")
    while answer.count():
        hands.chooses("Partir d’une réponse prête", kind.title)
        expect(answer).to_have_value(kind.answer)
        hands.presses("Envoyer")


def _do_what_is_marked(hands: Hands, kind: Kind) -> None:
    boxes = hands.page.get_by_role("checkbox")
    while boxes.count():
        mark_all = hands.page.get_by_role("button", name="Cocher toute la page")
        hands.clicks(mark_all)
        if kind.doing is Doing.HAND_OVER:
            hands.presses("Confier les messages cochés")
            return
        hands.presses("Classer les messages cochés sans répondre")


_TOPIC_WORDS: Mapping[Topic, str] = {
    Topic.LATE: "Retard",
    Topic.OTHER_DATE: "Autre date",
    Topic.QUESTION: "Question",
    Topic.WRONG_NUMBER: "Mauvais numéro",
    Topic.COMING: "Vient",
    Topic.THANKS: "Merci",
    Topic.MACHINE: "Réponse automatique",
    Topic.OTHER: "Autre",
}

WAYS = {"one by one": one_by_one, "together": together}


def work_through(browser: Browser, morning: Morning, way: str) -> Effort:
    """Let the agent work through the morning in one of `WAYS`, and return the effort."""
    with browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 800}) as context:
        context.add_cookies([morning.session()])  # type: ignore[list-item]
        hands = Hands(context.new_page(), morning.url)
        begun = time.perf_counter()
        WAYS[way](hands, morning)
        hands.effort.seconds = time.perf_counter() - begun
        return hands.effort


def main(arguments: Iterable[str] | None = None) -> int:
    told = (__doc__ or "").partition("\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tools.monday_morning", description=told)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--appointments", type=int, default=APPOINTMENTS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asked = parser.parse_args(None if arguments is None else list(arguments))
    print(f"{asked.appointments} appointments today, {asked.messages} messages wait.")
    print(f"{'':12}{'page loads':>12}{'clicks':>10}{'keys':>10}{'server s':>10}{'all s':>10}")
    try:
        with open_chromium() as browser:
            for way in WAYS:
                with (
                    TemporaryDirectory() as folder,
                    open_morning(Path(folder), asked.messages, asked.appointments) as morning,
                ):
                    effort = work_through(browser, morning, way)
                    left = morning.left()
                numbers = f"{effort.page_loads:12}{effort.clicks:10}{effort.keys:10}"
                print(f"{way:12}{numbers}{effort.server_seconds:10.1f}{effort.seconds:10.1f}", flush=True)
                if left:
                    print("\n".join(left), file=sys.stderr)
                    return 1
    except NoBrowser as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
