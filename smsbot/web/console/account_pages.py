"""The accounts of colleagues, as an administrator manages them: within their own organisations, and no further.

    /agents/comptes          who may come in, with the form to add somebody
    /agents/comptes/retrait  asks, then takes an organisation from somebody; without any they are shut out
    /agents/comptes/alerte   where an organisation is told of new messages in its inbox

Who is added gets an e-mail with a link to choose a password. Administrators are named from the shell.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Row, exists, select
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent, add_agent, end_every_way_in, find_agent, is_administrator, take_organisation
from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, row_id
from smsbot.agents.sign_in_resets import issue_reset
from smsbot.inbox.alerts import alert_addresses, set_alert_address
from smsbot.model import Via
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.sources import texts
from smsbot.store.database import Database, serialise
from smsbot.store.tables import agent_administrators, agent_organisations, agents, organisations
from smsbot.web.console.console_page import PATH, ConsolePages, Desk
from smsbot.web.console.guard import Fields, Guard

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may act in some of the administrator's organisations, told of those alone."""

    agent: Agent
    organisations: tuple[KnownOrganisation, ...]
    is_administrator: bool


@dataclass(frozen=True, slots=True)
class AccountPages:
    """For administrators alone; for everybody else there is nothing here."""

    database: Database
    guard: Guard
    pages: ConsolePages
    letters: AgentEmails

    def routes(self) -> list[Route]:
        guard = self.guard
        return [
            Route(f"{PATH}/comptes", guard.agents(self.page), methods=["GET"]),
            Route(f"{PATH}/comptes", guard.agents_posting(self.add), methods=["POST"]),
            Route(f"{PATH}/comptes/retrait", guard.agents(self.question), methods=["GET"]),
            Route(f"{PATH}/comptes/retrait", guard.agents_posting(self.remove), methods=["POST"]),
            Route(f"{PATH}/comptes/alerte", guard.agents_posting(self.set_alert), methods=["POST"]),
        ]

    async def page(self, desk: Desk) -> Response:
        query = desk.request.query_params
        done = next((word for word in ("ajoute", "retire", "alerte") if word in query), None)
        return await self._page(desk, done=done)

    async def add(self, desk: Desk, form: Fields) -> Response:
        email, organisation_id = texts.email(form.get("email", "")), row_id(form.get("organisation", ""))
        if email is None:
            return await self._page(desk, 422, problem="email", email=form.get("email", "")[:254])

        def work(connection: Connection) -> None:
            organisation = _own(connection, desk.agent, organisation_id)
            was_shut_out = find_agent(connection, email) is None
            agent = add_agent(
                connection,
                email,
                organisation.source,
                [organisation.external_id],
                desk.now,
                Via.CONSOLE,
                desk.agent,
            )
            if was_shut_out:
                end_every_way_in(connection, agent.id)  # who comes back begins anew
            token = issue_reset(connection, agent, desk.now)
            enqueue(connection, self.letters.invitation(agent, token), desk.now)

        await self.database.write(work)
        logger.info("agent added in the console", agent_id=desk.agent.id)
        return self.pages.redirect("/comptes?ajoute")

    async def question(self, desk: Desk) -> Response:
        query = desk.request.query_params
        agent_id, organisation_id = row_id(query.get("agent", "")), row_id(query.get("organisation", ""))

        def look(connection: Connection) -> tuple[Agent, KnownOrganisation]:
            _only_administrators(connection, desk.agent)
            return _meant(connection, desk.agent, agent_id, organisation_id)

        colleague, organisation = await self.database.read(look)
        return self.pages.page("removal", desk, colleague=colleague, organisation=organisation)

    async def remove(self, desk: Desk, form: Fields) -> Response:
        agent_id, organisation_id = row_id(form.get("agent", "")), row_id(form.get("organisation", ""))

        def work(connection: Connection) -> None:
            organisation = _own(connection, desk.agent, organisation_id)
            colleague, _ = _meant(connection, desk.agent, agent_id, organisation_id)
            source, external_id = organisation
            if not take_organisation(connection, colleague, source, external_id, desk.now, desk.agent):
                raise OutOfReach("no such agent")

        await self.database.write(work)
        logger.info("agent removed in the console", agent_id=desk.agent.id)
        return self.pages.redirect("/comptes?retire")

    async def set_alert(self, desk: Desk, form: Fields) -> Response:
        written, organisation_id = form.get("email", "").strip(), row_id(form.get("organisation", ""))
        email = texts.email(written)
        if written and email is None:
            return await self._page(desk, 422, alert_problem=organisation_id, email=written[:254])

        def work(connection: Connection) -> None:
            _own(connection, desk.agent, organisation_id)
            set_alert_address(connection, organisation_id, email)

        await self.database.write(work)
        return self.pages.redirect("/comptes?alerte")

    async def _page(self, desk: Desk, status: int = 200, **values: object) -> Response:
        def look(connection: Connection) -> dict[str, object]:
            _only_administrators(connection, desk.agent)
            own = organisations_of(connection, desk.agent)
            return {
                "colleagues": _colleagues(connection, desk.agent),
                "organisations": own,
                "alert_addresses": alert_addresses(connection, [each.id for each in own]),
            }

        return self.pages.page("accounts", desk, status, **await self.database.read(look), **values)


