"""The texts that people get: SMS in GSM-7, and e-mails with a calendar part. Their words are in `templates/`."""
