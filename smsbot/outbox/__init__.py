"""Outgoing messages, from the transaction that wrote them to the gateway or the mail server.

`outbox` is the table and its states, `lanes` which messages go next, `rates` how fast, `retries` when to try again,
`doubt` what to make of a send whose end nobody saw, `ways` how messages leave, `mail` SMTP, `worker` the loop that
turns it all, and `resting` what operators see and do.
"""
