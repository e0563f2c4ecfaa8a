"""The texts that people get: SMS in GSM-7, and e-mails with a calendar part. Their words are in `templates/`.

`templates` makes the jinja2 environment. `sms` and `email` write the messages. `gsm7` and `fitting` make a text fit an
SMS. `appointment_facts` has what the templates may say, and `french_dates`, `telephone` and `email_addresses` format
the values.
"""
