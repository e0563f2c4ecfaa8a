"""Handles what comes in: messages from usagers (`turn`) and events from the sources of appointments (`arrival`).

Messages come by webhook, from the list of a gateway that has no webhook (`polling`), or from the records of one that
has webhooks (`catch_up`). All of them go through `receiving` to `turn`; the pieces of a long message are put together
first (`joining`). `known` loads what a turn needs to know, `message_claims` makes each message count only once, and
`reply_values` are what a reply may say.
"""
