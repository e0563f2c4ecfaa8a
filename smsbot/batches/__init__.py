"""Many appointments at once: cancelled, or their people written to, by one act of an agent.

`choosing` finds the appointments and foretells what people get. `records` keeps the batch and what has become of each
appointment of it. `working` does one appointment after the other.
"""
