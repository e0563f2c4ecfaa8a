"""Messages that people get without having written: receipts, reminders and news of their appointments.

`herald` decides who is told what and puts it into the outbox, `news_writer` writes the messages. `reminders` finds when
reminders are due, and looks at each once more before it leaves. `agent_emails` writes to agents. `notified` reads back
who was told of an act.
"""
