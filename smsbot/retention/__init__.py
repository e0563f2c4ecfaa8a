"""Forgetting. `purging` erases what is no longer needed. A person can get everything that is kept about them
or have it erased (`personal_rights`) at any time.

Erased `SMSBOT_RETENTION_DAYS` after the appointment are names, telephone numbers, e-mail and home addresses, the texts
of SMS and e-mails, what agents noted beside them, and the agent's e-mail address in the audit. What is about no
appointment, such as messages of strangers, is erased so long after it was written. The rows stay, without a person in
them, because figures are made of them; those of messages go once the figures of their month are counted for good
(`smsbot.figures.thinning`). The ids of the others at the source stay too: without them, a late record would bring the
person back.

One thing with a person in it stays on purpose: the number of somebody who wrote STOP, with the time and nothing else,
until they write START. They objected to messages (GDPR, article 21), and we can only respect that for a number that we
know. The CNIL prefers a hash on such lists. But a plain hash hides no telephone number, since all numbers can be tried
in minutes, and a keyed hash would lose every STOP together with `SMSBOT_SECRET_KEY`. So the number is kept as it is.
"""
