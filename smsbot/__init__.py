"""smsbot: people in France answer the SMS about their appointment with a public service.

The centre is `conversation.table`, which lists every transition, and `incoming.turn`, which takes one message through
it in one database transaction. Around it: `appointments` (and the one door through which they end), `messages` (what is
said), `outbox` (how it leaves), `gateways`, `sources` and `web` at the edge. See `docs/architecture.md`.
"""
