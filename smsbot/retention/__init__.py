"""Erases personal data: `purging` when it is no longer needed, `personal_rights` when a person asks for it.
`personal_rights` also gives a person everything that is stored about them; `person` finds it.

`SMSBOT_RETENTION_DAYS` after the appointment, these are erased: names, telephone numbers, e-mail and home addresses,
the texts of SMS and e-mails, the agents' notes on them, and the agent's e-mail address in the audit. Data about no
appointment, such as messages of strangers, is erased the same time after it was written. The rows stay, without
personal data, because figures count them. Rows of messages are deleted once the month is closed
(`smsbot.figures.thinning`). The ids of participations at the source stay too: without them, a late record would bring
the person back.

One piece of personal data stays on purpose: the number of somebody who wrote STOP, with the time and nothing else,
until they write START. They objected to messages (GDPR, article 21), and we can only respect that for a number that we
know. The CNIL prefers a hash on such lists. But a plain hash does not hide a telephone number, because all numbers can
be tried in minutes, and a keyed hash would lose every STOP together with `SMSBOT_SECRET_KEY`. So the number itself is
stored.
"""
