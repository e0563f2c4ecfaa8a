"""What happens in the town before a Tuesday, 9h41: an example of everything that agents can meet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, update

from smsbot.demo.town.town_hall import Town
from smsbot.demo.town.townspeople import (
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
    Townsperson,
)
from smsbot.gateways.base import DeliveryStatus
from smsbot.model import Status
from smsbot.outbox.messages import REFUSED, SENT, WAITING
from smsbot.store.tables import outgoing_messages

_CALENDAR: Sequence[tuple[int, int, int, tuple[Townsperson, ...]]] = (
    (-1, 10, 0, (LUCIE,)),
    (-1, 15, 30, (HUGO,)),
    (0, 11, 30, (LEA,)),
    (0, 14, 30, (SOPHIE,)),
    (1, 9, 0, (JEAN,)),
    (1, 11, 30, (EDWIGE,)),
    (1, 14, 0, (KARIM,)),
    (1, 15, 30, (PAUL,)),
    (2, 9, 0, (LOUISE,)),
    (2, 9, 30, (CAMILLE, ZOE)),
    (2, 14, 0, (INES,)),
    (3, 9, 30, (THOMAS,)),
    (6, 10, 30, (ANNE,)),
    (6, 15, 0, (NORA,)),
    (6, 16, 0, (OSCAR,)),
)
"""For each appointment: the day, counted from that Tuesday, the hour, the minute, and who comes."""


def week_before(now: datetime) -> datetime:
    """When the week begins that ends at `now`."""
    return _on(now, -4, 9)


def play_week(town: Town, now: datetime) -> None:
    """Play until `now`: a Tuesday, 9h41, in the town's time zone. The town's clock must show `week_before(now)`."""
    on = partial(_on, now)
    for day, hour, minute, people in _CALENDAR:
        town.makes_appointment(on(day, hour, minute), *people)
    for email in (NADIA, CLAIRE):
        town.employs(email)
    town.lets_manage_accounts(CLAIRE, alert_address="accueil@example.org")
    town.keeps_ready_answer(CLAIRE, "Nous vous attendons", "Nous vous attendons {jour} à {heure}, {lieu}. Le CCAS")

    town.lets_time_pass(on(-1, 9, 10))
    town.cancels_by_link(INES)
    town.lets_time_pass(on(-1, 10, 35))
    town.sets_in_the_calendar(LUCIE, Status.SEEN)
    town.lets_time_pass(on(-1, 11, 20))
    town.cancels_in_the_console(CLAIRE, PAUL, "Votre conseillère est absente")
    town.lets_time_pass(on(-1, 14, 5))
    town.writes(EDWIGE, "Faut-il apporter un justificatif de domicile ?", "STOP")
    town.lets_time_pass(on(-1, 16))
    town.sets_in_the_calendar(HUGO, Status.NOSHOW)
    town.lets_time_pass(on(-1, 16, 20))
    town.writes(CAMILLE, "Bonjour, y a-t-il un parking ?")
    town.lets_time_pass(on(-1, 16, 42))
    town.answers(CLAIRE, CAMILLE, "Bonjour, oui : derrière le bâtiment, il est gratuit. À jeudi ! Le CCAS")
    town.sets_in_the_calendar(THOMAS, Status.REVOKED)
    town.lets_time_pass(on(-1, 18, 30))
    town.writes(JEAN, "je veux annuler mon rdv", "Jea", "Fon", "Laf")

    town.lets_time_pass(on(0, 8, 57))
    town.writes(KARIM, "annuler", "ben", "oui svp")
    town.lets_time_pass(on(0, 9, 11))
    town.writes(SOPHIE, "Bonjour, je serai en retard de 10 min, désolée")
    town.lets_time_pass(on(0, 9, 20))
    town.writes(ANNE, "Puis-je venir avec ma fille ?")
    town.hands_over(CLAIRE, ANNE, NADIA)
    town.lets_time_pass(on(0, 9, 33))
    town.writes(LEA, "On peut décaler à 17h ?")
    town.lets_time_pass(on(0, 9, 36))
    town.takes(CLAIRE, LEA)
    town.lets_time_pass(now)
    town.takes(NADIA, SOPHIE)
    town.takes(NADIA, EDWIGE)
    town.cancels_in_the_console(NADIA, NORA, None)
    town.write(_deliver)


def _on(now: datetime, day: int, hour: int, minute: int = 0) -> datetime:
    """This time of day, so many days after the day of `now`."""
    return (now + timedelta(days=day)).replace(hour=hour, minute=minute)


def _deliver(connection: Connection) -> None:
    """Write what the gateway and the mail server have answered: all has arrived, except for a telephone that is off, a
    landline and a wrong address.
    """
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