def _only_administrators(connection: Connection, agent: Agent) -> None:
    if not is_administrator(connection, agent):
        raise OutOfReach("only administrators manage accounts")


def _own(connection: Connection, administrator: Agent, organisation_id: int) -> Row[str, str]:
    """The source and id there of an organisation of the administrator's. Raises OutOfReach.

    One after the other: of two who remove each other, the second is none any more.
    """
    serialise(connection, "accounts")
    _only_administrators(connection, administrator)
    held = exists().where(
        agent_organisations.c.agent_id == administrator.id,
        agent_organisations.c.source == organisations.c.source,
        agent_organisations.c.organisation_external_id == organisations.c.external_id,
    )
    statement = select(organisations.c.source, organisations.c.external_id)
    row = connection.execute(statement.where(organisations.c.id == organisation_id, held)).one_or_none()
    if row is None:
        raise OutOfReach("no such organisation")
    return row


def _meant(
    connection: Connection, administrator: Agent, agent_id: int, organisation_id: int
) -> tuple[Agent, KnownOrganisation]:
    """Whom to remove, and from where. Raises OutOfReach for oneself, and for who is not there."""
    if agent_id == administrator.id:
        raise OutOfReach("nobody removes themselves")
    for colleague in _colleagues(connection, administrator):
        for organisation in colleague.organisations:
            if (colleague.agent.id, organisation.id) == (agent_id, organisation_id):
                return colleague.agent, organisation
    raise OutOfReach("no such agent")


def _colleagues(connection: Connection, administrator: Agent) -> list[Colleague]:
    own = {each.id: each for each in organisations_of(connection, administrator)}
    rows = connection.execute(
        select(
            agents.c.id,
            agents.c.email,
            organisations.c.id.label("organisation_id"),
            agent_administrators.c.agent_id.label("administrator_id"),
        )
        .select_from(
            agents.join(agent_organisations)
            .join(
                organisations,
                (organisations.c.source == agent_organisations.c.source)
                & (organisations.c.external_id == agent_organisations.c.organisation_external_id),
            )
            .outerjoin(agent_administrators, agent_administrators.c.agent_id == agents.c.id)
        )
        .where(agents.c.revoked_at.is_(None), organisations.c.id.in_(own))
        .order_by(agents.c.email, organisations.c.name)
    )
    found: dict[Agent, tuple[list[KnownOrganisation], bool]] = {}
    for row in rows:
        held, _ = found.setdefault(Agent(row.id, row.email), ([], row.administrator_id is not None))
        held.append(own[row.organisation_id])
    return [Colleague(agent, tuple(held), is_one) for agent, (held, is_one) in found.items()]
