"""The texts that people get: SMS in GSM-7, and e-mails with a calendar part. Their words are in `templates/`.

`templates` renders, `sms` and `email` write a message. `gsm7` and `fitting` make a text fit an SMS. `french_dates`,
`telephone`, `email_addresses` and `appointment_facts` write what stands in them.
"""
