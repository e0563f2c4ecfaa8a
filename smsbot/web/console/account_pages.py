"""The pages on which administrators manage accounts, in the organisations that they administer.

/agents/comptes              who may sign in: searched, filtered, sorted, one page at a time
/agents/comptes.csv          the same as a file, all pages of it
/agents/comptes/ajout        the form to add somebody
/agents/comptes/{id}         one account: what it may do, and the forms to change that
/agents/comptes/{id}/role    gives it a role in an organisation, or in all
/agents/comptes/{id}/nom     gives it a name
/agents/comptes/retrait      asks, then takes one or all organisations from an account; with none left, it is revoked

A new agent gets an e-mail with a link to choose a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import structlog
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.account_file import columns_of_accounts
from smsbot.agents.account_list import AccountQuery, ListedAccount, account_within_reach, list_all, list_page
from smsbot.agents.accounts import Agent, Role
from smsbot.agents.administration import (
    GivenAccess,
    Mandate,
    give_access,
    rename,
    require_mandate,
    take_access,
    withdraw_access,
)
from smsbot.agents.directory import ALL_ORGANISATIONS, read_directory, read_key
from smsbot.agents.permissions import OutOfReach, row_id
from smsbot.agents.signing_in.passwords import issue_reset
from smsbot.model import OrganisationReference
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.policy import Policy
from smsbot.sources import texts
from smsbot.spreadsheets import to_french_csv_text
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, csv_file
from smsbot.web.console.guard import Fields, Guard, PageAnswer

_DONE = ("ajoute", "retire", "role", "nom")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountPages:
    """For administrators only. Everybody else gets a 404."""

    policy: Policy
    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails

    def routes(self) -> list[Route]:
        page, post = self.guard.agents, self.guard.agents_posting
        return [
            Route(f"{PATH}/comptes", page(self.list), methods=["GET"]),
            Route(f"{PATH}/comptes", post(self.add), methods=["POST"]),
            Route(f"{PATH}/comptes.csv", page(self.csv), methods=["GET"]),
            Route(f"{PATH}/comptes/ajout", page(self.form), methods=["GET"]),
            Route(f"{PATH}/comptes/retrait", page(self.question), methods=["GET"]),
            Route(f"{PATH}/comptes/retrait", post(self.remove), methods=["POST"]),
            Route(f"{PATH}/comptes/{{id}}", page(self.account), methods=["GET"]),
            Route(f"{PATH}/comptes/{{id}}/role", post(self.give_role), methods=["POST"]),
            Route(f"{PATH}/comptes/{{id}}/nom", post(self.rename), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    def list(self, request: AgentRequest) -> Response:
        mandate, query = require_mandate(request.connection, request.agent), AccountQuery.read(request.query)
        found = list_page(request.connection, mandate, query, request.now)
        return self.pages.page(
            "accounts",
            request,
            done=_just_done(request),
            mandate=mandate,
            query=query,
            page=found,
            directory=read_directory(request.connection, self.policy, mandate),
            parameters=urlencode(query.parameters),
        )

    def csv(self, request: AgentRequest) -> Response:
        mandate, query = require_mandate(request.connection, request.agent), AccountQuery.read(request.query)
        accounts = list_all(request.connection, mandate, query, request.now)
        heading, rows = columns_of_accounts(accounts)
        logger.info("accounts handed over", agent_id=request.agent.id, accounts=len(accounts))
        return csv_file(to_french_csv_text(heading, rows), "comptes.csv")

    def form(self, request: AgentRequest) -> Response:
        return self._form(request, asked=request.query.get("structure", ""))

    def account(self, request: AgentRequest) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        account = account_within_reach(request.connection, mandate, request.id, request.now)
        return self.pages.page(
            "account",
            request,
            done=_just_done(request),
            account=account,
            mandate=mandate,
            may_change=account.email != request.agent.email,
            may_rename=mandate.everywhere or (account.everywhere is None and not account.revoked_at),
            directory=read_directory(request.connection, self.policy, mandate),
            all_organisations=ALL_ORGANISATIONS,
        )

    # Changing ---------------------------------------------------------------------------------------------------------

    def add(self, request: AgentRequest, form: Fields) -> PageAnswer:
        email, organisation = texts.email(form.get("email", "")), form.get("structure", "")
        if email is None or email.lower() == request.agent.email:
            problem = "email" if email is None else "soi-meme"
            return self._form(request, 422, problem=problem, typed=form, asked=organisation)
        role = Role.ADMINISTRATOR if form.get("role") == Role.ADMINISTRATOR else None
        name = texts.name(form.get("nom"))
        given = give_access(request.connection, request.agent, email, _organisation(form), role, request.now, name)
        self._invite(request, given)
        return partial(self._done, "agent added in the console", request.agent, f"/comptes/{given.agent.id}?ajoute")

    def give_role(self, request: AgentRequest, form: Fields) -> PageAnswer:
        account = self._seen(request)
        role = next((each for each in Role if each == form.get("role")), None)
        if role is None:
            raise OutOfReach("no such role")
        given = give_access(request.connection, request.agent, account.email, _organisation(form), role, request.now)
        self._invite(request, given)
        return partial(self._done, "role given in the console", request.agent, f"/comptes/{account.id}?role")

    def rename(self, request: AgentRequest, form: Fields) -> PageAnswer:
        rename(request.connection, request.agent, request.id, texts.name(form.get("nom")), request.now)
        return self.pages.redirect(f"/comptes/{request.id}?nom")

    def question(self, request: AgentRequest) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        agent_id = row_id(request.query.get("agent", ""))
        account = account_within_reach(request.connection, mandate, agent_id, request.now)
        asked = request.query.get("structure", "")
        key = None if asked in ("", ALL_ORGANISATIONS) else read_key(asked)
        is_there = key in account.roles if key is not None else _may_be_taken(account, mandate, asked)
        if account.email == request.agent.email or account.revoked_at is not None or not is_there:
            raise OutOfReach("nothing to take away")
        directory = read_directory(request.connection, self.policy, mandate)
        return self.pages.page(
            "removal",
            request,
            account=account,
            organisation=directory.get(key) if key is not None else None,
            asked=asked,
            all_organisations=ALL_ORGANISATIONS,
        )

    def remove(self, request: AgentRequest, form: Fields) -> PageAnswer:
        agent_id, asked = row_id(form.get("agent", "")), form.get("structure", "")
        if asked:
            take_access(request.connection, request.agent, agent_id, _organisation(form), request.now)
        else:
            withdraw_access(request.connection, request.agent, agent_id, request.now)
        return partial(self._done, "agent removed in the console", request.agent, "/comptes?retire")

    # Underneath -------------------------------------------------------------------------------------------------------

    def _seen(self, request: AgentRequest) -> ListedAccount:
        mandate = require_mandate(request.connection, request.agent)
        return account_within_reach(request.connection, mandate, request.id, request.now)

    def _invite(self, request: AgentRequest, given: GivenAccess) -> None:
        if given.is_new:
            token = issue_reset(request.connection, given.agent, request.now)
            enqueue(request.connection, self.agent_emails.invitation(given.agent, token), request.now)

    async def _done(self, event: str, administrator: Agent, path: str) -> Response:
        logger.info(event, agent_id=administrator.id)
        return self.pages.redirect(path)

    def _form(self, request: AgentRequest, status: int = 200, **values: object) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        return self.pages.page(
            "account_adding",
            request,
            status,
            mandate=mandate,
            directory=read_directory(request.connection, self.policy, mandate),
            all_organisations=ALL_ORGANISATIONS,
            **values,
        )


def _just_done(request: AgentRequest) -> str | None:
    return next((word for word in _DONE if word in request.query), None)


def _organisation(form: Fields) -> OrganisationReference | None:
    """The organisation in a form, or None for all organisations. Raises OutOfReach if the form names none."""
    written = form.get("structure", "")
    return None if written == ALL_ORGANISATIONS else read_key(written)


def _may_be_taken(account: ListedAccount, mandate: Mandate, asked: str) -> bool:
    """Whether the administrator may take away what is `asked`.

    That is the role in all organisations, or everything if `asked` is empty.
    """
    if asked == ALL_ORGANISATIONS:
        return mandate.everywhere and account.everywhere is not None
    return mandate.everywhere or bool(account.roles)
