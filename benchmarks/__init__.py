"""Measures every figure that smsbot claims, as a ratio within one run on one machine: `python -m benchmarks`."""
