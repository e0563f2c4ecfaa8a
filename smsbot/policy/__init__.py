"""What differs by channel, brand, organisation, service or motif: the file `smsbot.toml`.

`file` and `values` say what it may hold, `reading` reads it, `lines` finds where in it something stands, and `rules` is
what the rest of smsbot asks.
"""

from smsbot.policy.reading import PolicyProblem
from smsbot.policy.rules import Brand, Channel, Policy, Rules, Source

__all__ = ["Brand", "Channel", "Policy", "PolicyProblem", "Rules", "Source"]
