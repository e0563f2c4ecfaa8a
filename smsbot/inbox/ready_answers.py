"""Ready answers: texts that the agents of an organisation keep, and choose when they answer.

A text may name facts of the appointment in braces, as in "Nous vous attendons {jour} à {heure}." They are filled in
when the text is chosen. A fact that is not known stays in its braces, and an answer with such braces is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, organisations_of
from smsbot.appointments.participation_queries import participation_of
from smsbot.appointments.terms import TermsBook
from smsbot.inbox.threads import Thread
from smsbot.messages.french_dates import long_date
from smsbot.messages.telephone import telephone_display
from smsbot.problem import Problem
from smsbot.rules.letters import fold
from smsbot.store.database import serialise
from smsbot.store.tables import organisations, ready_answers

MOST_CHARACTERS_OF_A_TITLE = 60
MOST_CHARACTERS_OF_A_TEXT = 600
MOST_OF_AN_ORGANISATION = 100
FACTS = ("jour", "heure", "lieu", "téléphone", "lien", "organisation")
"""What a text may name in braces, in capitals or not, with or without accents."""

_BRACES = re.compile(r"\{\s*([^{}\s]{1,20})\s*\}")
_FACTS = {fold(fact): fact for fact in FACTS}


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """A stored text. `id` is ours. `version` grows with each change."""

    id: int
    organisation_id: int
    title: str
    text: str
    version: int


class AlreadyThere(Problem):
    """The organisation already has an answer with this title."""

    def __init__(self) -> None:
        super().__init__("The organisation has a ready answer with this title: choose another title.")


class TooManyAnswers(Problem):
    """The organisation has as many ready answers as it may have."""

    def __init__(self) -> None:
        super().__init__(f"The organisation has {MOST_OF_AN_ORGANISATION} ready answers: remove one first.")


class ChangedMeanwhile(Problem):
    """A colleague has changed or removed the answer since the agent saw it. Nothing was done."""

    def __init__(self) -> None:
        super().__init__("The ready answer was changed in the meantime: look at it again.")


def fill_in(text: str, facts: Mapping[str, str]) -> str:
    """The text with the facts in place of their names in braces. `facts` are by the names of `FACTS`."""

    def fact(braces: re.Match[str]) -> str:
        name = _FACTS.get(fold(braces[1]))
        return facts.get(name, braces[0]) if name is not None else braces[0]

    return _BRACES.sub(fact, text)


def left_open(text: str) -> list[str]:
    """The names of facts, with their braces, that have not been filled in."""
    return list(dict.fromkeys(found[0] for found in _BRACES.finditer(text) if fold(found[1]) in _FACTS))


def answers_of(connection: Connection, organisation_id: int) -> Sequence[ReadyAnswer]:
    """The ready answers of this organisation (our id), by title. The caller must check that the agent may see them."""
    theirs = ready_answers.c.organisation_id == organisation_id
    rows = connection.execute(select(ready_answers).where(theirs).order_by(func.lower(ready_answers.c.title)))
    return [ReadyAnswer(**row._asdict()) for row in rows]


def add_answer(connection: Connection, agent: Agent, organisation_id: int, title: str, text: str) -> None:
    """Store a text for this organisation (our id). Raises OutOfReach, AlreadyThere and TooManyAnswers."""
    kept = _lock(connection, agent, organisation_id)
    if any(each.title == title for each in kept):
        raise AlreadyThere
    if len(kept) >= MOST_OF_AN_ORGANISATION:
        raise TooManyAnswers
    values = {"organisation_id": organisation_id, "title": title, "text": text, "version": 1}
    connection.execute(insert(ready_answers).values(values))


def change_answer(
    connection: Connection, agent: Agent, organisation_id: int, answer_id: int, version: int, title: str, text: str
) -> None:
    """Change a ready answer of this organisation (our ids) that the agent has seen in this version.

    Raises OutOfReach, ChangedMeanwhile and AlreadyThere.
    """
    kept = _lock(connection, agent, organisation_id)
    _require_unchanged(kept, answer_id, version)
    if any(each.title == title and each.id != answer_id for each in kept):
        raise AlreadyThere
    changed = update(ready_answers).where(ready_answers.c.id == answer_id)
    connection.execute(changed.values(title=title, text=text, version=version + 1))


def remove_answer(connection: Connection, agent: Agent, organisation_id: int, answer_id: int, version: int) -> None:
    """Remove a ready answer that the agent has seen in this version. Raises OutOfReach and ChangedMeanwhile."""
    _require_unchanged(_lock(connection, agent, organisation_id), answer_id, version)
    connection.execute(delete(ready_answers).where(ready_answers.c.id == answer_id))


def _lock(connection: Connection, agent: Agent, organisation_id: int) -> Sequence[ReadyAnswer]:
    """The ready answers of this organisation, locked until the transaction ends. Raises OutOfReach."""
    if all(each.id != organisation_id for each in organisations_of(connection, agent)):
        raise OutOfReach("no such organisation")
    serialise(connection, f"ready answers:{organisation_id}")
    return answers_of(connection, organisation_id)


def _require_unchanged(kept: Sequence[ReadyAnswer], answer_id: int, version: int) -> None:
    if all((each.id, each.version) != (answer_id, version) for each in kept):
        raise ChangedMeanwhile


def answer_facts(connection: Connection, terms_book: TermsBook, thread: Thread, now: datetime) -> dict[str, str]:
    """The facts for a ready answer, by their names in `FACTS`, as far as they are known.

    They are those of the appointment that the thread is most likely about. Its hour is in its own time zone.
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
