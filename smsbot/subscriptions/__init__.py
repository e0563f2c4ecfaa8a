"""Tells other systems about events (`smsbot.events`), by webhook or when they ask.

`publishing` puts events in order and writes into the outbox which subscriptions get them. `event_list` has events in
the form that webhooks and the API send. `registering` keeps the subscriptions. `webhook_transport` posts the events:
signed (`webhook_signature`), and never to an address inside our own network (`webhook_addresses`).
"""
