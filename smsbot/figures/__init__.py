"""Figures of the service, per organisation and month, without persons in them. They are kept after the purge.

Be careful with small numbers when you publish them: one cancellation in a month of a small town hall may point to
somebody whom the town knows. Inside the organisation they tell nothing new, because its agents see its appointments
anyway.
"""
