"""Gateways that `smsbot.toml` describes in a table. They have the same four methods as those that are written in code.

- `described_gateway` is such a gateway; it uses the others.
- `described_requests` makes the requests to it, and `client_token` fetches the token for them.
- `described_answers` reads its answer to a message, and `described_replies` its list of messages from usagers.
- `webhook_fields` reads its webhooks, which are JSON, XML (`xml_documents`), a form or a query string.
"""

from smsbot.gateways.described.described_gateway import DescribedGateway

__all__ = ["DescribedGateway"]
