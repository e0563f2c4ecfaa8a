"""Outgoing messages, from the transaction that wrote them to the gateway or the mail server.

`outbox` is the table and its states, `retries` when to try again, `worker` the loop between the two, `mail` SMTP.
"""
