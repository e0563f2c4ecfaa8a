"""HTTP: the webhooks of gateways and sources, the usager's pages, the agents' API and console, health and metrics.

- `gateway_webhooks`; `source_endpoints` for RDV Service Public: its webhook, and where a browser comes back from it.
- `usager/`: the pages behind the link in a message. `console/`: the agents' pages. `api/`: what other systems call.
- `health` and `metrics`, for whoever operates the service.
- What they share: `forms` reads what is posted, `security` has the headers of pages.
"""
