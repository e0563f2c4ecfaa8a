"""The endpoints of the API that list organisations, messages to usagers and the STOP list, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection, RowMapping
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.public_ids import PublicId
from smsbot.agents.tokens import ApiScope
from smsbot.appointments.terms import TermsBook
from smsbot.diary.messages_in_reach import find_deliveries, find_stops
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.organisations.organisations_in_reach import OrganisationRow, find_organisations
from smsbot.outbox.delivery_status import Fate, fate_of
from smsbot.store.database import Database
from smsbot.web.api.answering_requests import ApiProblem, NextPages, json_answer
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.reading_requests import OrganisationKey, PageQuery, StopsQuery, read_query
from smsbot.web.api.resources import ApiResource

ORGANISATIONS = "/api/v1/organisations"
STOP_LIST = "/api/v1/stop-list"


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


@dataclass(frozen=True, slots=True)
class ListEndpoints:
    """The endpoints of these lists. `agent_of` returns whose request it is, or refuses it.

    `appointment_of` returns our id of the appointment that the agent means by a name.
    """

    database: Database
    terms: TermsBook
    next_pages: NextPages
    clock: Callable[[], datetime]
    agent_of: AgentOf
    appointment_of: Callable[[Connection, Agent, str], int]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/organisations", self.organisations, methods=["GET"]),
            Route("/v1/organisations/{id}", self.organisation, methods=["GET"]),
            Route("/v1/appointments/{id}/deliveries", self.deliveries, methods=["GET"]),
            Route("/v1/stop-list", self.stops, methods=["GET"]),
        ]

    async def organisations(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.ORGANISATIONS_READ), self.clock()
        query = read_query(request, PageQuery)
        found, position = await self.database.read(
            lambda connection: find_organisations(connection, agent, now, after=query.cursor, limit=query.limit)
        )
        organisations = tuple(organisation_details(each, self.terms) for each in found)
        following = self.next_pages.address(request, ORGANISATIONS, position)
        return json_answer(OrganisationPage(organisations=organisations, next=following))

    async def organisation(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.ORGANISATIONS_READ), self.clock()
        asked = read_query(request, OrganisationKey, id=request.path_params["id"])
        key = (asked.source, asked.id)
        found, _ = await self.database.read(lambda connection: find_organisations(connection, agent, now, key=key))
        if not found:
            raise ApiProblem(HTTPStatus.NOT_FOUND, "The organisation is not one of the agent's, or not known yet.")
        return json_answer(organisation_details(found[0], self.terms))

    async def deliveries(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.MESSAGES_READ)
        name: str = request.path_params["id"]
        query = read_query(request, PageQuery)

        def work(connection: Connection) -> DeliveryPage:
            appointment_id = self.appointment_of(connection, agent, name)
            rows, position = find_deliveries(connection, agent, appointment_id, query.cursor, query.limit)
            path = f"/api/v1/appointments/{PublicId.APPOINTMENT.of(appointment_id)}/deliveries"
            following = self.next_pages.address(request, path, position)
            return DeliveryPage(deliveries=tuple(map(delivery_resource, rows)), next=following)

        return json_answer(await self.database.read(work))

    async def stops(self, request: Request) -> Response:
        agent = await self.agent_of(request, ApiScope.STOP_LIST_READ)
        query = read_query(request, StopsQuery)
        found, position = await self.database.read(
            lambda connection: find_stops(
                connection, agent, query.cursor, query.limit, phone=query.phone, since=query.since
            )
        )
        stops = tuple(StopResource(phone=each.phone, stopped_at=each.stopped_at) for each in found)
        return json_answer(StopPage(stops=stops, next=self.next_pages.address(request, STOP_LIST, position)))


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
    became = fate_of(row["state"], row["delivery_status"], row["error_code"])
    participation_id = row["participation_id"]
    return DeliveryResource(
        id=PublicId.DELIVERY.of(row["id"]),
        appointment_id=PublicId.APPOINTMENT.of(row["appointment_id"]),
        participation_id=None if participation_id is None else PublicId.PARTICIPATION.of(participation_id),
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
