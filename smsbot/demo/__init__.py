"""The play in a terminal, and stand-ins on loopback for the systems around smsbot.

The demo, the tests and the benchmarks use the stand-ins. They are written from the documentation of these systems and
share no code with the modules that talk to them, so that each checks the other. They keep what they took in memory, in
order, and fail on demand.
"""
