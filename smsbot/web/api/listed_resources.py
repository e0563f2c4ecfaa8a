"""What the API answers about organisations, about messages to usagers, and about the STOP list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field
from sqlalchemy import RowMapping

from smsbot.agents.appointment_actions import public_appointment_id, public_delivery_id, public_participation_id
from smsbot.appointments.terms import TermsBook
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.organisations.organisations_in_reach import OrganisationRow
from smsbot.outbox.delivery_status import Fate, delivery_of
from smsbot.web.api.resources import ApiResource

NextPage = Annotated[
    str | None,
    Field(json_schema_extra={"format": "uri"}, description="The next page's address; null: this is the end."),
]


class OrganisationDetails(ApiResource):
    """An organisation, the defaults for its appointments, and what waits in its inbox."""

    source: str
    external_id: Annotated[str, Field(description="Its id at the source.")]
    name: str | None
    phone_number: str | None
    email: str | None
    verticale: str | None
    time_zone: Annotated[str, Field(description="IANA name, for appointments without a time zone of their own.")]
    label: Annotated[str | None, Field(description="What messages call an appointment; null: RDV.")]
    notice_hours: Annotated[float, Field(description="How many hours before the start usagers can no longer cancel.")]
    may_be_cancelled: Annotated[bool, Field(description="False: usagers are told whom to call instead.")]
    sender: Annotated[
        str | None, Field(description="The sender of notifications and reminders by SMS; null: the main sender.")
    ]
    alert_email: Annotated[
        str | None, Field(description="The address that is told when messages wait; null: nobody is told.")
    ]
    appointments_coming: Annotated[int, Field(description="Still to come and not cancelled.")]
    messages_waiting: Annotated[int, Field(description="In the inbox and not handled.")]


class OrganisationPage(ApiResource):
    """A page of a list of organisations."""

    organisations: tuple[OrganisationDetails, ...]
    next: NextPage


class DeliveryResource(ApiResource):
    """A message to an usager, and how it ended."""

    id: str
    appointment_id: str
    participation_id: str | None
    channel: Annotated[str, Field(description="sms or email.")]
    kind: Annotated[str, Field(description="reply, receipt, notification or reminder.")]
    recipient: Annotated[str | None, Field(description="Number (E.164) or address; null once it was erased.")]
    subject: Annotated[str | None, Field(description="Of an e-mail.")]
    text: Annotated[
        str | None,
        Field(description="Null once it was erased, and where it also tells of appointments of other organisations."),
    ]
    segments: Annotated[int | None, Field(description="Of an SMS: how many segments are paid for.")]
    by_agent: Annotated[str | None, Field(description="The agent who wrote it or had it sent again; null: the bot.")]
    created_at: datetime
    sent_at: Annotated[datetime | None, Field(description="When the gateway or mail server took it.")]
    fate: Annotated[
        Fate,
        Field(
            description="`lost`: it was taken and did not arrive. `refused`: it was not taken. `resting`: delivery has "
            "given it up. `erased`, `overtaken` and `opted_out`: it was left unsent on purpose. E-mails stay `sent`."
        ),
    ]
    code: Annotated[str | None, Field(description="The gateway's or mail server's reason.")]


class DeliveryPage(ApiResource):
    """A page of the messages about an appointment, in the order in which they were written."""

    deliveries: tuple[DeliveryResource, ...]
    next: NextPage


class StopResource(ApiResource):
    """A number that takes no SMS."""

    phone: Annotated[str, Field(description="E.164.")]
    stopped_at: Annotated[datetime, Field(description="When STOP came.")]


class StopPage(ApiResource):
    """A page of the STOP list, in the order in which the STOPs came."""

    stops: tuple[StopResource, ...]
    next: NextPage


def organisation_details(found: OrganisationRow, terms: TermsBook) -> OrganisationDetails:
    """The organisation for the answer. What `smsbot.toml` says (`terms`) goes before what the source says."""
    row = found.organisation
    rules = terms.policy.rules_for(
        row["source"], organisation=row["external_id"], service=None, motif=None, verticale=row["verticale"]
    )
    notice = terms.notice if rules.notice is None else rules.notice
    return OrganisationDetails(
        source=row["source"],
        external_id=row["external_id"],
        name=row["name"],
        phone_number=rules.phone_number or row["phone_number"],
        email=row["email"],
        verticale=row["verticale"],
        time_zone=rules.time_zone or row["time_zone"] or DEFAULT_TIME_ZONE,
        label=rules.label,
        notice_hours=notice / timedelta(hours=1),
        may_be_cancelled=rules.may_be_cancelled,
        sender=rules.sender,
        alert_email=found.alert_address,
        appointments_coming=found.coming,
        messages_waiting=found.waiting,
    )


def delivery_resource(row: RowMapping) -> DeliveryResource:
    """The message for the answer, from its row in `outgoing_messages`."""
    became = delivery_of(row["state"], row["delivery_status"], row["error_code"])
    participation_id = row["participation_id"]
    return DeliveryResource(
        id=public_delivery_id(row["id"]),
        appointment_id=public_appointment_id(row["appointment_id"]),
        participation_id=None if participation_id is None else public_participation_id(participation_id),
        channel=row["channel"],
        kind=row["kind"],
        recipient=row["recipient"] or None,
        subject=row["subject"],
        text=None if row["lists_others"] else row["body"] or None,
        segments=row["segments"],
        by_agent=row["by_agent"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        fate=became.fate,
        code=became.code,
    )
