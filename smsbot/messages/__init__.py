"""What is said: SMS in GSM-7, e-mails with their calendar part, dates in French, brands; the words are templates."""
