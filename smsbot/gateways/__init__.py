"""The telecom gateways, each behind the same four verbs: verify, parse, send, status (`base.Gateway`).

One module per gateway. None of them knows the database, the conversation or the web framework.
"""
