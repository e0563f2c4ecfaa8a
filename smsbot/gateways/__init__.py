"""The telecom gateways, all with the same four methods: verify, messages, statuses, send (`base.Gateway`).

There is one module for each gateway that is programmed: `twilio` (`twilio_lookup` reads its list of messages) and
`vonage`. `described` serves those that `smsbot.toml` describes. No module here knows the database, the conversation or
the web framework.

- What each gateway offers, and how it fails: `base`; `gateway_records` for those that remember their messages.
- Which of them a message leaves through: `opening_gateways` makes them, `failover` passes over those that fail, by the
  `circuit` of each.
- What a description makes: `described_requests`, `described_answers`, `described_replies`; `client_token` signs in.
- What several of them use: `http`; `authentication` of webhooks; `webhook_fields`, `webhook_values` and `xml_documents`
  for what is in these.
"""
