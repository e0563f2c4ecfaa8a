"""The telecom gateways, all with the same four methods: verify, messages, statuses, send (`base.Gateway`).

There is one module for each gateway that is programmed; `described` serves those that are described in `smsbot.toml`.
No module here knows the database, the conversation or the web framework.
"""
