"""What happens in the town until 9h41 on Tuesday, 24 November 2026: something of everything that agents can meet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, update

from smsbot.gateways.base import DeliveryStatus
from smsbot.model import Status
from smsbot.outbox.messages import REFUSED, SENT, WAITING
from smsbot.store.tables import outgoing_messages
from tools.agents_guide.past_year import write_past_year
from tools.agents_guide.people import (
    ANNE,
    CAMILLE,
    CLAIRE,
    EDWIGE,
    HUGO,
    INES,
    JEAN,
    KARIM,
    LEA,
    LOUISE,
    LUCIE,
    NADIA,
    NORA,
    OSCAR,
    PAUL,
    SOPHIE,
    THOMAS,
    ZOE,
    Person,
)
from tools.agents_guide.town import NOW, Town


def _on(day: int, hour: int, minute: int = 0) -> datetime:
    """In that November."""
    return NOW.replace(day=day, hour=hour, minute=minute)


_CALENDAR: Sequence[tuple[datetime, tuple[Person, ...]]] = (
    (_on(23, 10), (LUCIE,)),
    (_on(23, 15, 30), (HUGO,)),
    (_on(24, 11, 30), (LEA,)),
    (_on(24, 14, 30), (SOPHIE,)),
    (_on(25, 9), (JEAN,)),
    (_on(25, 11, 30), (EDWIGE,)),
    (_on(25, 14), (KARIM,)),
    (_on(25, 15, 30), (PAUL,)),
    (_on(26, 9), (LOUISE,)),
    (_on(26, 9, 30), (CAMILLE, ZOE)),
    (_on(26, 14), (INES,)),
    (_on(27, 9, 30), (THOMAS,)),
    (_on(30, 10, 30), (ANNE,)),
    (_on(30, 15), (NORA,)),
    (_on(30, 16), (OSCAR,)),
)
BEGINS = _on(20, 9)


def play(town: Town) -> None:
    """From `BEGINS` to `NOW`."""
    for starts_at, people in _CALENDAR:
        town.makes_appointment(starts_at, *people)
    for email in (NADIA, CLAIRE):
        town.employs(email)
    town.lets_manage_accounts(CLAIRE, alert_address="accueil@example.org")
    town.keeps_ready_answer(CLAIRE, "Nous vous attendons", "Nous vous attendons {jour} à {heure}, {lieu}. Le CCAS")
    organisation = town.organisation()
    town.write(lambda connection: write_past_year(connection, organisation, NOW))

    town.lets_time_pass(_on(23, 9, 10))
    town.cancels_by_link(INES)
    town.lets_time_pass(_on(23, 10, 35))
    town.sets_in_the_calendar(LUCIE, Status.SEEN)
    town.lets_time_pass(_on(23, 11, 20))
    town.cancels_in_the_console(CLAIRE, PAUL, "Votre conseillère est absente")
    town.lets_time_pass(_on(23, 14, 5))
    town.writes(EDWIGE, "Faut-il apporter un justificatif de domicile ?", "STOP")
    town.lets_time_pass(_on(23, 16))
    town.sets_in_the_calendar(HUGO, Status.NOSHOW)
    town.lets_time_pass(_on(23, 16, 20))
    town.writes(CAMILLE, "Bonjour, y a-t-il un parking ?")
    town.lets_time_pass(_on(23, 16, 42))
    town.answers(CLAIRE, CAMILLE, "Bonjour, oui : derrière le bâtiment, il est gratuit. À jeudi ! Le CCAS")
    town.sets_in_the_calendar(THOMAS, Status.REVOKED)
    town.lets_time_pass(_on(23, 18, 30))
    town.writes(JEAN, "je veux annuler mon rdv", "Jea", "Fon", "Laf")

    town.lets_time_pass(_on(24, 8, 57))
    town.writes(KARIM, "annuler", "ben", "oui svp")
    town.lets_time_pass(_on(24, 9, 11))
    town.writes(SOPHIE, "Bonjour, je serai en retard de 10 min, désolée")
    town.lets_time_pass(_on(24, 9, 20))
    town.writes(ANNE, "Puis-je venir avec ma fille ?")
    town.hands_over(CLAIRE, ANNE, NADIA)
    town.lets_time_pass(_on(24, 9, 33))
    town.writes(LEA, "On peut décaler à 17h ?")
    town.lets_time_pass(_on(24, 9, 36))
    town.takes(CLAIRE, LEA)
    town.lets_time_pass(NOW)
    town.takes(NADIA, SOPHIE)
    town.takes(NADIA, EDWIGE)
    town.cancels_in_the_console(NADIA, NORA, None)
    town.write(_deliver)


def _deliver(connection: Connection) -> None:
    """What the gateway and the mail server have answered: all has arrived, but for a telephone that is off, a landline
    and a wrong address."""
    columns, lost = outgoing_messages.c, DeliveryStatus.UNDELIVERED.value
    is_reminder_of_lea = (columns.recipient == LEA.phone) & (columns.kind == "reminder")
    for which, what in (
        ((columns.channel == "sms") & (columns.state == WAITING), {"delivery_status": DeliveryStatus.DELIVERED.value}),
        (columns.state == WAITING, {"state": SENT}),
        (is_reminder_of_lea, {"delivery_status": lost, "error_code": "30003"}),
        (columns.recipient == LOUISE.phone, {"delivery_status": lost, "error_code": "30006"}),
        (columns.recipient == ZOE.email, {"state": REFUSED, "error_code": "550"}),
    ):
        connection.execute(update(outgoing_messages).where(which).values(what))
