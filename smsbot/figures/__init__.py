"""Figures of the service, per organisation and month, without persons in them; they survive the purge.

Who publishes them should mind small numbers: one cancellation in a month of a small town hall may point at somebody to
those who know the town. Inside the organisation, whose agents see its appointments anyway, they tell nothing new.
"""
