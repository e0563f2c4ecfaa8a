"""HTTP: the webhooks of gateways and sources, the usager's pages, the agents' API and console, health and metrics."""
