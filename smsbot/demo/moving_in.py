"""Gives the stand-ins the data of the town's week: what was sent and received before the demo opens.

The week is played on the service alone, because that is fast. Afterwards each SMS that was sent is put into the
gateway's records and onto a telephone, each e-mail into a mailbox, and each cancellation into the calendar.
"""

from __future__ import annotations

from types import SimpleNamespace

from sqlalchemy import Connection, select

from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail, SmtpStandIn
from smsbot.demo.stand_ins.rdvsp_agenda import CANCELLED, Agenda
from smsbot.demo.stand_ins.twilio_documents import INBOUND, OUTBOUND, TwilioMessage
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.gateways.base import DeliveryStatus
from smsbot.messages.email import to_message
from smsbot.outbox.messages import SENT
from smsbot.store.tables import incoming_messages, outgoing_messages, participations

_incoming, _outgoing = incoming_messages.c, outgoing_messages.c


def move_in(connection: Connection, twilio: TwilioStandIn, smtp: SmtpStandIn, calendar: Agenda) -> None:
    """Give the stand-ins the data that the service has. No webhook is posted, and nothing is sent."""
    messages = [*_received(connection, twilio.account_sid), *_sent(connection, twilio.account_sid)]
    for message in sorted(messages, key=lambda one: one.created_at):
        twilio.remember(message)
    mails = select(outgoing_messages).where(_outgoing.channel == "email", _outgoing.state == SENT)
    for row in connection.execute(mails.order_by(_outgoing.id)).mappings():
        message_id = f"<outgoing-{row['id']}@localhost>"
        smtp.take(ReceivedMail(row["sender"], (row["recipient"],), to_message(SimpleNamespace(**row), message_id)))
    cancelled = select(participations.c.external_id, participations.c.status)
    for external_id, status in connection.execute(cancelled.where(participations.c.status.in_(CANCELLED))):
        calendar.set_status(int(external_id), status)


def _received(connection: Connection, account_sid: str) -> list[TwilioMessage]:
    rows = connection.execute(select(incoming_messages).where(_incoming.from_number != "").order_by(_incoming.id))
    return [
        TwilioMessage(
            sid=row.gateway_message_id,
            account_sid=account_sid,
            direction=INBOUND,
            to=row.to_number,
            from_=row.from_number,
            body=row.body,
            status="received",
            created_at=row.received_at,
        )
        for row in rows
    ]


def _sent(connection: Connection, account_sid: str) -> list[TwilioMessage]:
    """The SMS that were sent and arrived."""
    is_sent = (_outgoing.channel == "sms") & (_outgoing.delivery_status == DeliveryStatus.DELIVERED.value)
    rows = connection.execute(select(outgoing_messages).where(is_sent).order_by(_outgoing.id))
    return [
        TwilioMessage(
            sid=f"SMsent{row.id}",
            account_sid=account_sid,
            direction=OUTBOUND,
            to=row.recipient,
            from_=row.sender,
            body=row.body,
            status=DeliveryStatus.DELIVERED.value,
            created_at=row.created_at,
        )
        for row in rows
    ]
