"""What differs by channel, brand, organisation, service or motif: the file `smsbot.toml`.

`file`, `gateways` and `values` say what it may hold, `loading` reads it, `gateway_checks` and `sending_routes` find
what contradicts itself, and `rules` is what the rest of smsbot asks.
"""

from smsbot.policy.loading import PolicyProblem
from smsbot.policy.rules import BrandWords, Policy, Rules, SenderRules, Source
from smsbot.policy.sending_routes import SendingRoute, UsualSender

__all__ = ["BrandWords", "Policy", "PolicyProblem", "Rules", "SenderRules", "SendingRoute", "Source", "UsualSender"]
