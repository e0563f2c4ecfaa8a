"""Batches: an agent cancels many appointments at once, or writes to their people.

`choosing` finds the appointments and shows beforehand what people will get. `records` stores the batch and the outcome
for each of its appointments. `working` does one appointment after the other.
"""
