"""Finds a person in the database by a telephone number or an e-mail address.

A number or address may be shared, often in a family. An export or erasure by it is about everybody who is reached by
it. The other numbers and addresses of these participations are included, if they reach nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, Connection, and_, exists, func, null, or_, select, true

from smsbot import phone_numbers
from smsbot.appointments.erasure import to_addresses
from smsbot.model import Status
from smsbot.problem import Problem
from smsbot.sources import texts
from smsbot.store.tables import (
    appointments,
    audit,
    cancellation_requests,
    conversations,
    incoming_messages,
    opt_outs,
    outgoing_messages,
    participations,
)


class NotAContact(Problem):
    """The text is neither a telephone number nor an e-mail address."""


@dataclass(frozen=True, slots=True)
class ContactAddress:
    """A telephone number in E.164 or an e-mail address in lower case, never both."""

    phone: str | None = None
    email: str | None = None

    @classmethod
    def read(cls, written: str) -> Self:
        """Read a number or an address as people write it. Raises NotAContact."""
        if (email := texts.email(written)) is not None:
            return cls(email=email.lower())
        if (phone := phone_numbers.normalise(written)) is not None:
            return cls(phone=phone)
        raise NotAContact(f"{written!r} is neither a telephone number, as 06 12 34 56 78, nor an e-mail address.")

    def __str__(self) -> str:
        return self.phone or self.email or ""


@dataclass(frozen=True, slots=True)
class Traces:
    """What is stored about a person: our ids, and conditions on the tables.

    `coming` are their participations that are still to come and not cancelled. `phones` are all numbers that reach
    them; `numbers` and `addresses` are those that reach nobody else. `organisation_ids` are the organisations that were
    searched; None for all.
    """

    participation_ids: tuple[int, ...]
    appointment_ids: tuple[int, ...]
    coming: tuple[int, ...]
    phones: tuple[str, ...]
    numbers: tuple[str, ...]
    addresses: tuple[str, ...]
    organisation_ids: tuple[int, ...] | None

    @property
    def sent(self) -> ColumnElement[bool]:
        """A condition on `outgoing_messages`. It leaves out messages about appointments of other organisations."""
        recipient = outgoing_messages.c.recipient
        return and_(
            recipient != "",
            self._is_about_no_others,
            or_(
                and_(
                    outgoing_messages.c.appointment_id.in_(self.appointment_ids),  # lets the index be used
                    outgoing_messages.c.participation_id.in_(self.participation_ids),
                ),
                and_(outgoing_messages.c.channel == "sms", recipient.in_(self.numbers)),
                # Mail to the person as an agent is about no appointment.
                and_(outgoing_messages.c.appointment_id.is_not(None), to_addresses(self.addresses)),
            ),
        )

    @property
    def _is_about_no_others(self) -> ColumnElement[bool]:
        about = outgoing_messages.c.appointment_id
        if self.organisation_ids is None:
            return true()
        return or_(
            about.is_(None),
            exists().where(appointments.c.id == about, appointments.c.organisation_id.in_(self.organisation_ids)),
        )

    @property
    def received(self) -> ColumnElement[bool]:
        """A condition on `incoming_messages`. It leaves out messages to other organisations.

        Messages to no organisation count only if they come from numbers that reach nobody else.
        """
        number, organisation = incoming_messages.c.from_number, incoming_messages.c.organisation_id
        if self.organisation_ids is None:
            return number.in_(self.numbers)
        return or_(
            and_(number.in_(self.phones), organisation.in_(self.organisation_ids)),
            and_(number.in_(self.numbers), organisation.is_(None)),
        )

    @property
    def conversations(self) -> ColumnElement[bool]:
        """A condition on `conversations`."""
        return conversations.c.usager_number.in_(self.numbers)

    @property
    def acts(self) -> ColumnElement[bool]:
        """A condition on `audit`."""
        about = audit.c.appointment_id.in_(self.appointment_ids)  # lets the index be used
        return and_(about, audit.c.participation_id.in_(self.participation_ids))

    @property
    def requests(self) -> ColumnElement[bool]:
        """A condition on `cancellation_requests`: those made by the person, or by an agent for them."""
        about = cancellation_requests.c.appointment_id.in_(self.appointment_ids)  # lets the index be used
        return and_(about, cancellation_requests.c.participation_id.in_(self.participation_ids))

    @property
    def stops(self) -> ColumnElement[bool]:
        """A condition on `opt_outs`."""
        return opt_outs.c.number.in_(self.phones)


def traces_of(
    connection: Connection, contact: ContactAddress, now: datetime, organisation_ids: Sequence[int] | None = None
) -> Traces:
    """What is stored about the person with this `contact`, in these organisations (our ids) or, with None, in all."""
    within = true() if organisation_ids is None else appointments.c.organisation_id.in_(organisation_ids)
    rows = connection.execute(
        select(participations, appointments.c.starts_at, appointments.c.destroyed_at)
        .join(appointments)
        .where(participations.c.erased_at.is_(None), within, _is_reached_by(contact))
        .order_by(participations.c.id)
    ).all()
    ids = tuple(row.id for row in rows)
    coming = tuple(
        row.id
        for row in rows
        if row.starts_at > now
        and row.status == Status.UNKNOWN.value
        and row.removed_at is None
        and row.destroyed_at is None
    )
    asked = contact if organisation_ids is None else ContactAddress()
    phones = _distinct(asked.phone, *(row.phone for row in rows))
    addresses = _distinct(asked.email, *(row.email.lower() for row in rows if row.email))
    return Traces(
        participation_ids=ids,
        appointment_ids=tuple(sorted({row.appointment_id for row in rows})),
        coming=coming,
        phones=phones,
        numbers=_reaching_nobody_but(connection, ids, participations.c.phone, phones),
        addresses=_reaching_nobody_but(connection, ids, func.lower(participations.c.email), addresses),
        organisation_ids=None if organisation_ids is None else tuple(organisation_ids),
    )


def names_of(connection: Connection, traces: Traces) -> list[str]:
    """First and last names of all people that the traces are about, each once.

    There are several if a number is shared.
    """
    columns = (participations.c.first_name, participations.c.last_name)
    theirs = participations.c.id.in_(traces.participation_ids)
    rows = connection.execute(select(*columns).where(theirs).order_by(participations.c.id))
    names = (" ".join(name for name in row if name) for row in rows)
    return list(dict.fromkeys(name for name in names if name))


def _is_reached_by(contact: ContactAddress) -> ColumnElement[bool]:
    """A condition on `participations`: those that the contact belongs to.

    It may be the contact that is used, that of a responsible person, or the usager's own, which is not used if there is
    a responsible person. Each has its own index, which an OR would not use.
    """
    own, this = participations.c.own, select(participations.c.id)
    if contact.phone is not None:
        directly = participations.c.phone == contact.phone
        otherwise = own["phone"].as_string() == contact.phone
    else:
        directly = func.lower(participations.c.email) == contact.email
        otherwise = func.lower(own["email"].as_string()) == contact.email
    return participations.c.id.in_(this.where(directly).union_all(this.where(own.is_not(null()), otherwise)))


def _distinct(*values: str | None) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _reaching_nobody_but(
    connection: Connection, participation_ids: Sequence[int], column: ColumnElement[str | None], values: Iterable[str]
) -> tuple[str, ...]:
    others = select(column).where(column.in_(values), participations.c.id.not_in(participation_ids))
    reaching_others = set(connection.execute(others).scalars())
    return tuple(value for value in values if value not in reaching_others)
