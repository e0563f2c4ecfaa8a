"""What differs by channel, brand, organisation, service or motif: the file `smsbot.toml`.

`file` and `gateways` have the tables of the file, `values` and `gateway_values` the values in them. `providers` fills
in the ready-made descriptions of gateways. `loading` reads the file; `gateway_checks` and `sending_routes` find
contradictions in it. `rules` answers the questions of the other rooms.
"""

from smsbot.policy.loading import PolicyProblem
from smsbot.policy.rules import BrandWords, Policy, Rules, SenderRules, Source
from smsbot.policy.sending_routes import SendingRoute, UsualSender

__all__ = ["BrandWords", "Policy", "PolicyProblem", "Rules", "SenderRules", "SendingRoute", "Source", "UsualSender"]
