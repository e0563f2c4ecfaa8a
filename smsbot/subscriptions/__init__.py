"""Other systems are told of events (`smsbot.events`), or ask for them.

`publishing` puts events in their order and writes into the outbox who is to be told. `event_list` gives events as they
are told, by webhook and through the API. `registering` keeps the addresses, `webhook_transport` posts to them what the
outbox hands over: signed (`webhook_signature`), and to no address inside our own network (`webhook_addresses`).
"""
