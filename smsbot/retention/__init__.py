"""Forgetting: what is no longer needed is erased by itself (`purging`), and a person can have what is kept about them
told (`exporting`) or erased (`forgetting`) at any time.

What goes, `SMSBOT_RETENTION_DAYS` after the appointment: names, telephone numbers, e-mail and home addresses, the texts
of messages, SMS and e-mail alike, and the e-mail address of the agent in the audit. What is about no appointment, such
as messages of strangers, goes as long after it was written. Rows stay, with nobody in them, because figures are made of
them; their numbers at the source stay too, or a late record would bring the person back.

What stays with a person in it, on purpose: the number of somebody who asked for STOP, with the moment of it and nothing
else, until they write START. They objected to being written to (GDPR, article 21), and only who is known can be left
alone. The CNIL would rather see a hash on such lists: a plain one hides no telephone number, since all can be tried in
minutes, and a keyed one would lose every STOP along with `SMSBOT_SECRET_KEY`, so the number stands as it is.
"""
