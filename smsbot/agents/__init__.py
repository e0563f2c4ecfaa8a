"""Agents: their accounts and tokens, the organisations they may act in, and how they name an appointment.

- Who they are: `accounts`, `administration` of the accounts of one's own organisations, `tokens` for sessions and API.
- How they sign in: `sign_in` with `passwords`, `sign_in_openid` with `openid_provider`; `sign_in_limits`.
- What they may do: `permissions`, `search` by name or number, `appointment_actions`.
"""
