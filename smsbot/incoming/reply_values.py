"""The values that the template of a reply in `templates/sms/` may use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection

from smsbot.agents.accounts import has_agents
from smsbot.appointments.appointment import Participation
from smsbot.appointments.terms import Terms, TermsBook, appointment_text
from smsbot.conversation.machine import Say
from smsbot.conversation.states import Reply
from smsbot.incoming.known import Known
from smsbot.messages.fitting import is_told_in_a_reply

SAY_WHO_HAS_IT = (Reply.OUTSIDE_FLOW, Reply.OTHER_DATE, Reply.DOUBT_GIVEN_UP, Reply.NOT_TAKEN_BACK)
"""Replies that say that the service has the message, if an agent there can see it."""


def reply_values(
    connection: Connection,
    says: Say,
    about: Participation | None,
    known: Known,
    terms_book: TermsBook,
    *,
    may_take_back: bool,
) -> dict[str, object]:
    """All values for the template of `says.reply`. `about` is the participation that the reply is about.

    `may_take_back` is whether usagers may take their own cancellation back.
    """
    coming, terms_of_coming = known.coming, known.terms
    terms = (terms_of_coming.get(about.id) or terms_book.of(about)) if about else None
    return {
        "appointment": appointment_text(about, terms, named=about.id in says.named)
        if about and terms and not says.is_discreet
        else None,
        "telephone": terms.telephone if terms else None,
        "warning": terms.warning if terms else None,
        "hours": terms.notice / timedelta(hours=1) if terms else None,
        "email": about is not None and about.email is not None,
        "rebook": terms is not None and terms.rebook_url is not None,
        "booking_address": _booking_address(terms_of_coming),
        "tries_left": says.tries_left,
        "options": [
            (number, appointment_text(coming[one], terms_of_coming[one], named=one in says.named))
            for number, one in says.options
        ],
        "more": says.more,
        "may_cancel": says.may_cancel,
        "may_take_back": may_take_back,
        "is_passed_on": _is_passed_on(connection, says, about),
    }


def _booking_address(terms_of_coming: Mapping[int, Terms]) -> str | None:
    """Where to book again, if the address is the same for all their appointments and a reply has room for it."""
    urls = {terms.rebook_url for terms in terms_of_coming.values()}
    url = urls.pop() if len(urls) == 1 else None
    return url if url is not None and is_told_in_a_reply(url) else None


def _is_passed_on(connection: Connection, says: Say, about: Participation | None) -> bool:
    """Whether the reply may say that the service has the message, because an agent can see it."""
    if says.reply not in SAY_WHO_HAS_IT or about is None or about.appointment.organisation is None:
        return False
    return has_agents(connection, about.appointment.source, about.appointment.organisation.external_id)
