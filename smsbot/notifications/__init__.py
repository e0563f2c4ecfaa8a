"""Messages that people get without having written: receipts, reminders and news of their appointments."""
