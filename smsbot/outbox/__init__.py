"""Outgoing messages, from the transaction that wrote them to the gateway or the mail server.

`messages` is the table and its states, `claim` says which messages go next, `pacing` how fast and when to try again,
`doubt` what to do about a message that may have been taken, `outcomes` writes down what became of them. `held_notices`
takes back what waits, or lets it go. `transports` hands messages over: to the gateways, or to the mail server (`smtp`).
`delivery` does the work. `delivery_status` and `operator_actions` are for whoever looks at it from outside.
"""
