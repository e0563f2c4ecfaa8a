"""An agent's answer: how it looks as an SMS while it is typed, and the message that is sent.

It is sent by SMS, or by e-mail to somebody who has sent STOP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import jinja2
from sqlalchemy import Connection

from smsbot.agents.accounts import Agent
from smsbot.appointments.participation_queries import participation_of
from smsbot.appointments.terms import TermsBook
from smsbot.inbox.threads import OpenThread, Thread
from smsbot.messages.french_dates import long_date
from smsbot.messages.gsm7 import capacity, is_gsm7, length, segments, whole_sms
from smsbot.outbox.messages import OutgoingMessage

_FOLDER = "web/console/email"


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as typed, and as it is in an SMS. `room` is how many more signs fit into its last segment."""

    typed: str
    sms: str
    segments: int
    room: int

    @classmethod
    def of(cls, typed: str) -> Draft:
        sms = whole_sms(typed).strip()
        count = segments(sms)
        return cls(typed, sms, count, max(capacity(sms, count) - length(sms), 0))

    @property
    def is_in_another_script(self) -> bool:
        """Whether it is sent in UCS-2, in segments of 70 or 67 signs, because GSM-7 does not have its letters."""
        return not is_gsm7(self.sms)

    @property
    def excess(self) -> int:
        """By how many signs it is too long; 0 where it fits."""
        return max(length(self.sms) - capacity(self.sms, MOST_SEGMENTS), 1) if self.segments > MOST_SEGMENTS else 0

    @property
    def problem(self) -> str | None:
        if not self.sms:
            return "vide"
        return "long" if self.segments > MOST_SEGMENTS else None


@dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Writes answers. E-mails leave from `mail_from`."""

    environment: jinja2.Environment
    terms_book: TermsBook
    mail_from: str

    def message(
        self,
        connection: Connection,
        opened: OpenThread,
        agent: Agent,
        draft: Draft,
        mail_address: str | None,
        now: datetime,
    ) -> OutgoingMessage:
        """The message for this agent's answer: by SMS or, if `mail_address` is given, by e-mail to this address."""
        thread = opened.thread
        about = thread.about(now)
        answered = partial(
            OutgoingMessage,
            kind="reply",
            appointment_id=about.appointment_id if about else None,
            participation_id=about.id if about else None,
            in_reply_to=opened.seen.message_id,
            agent_id=agent.id,
        )
        if mail_address is None:
            return answered(
                channel="sms",
                recipient=thread.phone,
                sender=thread.our_number,
                body=draft.sms,
                segments=draft.segments,
            )
        values = {
            "text": draft.typed.strip(),
            "thread": thread,
            "moment": long_date(thread.at, thread.time_zone, now=now),
        }
        return answered(
            channel="email",
            recipient=mail_address,
            sender=self.mail_from,
            reply_to=self._reply_to(connection, thread, mail_address),
            subject=self._text("answer_subject.txt", values),
            body=self._text("answer.txt", values),
            html=self._text("answer.html", values),
        )

    def _reply_to(self, connection: Connection, thread: Thread, mail_address: str) -> str | None:
        """The address for answers to an e-mail to this person; None for the sender's own."""
        theirs = next(each.id for each in thread.participations if each.email == mail_address)
        participation = participation_of(connection, theirs)
        assert participation is not None, "it was read in this transaction"
        return self.terms_book.brand_words(participation.appointment).reply_to

    def _text(self, name: str, values: dict[str, object]) -> str:
        return self.environment.get_template(f"{_FOLDER}/{name}").render(values).strip()


MOST_SEGMENTS = 4
