"""Messages that people get without having written: receipts, reminders and news of their appointments.

`herald` decides who is told what and puts it into the outbox. `news_writer` writes the messages. `reminders` finds the
reminders that are due, and checks each once more before it leaves. `agent_emails` writes to agents. `notified` reads
from the outbox who is told of an act.
"""
