"""Agents: their accounts and tokens, the organisations they may act in, and how they name an appointment."""
