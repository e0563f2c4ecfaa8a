"""HTTP: the gateways' and the source's webhooks, the usager's pages, the agents' API and console, health."""
