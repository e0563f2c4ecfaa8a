"""Writes the e-mails to agents and their organisations. They say nothing about usagers, only where to look.

After sending, only the recipient and the time are kept (kind `agents`, see `smsbot.outbox.messages`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jinja2

from smsbot.agents.accounts import Agent
from smsbot.agents.signing_in.passwords import RESET_LIFETIME
from smsbot.outbox.messages import OutgoingMessage
from smsbot.signing import Links

CONSOLE_PATH = "/agents"
_FOLDER = "web/console/email"


@dataclass(frozen=True, slots=True)
class AgentEmails:
    """Writes these e-mails; they leave from `mail_from`."""

    environment: jinja2.Environment
    links: Links
    mail_from: str

    def forgotten_password(self, agent: Agent, token: str) -> OutgoingMessage:
        return self._with_link("reset", agent, token)

    def invitation(self, agent: Agent, token: str) -> OutgoingMessage:
        """For an agent who has just been added."""
        return self._with_link("invitation", agent, token)

    def handed_over(self, colleague: Agent, by: Agent, message_ids: Sequence[int]) -> OutgoingMessage:
        """Tell a colleague that the threads of these messages (our ids, at least one) were handed over to them."""
        count = len(message_ids)
        url = f"{self._console}/messages" + ("?vue=pour-moi" if count > 1 else f"/{message_ids[0]}")
        return self._email("handed_over", colleague.email, by=by.email, count=count, url=url)

    def new_messages(self, address: str, organisation: str, count: int, message_id: int) -> OutgoingMessage:
        """Tell an organisation that `count` messages wait. `message_id` (our id) is the newest."""
        url = f"{self._console}/messages" if count > 1 else f"{self._console}/messages/{message_id}"
        return self._email("new_messages", address, organisation=organisation, count=count, url=url)

    @property
    def _console(self) -> str:
        return f"{self.links.public_url}{CONSOLE_PATH}"

    def _with_link(self, name: str, agent: Agent, token: str) -> OutgoingMessage:
        minutes = int(RESET_LIFETIME.total_seconds() // 60)
        return self._email(
            name, agent.email, url=f"{self._console}/mot-de-passe/{token}", minutes=minutes, console=self._console
        )

    def _email(self, name: str, recipient: str, **values: object) -> OutgoingMessage:
        return OutgoingMessage(
            channel="email",
            kind="agents",
            recipient=recipient,
            sender=self.mail_from,
            subject=self._text(f"{name}_subject.txt", values),
            body=self._text(f"{name}.txt", values),
            html=self._text(f"{name}.html", values),
        )

    def _text(self, name: str, values: Mapping[str, object]) -> str:
        return self.environment.get_template(f"{_FOLDER}/{name}").render(values).strip()
