"""What comes in: messages from usagers (`turn`) and events from the sources of appointments (`arrival`).

Messages come by webhook, are listed by a gateway that has no webhook (`polling`), or are read back from one that has
(`catch_up`). All ways lead through `receiving` to the turn; the pieces of a long message are put together first
(`joining`). `known` loads what a turn may know, and `message_claims` lets each message count once.
"""
