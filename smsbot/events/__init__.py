"""What happens here that other systems are told of, written down in the transaction in which it happens (`recording`).

An event names what it is about by our ids. `smsbot.subscriptions` puts events in their order and tells them.
"""
