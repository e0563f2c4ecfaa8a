"""The facts of a thread's appointment that a ready answer may tell."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from smsbot.appointments.appointment import participation_of
from smsbot.appointments.terms import TermsBook
from smsbot.inbox.threads import Thread
from smsbot.messages.french_dates import long_date
from smsbot.messages.telephone import telephone_display
from smsbot.store.tables import organisations


def answer_facts(connection: Connection, terms_book: TermsBook, thread: Thread, now: datetime) -> dict[str, str]:
    """The facts by their names (`ready_answers.FACTS`), as far as they are known.

    They are of the appointment that the thread is most likely about. Its hour is told on its own clocks.
    """
    about = thread.about(now)
    participation = participation_of(connection, about.id) if about is not None else None
    facts: dict[str, str | None] = {"organisation": thread.organisation}
    if participation is None:
        number = select(organisations.c.phone_number).where(organisations.c.id == thread.organisation_id)
        facts["téléphone"] = telephone_display(connection.execute(number).scalar_one())
    else:
        terms = terms_book.of(participation)
        day, _, hour = long_date(participation.appointment.starts_at, terms.time_zone, now=now).partition(" à ")
        facts |= {
            "jour": day,
            "heure": hour,
            "lieu": participation.appointment.told_place,
            "téléphone": telephone_display(terms.telephone),
            "lien": terms.rebook_url,
        }
    return {name: value for name, value in facts.items() if value}
