"""Makes the panels of the demo's page: each is a piece of HTML with the data of the stand-ins and the service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import jinja2
from sqlalchemy import Connection, select

from smsbot.demo.sandbox_api import email_answer
from smsbot.demo.stage import Stage
from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail
from smsbot.demo.stand_ins.twilio_documents import INBOUND, TwilioMessage
from smsbot.demo.town.townspeople import SOPHIE
from smsbot.messages.french_dates import local, long_date
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.rules.letters import KEY_LENGTH, fold
from smsbot.store.tables import appointments, participations
from smsbot.web.console.console_page import euros

FOLDER = "demo"
STRANGER = "+33639981299"
_MOST_TELEPHONES = 60
_MOST_BUBBLES = 40
_MOST_MAILS = 30


@dataclass(frozen=True, slots=True)
class OwnedAppointment:
    """An appointment of a person with this telephone. `path` is the path of the page behind their link."""

    name: str
    letters: str
    starts_at: datetime
    path: str


@dataclass(frozen=True, slots=True)
class TownTelephone:
    """A telephone in the town, with the appointments of its people, the soonest first."""

    number: str
    owned: tuple[OwnedAppointment, ...]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(one.name for one in self.owned))


@dataclass(frozen=True, slots=True)
class Bubble:
    """An SMS on a telephone. `price` is in euros. `parts` are its words, with a path if they are a link."""

    id: str
    is_own: bool
    parts: tuple[tuple[str, str | None], ...]
    segments: int
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """What the page asks for: whose telephone, and which e-mail is open (its number; None for the newest)."""

    number: str | None
    mail: int | None


def read_telephones(stage: Stage, connection: Connection) -> list[TownTelephone]:
    """The telephones of people with appointments: first that of the tours, then by the first appointment. The last one
    belongs to somebody unknown.
    """
    columns = participations.c
    rows = connection.execute(
        select(columns.id, columns.phone, columns.first_name, columns.last_name, appointments.c.starts_at)
        .select_from(participations.join(appointments))
        .where(columns.phone.is_not(None), columns.erased_at.is_(None))
        .order_by(appointments.c.starts_at, columns.id)
        .limit(4 * _MOST_TELEPHONES)
    )
    found: dict[str, list[OwnedAppointment]] = {}
    for row in rows:
        name, letters = f"{row.first_name or ''} {row.last_name or ''}".strip(), fold(row.last_name or "")[:KEY_LENGTH]
        path = stage.service.links.path_for(row.id)
        found.setdefault(row.phone, []).append(OwnedAppointment(name, letters, row.starts_at, path))
    telephones = [TownTelephone(number, tuple(owned)) for number, owned in found.items()]
    first = sorted(telephones, key=lambda one: one.number != SOPHIE.phone)[:_MOST_TELEPHONES]
    return [*first, TownTelephone(STRANGER, ())]


def render_panels(
    environment: jinja2.Environment, stage: Stage, telephones: Sequence[TownTelephone], seen: PageQuestion
) -> dict[str, str]:
    """The HTML of each panel by its name, and a `version` that changes if one of them changes."""
    telephone = next((one for one in telephones if one.number == seen.number), telephones[0])
    bubbles = _bubbles(stage, telephone.number)
    mails = list(enumerate(stage.smtp.messages, 1))
    opened = next((mail for number, mail in mails if number == seen.mail), None)
    values = {
        "stage": stage,
        "now": stage.clock(),
        "telephones": telephones,
        "telephone": telephone,
        "bubbles": bubbles,
        "suggestions": _suggestions(bubbles, telephone),
        "mails": [email_answer(number, mail) for number, mail in mails[-_MOST_MAILS:][::-1]],
        "mail": _opened(mails, opened, seen.mail),
        "lines": stage.trail.lines[:40],
        "euros": euros,
        "hour": _hour,
        "day": _day,
    }
    names = ("etat", "choix", "fil", "propositions", "lien", "courriers", "lettre", "dessous")
    panels = {name: environment.get_template(f"{FOLDER}/panels/{name}.html").render(values) for name in names}
    panels |= {"gateway": stage.troubles.gateway, "source": stage.troubles.source}
    panels["connected"] = "oui" if stage.plan.connected else ""
    version = hashlib.sha256("\0".join(panels.values()).encode()).hexdigest()[:16]
    return panels | {"version": version}


def _opened(
    mails: Sequence[tuple[int, ReceivedMail]], opened: ReceivedMail | None, number: int | None
) -> dict[str, object] | None:
    if opened is not None and number is not None:
        return email_answer(number, opened)
    return email_answer(*mails[-1]) if mails else None


def _bubbles(stage: Stage, number: str) -> list[Bubble]:
    price = stage.service.settings.segment_price or Decimal(0)
    found = [one for one in stage.twilio.everything if number in (one.to, one.from_)]
    return [_bubble(one, price, stage.service.links.public_url) for one in found[-_MOST_BUBBLES:]]


def _bubble(message: TwilioMessage, price: Decimal, public_url: str) -> Bubble:
    return Bubble(
        message.sid,
        message.direction == INBOUND,
        tuple(_parts(message.body, public_url)),
        message.segments,
        message.segments * price,
        message.created_at,
    )


def _parts(text: str, public_url: str) -> Iterator[tuple[str, str | None]]:
    """The words of a text, in which the addresses of our own pages are links."""
    for part in re.split(f"({re.escape(public_url)}/\\S+)", text):
        if part:
            yield part, part.removeprefix(public_url) if part.startswith(public_url) else None


def _suggestions(bubbles: Sequence[Bubble], telephone: TownTelephone) -> list[str]:
    """What the person may want to answer. Our questions are recognised by their words (see `messages.sms`)."""
    said = "".join(text for text, _ in bubbles[-1].parts) if bubbles and not bubbles[-1].is_own else ""
    if "3" in said and "lettres" in said:
        return [*dict.fromkeys(one.letters for one in telephone.owned if one.letters), "XYZ"]
    if "OUI" in said and "NON" in said:
        return ["OUI", "NON", "oui svp", "peut-être"]
    if "C'est annulé" in said:
        return ["ERREUR", "Merci", "STOP"]
    return ["ANNULER", "Je serai en retard", "Je viens", "STOP"]


def _hour(moment: datetime) -> str:
    there = local(moment, DEFAULT_TIME_ZONE)
    return f"{there.hour}h{there.minute:02}"


def _day(moment: datetime) -> str:
    return long_date(moment, DEFAULT_TIME_ZONE, now=moment)
