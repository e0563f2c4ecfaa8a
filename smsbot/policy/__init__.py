"""What differs by channel, brand, organisation, service or motif: the file `smsbot.toml`.

`file`, `gateways`, `gateway_values` and `values` say what it may hold, and `providers` fills in the ready-made tables.
`loading` reads it, `gateway_checks`, `gateway_paths` and `sending_routes` find what contradicts itself, and `rules` is
what the rest of smsbot asks.
"""

from smsbot.policy.loading import PolicyProblem
from smsbot.policy.rules import BrandWords, Policy, Rules, SenderRules, Source
from smsbot.policy.sending_routes import SendingRoute, UsualSender

__all__ = ["BrandWords", "Policy", "PolicyProblem", "Rules", "SenderRules", "SendingRoute", "Source", "UsualSender"]
