"""The conversation, pure: from a message, what is remembered and the facts of the moment to one step.

Start with `table` (every transition), then `machine` (a step along it) and `perceiving` (how a message becomes an
event), then `understanding` and `letters`. `deadline` is the four-hour rule.
"""
