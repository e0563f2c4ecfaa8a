"""The e-mails to agents and their organisations. None says anything of an usager: it tells where to look.

Once sent, nothing of them is kept but to whom and when (kind `agents`, see `smsbot.delivery.outbox`).
"""

from __future__ import annotations

from dataclasses import dataclass

from smsbot.agents.accounts import Agent
from smsbot.agents.sign_in_resets import LIFETIME
from smsbot.delivery.outbox import OutgoingMessage
from smsbot.links import Links
from smsbot.web.console.pages import PATH, ConsolePages


@dataclass(frozen=True, slots=True)
class Letters:
    """`mail_from` is their sender."""

    pages: ConsolePages
    links: Links
    mail_from: str

    def forgotten_password(self, agent: Agent, token: str) -> OutgoingMessage:
        return self._with_link("reset", agent, token)

    def invitation(self, agent: Agent, token: str) -> OutgoingMessage:
        """To somebody who has just been added."""
        return self._with_link("invitation", agent, token)

    def handed_over(self, colleague: Agent, by: Agent, message_id: int) -> OutgoingMessage:
        """A thread was left to them."""
        url = f"{self._console}/messages/{message_id}"
        return self._letter("handed_over", colleague.email, by=by.email, url=url)

    def new_messages(self, address: str, organisation: str, count: int, message_id: int) -> OutgoingMessage:
        """To an organisation: so many messages wait, this one the newest."""
        url = f"{self._console}/messages" if count > 1 else f"{self._console}/messages/{message_id}"
        return self._letter("new_messages", address, organisation=organisation, count=count, url=url)

    @property
    def _console(self) -> str:
        return f"{self.links.public_url}{PATH}"

    def _with_link(self, name: str, agent: Agent, token: str) -> OutgoingMessage:
        minutes = int(LIFETIME.total_seconds() // 60)
        return self._letter(
            name, agent.email, url=f"{self._console}/mot-de-passe/{token}", minutes=minutes, console=self._console
        )

    def _letter(self, name: str, recipient: str, **values: object) -> OutgoingMessage:
        return OutgoingMessage(
            channel="email",
            kind="agents",
            recipient=recipient,
            sender=self.mail_from,
            subject=self.pages.text(f"email/{name}_subject.txt", **values),
            body=self.pages.text(f"email/{name}.txt", **values),
            html=self.pages.text(f"email/{name}.html", **values),
        )
