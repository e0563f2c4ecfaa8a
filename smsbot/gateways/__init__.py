"""The telecom gateways, all with the same four methods: verify, messages, statuses, send (`base.Gateway`).

`twilio` (with `twilio_lookup`, which reads its list of messages) and `vonage` are written in code. `described/` serves
the gateways that `smsbot.toml` describes. No module here knows the database, the conversation or the web framework.

- `base` has what every gateway offers, and how it fails; `gateway_records` has what some gateways remember.
- `opening_gateways` makes the gateways. `failover` chooses one for each message and passes over those that fail, with a
  `circuit` for each.
- Several gateways use `http`, `authentication` (of webhooks) and `webhook_values`, which reads the values in webhooks.
"""
