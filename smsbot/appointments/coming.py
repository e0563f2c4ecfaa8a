"""A participation as the conversation, and the page behind the link, are told of it."""

from __future__ import annotations

from smsbot.appointments.reading import Participation
from smsbot.appointments.terms import Terms
from smsbot.conversation.facts import Coming
from smsbot.conversation.letters import Names


def coming_of(participation: Participation, terms: Terms) -> Coming:
    """What decides whether and how this participation may be cancelled by its usager."""
    return Coming(
        participation_id=participation.id,
        starts_at=participation.appointment.starts_at,
        names=Names(participation.surnames, participation.first_names),
        notice=terms.notice,
        may_be_cancelled=terms.may_be_cancelled,
        wrong_answers=participation.wrong_answers,
        wrong_answer_at=participation.wrong_answer_at,
        locked_until=participation.locked_until,
    )
