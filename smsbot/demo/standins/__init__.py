"""Stand-ins for the systems around smsbot, on loopback: what the demo, the tests and the benchmarks talk to.

They are written from the peers' documentation and share no code with the modules that talk to them, so that each checks
the other. All keep what they took in memory, in order, and fail on demand.
"""
