"""The outbox: keeps outgoing messages from the transaction that writes them until a gateway or mail server takes them.

`messages` has the messages and their states. `claim` chooses which messages go next, `pacing` how fast and when to try
again. `doubt` decides about a message that may have been taken. `outcomes` records the results. `held_notices` drops or
sends notices that are held back. `transports` hands messages over: to the gateways, or to the mail server (`smtp`).
`delivery` runs all of this. `stop_list` has the numbers that get no SMS. `delivery_status` is for other rooms that show
messages, `operator_actions` for operators.
"""
