"""The pages on which an administrator imports many accounts from a file.

/agents/comptes/import        takes a file, or lines pasted from a spreadsheet, and shows what would happen
/agents/comptes/import/fait   does it, if it would still do what was shown

Nothing is stored between the two. The page that shows the result carries the lines, and a digest of what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.account_file import AccountLine, NoAccounts, RefusedAccountLine, read_accounts
from smsbot.agents.account_import import ImportPlan, carry_out_plan, plan_import
from smsbot.agents.administration import Mandate, lock_mandate, require_mandate
from smsbot.agents.directory import Directory, read_directory
from smsbot.agents.signing_in.passwords import issue_reset
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue_all
from smsbot.policy import Policy
from smsbot.sources.csv_tables import lines_of
from smsbot.sources.file_lines import UnreadableFile
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer

MOST_LINES = 3000
SHOWN = 200
"""The most accounts of a kind that are shown. The others are only counted."""

_UNREADABLE = "\N{REPLACEMENT CHARACTER}\n"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountImportPages:
    """For administrators only. Everybody else gets a 404."""

    policy: Policy
    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails

    def routes(self) -> list[Route]:
        page, post = self.guard.agents, self.guard.agents_posting
        path = f"{PATH}/comptes/import"
        return [
            Route(path, page(self.form), methods=["GET"]),
            Route(path, post(self.preview, writes=False, with_file=True), methods=["POST"]),
            Route(f"{path}/fait", post(self.carry_out, with_file=True), methods=["POST"]),
        ]

    def form(self, request: AgentRequest) -> Response:
        mandate = require_mandate(request.connection, request.agent)
        return self._form(request, mandate, done=request.query.get("fait"))

    def preview(self, request: AgentRequest, form: Fields) -> Response:
        """Show what these lines would do."""
        mandate = require_mandate(request.connection, request.agent)
        content = form.get("fichier", "").encode("latin-1") or form.get("lignes", "").encode()
        try:
            plan, directory = self._planned(request, mandate, content)
        except (NoAccounts, UnreadableFile, _TooLong) as problem:
            return self._form(request, mandate, 422, problem=problem, typed=form.get("lignes", ""))
        return self._preview(request, plan, directory, _text(content))

    def carry_out(self, request: AgentRequest, form: Fields) -> PageAnswer:
        """Do it. If it would no longer do what was shown, show it again instead."""
        mandate, text = lock_mandate(request.connection, request.agent), form.get("lignes", "")
        try:
            plan, directory = self._planned(request, mandate, text.encode())
        except (NoAccounts, UnreadableFile, _TooLong) as problem:
            return self._form(request, mandate, 422, problem=problem, typed=text)
        if plan.digest != form.get("empreinte"):
            return self._preview(request, plan, directory, text, has_changed=True)
        let_in = carry_out_plan(request.connection, mandate, plan, request.now)
        if form.get("prevenir"):
            invitations = [
                self.agent_emails.invitation(each, issue_reset(request.connection, each, request.now))
                for each in let_in
            ]
            enqueue_all(request.connection, invitations, request.now)
        agent_id, done = request.agent.id, len(plan.new) + len(plan.changed)

        async def told() -> Response:
            logger.info("accounts imported in the console", agent_id=agent_id, accounts=done)
            return self.pages.redirect(f"/comptes/import?fait={done}")

        return told

    def _planned(self, request: AgentRequest, mandate: Mandate, content: bytes) -> tuple[ImportPlan, Directory]:
        lines: list[AccountLine | RefusedAccountLine] = []
        for line in read_accounts(content):
            if len(lines) == MOST_LINES:
                raise _TooLong
            lines.append(line)
        directory = read_directory(request.connection, self.policy, mandate)
        return plan_import(request.connection, mandate, directory, lines, request.now), directory

    def _preview(
        self, request: AgentRequest, plan: ImportPlan, directory: Directory, text: str, *, has_changed: bool = False
    ) -> Response:
        return self.pages.page(
            "accounts_import_preview",
            request,
            plan=plan,
            directory=directory,
            text=text,
            shown=SHOWN,
            has_changed=has_changed,
        )

    def _form(
        self,
        request: AgentRequest,
        mandate: Mandate,
        status: int = 200,
        problem: Exception | None = None,
        **values: object,
    ) -> Response:
        kind = {NoAccounts: "colonnes", UnreadableFile: "classeur", _TooLong: "long"}
        return self.pages.page(
            "accounts_import",
            request,
            status,
            mandate=mandate,
            most=MOST_LINES,
            problem=None if problem is None else kind[type(problem)],
            headings=problem.headings if isinstance(problem, NoAccounts) else (),
            **({"typed": "", "done": None} | values),
        )


class _TooLong(Exception):
    """There are more lines than may be imported at once."""


def _text(content: bytes) -> str:
    """The content of a file as a text, which the page carries to the next step."""
    return "".join(_UNREADABLE if line is None else line for line in lines_of(content)).removeprefix("\ufeff")
