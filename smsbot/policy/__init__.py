"""What differs by channel, brand, organisation, service or motif: the file `smsbot.toml`.

`file`, `gateways` and `values` say what it may hold, `reading` reads it, `gateway_checks` and `ways` find what
contradicts itself, `lines` where in the file something stands, and `rules` is what the rest of smsbot asks.
"""

from smsbot.policy.reading import PolicyProblem
from smsbot.policy.rules import Brand, Channel, Policy, Rules, Source
from smsbot.policy.ways import Way

__all__ = ["Brand", "Channel", "Policy", "PolicyProblem", "Rules", "Source", "Way"]
