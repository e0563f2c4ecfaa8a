"""Agents: their accounts and tokens, the organisations they may act in, and how they name an appointment.

- Who they are, and their role in each organisation: `accounts`, `account_changes`; `service_accounts` for other
  systems; `tokens` for sessions and API, with what a service account may do there.
- How administrators manage them: `administration`, `directory` of organisations, `account_list`, and many at once from
  a file: `account_file`, `account_import`.
- How they sign in: `signing_in/`.
- What they may do: `permissions`, `search` by name or number, `appointment_actions`.
- How they name appointments, messages and the like: `public_ids`.
"""
