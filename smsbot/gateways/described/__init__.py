"""Gateways that `smsbot.toml` describes in a table, behind the same four methods as those that are programmed.

- `described_gateway` follows a description.
- What it sends: `described_requests` fills in the templates, `client_token` signs in.
- What it is answered: `described_answers` to a message, `described_replies` where it lists messages from usagers.
- What is posted to it: `webhook_fields` in JSON, XML (`xml_documents`) or a form.
"""

from smsbot.gateways.described.described_gateway import DescribedGateway

__all__ = ["DescribedGateway"]
